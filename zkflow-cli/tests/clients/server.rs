//! A real server with a ready circuit.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use zkflow_server::client::{Client, LocalServer};

pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// All permissions of the API.
const SCOPES: &str = "circuits:read,circuits:build,circuits:delete,proofs:create,proofs:read,verify,deploy,ceremonies:contribute,webhooks,operate,admin";

/// A server process with its data.
pub(crate) struct Server {
    process: LocalServer,
    client: Client,
    data: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let executable = env!("CARGO_BIN_EXE_zkflow").as_ref();
        let process =
            LocalServer::start(executable, &data.path().join("data"), settings, Stdio::null()).unwrap();
        Self { client: process.client(), process, data }
    }

    /// A server that asks for keys of the API, and one with all permissions.
    pub(crate) fn start_with_keys(settings: &[&str]) -> (Self, String) {
        let server = Self::start_with(&[settings, &["--auth", "keys"]].concat());
        let data = server.folder().join("data");
        let made = Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(["keys", "create", "--name", "tests", "--scopes", SCOPES, "--data-dir"])
            .arg(data)
            .output()
            .unwrap();
        let printed = String::from_utf8(made.stdout).unwrap();
        let key = printed.split_whitespace().find(|word| word.starts_with("zk_")).unwrap().to_owned();
        let client = server.client.clone().with_api_key(&key).unwrap();
        (Self { client, ..server }, key)
    }

    pub(crate) fn base(&self) -> &str {
        self.process.base()
    }

    /// A folder that ends with the server.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.data.path()
    }

    /// The small circuit of these tests.
    pub(crate) async fn circuit(&self) -> Value {
        let params = json!({"min": 18, "max": 120, "bits": 8});
        self.client.circuit("rangeCheck", params, PATIENCE).await.unwrap()
    }

    /// The id of a completed proof request.
    pub(crate) async fn proof(&self, circuit: &str) -> String {
        let client = &self.client;
        let (private, public) = (json!({"age": "42"}), json!({"randomPublicSignal": "7"}));
        let id = client.request_proof(circuit, private, public).await.unwrap();
        assert_eq!(client.proof(&id, PATIENCE).await.unwrap()["status"], "completed");
        id
    }
}
