//! [`Catalog`]: the documents of circuits, proof requests and deployments. What it says is the truth.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::service::clock::Timestamp;
use crate::service::id::{DeploymentId, ProofId, UserId};
use crate::service::store::ArtifactMeta;
use zkflow_circom::template::TemplateName;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::provenance::Provenance;
use zkflow_groth16::report::CircuitReport;

mod deployment;

pub use deployment::{
    DeployedContract, Deployment, DeploymentFilter, DeploymentStage, DeploymentStatus, Signer,
};

/// Keeps the documents, each under optimistic concurrency.
///
/// # Behaviour
/// - `replace_*` succeeds only while the stored `epoch` is the one in the document given, stores the
///   document with `epoch + 1` and returns it so: of two writers that read the same document one wins.
/// - What was written before a call returned is durable.
/// - A list leaves out a document that cannot be read, and logs its id; to read it alone is
///   [`CatalogError::Corrupt`]. One bad document never hides the others.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync + 'static {
    /// Adds a circuit, unless one with its `circuit_hash` is there: then that one is returned and
    /// nothing is written. The flag says whether it was added.
    async fn insert_circuit(&self, circuit: Circuit) -> Result<(Circuit, bool), CatalogError>;

    /// The circuit, if it is there.
    async fn circuit(&self, id: &CircuitId) -> Result<Option<Circuit>, CatalogError>;

    /// Writes a changed circuit.
    ///
    /// # Errors
    /// [`CatalogError::Stale`] when it was changed or removed since it was read.
    async fn replace_circuit(&self, circuit: Circuit) -> Result<Circuit, CatalogError>;

    /// Removes a circuit. A missing one is success.
    async fn delete_circuit(&self, id: &CircuitId) -> Result<(), CatalogError>;

    /// Circuits, newest first (by `created_at`, then id, both descending).
    async fn circuits(&self, filter: &CircuitFilter, page: &Page) -> Result<Vec<Circuit>, CatalogError>;

    /// Adds a proof request, unless it carries an idempotency key that a request of the same user
    /// carries already: then that one is returned and nothing is written. The flag says whether it
    /// was added. Requests without a user count as one user's.
    async fn insert_proof(&self, proof: ProofRequest) -> Result<(ProofRequest, bool), CatalogError>;

    /// The proof request that carries the idempotency key, which is unique for each user as in
    /// [`insert_proof`](Self::insert_proof).
    async fn proof_by_key(
        &self,
        user: Option<&UserId>,
        key: &str,
    ) -> Result<Option<ProofRequest>, CatalogError>;

    /// The proof request, if it is there.
    async fn proof(&self, id: &ProofId) -> Result<Option<ProofRequest>, CatalogError>;

    /// Writes a changed proof request. Errors as [`replace_circuit`](Self::replace_circuit).
    async fn replace_proof(&self, proof: ProofRequest) -> Result<ProofRequest, CatalogError>;

    /// Removes a proof request. A missing one is success.
    async fn delete_proof(&self, id: &ProofId) -> Result<(), CatalogError>;

    /// Proof requests, newest first (by `created_at`, then id, both descending).
    async fn proofs(&self, filter: &ProofFilter, page: &Page) -> Result<Vec<ProofRequest>, CatalogError>;

    /// Proof requests whose `expires_at` is not after `now`, at most `limit`, the earliest first.
    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError>;

    /// Adds a deployment, unless it carries an idempotency key that one of the same circuit carries
    /// already: then that one is returned and nothing is written. The flag says whether it was added.
    async fn insert_deployment(&self, deployment: Deployment) -> Result<(Deployment, bool), CatalogError>;

    /// The deployment, if it is there.
    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>, CatalogError>;

    /// Writes a changed deployment. Errors as [`replace_circuit`](Self::replace_circuit).
    async fn replace_deployment(&self, deployment: Deployment) -> Result<Deployment, CatalogError>;

    /// Removes a deployment. A missing one is success.
    async fn delete_deployment(&self, id: &DeploymentId) -> Result<(), CatalogError>;

    /// Deployments, newest first (by `created_at`, then id, both descending).
    async fn deployments(
        &self,
        filter: &DeploymentFilter,
        page: &Page,
    ) -> Result<Vec<Deployment>, CatalogError>;
}

