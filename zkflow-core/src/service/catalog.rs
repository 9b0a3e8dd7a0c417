//! [`Catalog`]: the documents of circuits, proof requests and deployments. It is the truth; the queue is a transport.
//!
//! | module | subject |
//! |---|---|
//! | `document` | [`Document`], the trait of every kind |
//! | `life` | [`Life`], the fields that every document has |
//! | `lookup` | [`Lookup`], the fields that documents are found by |
//! | `circuit`, `proof`, `deployment` | the kinds |

use std::fmt;

use async_trait::async_trait;

use crate::service::clock::Timestamp;
use zkflow_groth16::error::{Classified, ErrorKind};

mod circuit;
mod deployment;
mod document;
mod life;
mod lookup;
mod page;
mod proof;

pub use circuit::{Circuit, CircuitFilter, CircuitKey, CircuitStage, CircuitStatus};
pub use deployment::{
    DeployedContract, Deployment, DeploymentFilter, DeploymentKey, DeploymentStage, DeploymentStatus, Signer,
};
pub use document::{Document, Idempotency, InvalidTransition};
pub use life::{Failure, Life, Named, Stage, Status};
pub use lookup::{Lookup, Term, Value};
pub use page::{Cursor, Page};
pub use proof::{ProofArtifacts, ProofFilter, ProofKey, ProofRequest, ProofStage, ProofStatus};

/// Stores the documents, one [`Collection`] for each kind.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync + 'static {
    /// The circuits. Every circuit has a [key](CircuitKey).
    fn circuits(&self) -> &dyn Collection<Circuit>;

    /// The proof requests.
    fn proofs(&self) -> &dyn Collection<ProofRequest>;

    /// The deployments.
    fn deployments(&self) -> &dyn Collection<Deployment>;

    /// Proof requests with `expires_at <= now`, the earliest first, at most `limit`.
    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError>;
}

/// The documents of one kind, under optimistic concurrency.
///
/// # Behaviour
/// - A write is durable when the call returns.
/// - A list omits a document that cannot be read, and logs its id. Reading that document alone fails with
///   [`CatalogError::Corrupt`].
#[async_trait]
pub trait Collection<D: Document>: Send + Sync {
    /// Adds a document, unless there is one with its [key](Document::key): then that one is returned, and nothing is
    /// written. The flag is true if this document was added.
    ///
    /// # Behaviour
    /// - Of several inserts with one key, exactly one adds its document, and all return it.
    /// - A document without a key whose id is taken was added by an earlier attempt whose answer was lost: it
    ///   is returned as it is, and counts as added.
    async fn insert(&self, document: D) -> Result<(D, bool), CatalogError>;

    /// The document with the id; `None` if there is none.
    async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError>;

    /// The document with the key; `None` if there is none. Uses an index.
    async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError>;

    /// Writes a changed document, if the stored `epoch` is the one in `document`. Stores it with `epoch + 1` and
    /// returns that: of two writers that read the same document, one wins.
    ///
    /// # Errors
    /// [`CatalogError::Stale`] if it was changed or removed since it was read.
    async fn replace(&self, document: D) -> Result<D, CatalogError>;

    /// Removes the document. Succeeds if there is none.
    async fn delete(&self, id: &D::Id) -> Result<(), CatalogError>;

    /// A page of the documents that fit the filter, newest first: by `created_at`, then id, both descending.
    async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError>;
}

/// A [`Document`] with a collection in every [`Catalog`].
pub trait Stored: Document {
    /// Its collection.
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

/// A failure of a catalog.
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
    /// The stored document has another epoch than `document`, or is removed.
    pub fn stale<D: Document>(document: &D) -> Self {
        Self::Stale(format!("{} {}", D::KIND, document.id()))
    }

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

#[cfg(test)]
mod tests;
