//! [`RequestError`] and [`InputFault`].

use std::time::Duration;

use zkflow_core::circuit::BlueprintError;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{CatalogError, Named as _, ProofStatus};
use zkflow_core::service::id::{CeremonyId, DeliveryId, DeploymentId, ObjectId, ProofId, UploadId};
use zkflow_core::service::queue::{QueueError, QueueName};
use zkflow_core::service::store::StoreError;
#[cfg(feature = "evm")]
use zkflow_core::setup::RecordError;
use zkflow_core::template::TemplateError;
use zkflow_store::vault::VaultError;

use super::ceremonies::CeremonyRefusal;
use crate::auth::AuthError;
use crate::state::Exhausted;

#[cfg(feature = "evm")]
use zkflow_evm::deploy::DeployError;

/// A failed request. Contains no private input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Unknown template or invalid parameters.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The template and its includes do not form a circuit source.
    #[error(transparent)]
    Blueprint(BlueprintError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The artifact store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A deployment, or a call to its contract, failed.
    #[cfg(feature = "evm")]
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The key of a circuit was judged before, and its contract was refused.
    #[cfg(feature = "evm")]
    #[error(transparent)]
    Judged(std::sync::Arc<DeployError>),
    /// The caller is unknown, or may not do this.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The stored record of a circuit's keys is not the one that this installation wrote.
    #[cfg(feature = "evm")]
    #[error("the record of the circuit's keys: {0}")]
    Record(#[from] RecordError),
    /// The circuit does not exist.
    #[error("circuit {0} does not exist")]
    UnknownCircuit(CircuitId),
    /// No circuit with this id of the Node service was imported.
    #[error("circuit {0} of the Node service was not imported")]
    UnknownOldCircuit(ObjectId),
    /// The proof request does not exist, or has expired.
    #[error("proof request {0} does not exist; it may have expired")]
    UnknownProof(ProofId),
    /// The deployment does not exist.
    #[error("deployment {0} does not exist")]
    UnknownDeployment(DeploymentId),
    /// The ceremony does not exist.
    #[error("ceremony {0} does not exist")]
    UnknownCeremony(CeremonyId),
    /// The ceremony has no file of this name.
    #[error("the ceremony has no file of this name, or has it only later")]
    UnknownCeremonyFile,
    /// The rules of a ceremony refuse the request.
    #[error(transparent)]
    Ceremony(#[from] CeremonyRefusal),
    /// The delivery does not exist.
    #[error("delivery {0} does not exist; it may have been removed after a week")]
    UnknownDelivery(DeliveryId),
    /// The tenant has no address and secrets for events.
    #[error("the tenant has no webhooks: set their address with PUT /v1/webhooks")]
    NoHooks,
    /// The circuit is pending with another callback.
    #[error(
        "circuit {0} is pending with another callback: wait for it, or repeat the request without callback"
    )]
    OtherCallback(CircuitId),
    /// The delivery waits for its receiver.
    #[error("delivery {0} is pending: it is tried again without a replay")]
    DeliveryPending(DeliveryId),
    /// The deployment has no contract yet.
    #[error("deployment {0} is not confirmed and has no contract")]
    NotDeployed(DeploymentId),
    /// The circuit or ceremony belongs to another tenant, which lets all tenants use it.
    #[error("the circuit or ceremony belongs to another tenant: only its owner may do this")]
    NotOwner,
    /// The tenant has no such upload, or it has expired.
    #[error("upload {0} does not exist; it may have expired, or its circuit is ready or has failed")]
    UnknownUpload(UploadId),
    /// The upload has no such part.
    #[error("the upload has no such file, or the file has fewer parts")]
    UnknownPart,
    /// Parts of uploads pass through the server.
    #[error("this server has no signed URLs for parts: send them to the server")]
    NotDirect,
    /// A part does not fill its place.
    #[error("the part has {found} bytes, expected {expected}")]
    PartLength {
        /// Bytes of the place.
        expected: u64,
        /// Bytes that were sent.
        found: u64,
    },
    /// Parts were not sent yet.
    #[error("upload {upload} is incomplete: {missing} parts are missing")]
    UploadIncomplete {
        /// The upload.
        upload: UploadId,
        /// Number of missing parts.
        missing: usize,
    },
    /// A circuit is imported from the upload.
    #[error("a circuit is being imported from upload {0}")]
    UploadInUse(UploadId),
    /// The declared files exceed a limit.
    #[error("{what}: {bytes} bytes, the limit is {most}")]
    UploadTooLarge {
        /// The limited files.
        what: &'static str,
        /// Declared bytes.
        bytes: u64,
        /// Limit in bytes.
        most: u64,
    },
    /// The tenant's unfinished uploads reach a limit.
    #[error("the tenant has too many unfinished uploads, or too large ones: import or delete them first")]
    TooManyUploads,
    /// The circuits of a tenant or a key reach a limit.
    #[error("the circuits of the {of} reach the setting {limit}: delete some first")]
    CircuitQuota {
        /// [Kind](zkflow_core::service::account::Account::kind) of the account.
        of: &'static str,
        /// Name of the setting.
        limit: &'static str,
    },
    /// A tenant or a key has reached a limit of its plan.
    #[error("the {of} has reached the limit {limit} of its plan")]
    Plan {
        /// [Kind](zkflow_core::service::account::Account::kind) of the account.
        of: &'static str,
        /// Name of the limit.
        limit: &'static str,
        /// Seconds after which another attempt makes sense.
        retry_s: u32,
    },
    /// A declared file is not valid; one entry per fault.
    #[error("a declared file is invalid: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Upload(Vec<InputFault>),
    /// Files for the import are missing or contradict each other; one entry per fault.
    #[error("the import is incomplete: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    ImportIncomplete(Vec<InputFault>),
    /// The server's settings forbid the request.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The circuit has no artifact of this name.
    #[error("circuit {circuit} has no artifact {name:?}")]
    UnknownArtifact {
        /// Existing circuit.
        circuit: CircuitId,
        /// Requested file name.
        name: String,
    },
    /// The circuit is not ready yet.
    #[error("circuit {0} is pending: its keys are not ready; try again later")]
    CircuitPending(CircuitId),
    /// Key generation failed.
    #[error("circuit {0} has failed: fix the cause that its error gives, or request the circuit again")]
    CircuitFailed(CircuitId),
    /// The circuit is pending, or has pending deployments or proof requests.
    #[error(
        "circuit {0} has pending work: wait for its keys and deployments; wait for its proof requests or cancel them"
    )]
    CircuitBusy(CircuitId),
    /// The circuit has a contract on a chain, or keys of a ceremony.
    #[error(
        "circuit {0} has a contract on a chain, or keys of a ceremony: its keys cannot be made again. To delete them for good, repeat the DELETE with ?force=true"
    )]
    CircuitInUse(CircuitId),
    /// The circuit is being deleted.
    #[error("circuit {0} is being deleted: try again later, or repeat the DELETE if it was interrupted")]
    CircuitDeleting(CircuitId),
    /// The proof request can no longer be cancelled.
    #[error("proof request {id} is already {}", .status.as_str())]
    ProofFinal {
        /// Existing proof request.
        id: ProofId,
        /// Final status.
        status: ProofStatus,
    },
    /// The proof request has no proof.
    #[error("proof request {id} is {} and has no proof", .status.as_str())]
    NoProof {
        /// Existing proof request.
        id: ProofId,
        /// Current status, never `Completed`.
        status: ProofStatus,
    },
    /// The inputs do not fit the circuit; one entry per fault.
    #[error("the inputs do not fit the circuit: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Inputs(Vec<InputFault>),
    /// Fields of the request are missing or contradict each other; one entry per fault.
    #[error("a field of the request is invalid: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Fields(Vec<InputFault>),
    /// Public inputs are among the private ones, or private inputs among the public ones; one entry per input.
    #[error("an input is in the wrong place: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    WrongPlace(Vec<InputFault>),
    /// The idempotency key was used for a different request.
    #[error("this Idempotency-Key was already used for a different request")]
    KeyReused,
    /// The queue has reached its limit of unfinished jobs.
    #[error("queue {0} is full: try again later")]
    Overloaded(QueueName),
    /// The tenant has used its share of the queue.
    #[error("your waiting requests take your whole share of queue {0}: try again later")]
    ShareUsed(QueueName),
    /// The tenant makes more changes than the settings allow. A further one is accepted after this time.
    #[error(
        "the tenant changes circuits, deployments, ceremonies or webhooks more often than the setting changes_per_hour \
         allows"
    )]
    TooManyChanges(Duration),
    /// Too many requests for circuits of templates are being prepared.
    #[error("too many circuits are being asked for at the same time: try again later")]
    TooManyRenderings,
    /// The limit of event streams is reached.
    #[error("too many event streams are open{0}, see the setting max_watchers: try again later")]
    TooManyWatchers(Exhausted),
    /// The limit of downloads is reached.
    #[error("too many files are being downloaded{0}, see the setting max_downloads: try again later")]
    TooManyDownloads(Exhausted),
    /// The limit of waiting verifications is reached.
    #[error("too many proofs wait for verification: try again later")]
    TooManyVerifications,
    /// Bug or faulty installation.
    #[error("{0}")]
    Internal(String),
}

