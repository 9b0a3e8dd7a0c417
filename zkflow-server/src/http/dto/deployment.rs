//! Deployments over the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zkflow_core::service::catalog::{
    DeployedContract, Deployment, DeploymentStage, DeploymentStatus, Signer,
};
use zkflow_core::service::chain::{Address, CompiledContract};

use super::FailureDto;
use crate::config::SecretSetting;
use crate::http::Problem;
use crate::service::{self, InputFault, RequestError};
use zkflow_evm::deploy::checksummed;

/// Asks for a deployment: a chain and who signs.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"chainId": 31337, "signer": "deployer"}))]
pub(in crate::http) struct NewDeployment {
    /// The chain (EIP-155). Not needed beside `rpcUrl`, whose node is asked then.
    chain_id: Option<u64>,
    /// A node of your own, where the server takes one: by https, at a public address. Sealed until the deployment is final.
    #[schema(value_type = Option<String>)]
    rpc_url: Option<SecretSetting>,
    /// One of the server's signers.
    signer: Option<String>,
    /// A private key of 64 hex digits, where the server takes one. Sealed, used once, destroyed.
    #[schema(value_type = Option<String>)]
    private_key: Option<SecretSetting>,
    /// Whether to return the transaction for you to sign.
    #[serde(default)]
    pub(in crate::http) unsigned: bool,
    /// Beside `unsigned`: the account that will sign, whose nonce, gas and fees are filled in.
    #[schema(value_type = Option<String>)]
    from: Option<Address>,
}

impl NewDeployment {
    /// The request for a deployment that is signed here.
    pub(in crate::http) fn signed_here(
        self,
        idempotency_key: Option<String>,
    ) -> Result<service::deployments::NewDeployment, Problem> {
        if self.from.is_some() {
            return Err(fault("from", "goes with unsigned alone"));
        }
        let secret = |text: Option<SecretSetting>| text.map(|text| text.expose().to_owned().into());
        Ok(service::deployments::NewDeployment {
            chain_id: self.chain_id,
            rpc_url: secret(self.rpc_url),
            signer: self.signer,
            private_key: secret(self.private_key),
            idempotency_key,
        })
    }

    /// The chain, and who will sign.
    pub(in crate::http) fn for_signing(self) -> Result<(u64, Option<Address>), Problem> {
        let given = [
            ("signer", self.signer.is_some()),
            ("privateKey", self.private_key.is_some()),
            ("rpcUrl", self.rpc_url.is_some()),
        ];
        if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
            return Err(fault(name, "does not go with unsigned"));
        }
        let chain_id = self.chain_id.ok_or_else(|| fault("chainId", "missing: say which chain"))?;
        Ok((chain_id, self.from))
    }
}

fn fault(path: &str, message: &str) -> Problem {
    RequestError::Inputs(vec![InputFault { path: path.to_owned(), message: message.to_owned() }]).into()
}

/// A transaction to sign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct UnsignedDto {
    /// Its fields as nodes and wallets name them, numbers in hexadecimal.
    #[schema(value_type = Object)]
    pub(in crate::http) transaction: Map<String, Value>,
}

/// A deployment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct DeploymentDto {
    deployment_id: String,
    circuit_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<u64>,
    /// The server's signer; none for a key of the request's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    /// `pending`, `confirmed` or `failed`.
    #[schema(value_type = String)]
    status: DeploymentStatus,
    /// `queued`, `prepare`, `send`, `confirm`, `check` or `done`; of a failed one, where it failed.
    #[schema(value_type = String)]
    stage: DeploymentStage,
    /// How far it is, from 0 to 1: the share of its stages that are done.
    progress: f32,
    /// How often work on it was begun.
    attempt: u32,
    /// Milliseconds spent in each finished stage.
    timings: BTreeMap<String, u64>,
    /// The transaction, once it is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<SentDto>,
    /// The contract, once it is confirmed and checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<DeployedDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    created_at: String,
    updated_at: String,
}

/// A signed transaction.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SentDto {
    hash: String,
    from: String,
    nonce: u64,
}

/// A verifier contract on a chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct DeployedDto {
    chain_id: u64,
    /// Where it lies, with the checksum of EIP-55.
    address: String,
    transaction_hash: String,
    block_number: u64,
    gas_used: u64,
    /// SHA-256 of `verification_key.json`.
    verification_key: String,
    /// The full version of the Solidity compiler.
    compiler: String,
    /// SHA-256 of the code on the chain.
    code_sha256: String,
}

impl From<DeployedContract> for DeployedDto {
    fn from(contract: DeployedContract) -> Self {
        Self {
            chain_id: contract.chain_id,
            address: checksummed(&contract.address),
            transaction_hash: contract.transaction.to_string(),
            block_number: contract.block,
            gas_used: contract.gas_used,
            verification_key: contract.verification_key.to_string(),
            compiler: contract.compiler,
            code_sha256: contract.code.to_string(),
        }
    }
}

impl From<Deployment> for DeploymentDto {
    fn from(deployment: Deployment) -> Self {
        Self {
            deployment_id: deployment.id.to_string(),
            circuit_id: deployment.circuit_id.to_string(),
            chain_id: deployment.chain_id,
            signer: match deployment.signer {
                Signer::Named(name) => Some(name),
                Signer::Request => None,
            },
            status: deployment.status,
            stage: deployment.stage,
            progress: deployment.stage as u8 as f32 / DeploymentStage::Done as u8 as f32,
            attempt: deployment.attempt,
            timings: deployment.timings,
            transaction: deployment.transaction.map(|transaction| SentDto {
                hash: transaction.hash.to_string(),
                from: checksummed(&transaction.sender),
                nonce: transaction.nonce,
            }),
            contract: deployment.contract.map(DeployedDto::from),
            error: deployment.error.map(FailureDto::from),
            created_at: deployment.created_at.to_string(),
            updated_at: deployment.updated_at.to_string(),
        }
    }
}

/// A page of deployments, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct DeploymentPage {
    pub(in crate::http) deployments: Vec<DeploymentDto>,
    /// `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) next_cursor: Option<String>,
}

/// A compiled verifier contract.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ContractDto {
    name: String,
    /// The full version of the compiler, as in `0.8.30+commit.73712a01`.
    compiler: String,
    #[schema(value_type = Vec<Object>)]
    abi: Value,
    /// The compiler's metadata, as text.
    metadata: String,
    /// What the compiler was given: explorers take this file.
    #[schema(value_type = Object)]
    standard_json_input: Value,
    /// What a transaction that creates the contract carries.
    creation_code: String,
    /// What lies on the chain then.
    runtime_code: String,
}

impl From<CompiledContract> for ContractDto {
    fn from(contract: CompiledContract) -> Self {
        let code = |code: &[u8]| format!("0x{}", hex::encode(code));
        Self {
            creation_code: code(&contract.creation_code),
            runtime_code: code(&contract.runtime_code),
            name: contract.name,
            compiler: contract.compiler,
            abi: contract.abi,
            metadata: contract.metadata,
            standard_json_input: contract.standard_json_input,
        }
    }
}
