//! [`Catalog`]: circuits, proof requests, deployments, ceremonies and deliveries. It is authoritative; the queue is a
//! transport.
//!
//! | module | subject |
//! |---|---|
//! | `document` | [`Document`], the trait of every kind of document |
//! | `life` | [`Life`], the fields shared by all documents |
//! | `attempt` | [`Attempt`], one hand-out of the work |
//! | `lookup` | [`Lookup`], the fields of filters and keys |
//! | `circuit`, `proof`, `deployment`, `ceremony` | the kinds of document |
//! | `delivery` | [`Delivery`], an event to send; `subject`: what it is about |
//! | `sealed` | [`Sealed`], bytes that only the vault opens |
//! | `origin` | [`Origin`], what a circuit is made from |
//! | `keys` | [`ApiKeys`], the keys of the API |
//! | `sessions` | [`Sessions`], logins of the dashboard |
//! | `audit` | [`AuditLog`], changes with their callers |
//! | `usage` | [`UsageLog`], what tenants used |
//! | `history` | [`History`], proofs and their times in slots of time |
//! | `spending` | [`Spending`], what accounts of signers can have paid |
//! | `workers` | [`Workers`], the processes that run jobs |

use std::fmt;

use async_trait::async_trait;

use crate::service::clock::Timestamp;
use crate::service::id::InstallationId;
use zkflow_groth16::error::{Classified, ErrorKind};

mod attempt;
mod audit;
mod ceremony;
mod circuit;
mod delivery;
mod deployment;
mod document;
mod history;
mod keys;
mod life;
mod lookup;
mod origin;
mod page;
mod proof;
mod sealed;
mod sessions;
mod spending;
mod subject;
mod usage;
mod workers;

pub use attempt::{Attempt, KEPT_ATTEMPTS};
pub use audit::{AuditAction, AuditEntry, AuditEvent, AuditLog, BrokenChain};
pub use ceremony::{
    Accepted, Ceremony, CeremonyFilter, CeremonyKey, CeremonyResult, CeremonyStage, CeremonyStatus,
    CeremonyTask, EndedPlace, Place, PlaceEnd,
};
pub use circuit::{
    Circuit, CircuitFilter, CircuitKey, CircuitStage, CircuitStatus, KeyLabel, Removed, StageProgress,
    Verification, Visibility,
};
pub use delivery::{Beginning, Delivery, DeliveryFilter, DeliveryKey, DeliveryStage, DeliveryStatus};
pub use deployment::{
    DeployedContract, Deployment, DeploymentFilter, DeploymentKey, DeploymentStage, DeploymentStatus, Signer,
};
pub use document::{Document, Idempotency, InvalidTransition};
pub use history::{History, NotHistory, ProofTime, Slot, SlotLength, Tally, TimeStep, kept_beside};
pub use keys::{ApiKey, ApiKeys, KeyChange, Scope};
pub use life::{Failure, Life, Named, RequestOrigin, Stage, Status};
pub use lookup::{Lookup, Prefix, Term, Value};
pub use origin::{FileRole, Given, GivenPowers, Import, InputSignal, NodeCircuit, NodeContract, Origin};
pub use page::{Cursor, Page};
pub use proof::{ProofArtifacts, ProofFilter, ProofKey, ProofRequest, ProofStage, ProofStatus};
pub use sealed::Sealed;
pub use sessions::{MOST_SESSIONS, Session, Sessions};
pub use spending::{Added, CatalogSpending, ChainAccount, Spending, SpendingInMemory, Spent};
pub use subject::{NotASubject, Subject};
pub use usage::{Day, Hour, NotADay, NotAUsageKey, Period, Usage, UsageFilter, UsageKey, UsageLog};
pub use workers::{FORGOTTEN, MOST_WORKERS, SeenWorker, WorkerProcess, Workers};