/// A circuit: a template with its parameters, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circuit {
    /// Derived from `circuit_hash`.
    #[serde(rename = "_id")]
    pub id: CircuitId,
    /// The identity: see [`flow::circuit::circuit_hash`](crate::service::flow::circuit::circuit_hash).
    pub circuit_hash: Digest,
    /// The template.
    pub template: TemplateName,
    /// The parameters, complete, in canonical form.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Whether it can be used.
    pub status: CircuitStatus,
    /// What is being done to it.
    pub stage: CircuitStage,
    /// How often work on it was begun.
    pub attempt: u32,
    /// Milliseconds spent in each finished stage.
    pub timings: BTreeMap<String, u64>,
    /// The artifacts by name, such as `proving_key.zkey`; empty until it is ready.
    pub artifacts: BTreeMap<String, ArtifactMeta>,
    /// What was read off the R1CS.
    pub report: Option<CircuitReport>,
    /// Where its keys come from.
    pub provenance: Option<Provenance>,
    /// The verifier contract that was confirmed last.
    #[serde(default)]
    pub deployment: Option<DeployedContract>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows by one with every change.
    pub epoch: u64,
}

/// Whether a circuit can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitStatus {
    /// Work on it is owed.
    Pending,
    /// Its artifacts are complete.
    Ready,
    /// It could not be made; asking again tries again.
    Failed,
}

/// The stages of key generation, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitStage {
    /// Waits for a worker.
    Queued,
    /// circom runs.
    Compile,
    /// The keys are made.
    Setup,
    /// Artifacts are written.
    Store,
    /// Nothing more is to be done.
    Done,
}

/// A request for a proof, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProofRequest {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: ProofId,
    /// The circuit.
    pub circuit_id: CircuitId,
    /// Whom it is accounted to.
    pub user_id: Option<UserId>,
    /// Where it stands.
    pub status: ProofStatus,
    /// What is being done.
    pub stage: ProofStage,
    /// How often work on it was begun.
    pub attempt: u32,
    /// Milliseconds spent in each finished stage.
    pub timings: BTreeMap<String, u64>,
    /// The proof, once it is made and verified.
    pub artifacts: Option<ProofArtifacts>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// The caller's name for the request, so that sending it twice does it once.
    pub idempotency: Option<Idempotency>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it is removed, with its proof.
    pub expires_at: Timestamp,
    /// Grows by one with every change.
    pub epoch: u64,
}

/// Where a proof request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofStatus {
    /// Work on it is owed.
    Pending,
    /// The proof is there.
    Completed,
    /// It could not be made.
    Failed,
    /// The caller no longer wants it.
    Cancelled,
}

impl ProofStatus {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        self != Self::Pending
    }
}

/// The stages of a proof, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofStage {
    /// Waits for a worker.
    Queued,
    /// The witness is calculated.
    Witness,
    /// The proof is made and checked.
    Prove,
    /// Nothing more is to be done.
    Done,
}

/// A proof that was verified here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProofArtifacts {
    /// `proof.json` as snarkjs writes it.
    pub proof: serde_json::Value,
    /// `public.json`: decimal strings, outputs first.
    pub public_signals: Vec<String>,
    /// SHA-256 of the proving key that made it.
    pub proving_key: Digest,
    /// Name of the prover that made it.
    pub prover: String,
}

/// Why something failed, in words that carry no private input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable name in snake_case.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// A caller's name for a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// What the caller sent in `Idempotency-Key`.
    pub key: String,
    /// A keyed digest of the request, so that another request under the same key is noticed and
    /// the private inputs cannot be guessed from it.
    pub fingerprint: String,
}

/// Which circuits to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CircuitFilter {
    /// Only those of this template.
    pub template: Option<TemplateName>,
    /// Only those with this status.
    pub status: Option<CircuitStatus>,
}

/// Which proof requests to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProofFilter {
    /// Only those of this circuit.
    pub circuit_id: Option<CircuitId>,
    /// Only those of this user.
    pub user_id: Option<UserId>,
    /// Only those with this status.
    pub status: Option<ProofStatus>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Begins behind this entry.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: usize,
}

impl Page {
    /// The first `limit` entries.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }
}

/// The place of an entry in a list that is ordered by `created_at`, then id, descending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When the entry was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: String,
}

/// A catalog could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The document was changed or removed since it was read.
    #[error("{0} was changed by somebody else")]
    Stale(String),
    /// A stored document cannot be read.
    #[error("{id} cannot be read from the catalog: {detail}")]
    Corrupt {
        /// Which document.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The backend failed.
    #[error("catalog: {action}")]
    Backend {
        /// What was being done.
        action: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl CatalogError {
    /// A failure of the backend while doing `action`.
    pub fn backend(
        action: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { action: action.into(), source: source.into() }
    }
}

impl Classified for CatalogError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Stale(_) => ErrorKind::Conflict,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Backend { .. } => ErrorKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Stale(_) => "stale_document",
            Self::Corrupt { .. } => "corrupt_document",
            Self::Backend { .. } => "catalog_unavailable",
        }
    }
}
