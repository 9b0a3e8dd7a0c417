//! A hosted ceremony from its announcement to its check: five contributors, two of them with snarkjs, one who vanishes, one
//! who sends rubbish, and one who sends an old file. The server has SQLite and a folder.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zkflow_client::blocking::Client;
use zkflow_core::digest::Digest;
use zkflow_core::service::clock::{Clock, SystemClock, Timestamp};
use zkflow_core::service::queue::QueueName;
use zkflow_server::config::Config;
use zkflow_server::{backends, http, work};

const PATIENCE: Duration = Duration::from_secs(300);
/// Time limit of a turn.
const TURN: i64 = 600;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The published powers of tau for 2^8 rows.
fn powers() -> PathBuf {
    project("zkflow-groth16/tests/data/powersOfTau28_hez_final_08.ptau")
}

/// A clock that the test moves forward.
#[derive(Debug, Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed) as u64)
    }
}

/// A server in this process, and a folder for files.
struct Site {
    folder: tempfile::TempDir,
    base: String,
    clock: Arc<Ahead>,
    client: Client,
    _runtime: Runtime,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let mut config = Config::default();
        config.storage.data_dir = folder.path().join("data");
        config.circuits.ptau_path = Some(powers());
        config.circuits.module_cache = Some(std::env::temp_dir().join("zkflow-test-modules"));
        let clock = Arc::new(Ahead::default());
        let shared = Arc::clone(&clock);
        let base = runtime.block_on(async {
            let app = backends::open(config, Default::default(), Default::default()).await.unwrap();
            let mut app = Arc::into_inner(app).unwrap();
            app.clock = shared;
            let app = Arc::new(app);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base = format!("http://{}", listener.local_addr().unwrap());
            let router = http::router(app.clone());
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            tokio::spawn(async move { work::run(app, &QueueName::ALL).await });
            base
        });
        let client = Client::new(&base).unwrap();
        Self { folder, base, clock, client, _runtime: runtime }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn zkflow(&self, line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(line)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// What a command printed.
    #[track_caller]
    fn printed(&self, line: &[&str]) -> String {
        let output = self.zkflow(line);
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn fails(&self, line: &[&str], part: &str) {
        let output = self.zkflow(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(part), "{line:?}: {error}");
    }

    #[track_caller]
    fn snarkjs(&self, line: &[&str]) -> String {
        let program = project("tools/node_modules/snarkjs/build/cli.cjs");
        let output =
            Command::new("node").arg(program).args(line).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{line:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// `curl`: a request of a contributor without zkflow.
    fn curl(&self, method: &str, path: &str, token: Option<&str>, body: &[&str]) -> Vec<u8> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--fail-with-body", "-X", method]).args(body);
        if let Some(token) = token {
            command.args(["-H", &format!("Contributor-Token: {token}")]);
        }
        let output =
            command.arg(format!("{}{path}", self.base)).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{method} {path}: {}", String::from_utf8_lossy(&output.stdout));
        output.stdout
    }

    fn curl_json(&self, method: &str, path: &str, token: Option<&str>, body: &[&str]) -> Value {
        serde_json::from_slice(&self.curl(method, path, token, body)).unwrap()
    }

    /// Joins with curl and takes the turn; returns the token.
    fn takes_turn(&self, ceremony: &str) -> String {
        let joined = self.curl_json("POST", &format!("{ceremony}/join"), None, &[]);
        let token = joined["token"].as_str().unwrap().to_owned();
        let turn = self.curl_json("POST", &format!("{ceremony}/turn"), Some(&token), &[]);
        assert_eq!(turn["state"], "turn", "{turn}");
        token
    }

    /// Sends a file with curl, and waits until it is verified.
    fn sends(&self, ceremony: &str, token: &str, file: &str) -> Value {
        let bytes = fs::read(self.path(file)).unwrap();
        let declared = json!({"size": bytes.len(), "sha256": Digest::of(&bytes)}).to_string();
        let json = ["-H", "Content-Type: application/json", "-d", &declared];
        let upload = self.curl_json("PUT", &format!("{ceremony}/turn/upload"), Some(token), &json);
        assert_eq!(upload["missing"], json!([0]), "the key of this circuit is one part");
        let part = format!("@{file}");
        self.curl("PUT", &format!("{ceremony}/turn/parts/0"), Some(token), &["--data-binary", &part]);
        self.curl("POST", &format!("{ceremony}/turn/submit"), Some(token), &[]);
        loop {
            let turn = self.curl_json("POST", &format!("{ceremony}/turn"), Some(token), &[]);
            match turn["state"].as_str() {
                Some("verifying") => std::thread::sleep(Duration::from_millis(100)),
                _ => return turn,
            }
        }
    }

    /// Downloads the present key.
    fn downloads(&self, ceremony: &str, file: &str) {
        self.curl("GET", &format!("{ceremony}/files/proving_key.zkey"), None, &["-o", file]);
    }

    /// A contribution with curl and snarkjs.
    fn contributes_with_snarkjs(&self, ceremony: &str, name: &str) {
        let token = self.takes_turn(ceremony);
        let (previous, next) = (format!("{name}-previous.zkey"), format!("{name}.zkey"));
        self.downloads(ceremony, &previous);
        let printed =
            self.snarkjs(&["zkey", "contribute", &previous, &next, &format!("--name={name}"), "-e=a text"]);
        let state = self.sends(ceremony, &token, &next);
        assert_eq!((&state["state"], &state["contribution"]["name"]), (&json!("accepted"), &json!(name)));
        // snarkjs prints the same hash, in groups of eight digits.
        let hash = state["contribution"]["hash"].as_str().unwrap();
        assert!(printed.contains(&hash[..8]) && printed.contains(&hash[120..]), "{printed} {hash}");
    }

    /// A contribution with `zkflow contribute`; returns the path of the attestation.
    fn contributes(&self, url: &str, name: &str) -> String {
        let printed = self.printed(&["contribute", url, "--name", name, "--folder", name]);
        assert!(printed.contains(&format!("{name:?}")) && printed.contains("attestation.json"), "{printed}");
        let left: Vec<_> =
            fs::read_dir(self.path(name)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["attestation.json"], "keys and tokens are removed");
        self.text(&format!("{name}/attestation.json"))
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[test]
fn five_people_contribute_and_others_do_no_harm() {
    let site = Site::new();
    let params = json!({"min": 18, "max": 120, "bits": 8});
    let circuit = site.client.circuit("rangeCheck", params, PATIENCE).unwrap();
    let now = site.clock.now();
    let (deadline, at) = (now + Duration::from_secs(24 * 3600), now + Duration::from_secs(25 * 3600));
    let announced = json!({
        "circuitId": circuit["circuitId"], "minContributions": 5, "deadline": deadline.to_string(), "turnSeconds": TURN,
        "beacon": {"source": "the hash of block 1000000", "exponent": 10, "at": at.to_string()},
    });
    let body = announced.to_string();
    let json = ["-H", "Content-Type: application/json", "-d", &body];
    let ceremony = site.curl_json("POST", "/v1/ceremonies", None, &json);
    let path = format!("/v1/ceremonies/{}", ceremony["ceremonyId"].as_str().unwrap());
    let url = format!("{}{path}", site.base);
    let shown = || site.curl_json("GET", &path, None, &[]);
    while shown()["status"] == "pending" {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(shown()["open"], true, "{}", shown());

    let ann = site.contributes(&url, "ann");
    site.contributes_with_snarkjs(&path, "ben");
    // Vanishes with the turn: the next one gets it when its time is over.
    let vanished = site.takes_turn(&path);
    site.pass(TURN + 1);
    let cleo = site.contributes(&url, "cleo");
    let turn = site.curl_json("POST", &format!("{path}/turn"), Some(&vanished), &[]);
    assert_eq!(turn["state"], "expired", "{turn}");
    // Sends rubbish.
    fs::write(site.path("rubbish"), vec![7; 5000]).unwrap();
    let token = site.takes_turn(&path);
    assert_eq!(site.sends(&path, &token, "rubbish")["state"], "refused");
    site.contributes_with_snarkjs(&path, "dan");
    // Sends an old file.
    let token = site.takes_turn(&path);
    let refused = site.sends(&path, &token, "ben.zkey");
    assert_eq!(refused["error"]["code"], "contribution_not_next", "{refused}");

    // A run is interrupted during the turn, and continued.
    let place = site.client.join_ceremony(ceremony["ceremonyId"].as_str().unwrap()).unwrap();
    fs::create_dir(site.path("eve")).unwrap();
    let kept = json!({"url": url, "token": place["token"], "contributedTo": null}).to_string();
    fs::write(site.path("eve/place.json"), kept).unwrap();
    site.fails(&["contribute", &format!("{url}0"), "--folder", "eve"], "ceremony_not_found");
    let eve = site.contributes(&url, "eve");
    assert_eq!(shown()["contributionCount"], 5);
    site.fails(&["contribute", &url, "--folder", "eve"], "has a contribution already");

    // The beacon is not taken before its time.
    let value = "00000000000000000002a7c4c1e48d76c5a37902165a270156b7a8d72728a054";
    let body = json!({"value": value}).to_string();
    let json = ["-H", "Content-Type: application/json", "-d", &body];
    site.pass(24 * 3600);
    site.fails(&["contribute", &url, "--folder", "late"], "ceremony_closed");
    site.fails(&["ceremony", "fetch", &url, "out"], "not completed");
    site.pass(3600);
    site.curl_json("POST", &format!("{path}/finish"), None, &json);
    while shown()["status"] == "pending" {
        std::thread::sleep(Duration::from_millis(100));
    }
    let ended = shown();
    assert_eq!(
        (&ended["status"], &ended["result"]["provenance"]),
        (&json!("completed"), &json!({"ceremony": 5}))
    );

    // The check needs no server.
    site.printed(&["ceremony", "fetch", &url, "out"]);
    let ptau = powers().display().to_string();
    let check = ["ceremony", "verify", "out", "--ptau", &ptau];
    let attested = ["--attestation", &ann, "--attestation", &cleo, "--attestation", &eve];
    let printed = site.printed(&[&check[..], &attested].concat());
    assert!(printed.contains("OK: the ceremony has 5 contributions"), "{printed}");
    assert!(printed.contains("keys                 ceremony(5)") && printed.contains(value), "{printed}");
    for name in ["ann", "ben", "cleo", "dan", "eve"] {
        assert!(printed.contains(&format!("{name:?}")), "{printed}");
    }
    site.snarkjs(&["zkey", "verify", "out/circuit.r1cs", &ptau, "out/proving_key.zkey"]);

    // Another announcement than the contributors saw, and another order.
    let record = fs::read_to_string(site.path("out/ceremony.json")).unwrap();
    let changed = record.replace("block 1000000", "block 1000001");
    fs::write(site.path("out/ceremony.json"), changed).unwrap();
    site.fails(&[&check[..], &attested[..2]].concat(), "the announcement: the attestation differs");
    fs::write(site.path("out/ceremony.json"), record.replace("\"ben\"", "\"zoe\"")).unwrap();
    site.fails(&check, "contribution 2 differs");
    fs::write(site.path("out/ceremony.json"), record).unwrap();
    // The key before the beacon is not the key of the record.
    fs::rename(site.path("out/proving_key.zkey"), site.path("final.zkey")).unwrap();
    fs::copy(site.path("dan.zkey"), site.path("out/proving_key.zkey")).unwrap();
    site.fails(&check, "the key: not that of the record");
    fs::copy(site.path("final.zkey"), site.path("out/proving_key.zkey")).unwrap();

    // The key is that of a circuit that proves.
    let id = ended["result"]["circuitId"].as_str().unwrap();
    let made = loop {
        let made = site.curl_json("GET", &format!("/v1/circuits/{id}"), None, &[]);
        if made["status"] != "pending" {
            break made;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((&made["status"], &made["provenance"]), (&json!("ready"), &json!({"ceremony": 5})), "{made}");
    let inputs = zkflow_client::Inputs {
        private: json!({"age": 42}),
        public: json!({"randomPublicSignal": 7}),
        user: None,
    };
    let proved = site.client.prove(id, &inputs, PATIENCE).unwrap();
    fs::write(site.path("proof.json"), proved.proof.to_string()).unwrap();
    fs::write(site.path("public.json"), Value::from(proved.public_signals).to_string()).unwrap();
    site.printed(&["zkey", "export-vkey", "out/proving_key.zkey", "vkey.json", "--snarkjs"]);
    site.snarkjs(&["groth16", "verify", "vkey.json", "public.json", "proof.json"]);
}