/// A fault of one input or parameter. Never contains its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct InputFault {
    /// Place in the request: `privateInputs.age`, `privateInputs.siblings[3]` or `params.max`.
    pub path: String,
    /// Expected value.
    pub message: String,
}

impl From<BlueprintError> for RequestError {
    /// A refused parameter is the same fault wherever the template was rendered.
    fn from(error: BlueprintError) -> Self {
        match error {
            BlueprintError::Template(error) => Self::Template(error),
            error => Self::Blueprint(error),
        }
    }
}

impl RequestError {
    /// Whether the request is refused by rules, whatever its form.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Forbidden(_) | Self::NotOwner | Self::Auth(AuthError::Scope(_)) => true,
            #[cfg(feature = "evm")]
            Self::Deploy(DeployError::ForeignNode) => true,
            _ => false,
        }
    }

    /// Whether the request has no credentials that are accepted.
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Auth(AuthError::Missing | AuthError::Refused(_)))
    }

    /// Faults of inputs and parameters; empty for other errors.
    pub fn faults(&self) -> Vec<InputFault> {
        match self {
            Self::Inputs(faults)
            | Self::Fields(faults)
            | Self::WrongPlace(faults)
            | Self::Upload(faults)
            | Self::ImportIncomplete(faults) => faults.clone(),
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
            Self::Auth(error) => error.kind(),
            Self::Ceremony(refusal) => refusal.kind(),
            #[cfg(feature = "evm")]
            Self::Deploy(error) => error.kind(),
            #[cfg(feature = "evm")]
            Self::Judged(error) => error.kind(),
            #[cfg(feature = "evm")]
            Self::Record(_) => ErrorKind::Corrupt,
            Self::UnknownCircuit(_)
            | Self::UnknownOldCircuit(_)
            | Self::UnknownProof(_)
            | Self::UnknownDeployment(_)
            | Self::UnknownCeremony(_)
            | Self::UnknownCeremonyFile
            | Self::UnknownDelivery(_)
            | Self::NoHooks
            | Self::UnknownUpload(_)
            | Self::UnknownPart
            | Self::UnknownArtifact { .. } => ErrorKind::NotFound,
            Self::NotDirect
            | Self::CircuitPending(_)
            | Self::CircuitFailed(_)
            | Self::CircuitBusy(_)
            | Self::CircuitDeleting(_)
            | Self::CircuitInUse(_)
            | Self::OtherCallback(_)
            | Self::DeliveryPending(_)
            | Self::ProofFinal { .. }
            | Self::NotDeployed(_)
            | Self::UploadIncomplete { .. }
            | Self::UploadInUse(_)
            | Self::NoProof { .. } => ErrorKind::Conflict,
            Self::Inputs(_)
            | Self::Fields(_)
            | Self::WrongPlace(_)
            | Self::KeyReused
            | Self::NotOwner
            | Self::PartLength { .. }
            | Self::Upload(_)
            | Self::ImportIncomplete(_)
            | Self::Forbidden(_) => ErrorKind::Invalid,
            Self::Overloaded(_)
            | Self::ShareUsed(_)
            | Self::TooManyChanges(_)
            | Self::TooManyRenderings
            | Self::TooManyUploads
            | Self::CircuitQuota { .. }
            | Self::Plan { .. }
            | Self::UploadTooLarge { .. }
            | Self::TooManyWatchers(_)
            | Self::TooManyDownloads(_)
            | Self::TooManyVerifications => ErrorKind::Limit,
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
            Self::Auth(error) => error.code(),
            Self::Ceremony(refusal) => refusal.code(),
            #[cfg(feature = "evm")]
            Self::Deploy(error) => error.code(),
            #[cfg(feature = "evm")]
            Self::Judged(error) => error.code(),
            #[cfg(feature = "evm")]
            Self::Record(error) => error.code(),
            Self::UnknownDeployment(_) => "deployment_not_found",
            Self::UnknownCeremony(_) => "ceremony_not_found",
            Self::UnknownCeremonyFile => "ceremony_file_not_found",
            Self::UnknownDelivery(_) => "delivery_not_found",
            Self::NoHooks => "no_webhooks",
            Self::OtherCallback(_) => "other_callback",
            Self::DeliveryPending(_) => "delivery_pending",
            Self::NotDeployed(_) => "not_deployed",
            Self::Forbidden(_) => "not_allowed",
            Self::NotOwner => "not_owner",
            Self::UnknownUpload(_) => "upload_not_found",
            Self::UnknownPart => "upload_part_not_found",
            Self::NotDirect => "upload_not_direct",
            Self::PartLength { .. } => "upload_part_length",
            Self::UploadIncomplete { .. } => "upload_incomplete",
            Self::UploadInUse(_) => "upload_in_use",
            Self::UploadTooLarge { .. } => "upload_too_large",
            Self::TooManyUploads => "too_many_uploads",
            Self::CircuitQuota { .. } => "too_many_circuits",
            Self::Plan { .. } => "plan_exhausted",
            Self::Upload(_) => "invalid_upload",
            Self::ImportIncomplete(_) => "import_incomplete",
            Self::UnknownCircuit(_) | Self::UnknownOldCircuit(_) => "circuit_not_found",
            Self::UnknownProof(_) => "proof_not_found",
            Self::UnknownArtifact { .. } => "artifact_not_found",
            Self::CircuitPending(_) => "circuit_pending",
            Self::CircuitFailed(_) => "circuit_failed",
            Self::CircuitBusy(_) => "circuit_busy",
            Self::CircuitDeleting(_) => "circuit_deleting",
            Self::CircuitInUse(_) => "circuit_in_use",
            Self::ProofFinal { .. } => "proof_final",
            Self::NoProof { .. } => "no_proof",
            Self::Inputs(_) | Self::Fields(_) => "invalid_inputs",
            Self::WrongPlace(_) => "wrong_place",
            Self::KeyReused => "idempotency_key_reused",
            Self::Overloaded(_) | Self::ShareUsed(_) | Self::TooManyRenderings => "overloaded",
            Self::TooManyChanges(_) => "too_many_requests",
            Self::TooManyWatchers(_) => "too_many_watchers",
            Self::TooManyDownloads(_) => "too_many_downloads",
            Self::TooManyVerifications => "too_many_verifications",
            Self::Internal(_) => "internal",
        }
    }
}
