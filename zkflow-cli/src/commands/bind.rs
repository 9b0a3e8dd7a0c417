//! `zkflow circuit bind`: binds a contract that exists on a chain to a circuit of a server.

use clap::Args;
use serde_json::Value;
use zkflow_core::service::chain::Address;

use super::Error;
use super::server::ServerArgs;

/// Arguments of `zkflow circuit bind`.
#[derive(Debug, Args)]
pub(crate) struct BindArgs {
    /// Id of the circuit
    circuit: String,
    /// Address of the contract
    #[arg(value_name = "0xADDRESS")]
    address: Address,
    /// Id of the chain; the server asks its own node of it
    #[arg(long, value_name = "NUMBER")]
    chain_id: u64,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn bind(args: &BindArgs) -> Result<(), Error> {
    if !args.circuit.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("expected the id of a circuit: letters and digits".into());
    }
    let deployment =
        args.server.client()?.bind_contract(&args.circuit, args.chain_id, &args.address.to_string())?;
    let contract = &deployment["contract"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    println!("contract             {}", text(&contract["address"]));
    println!("chain                {}", contract["chainId"]);
    println!("verification key     {}", text(&contract["verificationKey"]));
    println!("read in block        {}", contract["blockNumber"]);
    println!("deployment           {}", text(&deployment["deploymentId"]));
    Ok(())
}
