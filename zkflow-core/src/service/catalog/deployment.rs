//! [`Deployment`]: a verifier contract on its way to a chain.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Failure, Idempotency};
use crate::service::chain::{Address, SignedTransaction, TransactionHash};
use crate::service::clock::Timestamp;
use crate::service::id::DeploymentId;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;

/// A request to deploy the verifier contract of a circuit, and what became of it.
///
/// Keys and addresses of nodes that came with the request are no part of it: they lie sealed until
/// they have been used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: DeploymentId,
    /// The circuit.
    pub circuit_id: CircuitId,
    /// The chain; none says: whichever the request's node belongs to.
    pub chain_id: Option<u64>,
    /// Who signs.
    pub signer: Signer,
    /// Whether the request named its node, or the operator's for the chain is used.
    pub own_rpc: bool,
    /// Where it stands.
    pub status: DeploymentStatus,
    /// What is being done.
    pub stage: DeploymentStage,
    /// How often work on it was begun.
    pub attempt: u32,
    /// Milliseconds spent in each finished stage.
    pub timings: BTreeMap<String, u64>,
    /// The transaction, from before it is sent: whoever goes on sends this one again.
    pub transaction: Option<SignedTransaction>,
    /// The contract, once it is confirmed and checked.
    pub contract: Option<DeployedContract>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// The caller's name for the request, so that sending it twice deploys once.
    pub idempotency: Option<Idempotency>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows by one with every change.
    pub epoch: u64,
}

/// Who signs the transaction of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// One that the operator configured under this name.
    Named(String),
    /// A key that came with the request.
    Request,
}

/// Where a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Work on it is owed.
    Pending,
    /// The contract is there, and was seen to accept a proof.
    Confirmed,
    /// It could not be deployed.
    Failed,
}

/// The stages of a deployment, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStage {
    /// Waits for a worker.
    Queued,
    /// The key is judged, the contract compiled, a proof made to check it with.
    Prepare,
    /// The transaction is signed, and sent.
    Send,
    /// Blocks are awaited.
    Confirm,
    /// The contract on the chain is compared and asked.
    Check,
    /// Nothing more is to be done.
    Done,
}

impl DeploymentStage {
    /// The name, as in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Prepare => "prepare",
            Self::Send => "send",
            Self::Confirm => "confirm",
            Self::Check => "check",
            Self::Done => "done",
        }
    }
}

/// A verifier contract on a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedContract {
    /// The chain.
    pub chain_id: u64,
    /// Where it lies.
    pub address: Address,
    /// The transaction that made it.
    pub transaction: TransactionHash,
    /// The block of that.
    pub block: u64,
    /// Gas that this took.
    pub gas_used: u64,
    /// The SHA-256 of `verification_key.json`.
    pub verification_key: Digest,
    /// The full version of the compiler.
    pub compiler: String,
    /// The SHA-256 of the code on the chain.
    pub code: Digest,
}

/// Which deployments to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeploymentFilter {
    /// Only those of this circuit.
    pub circuit_id: Option<CircuitId>,
    /// Only those with this status.
    pub status: Option<DeploymentStatus>,
}
