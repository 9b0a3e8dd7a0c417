//! A server that hosts a ceremony, and contributors with `zkflow`, or with `curl` and `snarkjs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zkflow_client::blocking::Client;
use zkflow_core::digest::Digest;
use zkflow_core::service::clock::{Clock, SystemClock, Timestamp};
use zkflow_core::service::queue::QueueName;
use zkflow_server::config::Config;
use zkflow_server::{backends, http, work};

pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// Time limit of a turn.
pub(crate) const TURN: i64 = 600;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The published powers of tau for 2^8 rows.
pub(crate) fn powers() -> PathBuf {
    project("zkflow-groth16/tests/data/powersOfTau28_hez_final_08.ptau")
}

/// A clock that the test moves forward.
#[derive(Debug, Default)]
pub(crate) struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed) as u64)
    }
}

/// A server in this process, and a folder for files.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    pub(crate) base: String,
    pub(crate) clock: Arc<Ahead>,
    pub(crate) client: Client,
    _runtime: Runtime,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::behind(|router| router)
    }

    /// A server whose requests pass a layer of the test.
    pub(crate) fn behind(layer: impl FnOnce(Router) -> Router) -> Self {
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
            let router = layer(http::router(app.clone()));
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            tokio::spawn(async move { work::run(app, &QueueName::ALL).await });
            base
        });
        let client = Client::new(&base).unwrap();
        Self { folder, base, clock, client, _runtime: runtime }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn zkflow(&self, line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(line)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// What a command printed.
    #[track_caller]
    pub(crate) fn printed(&self, line: &[&str]) -> String {
        let output = self.zkflow(line);
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn fails(&self, line: &[&str], part: &str) {
        let output = self.zkflow(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(part), "{line:?}: {error}");
    }

    #[track_caller]
    pub(crate) fn snarkjs(&self, line: &[&str]) -> String {
        let program = project("tools/node_modules/snarkjs/build/cli.cjs");
        let output =
            Command::new("node").arg(program).args(line).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{line:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// `curl`: a request of a contributor without zkflow.
    pub(crate) fn curl(&self, method: &str, path: &str, token: Option<&str>, body: &[&str]) -> Vec<u8> {
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

    pub(crate) fn curl_json(&self, method: &str, path: &str, token: Option<&str>, body: &[&str]) -> Value {
        serde_json::from_slice(&self.curl(method, path, token, body)).unwrap()
    }

    /// Announces a ceremony, and waits until it is open; returns its path.
    pub(crate) fn announces(&self, circuit: &str, least: u32) -> String {
        let now = self.clock.now();
        let (deadline, at) = (now + Duration::from_secs(24 * 3600), now + Duration::from_secs(25 * 3600));
        let announced = json!({
            "circuitId": circuit, "minContributions": least, "deadline": deadline.to_string(), "turnSeconds": TURN,
            "beacon": {"source": "the hash of block 1000000", "exponent": 10, "at": at.to_string()},
        });
        let body = announced.to_string();
        let json = ["-H", "Content-Type: application/json", "-d", &body];
        let ceremony = self.curl_json("POST", "/v1/ceremonies", None, &json);
        let path = format!("/v1/ceremonies/{}", ceremony["ceremonyId"].as_str().unwrap());
        assert_eq!(self.settled(&path)["open"], true);
        path
    }

    /// The ceremony, when no worker has work for it.
    pub(crate) fn settled(&self, path: &str) -> Value {
        loop {
            let ceremony = self.curl_json("GET", path, None, &[]);
            if ceremony["status"] != "pending" {
                return ceremony;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Joins with curl and takes the turn; returns the token.
    pub(crate) fn takes_turn(&self, ceremony: &str) -> String {
        let joined = self.curl_json("POST", &format!("{ceremony}/join"), None, &[]);
        let token = joined["token"].as_str().unwrap().to_owned();
        let turn = self.curl_json("POST", &format!("{ceremony}/turn"), Some(&token), &[]);
        assert_eq!(turn["state"], "turn", "{turn}");
        token
    }

    /// Sends a file with curl, and waits until it is verified.
    pub(crate) fn sends(&self, ceremony: &str, token: &str, file: &str) -> Value {
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
    pub(crate) fn downloads(&self, ceremony: &str, file: &str) {
        self.curl("GET", &format!("{ceremony}/files/proving_key.zkey"), None, &["-o", file]);
    }

    /// A contribution with curl and snarkjs.
    pub(crate) fn contributes_with_snarkjs(&self, ceremony: &str, name: &str) {
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
    pub(crate) fn contributes(&self, url: &str, name: &str) -> String {
        let printed = self.printed(&["contribute", url, "--name", name, "--folder", name]);
        assert!(printed.contains(&format!("{name:?}")) && printed.contains("attestation.json"), "{printed}");
        let left: Vec<_> =
            fs::read_dir(self.path(name)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["attestation.json"], "keys and tokens are removed");
        self.text(&format!("{name}/attestation.json"))
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }
}
