//! [`Deployment`]: a verifier contract on its way to a chain.

use serde::{Deserialize, Serialize};

use super::document::{Document, IDEMPOTENCY_KEY, Idempotency};
use super::life::{Life, Stage, Status, named};
use super::lookup::{Lookup, Term};
use crate::service::chain::{Address, SignedTransaction, TransactionHash};
use crate::service::id::DeploymentId;
use crate::service::queue::QueueName;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;

/// A request to deploy the verifier contract of a circuit, and what became of it.
///
/// Keys and addresses of nodes that came with the request are not part of it: they are sealed until they
/// have been used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Id of this request.
    #[serde(rename = "_id")]
    pub id: DeploymentId,
    /// Circuit of the contract.
    pub circuit_id: CircuitId,
    /// The chain; `None`: the chain of the request's own node.
    pub chain_id: Option<u64>,
    /// Signer of the transaction.
    pub signer: Signer,
    /// Whether the request named its node; otherwise the operator's node for the chain is used.
    pub own_rpc: bool,
    /// State of the deployment.
    #[serde(flatten)]
    pub life: Life<DeploymentStatus, DeploymentStage>,
    /// The transaction, stored before it is sent. After a crash the same bytes are sent again.
    pub transaction: Option<SignedTransaction>,
    /// The contract, once it is confirmed and checked.
    pub contract: Option<DeployedContract>,
    /// The caller's name for the request, so that a repeated request deploys once.
    pub idempotency: Option<Idempotency>,
}

named! {
    /// What became of a deployment.
    DeploymentStatus {
        /// Work on it is owed.
        Pending = "pending",
        /// The contract is on the chain, and was seen to accept a proof.
        Confirmed = "confirmed",
        /// The work failed.
        Failed = "failed",
    }

    /// The stages of a deployment, in their order.
    DeploymentStage {
        /// Waits for a worker.
        Queued = "queued",
        /// The key is judged, the contract compiled, a proof made to check it with.
        Prepare = "prepare",
        /// The transaction is signed, and sent.
        Send = "send",
        /// Blocks are awaited.
        Confirm = "confirm",
        /// The contract on the chain is compared and asked.
        Check = "check",
        /// The work is done.
        Done = "done",
    }
}

impl Status for DeploymentStatus {
    const PENDING: Self = Self::Pending;
    const FAILED: Self = Self::Failed;
}

impl Stage for DeploymentStage {}

impl Document for Deployment {
    type Id = DeploymentId;
    type Status = DeploymentStatus;
    type Stage = DeploymentStage;
    type Key = DeploymentKey;
    type Filter = DeploymentFilter;

    const KIND: &'static str = "deployment";
    const COLLECTION: &'static str = "deployments";
    const QUEUE: QueueName = QueueName::Deploy;

    fn id(&self) -> &DeploymentId {
        &self.id
    }

    fn life(&self) -> &Life<DeploymentStatus, DeploymentStage> {
        &self.life
    }

    fn life_mut(&mut self) -> &mut Life<DeploymentStatus, DeploymentStage> {
        &mut self.life
    }

    fn key(&self) -> Option<DeploymentKey> {
        let Idempotency { key, .. } = self.idempotency.as_ref()?;
        Some(DeploymentKey { circuit_id: self.circuit_id.clone(), key: key.clone() })
    }

    fn fields(&self) -> Vec<Term> {
        let key = self.idempotency.as_ref().map(|idempotency| &idempotency.key);
        vec![Term::text("circuit_id", &self.circuit_id), Term::optional(IDEMPOTENCY_KEY, key)]
    }

    fn with_status(status: DeploymentStatus) -> DeploymentFilter {
        DeploymentFilter { status: Some(status), ..DeploymentFilter::default() }
    }
}

/// An idempotency key, unique among the deployments of a circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentKey {
    /// Circuit of the contract.
    pub circuit_id: CircuitId,
    /// What the caller sent in `Idempotency-Key`.
    pub key: String,
}

impl Lookup for DeploymentKey {
    fn terms(&self) -> Vec<Term> {
        let circuit = Term::text("circuit_id", &self.circuit_id);
        vec![circuit, Term::text(IDEMPOTENCY_KEY, &self.key)]
    }
}

/// Which deployments to list; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct DeploymentFilter {
    pub circuit_id: Option<CircuitId>,
    pub status: Option<DeploymentStatus>,
}

impl Lookup for DeploymentFilter {
    fn terms(&self) -> Vec<Term> {
        let circuit = self.circuit_id.as_ref().map(|circuit| Term::text("circuit_id", circuit));
        circuit.into_iter().chain(self.status.map(Term::status)).collect()
    }
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
