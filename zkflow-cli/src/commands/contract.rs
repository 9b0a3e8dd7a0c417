//! `zkflow verify --on-chain`: verifies a proof with a deployed contract.

use clap::Args;
use zkflow_core::proof::{Proof, PublicSignals};
use zkflow_core::service::chain::Address;
use zkflow_evm::deploy::Statement;
use zkflow_evm::{Endpoint, EvmClient};

use super::Error;

/// Options for the contract.
#[derive(Debug, Args)]
pub(super) struct ContractArgs {
    /// Also verify with the contract at this address; requires --rpc
    #[arg(long, value_name = "ADDRESS", requires = "rpc")]
    on_chain: Option<Address>,
    /// RPC URL of a node of the contract's chain; never shown
    #[arg(long, env = "ZKFLOW_RPC", hide_env_values = true, value_name = "URL")]
    rpc: Option<String>,
}

impl ContractArgs {
    /// Verifies with the contract, if one is given, and compares the result with `holds`, the key's result.
    ///
    /// # Errors
    /// The node does not answer, or the contract returns a different result.
    pub(super) fn check(&self, proof: &Proof, public: &PublicSignals, holds: bool) -> Result<(), Error> {
        let (Some(contract), Some(rpc)) = (&self.on_chain, &self.rpc) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = EvmClient::new(Endpoint::configured(rpc)?)?;
        let says = runtime.block_on(Statement::new(proof, public).ask(&client, contract))?;
        println!("on chain             the contract at {contract} returns {says}");
        if says != holds {
            return Err(format!("the contract and the key disagree: the key returns {holds}").into());
        }
        Ok(())
    }
}
