//! [`Deployment`]: a request to deploy a verifier contract.

use serde::{Deserialize, Serialize};

use super::document::{Document, IDEMPOTENCY_KEY, Idempotency};
use super::life::{Life, Stage, Status, named};
use super::lookup::{Lookup, Term};
use super::subject::Subject;
use crate::service::chain::{Address, Attempts, TransactionHash};
use crate::service::id::DeploymentId;
use crate::service::queue::QueueName;
use crate::service::tenant::TenantId;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;

/// A request to deploy the verifier contract of a circuit, and its result.
///
/// Private keys and node URLs from the request are not part of it: they are sealed until they have been
/// used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Id of this deployment.
    #[serde(rename = "_id")]
    pub id: DeploymentId,
    /// Circuit of the contract.
    pub circuit_id: CircuitId,
    /// Chain id; `None`: the chain of the request's own node.
    pub chain_id: Option<u64>,
    /// Signer of the transaction.
    pub signer: Signer,
    /// Whether the request contains an RPC URL; otherwise the operator's node of the chain is used.
    pub own_rpc: bool,
    /// State of the deployment.
    #[serde(flatten)]
    pub life: Life<DeploymentStatus, DeploymentStage>,
    /// The signed transactions.
    #[serde(flatten)]
    pub attempts: Attempts,
    /// Contract; `None` until it is confirmed and checked.
    pub contract: Option<DeployedContract>,
    /// Idempotency key, so that a repeated request deploys once.
    pub idempotency: Option<Idempotency>,
}

named! {
    /// State of a deployment.
    DeploymentStatus {
        /// The deployment is not finished.
        Pending = "pending",
        /// The contract is on the chain and has accepted a proof.
        Confirmed = "confirmed",
        /// The deployment failed.
        Failed = "failed",
    }

    /// Stages of a deployment, in order.
    DeploymentStage {
        /// Waits for a worker.
        Queued = "queued",
        /// The key is checked, the contract compiled, and a proof made for the final check.
        Prepare = "prepare",
        /// The transaction is signed and sent.
        Send = "send",
        /// The transaction waits for confirmation by further blocks.
        Confirm = "confirm",
        /// The contract's code is compared, and the contract verifies a proof.
        Check = "check",
        /// The deployment is finished.
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

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Deployment(self.id.clone()))
    }

    fn circuit_id(&self) -> Option<&CircuitId> {
        Some(&self.circuit_id)
    }

    fn with_status(status: DeploymentStatus) -> DeploymentFilter {
        DeploymentFilter { status: Some(status), ..DeploymentFilter::default() }
    }

    fn of_tenant(filter: DeploymentFilter, tenant: TenantId) -> DeploymentFilter {
        DeploymentFilter { tenant: Some(tenant), ..filter }
    }
}

/// Unique key of a deployment: an idempotency key, per circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentKey {
    /// Circuit of the contract.
    pub circuit_id: CircuitId,
    /// Value of the header `Idempotency-Key`.
    pub key: String,
}

impl Lookup for DeploymentKey {
    fn terms(&self) -> Vec<Term> {
        let circuit = Term::text("circuit_id", &self.circuit_id);
        vec![circuit, Term::text(IDEMPOTENCY_KEY, &self.key)]
    }
}

/// Conditions on the listed deployments; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct DeploymentFilter {
    pub tenant: Option<TenantId>,
    pub circuit_id: Option<CircuitId>,
    pub status: Option<DeploymentStatus>,
}

impl Lookup for DeploymentFilter {
    fn terms(&self) -> Vec<Term> {
        let circuit = self.circuit_id.as_ref().map(|circuit| Term::text("circuit_id", circuit));
        let tenant = self.tenant.as_ref().map(Term::tenant);
        tenant.into_iter().chain(circuit).chain(self.status.map(Term::status)).collect()
    }
}

/// Signer of a deployment's transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// Signer that the operator configured under this name.
    Named(String),
    /// Private key from the request.
    Request,
    /// None: the contract was on the chain before, and is bound to the circuit.
    Absent,
}

impl DeployedContract {
    /// Whether the contract was on the chain before, and is bound to the circuit by its address.
    pub fn is_bound(&self) -> bool {
        self.transaction.is_none()
    }
}

/// A verifier contract on a chain: deployed by the service, or bound by its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedContract {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Address of the contract.
    pub address: Address,
    /// Transaction that created the contract; `None` for a bound contract, whose transaction is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionHash>,
    /// Number of the transaction's block; for a bound contract, the newest block when its code was read.
    pub block: u64,
    /// Gas used by the transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_used: Option<u64>,
    /// SHA-256 of `verification_key.json`.
    pub verification_key: Digest,
    /// Full version of the compiler, such as `0.8.30+commit.73712a01`; `None` for a bound contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// SHA-256 of the code at the address.
    pub code: Digest,
}
