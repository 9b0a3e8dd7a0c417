//! Request and response bodies of deployments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zkflow_core::service::catalog::{Deployment, DeploymentStage, DeploymentStatus, Signer};
use zkflow_core::service::chain::{Address, CompiledContract};

use super::super::body::Content;
use super::FailureDto;
use super::deployed::{DeployedDto, checksummed};
use crate::config::SecretSetting;
use crate::http::Problem;
use crate::http::openapi::schema;
use crate::service::{self, InputFault, RequestError};

/// Request for a deployment: a chain or node, and a signer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"chainId": 31337, "signer": "deployer"}))]
pub(in crate::http) struct NewDeployment {
    /// Chain id (EIP-155). Optional with `rpcUrl`: the default is the chain of that node.
    chain_id: Option<u64>,
    /// RPC URL of your own node, if the server allows it: https at a public address. Sealed until the
    /// deployment is final.
    #[schema(value_type = Option<schema::Url>)]
    rpc_url: Option<SecretSetting>,
    /// Name of a signer of the server.
    #[schema(value_type = Option<schema::Name>)]
    signer: Option<String>,
    /// Private key of 64 hex digits, if the server allows it. Sealed, used once, then destroyed.
    #[schema(value_type = Option<schema::PrivateKey>)]
    private_key: Option<SecretSetting>,
    /// Whether to return an unsigned transaction instead of deploying.
    #[serde(default)]
    pub(in crate::http) unsigned: bool,
    /// Account that will sign, only with `unsigned`. Its nonce, gas and fees are filled in.
    #[schema(value_type = Option<schema::Address>)]
    from: Option<Address>,
    /// Address that the end is sent to as a webhook. Its scheme, host and port are those of the tenant's address, see
    /// `PUT /v1/webhooks`.
    #[schema(value_type = Option<schema::Url>)]
    callback: Option<SecretSetting>,
}

impl Content for NewDeployment {
    const MOST: usize = 16 * 1024;
}

impl NewDeployment {
    /// Converts to a deployment that the server signs.
    pub(in crate::http) fn signed_here(
        self,
        idempotency_key: Option<String>,
    ) -> Result<service::deployments::NewDeployment, Problem> {
        if self.from.is_some() {
            return Err(fault("from", "allowed only with unsigned"));
        }
        let callback = self.callback.map(SecretSetting::into_secret);
        let secret = |text: Option<SecretSetting>| text.map(|text| text.expose().to_owned().into());
        Ok(service::deployments::NewDeployment {
            chain_id: self.chain_id,
            rpc_url: secret(self.rpc_url),
            signer: self.signer,
            private_key: secret(self.private_key),
            callback,
            idempotency_key,
        })
    }

    /// Converts to the chain id and sender of an unsigned transaction.
    pub(in crate::http) fn for_signing(self) -> Result<(u64, Option<Address>), Problem> {
        let given = [
            ("signer", self.signer.is_some()),
            ("privateKey", self.private_key.is_some()),
            ("rpcUrl", self.rpc_url.is_some()),
            ("callback", self.callback.is_some()),
        ];
        if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
            return Err(fault(name, "not allowed with unsigned"));
        }
        let chain_id =
            self.chain_id.ok_or_else(|| fault("chainId", "missing: expected the id of a chain"))?;
        Ok((chain_id, self.from))
    }
}

fn fault(path: &str, message: &str) -> Problem {
    RequestError::Fields(vec![InputFault { path: path.to_owned(), message: message.to_owned() }]).into()
}

/// Request to bind a contract that exists on a chain.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"chainId": 31337, "address": "0x5FbDB2315678afecb367f032d93F642f64180aa3"}))]
pub(in crate::http) struct NewBinding {
    /// Chain id (EIP-155). The operator's node of the chain is asked.
    pub(in crate::http) chain_id: u64,
    /// Address of the contract.
    #[schema(value_type = schema::Address)]
    pub(in crate::http) address: Address,
}

impl Content for NewBinding {
    const MOST: usize = 4 * 1024;
}

