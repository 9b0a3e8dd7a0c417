//! Work on the documents and artifacts of an installation, beside requests and jobs.
//!
//! | module | subject |
//! |---|---|
//! | [`binding`] | catalog and store belong together |
//! | [`clean`] | artifacts that no document needs |
//! | [`manifest`] | the description of a circuit in the store; the catalog made again from it |
//! | [`tombstone`] | what a deleted circuit was |
//! | [`backup`], [`restore`] | copies of all documents and artifacts |
//! | [`audit`] | records changes with their callers |
//! | [`repair`] | missing and damaged artifacts |
//! | `tape` | the seals of stored tapes |
//! | [`reseal`] | everything sealed again with the current key |

pub mod audit;
pub mod backup;
pub mod binding;
pub mod clean;
pub mod manifest;
pub mod repair;
pub mod reseal;
pub mod restore;
pub(crate) mod tape;
pub mod tombstone;

use std::sync::Arc;

use futures::stream::{self, Stream, TryStreamExt as _};
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::catalog::{Catalog, CatalogError, Circuit, CircuitStatus, Document, Page, Stored};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::store::{ArtifactStore, StoreError};
use zkflow_core::setup::RecordKey;
use zkflow_store::Vault;
use zkflow_store::vault::VaultError;

/// The documents and artifacts of an installation.
#[derive(Debug, Clone)]
pub struct Data {
    /// Documents.
    pub catalog: Arc<dyn Catalog>,
    /// Artifacts.
    pub store: Arc<dyn ArtifactStore>,
    /// Source of the present time.
    pub clock: Arc<dyn Clock>,
    /// Seals private inputs.
    pub vault: Vault,
}

impl Data {
    /// Key of the records of setups. All processes with the same secret key share it.
    pub fn record_key(&self) -> RecordKey {
        let derived = self.vault.derived_key("setup records");
        derived.older().fold(RecordKey::new(*derived.bytes()), |key, older| key.with_older(*older))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Documents read at once.
const PAGE: usize = 200;

/// All documents that match the filter, newest first.
fn documents<D: Stored>(
    data: &Data,
    filter: D::Filter,
) -> impl Stream<Item = Result<D, CatalogError>> + Send {
    let pages = stream::try_unfold((Some(Page::first(PAGE)), filter), move |(page, filter)| async move {
        let Some(page) = page else { return Ok(None) };
        let listed = D::collection(&*data.catalog).list(&filter, &page).await?;
        let after = listed.last().filter(|_| listed.len() == PAGE).map(Document::cursor);
        let next = after.map(|after| Page { after: Some(after), ..page });
        Ok::<_, CatalogError>(Some((stream::iter(listed.into_iter().map(Ok)), (next, filter))))
    });
    pages.try_flatten()
}

/// All circuits that are ready.
fn ready_circuits(data: &Data) -> impl Stream<Item = Result<Circuit, CatalogError>> + Send {
    documents(data, Circuit::with_status(CircuitStatus::Ready))
}

/// The catalog, the store or a backup failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The artifact store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of a backup cannot be read or written.
    #[error("{path}")]
    File {
        /// Path of the file.
        path: String,
        /// Error of the file system.
        #[source]
        source: std::io::Error,
    },
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The backup cannot be used, for the given reason.
    #[error("{0}")]
    Backup(String),
}

impl Classified for DataError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Catalog(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Vault(error) => error.kind(),
            Self::File { .. } => ErrorKind::Unavailable,
            Self::Backup(_) => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Catalog(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::File { .. } => "file_unavailable",
            Self::Backup(_) => "backup_invalid",
        }
    }
}
