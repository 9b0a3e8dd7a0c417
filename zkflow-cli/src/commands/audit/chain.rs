//! Code of contracts on a chain.

use clap::Args;
use zkflow_core::audit::audit_bytecode;
use zkflow_core::error::Chain;
use zkflow_core::service::chain::{Address, ChainClient as _};
use zkflow_evm::{Endpoint, EvmClient};

use super::super::Error;
use super::Audited;

/// The node of the contracts.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// RPC URL of a node of the chain of the addresses; never shown
    #[arg(long, env = "ZKFLOW_RPC", hide_env_values = true, value_name = "URL")]
    rpc: Option<String>,
}

/// The address, if the target looks like one; a file of this name has a path with a slash.
pub(super) fn address(target: &str) -> Option<Result<Address, Error>> {
    target.strip_prefix("0x").filter(|rest| !rest.contains(['/', '.']))?;
    Some(target.parse().map_err(|error| format!("{target}: {error}").into()))
}

impl NodeArgs {
    pub(super) fn audit(&self, target: &str, address: &Address) -> Result<Audited, Error> {
        let rpc = self.rpc.as_ref().ok_or("an address requires --rpc URL")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = EvmClient::new(Endpoint::configured(rpc)?)?;
        let outcome = match runtime.block_on(client.code(address)) {
            Ok(code) if code.is_empty() => Err("there is no contract at this address".to_owned()),
            Ok(code) => audit_bytecode(&code).ok_or_else(|| NO_VERIFIER.to_owned()),
            Err(error) => Err(Chain(&error).to_string()),
        };
        Ok(Audited { target: target.to_owned(), outcome })
    }
}

const NO_VERIFIER: &str = "the code is no verifier of Groth16 over BN254, or a proxy of one";
