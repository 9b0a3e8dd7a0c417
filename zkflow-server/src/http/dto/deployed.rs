//! The contract of a circuit in responses.

use serde::Serialize;
use utoipa::ToSchema;
use zkflow_core::service::catalog::{DeployedContract, NodeContract};

use crate::http::openapi::schema;
#[cfg(feature = "evm")]
pub(super) use zkflow_evm::deploy::checksummed;

/// A verifier contract on a chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeployedContract)]
pub(in crate::http) struct DeployedDto {
    /// `deployed` by this service, or `bound`: it was on the chain before, and contains the key of the circuit.
    #[schema(value_type = schema::ContractKind)]
    kind: &'static str,
    chain_id: u64,
    /// Address of the contract, with the EIP-55 checksum.
    #[schema(value_type = schema::Address)]
    address: String,
    /// Absent for a bound contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TransactionHash>)]
    transaction_hash: Option<String>,
    /// Block of the transaction; for a bound contract, the newest one when its code was read.
    block_number: u64,
    /// Absent for a bound contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    gas_used: Option<u64>,
    /// SHA-256 of `verification_key.json`.
    #[schema(value_type = schema::Sha256)]
    verification_key: String,
    /// Full version of the Solidity compiler, such as `0.8.30+commit.73712a01`; absent for a bound contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::SolidityVersion>)]
    compiler: Option<String>,
    /// SHA-256 of the code on the chain.
    #[schema(value_type = schema::Sha256)]
    code_sha256: String,
}

impl From<DeployedContract> for DeployedDto {
    fn from(contract: DeployedContract) -> Self {
        Self {
            kind: if contract.is_bound() { "bound" } else { "deployed" },
            chain_id: contract.chain_id,
            address: checksummed(&contract.address),
            transaction_hash: contract.transaction.map(|hash| hash.to_string()),
            block_number: contract.block,
            gas_used: contract.gas_used,
            verification_key: contract.verification_key.to_string(),
            compiler: contract.compiler,
            code_sha256: contract.code.to_string(),
        }
    }
}

/// A verifier contract that the Node service recorded. It was not compared with a chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordedContract)]
pub(in crate::http) struct RecordedDto {
    /// Always `node`: the service that recorded the contract.
    #[schema(value_type = schema::Recorder)]
    recorded_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<u64>,
    /// Address of the contract, with the EIP-55 checksum.
    #[schema(value_type = schema::Address)]
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TransactionHash>)]
    transaction_hash: Option<String>,
}

impl From<NodeContract> for RecordedDto {
    fn from(contract: NodeContract) -> Self {
        Self {
            recorded_by: "node",
            chain_id: contract.chain_id,
            address: checksummed(&contract.address),
            transaction_hash: contract.transaction.map(|hash| hash.to_string()),
        }
    }
}

/// The checksum of EIP-55 is optional for readers, and needs the Keccak hash that feature `evm` brings.
#[cfg(not(feature = "evm"))]
fn checksummed(address: &zkflow_core::service::chain::Address) -> String {
    address.to_string()
}