/// Stores documents, with one [`Collection`] per kind.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync + 'static {
    /// Circuits. Every circuit has a [key](CircuitKey).
    fn circuits(&self) -> &dyn Collection<Circuit>;

    /// Proof requests.
    fn proofs(&self) -> &dyn Collection<ProofRequest>;

    /// Deployments.
    fn deployments(&self) -> &dyn Collection<Deployment>;

    /// Ceremonies.
    fn ceremonies(&self) -> &dyn Collection<Ceremony>;

    /// Deliveries of events.
    fn deliveries(&self) -> &dyn Collection<Delivery>;

    /// Keys of the API.
    fn keys(&self) -> &dyn ApiKeys;

    /// Logins of the dashboard.
    fn sessions(&self) -> &dyn Sessions;

    /// What tenants used.
    fn usage_log(&self) -> &dyn UsageLog;

    /// Proofs and their times, of all processes.
    fn history(&self) -> &dyn History;

    /// Processes that run jobs.
    fn workers(&self) -> &dyn Workers;

    /// What accounts of signers can have paid.
    fn spending(&self) -> &dyn Spending;

    /// Changes with their callers.
    fn audit_log(&self) -> &dyn AuditLog;

    /// Returns at most `limit` proof requests with `expires_at <= now`, earliest first.
    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError>;

    /// The installation that the catalog belongs to; `None` if it is new.
    async fn installation(&self) -> Result<Option<InstallationId>, CatalogError>;

    /// Binds the catalog to an installation, and returns the one that it then belongs to: another one than `id` only
    /// if the catalog is bound already and `replace` is false. Of several calls at once, all return the same id, if
    /// `replace` is false.
    async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError>;
}

/// Documents of one kind, with optimistic concurrency.
///
/// # Behaviour
/// - A write is durable when the call returns.
/// - A list omits an unreadable document and logs its id. Reading that document fails with
///   [`CatalogError::Corrupt`].
#[async_trait]
pub trait Collection<D: Document>: Send + Sync {
    /// Adds a document and returns it with `true`. If its [key](Document::key) is taken, returns the existing
    /// document with `false` and writes nothing.
    ///
    /// # Behaviour
    /// - Of several inserts with one key, exactly one adds its document, and all return it.
    /// - If a document has no key and its id is taken, an earlier attempt has added it and its answer was
    ///   lost. The stored document is returned with `true`.
    async fn insert(&self, document: D) -> Result<(D, bool), CatalogError>;

    /// Returns the document with this id, if any.
    async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError>;

    /// Returns the document with this key, if any. Uses an index.
    async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError>;

    /// Writes a changed document if the stored `epoch` equals the one in `document`. Stores and returns it
    /// with `epoch + 1`: of two writers that read the same document, one succeeds.
    ///
    /// # Errors
    /// [`CatalogError::Stale`] if the document was changed or deleted since it was read.
    async fn replace(&self, document: D) -> Result<D, CatalogError>;

    /// Deletes the document if it was not changed since it was read: if the stored one has the same `epoch` and
    /// `created_at`. Succeeds if there is none.
    ///
    /// # Errors
    /// [`CatalogError::Stale`] if the document was changed, or deleted and added again.
    async fn delete(&self, document: &D) -> Result<(), CatalogError>;

    /// Returns a page of matching documents, newest first: by `created_at`, then id, both descending.
    async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError>;
}

/// A [`Document`] with a collection in every [`Catalog`].
pub trait Stored: Document {
    /// Collection of this kind.
    fn collection(catalog: &dyn Catalog) -> &dyn Collection<Self>;
}

impl Stored for Circuit {
    fn collection(catalog: &dyn Catalog) -> &dyn Collection<Self> {
        catalog.circuits()
    }
}

impl Stored for ProofRequest {
    fn collection(catalog: &dyn Catalog) -> &dyn Collection<Self> {
        catalog.proofs()
    }
}

impl Stored for Deployment {
    fn collection(catalog: &dyn Catalog) -> &dyn Collection<Self> {
        catalog.deployments()
    }
}

impl Stored for Ceremony {
    fn collection(catalog: &dyn Catalog) -> &dyn Collection<Self> {
        catalog.ceremonies()
    }
}

impl Stored for Delivery {
    fn collection(catalog: &dyn Catalog) -> &dyn Collection<Self> {
        catalog.deliveries()
    }
}

/// Failure of a catalog operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The document was changed or deleted since it was read.
    #[error("{0} was changed or deleted since it was read")]
    Stale(String),
    /// A stored document is unreadable.
    #[error("{id} cannot be read from the catalog: {detail}")]
    Corrupt {
        /// Id of the document.
        id: String,
        /// Parse error, or the reason why the document is refused.
        detail: String,
    },
    /// The backend failed.
    #[error("catalog: {action}")]
    Backend {
        /// Operation, such as `listing circuits`.
        action: String,
        /// Error of the backend.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl CatalogError {
    /// The stored document has a different epoch or is deleted.
    pub fn stale<D: Document>(document: &D) -> Self {
        Self::Stale(format!("{} {}", D::KIND, document.id()))
    }

    /// Failure of the backend during `action`.
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

#[cfg(test)]
mod tests;
