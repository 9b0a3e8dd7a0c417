//! A local chain, a server that deploys to it, and a circuit.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use zkflow_server::client::{Client, LocalChain, LocalServer};

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Chain id of anvil, which accepts keys for development.
pub(crate) const ANVIL: u64 = 31_337;
/// Environment variable with the key of the signer `deployer`.
const KEY: &str = "ZKFLOW_TEST_DEPLOYER_KEY";

/// A server with the nodes `rpc_urls` and a signer `deployer`.
pub(crate) fn serve(data: &Path, rpc_urls: &str, key: &str, args: &[&str]) -> LocalServer {
    let args = [&["--log-level", "warn"], args].concat();
    serve_with_log(data, rpc_urls, key, &args, Stdio::inherit())
}

/// As [`serve`], with another place for the log, whose level is in `args`.
pub(crate) fn serve_with_log(
    data: &Path,
    rpc_urls: &str,
    key: &str,
    args: &[&str],
    log: Stdio,
) -> LocalServer {
    let cache = std::env::temp_dir().join("zkflow-test-modules");
    let signers = format!("deployer=env:{KEY}");
    let usual = ["--module-cache", cache.to_str().unwrap(), "--rpc-urls", rpc_urls, "--signers", &signers];
    let args = [&usual, args].concat();
    let binary = Path::new(env!("CARGO_BIN_EXE_zkflow"));
    LocalServer::start_with(binary, data, &args, &[(KEY, key)], log).unwrap()
}

/// A chain and a server that is configured with its node.
pub(crate) struct World {
    pub(crate) chain: LocalChain,
    pub(crate) server: LocalServer,
    pub(crate) client: Client,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(args: &[&str]) -> Self {
        Self::on(LocalChain::start(&[]).unwrap(), ANVIL, args)
    }

    /// Uses the given chain; `chain_id` is the id in the server's settings.
    pub(crate) fn on(chain: LocalChain, chain_id: u64, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(folder.path(), &format!("{chain_id}={}", chain.url()), &chain.keys()[0], args);
        Self { client: server.client(), chain, server, folder }
    }

    /// Id of a small circuit.
    pub(crate) async fn circuit(&self) -> String {
        circuit(&self.client).await
    }

    /// Number of mined transactions of the signer.
    pub(crate) async fn transactions(&self) -> u64 {
        transactions(&self.chain).await
    }
}

pub(crate) async fn circuit(client: &Client) -> String {
    let params = json!({"min": 18, "max": 120, "bits": 8});
    let circuit = client.circuit("rangeCheck", params, PATIENCE).await.unwrap();
    circuit["circuitId"].as_str().unwrap().to_owned()
}

pub(crate) async fn transactions(chain: &LocalChain) -> u64 {
    let accounts = chain.call("eth_accounts", json!([])).await.unwrap();
    number(&chain.call("eth_getTransactionCount", json!([accounts[0], "latest"])).await.unwrap())
}

pub(crate) fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}
