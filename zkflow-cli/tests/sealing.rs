//! An API and workers as processes of their own: the API cannot open inputs and has no signing key, not even in its memory.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rand::RngCore as _;
use serde_json::{Value, json};
use zkflow_core::id::CircuitId;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::service::tenant::TenantId;
use zkflow_server::client::LocalServer;
use zkflow_store::vault::seal_as_client;
use zkflow_store::vault::sealing::PublicSealingKey;

const PATIENCE: Duration = Duration::from_secs(300);
/// Signing key of the operator.
const SIGNING: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";

/// An installation whose processes have roles.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        command.args(args).env("ZKFLOW_DATA_DIR", self.path("data"));
        command
    }

    fn start(&self, mut command: Command, log: &str) -> LocalServer {
        let modules = std::env::temp_dir().join("zkflow-test-modules");
        command.args(["--port", "0", "--signers", "ops=env:OPS_KEY", "--log-level", "trace"]);
        command.args(["--rpc-urls", "31337=http://127.0.0.1:9", "--module-cache"]).arg(modules);
        LocalServer::spawn({
            command.stderr(File::create(self.path(log)).unwrap());
            command
        })
        .unwrap()
    }

    /// Makes the file of private keys, or changes it; returns the public keys that are printed.
    fn sealing_key(&self, command: &str) -> Vec<String> {
        let output = self.command(&["sealing-key", command]).arg(self.path("ring")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let keys = printed.lines().filter_map(|line| line.strip_prefix("public key "));
        keys.map(|key| key.trim().to_owned()).collect()
    }

    fn api(&self, keys: &[String]) -> LocalServer {
        let keys = keys.join(",");
        self.start(self.command(&["serve", "--no-workers", "--sealing-public-keys", &keys]), "api.log")
    }

    fn worker(&self) -> LocalServer {
        let mut command = self.command(&["worker", "--sealing-keys"]);
        command.arg(self.path("ring")).env("OPS_KEY", SIGNING);
        self.start(command, "worker.log")
    }

    fn private_keys(&self) -> Vec<Vec<u8>> {
        let text = fs::read_to_string(self.path("ring")).unwrap();
        text.lines().map(|line| hex::decode(line).unwrap()).collect()
    }
}

