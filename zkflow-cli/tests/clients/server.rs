//! A real server with a ready circuit.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use zkflow_server::client::LocalServer;

pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// A server process with its data.
pub(crate) struct Server {
    process: LocalServer,
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
        Self { process, data }
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
        self.process.client().circuit("rangeCheck", params, PATIENCE).await.unwrap()
    }

    /// The id of a completed proof request.
    pub(crate) async fn proof(&self, circuit: &str) -> String {
        let client = self.process.client();
        let (private, public) = (json!({"age": "42"}), json!({"randomPublicSignal": "7"}));
        let id = client.request_proof(circuit, private, public).await.unwrap();
        assert_eq!(client.proof(&id, PATIENCE).await.unwrap()["status"], "completed");
        id
    }
}
