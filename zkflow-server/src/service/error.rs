//! Why a request was not done.

use zkflow_core::circuit::BlueprintError;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{CatalogError, ProofStatus};
use zkflow_core::service::id::{DeploymentId, ProofId};
use zkflow_core::service::queue::{QueueError, QueueName};
use zkflow_core::service::store::StoreError;
use zkflow_core::template::TemplateError;
use zkflow_store::vault::VaultError;

use zkflow_evm::deploy::DeployError;

/// Why a request was not done. Carries no private input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The template or its parameters are wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The template and its includes do not come together.
    #[error(transparent)]
    Blueprint(#[from] BlueprintError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The artifact store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A contract was not deployed, or not asked.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// No such circuit.
    #[error("there is no circuit {0}")]
    UnknownCircuit(CircuitId),
    /// No such proof request.
    #[error("there is no proof request {0}; it may have expired")]
    UnknownProof(ProofId),
    /// No such deployment.
    #[error("there is no deployment {0}")]
    UnknownDeployment(DeploymentId),
    /// The deployment has no contract.
    #[error("deployment {0} is not confirmed: it has no contract")]
    NotDeployed(DeploymentId),
    /// The operator does not allow it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No such artifact.
    #[error("circuit {circuit} has no artifact {name:?}")]
    UnknownArtifact {
        /// The circuit.
        circuit: CircuitId,
        /// What was asked for.
        name: String,
    },
    /// The circuit is not ready yet.
    #[error("circuit {0} is pending: its keys are not made yet")]
    CircuitPending(CircuitId),
    /// The circuit could not be made.
    #[error("circuit {0} has failed: ask for it again, or mend what its error says")]
    CircuitFailed(CircuitId),
    /// The circuit has work that is not done.
    #[error(
        "circuit {0} has work that is not done: wait for its deployments, and wait for its proof requests or cancel them"
    )]
    CircuitBusy(CircuitId),
    /// The circuit is being removed.
    #[error("circuit {0} is being deleted: ask again, or repeat the DELETE if it was interrupted")]
    CircuitDeleting(CircuitId),
    /// The proof request is final already.
    #[error("proof request {id} is {} already", status_name(*.status))]
    ProofFinal {
        /// The request.
        id: ProofId,
        /// What became of it.
        status: ProofStatus,
    },
    /// The proof is not there.
    #[error("proof request {id} is {}: it has no proof", status_name(*.status))]
    NoProof {
        /// The request.
        id: ProofId,
        /// Where it stands.
        status: ProofStatus,
    },
    /// Inputs do not fit the circuit.
    #[error("the inputs do not fit the circuit: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Inputs(Vec<InputFault>),
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// More than may be owed is owed.
    #[error("too much work is owed in queue {0}: try again later")]
    Overloaded(QueueName),
    /// Nobody more can wait.
    #[error("too many event streams are open: try again later")]
    TooManyWatchers,
    /// More verifications wait than may.
    #[error("too many proofs wait to be verified: try again later")]
    TooManyVerifications,
    /// A fault of this program or its installation.
    #[error("{0}")]
    Internal(String),
}

/// What is wrong with one input or parameter. Never says its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct InputFault {
    /// Such as `privateInputs.age`, `privateInputs.siblings[3]` or `params.max`.
    pub path: String,
    /// What was expected.
    pub message: String,
}

impl RequestError {
    /// What is wrong with which part of the request, where that can be said.
    pub fn faults(&self) -> Vec<InputFault> {
        match self {
            Self::Inputs(faults) => faults.clone(),
            Self::Template(error) => error
                .fault()
                .map(|(path, message)| InputFault { path: path.to_owned(), message })
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl Classified for RequestError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Template(error) => error.kind(),
            Self::Blueprint(error) => error.kind(),
            Self::Catalog(error) => error.kind(),
            Self::Queue(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Vault(error) => error.kind(),
            Self::Deploy(error) => error.kind(),
            Self::UnknownCircuit(_)
            | Self::UnknownProof(_)
            | Self::UnknownDeployment(_)
            | Self::UnknownArtifact { .. } => ErrorKind::NotFound,
            Self::CircuitPending(_)
            | Self::CircuitFailed(_)
            | Self::CircuitBusy(_)
            | Self::CircuitDeleting(_)
            | Self::ProofFinal { .. }
            | Self::NotDeployed(_)
            | Self::NoProof { .. } => ErrorKind::Conflict,
            Self::Inputs(_) | Self::KeyReused | Self::Forbidden(_) => ErrorKind::Invalid,
            Self::Overloaded(_) | Self::TooManyWatchers | Self::TooManyVerifications => ErrorKind::Limit,
            Self::Internal(_) => ErrorKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Template(error) => error.code(),
            Self::Blueprint(error) => error.code(),
            Self::Catalog(error) => error.code(),
            Self::Queue(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::Deploy(error) => error.code(),
            Self::UnknownDeployment(_) => "deployment_not_found",
            Self::NotDeployed(_) => "not_deployed",
            Self::Forbidden(_) => "not_allowed",
            Self::UnknownCircuit(_) => "circuit_not_found",
            Self::UnknownProof(_) => "proof_not_found",
            Self::UnknownArtifact { .. } => "artifact_not_found",
            Self::CircuitPending(_) => "circuit_pending",
            Self::CircuitFailed(_) => "circuit_failed",
            Self::CircuitBusy(_) => "circuit_busy",
            Self::CircuitDeleting(_) => "circuit_deleting",
            Self::ProofFinal { .. } => "proof_final",
            Self::NoProof { .. } => "no_proof",
            Self::Inputs(_) => "invalid_inputs",
            Self::KeyReused => "idempotency_key_reused",
            Self::Overloaded(_) => "overloaded",
            Self::TooManyWatchers => "too_many_watchers",
            Self::TooManyVerifications => "too_many_verifications",
            Self::Internal(_) => "internal",
        }
    }
}

fn status_name(status: ProofStatus) -> &'static str {
    match status {
        ProofStatus::Pending => "pending",
        ProofStatus::Completed => "completed",
        ProofStatus::Failed => "failed",
        ProofStatus::Cancelled => "cancelled",
    }
}