/// A transaction to sign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UnsignedTransaction)]
pub(in crate::http) struct UnsignedDto {
    /// Fields named as in the JSON-RPC API of nodes, numbers in hexadecimal.
    #[schema(value_type = BTreeMap<String, schema::Hex>)]
    pub(in crate::http) transaction: Map<String, Value>,
}

/// A deployment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Deployment)]
pub(in crate::http) struct DeploymentDto {
    #[schema(value_type = schema::DeploymentId)]
    deployment_id: String,
    #[schema(value_type = schema::CircuitId)]
    circuit_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<u64>,
    /// Name of the server's signer; absent if the request contained a key, and for a contract that is bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    signer: Option<String>,
    #[schema(value_type = schema::DeploymentStatus)]
    status: DeploymentStatus,
    #[schema(value_type = schema::DeploymentStage)]
    stage: DeploymentStage,
    /// `finished stages / all stages`, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    progress: f32,
    /// Number of attempts so far.
    attempt: u32,
    /// Milliseconds spent in each finished stage.
    timings: BTreeMap<String, u64>,
    /// Transaction; present when it is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<SentDto>,
    /// Contract; present when it is confirmed and checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<DeployedDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    /// Why the last attempt has no result; the work is tried again. Only of a pending document.
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed_by: Option<FailureDto>,
    #[schema(value_type = schema::Time)]
    created_at: String,
    #[schema(value_type = schema::Time)]
    updated_at: String,
}

/// A signed transaction.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SentTransaction)]
struct SentDto {
    #[schema(value_type = schema::TransactionHash)]
    hash: String,
    #[schema(value_type = schema::Address)]
    from: String,
    nonce: u64,
    /// Hashes of transactions with the same nonce that it replaces, oldest first. Either of them can be mined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<schema::TransactionHash>>)]
    replaced: Vec<String>,
}

impl From<Deployment> for DeploymentDto {
    fn from(deployment: Deployment) -> Self {
        let replaced = deployment.attempts.replaced.iter().map(|transaction| transaction.hash.to_string());
        let replaced = replaced.collect();
        Self {
            deployment_id: deployment.id.to_string(),
            circuit_id: deployment.circuit_id.to_string(),
            chain_id: deployment.chain_id,
            signer: match deployment.signer {
                Signer::Named(name) => Some(name),
                Signer::Request | Signer::Absent => None,
            },
            status: deployment.life.status,
            stage: deployment.life.stage,
            progress: deployment.life.progress(),
            attempt: deployment.life.attempt,
            timings: deployment.life.timings,
            transaction: deployment.attempts.transaction.map(|transaction| SentDto {
                hash: transaction.hash.to_string(),
                from: checksummed(&transaction.sender),
                nonce: transaction.nonce,
                replaced,
            }),
            contract: deployment.contract.map(DeployedDto::from),
            error: deployment.life.error.map(FailureDto::from),
            delayed_by: deployment.life.delayed_by.map(FailureDto::from),
            created_at: deployment.life.created_at.to_string(),
            updated_at: deployment.life.updated_at.to_string(),
        }
    }
}

/// A page of deployments, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct DeploymentPage {
    pub(in crate::http) deployments: Vec<DeploymentDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    pub(in crate::http) next_cursor: Option<String>,
}

/// A compiled verifier contract.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Contract)]
pub(in crate::http) struct ContractDto {
    #[schema(value_type = schema::Identifier)]
    name: String,
    /// Full version of the Solidity compiler, such as `0.8.30+commit.73712a01`.
    #[schema(value_type = schema::SolidityVersion)]
    compiler: String,
    #[schema(value_type = Vec<BTreeMap<String, Value>>)]
    abi: Value,
    /// Metadata of the compiler, as JSON text.
    #[schema(value_type = schema::JsonText)]
    metadata: String,
    /// Input of the compiler, which explorers accept as "standard JSON input".
    #[schema(value_type = BTreeMap<String, Value>)]
    standard_json_input: Value,
    /// Code in the transaction that creates the contract.
    #[schema(value_type = schema::Hex)]
    creation_code: String,
    /// Code on the chain after the creation.
    #[schema(value_type = schema::Hex)]
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