/// Which of the texts are in the memory of a process; `None` if this user may not read it.
fn found_in_memory(server: &LocalServer, texts: &[Vec<u8>]) -> Option<Vec<bool>> {
    let process = PathBuf::from(format!("/proc/{}", server.pid().as_raw_nonzero()));
    let memory = match File::open(process.join("mem")) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return None,
        memory => memory.unwrap(),
    };
    let mut found = vec![false; texts.len()];
    let (mut regions, mut bytes) = (0, vec![0; 4 << 20]);
    let overlap = texts.iter().map(Vec::len).max().unwrap() - 1;
    for line in fs::read_to_string(process.join("maps")).unwrap().lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        if !rest.starts_with('r') || rest.contains("[v") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |digits| u64::from_str_radix(digits, 16).unwrap();
        let (mut at, end) = (number(start), number(end));
        regions += 1;
        while at < end {
            let length = usize::try_from((end - at).min(bytes.len() as u64)).unwrap();
            let Ok(read) = memory.read_at(&mut bytes[..length], at) else { break };
            if read == 0 {
                break;
            }
            for (found, text) in found.iter_mut().zip(texts) {
                *found |= contains(&bytes[..read], text);
            }
            // A text may lie across two pieces.
            let step = if read < length || at + read as u64 == end { read } else { read - overlap };
            at += step as u64;
        }
    }
    assert!(regions > 20, "only {regions} regions of memory were read");
    Some(found)
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let (first, rest) = text.split_first().unwrap();
    let mut from = 0;
    while let Some(place) = bytes[from..].iter().position(|byte| byte == first) {
        from += place + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Seals an age as a client.
fn sealed(key: &Value, circuit: &str, age: &str) -> String {
    let public: PublicSealingKey = key["publicKey"].as_str().unwrap().parse().unwrap();
    let circuit: CircuitId = circuit.parse().unwrap();
    let text =
        json!({"privateInputs": {"age": age}, "publicInputs": {"randomPublicSignal": "7"}}).to_string();
    let text = CircuitInputs::from_json(text);
    BASE64_STANDARD.encode(seal_as_client(&public, (&TenantId::default(), &circuit, None), &text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_the_api_has_no_key_that_opens_inputs_or_signs() {
    let site = Site::new();
    let keys = site.sealing_key("create");
    let (api, worker) = {
        let api = site.api(&keys);
        (api, site.worker())
    };
    let client = api.client();
    // The circuit takes any number of 64 bits: the age is a mark that occurs nowhere else.
    let params = json!({"min": 0, "max": "18446744073709551615", "bits": 64});
    let circuit = client.circuit("rangeCheck", params, PATIENCE).await.unwrap();
    let circuit = circuit["circuitId"].as_str().unwrap().to_owned();
    let key = client.get("/v1/sealing-key").await.unwrap().body;
    assert_eq!(key["publicKey"], keys[0].as_str());
    let age = (rand::thread_rng().next_u64() | 1 << 63).to_string();
    let bodies = [
        json!({"circuitId": circuit, "sealedInputs": sealed(&key, &circuit, &age)}),
        json!({"circuitId": circuit, "privateInputs": {"age": "42"}, "publicInputs": {"randomPublicSignal": "7"}}),
    ];
    for body in bodies {
        let asked = client.post("/v1/proofs", &body).await.unwrap();
        assert_eq!(asked.status, 202, "{asked:?}");
        let done = client.proof(asked.body["proofRequestId"].as_str().unwrap(), PATIENCE).await.unwrap();
        assert_eq!(done["status"], "completed", "{done}");
    }
    // The API knows the names of the signers.
    let path = format!("/v1/circuits/{circuit}/deploy");
    let unknown = client.post(&path, &json!({"chainId": 31337, "signer": "other"})).await.unwrap();
    assert_eq!(unknown.body["code"], "unknown_signer", "{unknown:?}");
    let taken = client.post(&path, &json!({"chainId": 31337, "signer": "ops"})).await.unwrap();
    assert_eq!(taken.status, 202, "{taken:?}");

    // Clamping changes the ends of a private key of X25519.
    let private = site.private_keys().remove(0)[1..31].to_vec();
    let signing = hex::decode(SIGNING).unwrap();
    let reversed = signing.iter().rev().copied().collect::<Vec<_>>();
    let texts = [
        private.clone(),
        hex::encode(&private).into_bytes(),
        signing,
        reversed,
        SIGNING.as_bytes().to_vec(),
        age.clone().into_bytes(),
        // A control: it is in both.
        keys[0].clone().into_bytes(),
    ];
    let found = [&api, &worker].map(|server| found_in_memory(server, &texts));
    match found {
        [Some(api), Some(worker)] => {
            assert_eq!(api, [false, false, false, false, false, false, true], "secrets in the API's memory");
            assert!(worker[0], "the control fails: the worker's memory has no private key");
            assert!(
                worker[2..5].contains(&true),
                "the control fails: the worker's memory has no signing key"
            );
        }
        // Processes are not dumpable: only root may read their memory.
        found => assert!(found.iter().all(Option::is_none) && !rustix::process::getuid().is_root()),
    }
    for server in [api, worker] {
        assert_eq!(server.terminate().unwrap(), Some(0));
    }
    for path in files(site.folder.path()) {
        let text = fs::read(&path).unwrap();
        assert!(!contains(&text, age.as_bytes()), "{} contains the sealed input", path.display());
    }
}

/// The words of the line of a file of `/proc` that begins with `name`, after the name.
#[cfg(target_os = "linux")]
fn of_process(server: &LocalServer, file: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{}/{file}", server.pid().as_raw_nonzero())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn processes_leave_no_core_file_and_lock_their_keys() {
    let site = Site::new();
    let keys = site.sealing_key("create");
    let api = site.api(&keys);
    let worker = site.worker();
    for server in [&api, &worker] {
        assert_eq!(of_process(server, "limits", "Max core file size")[..2], ["0", "0"]);
        let allowed = of_process(server, "limits", "Max locked memory").remove(0);
        let locked: u64 = of_process(server, "status", "VmLck:").remove(0).parse().unwrap();
        // "unlimited", or bytes.
        if allowed.parse().is_ok_and(|bytes: u64| bytes < 64 * 1024) && !rustix::process::getuid().is_root() {
            continue;
        }
        assert!(locked > 0, "no memory is locked, although {allowed} bytes may be");
    }
    for server in [api, worker] {
        assert_eq!(server.terminate().unwrap(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_without_losing_a_request() {
    let site = Site::new();
    let first = site.sealing_key("create");
    let api = site.api(&first);
    let worker = site.worker();
    let params = json!({"min": 18, "max": 120, "bits": 8});
    let circuit = api.client().circuit("rangeCheck", params, PATIENCE).await.unwrap();
    let circuit = circuit["circuitId"].as_str().unwrap().to_owned();
    let known = api.client().get("/v1/sealing-key").await.unwrap().body;
    assert_eq!(worker.terminate().unwrap(), Some(0));
    let ask = async |api: &LocalServer, blob: String| {
        let body = json!({"circuitId": circuit, "sealedInputs": blob});
        let asked = api.client().post("/v1/proofs", &body).await.unwrap();
        asked.body["proofRequestId"].as_str().map(str::to_owned).ok_or(asked.body)
    };
    let before = ask(&api, sealed(&known, &circuit, "42")).await.unwrap();

    // First the workers, then the API; a client may still have the old key.
    let both = site.sealing_key("rotate");
    assert_eq!((both.len(), &both[1]), (2, &first[0]));
    let worker = site.worker();
    assert_eq!(api.terminate().unwrap(), Some(0));
    let api = site.api(&both);
    let new = api.client().get("/v1/sealing-key").await.unwrap().body;
    assert_eq!(new["publicKey"], both[0].as_str());
    let late = ask(&api, sealed(&known, &circuit, "43")).await.unwrap();
    let after = ask(&api, sealed(&new, &circuit, "44")).await.unwrap();
    for id in [before, late, after] {
        let done = api.client().proof(&id, PATIENCE).await.unwrap();
        assert_eq!(done["status"], "completed", "{done}");
    }
    for server in [api, worker] {
        assert_eq!(server.terminate().unwrap(), Some(0));
    }
    assert_eq!(site.sealing_key("prune"), both[..1]);
    let api = site.api(&both[..1]);
    let refused = ask(&api, sealed(&known, &circuit, "42")).await.unwrap_err();
    assert_eq!(refused["code"], "invalid_inputs", "{refused}");
    drop(api);

    // Workers with other private keys, or none, do not start: they would fail every request.
    fs::remove_file(site.path("ring")).unwrap();
    site.sealing_key("create");
    let ring = site.path("ring");
    let args = ["worker", "--port", "0", "--sealing-keys", ring.to_str().unwrap()];
    for args in [args.as_slice(), &args[..3]] {
        let output = site.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("sealing_keys"), "{args:?}: {said}");
    }
    let both = site.command(&["serve", "--sealing-keys", "x", "--sealing-public-keys", &first[0]]).output();
    assert!(String::from_utf8_lossy(&both.unwrap().stderr).contains("sealing_public_keys"));
}
