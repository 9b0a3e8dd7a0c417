//! Binds a catalog and an artifact store to each other, so that no process works on two that do not belong together.
//!
//! Both contain the [`InstallationId`]. A process that finds two different ones, or only one, does not start: a mistyped name
//! of a database or bucket must not end in a clean-up of the wrong data. Two environments that share a bucket by mistake do not
//! start either, before the first circuit: a mark in the store tells that another catalog has its id.

use bytes::Bytes;
use futures::TryStreamExt as _;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::catalog::{CatalogError, Circuit, CircuitFilter, CircuitStatus, Page};
use zkflow_core::service::id::InstallationId;
use zkflow_core::service::store::{ArtifactPath, PutMode, StoreError};

use super::{Data, DataError};

/// Checks that the catalog and the store belong to one installation, and returns its id. Binds them if both are new.
///
/// # Errors
/// They do not belong together, or it is not known that they do; a backend fails.
pub async fn bind(data: &Data) -> Result<InstallationId, BindingError> {
    let (in_catalog, in_store) = (data.catalog.installation().await?, stored(data).await?);
    let id = match (in_catalog, in_store) {
        (Some(catalog), Some(store)) if catalog == store => {
            mark(data).await?;
            return Ok(store);
        }
        (Some(catalog), Some(store)) => return Err(BindingError::Different { catalog, store }),
        (None, Some(store)) if is_marked(data).await? || has_files(data).await? => {
            // Another process may have bound the catalog since it was read.
            let bound = data.catalog.installation().await?.is_some_and(|id| id == store);
            return if bound { Ok(store) } else { Err(BindingError::NewCatalog) };
        }
        // The store gets the id first.
        (Some(_), None) => return Err(BindingError::NewStore),
        // A process ended between the two.
        (None, Some(id)) => id,
        // An installation of a version without ids, or a new one.
        (None, None) => match (newest(data).await?, has_files(data).await?) {
            (None, true) => return Err(BindingError::NewCatalog),
            (Some(circuit), _) if !has_key_of(data, &circuit).await? => return Err(BindingError::NewStore),
            _ => InstallationId::generate(data.now()),
        },
    };
    // Of several processes that start at once, all take the id of the first.
    let id = match put(data, &id, PutMode::Create).await {
        Err(StoreError::Exists(_)) => stored(data).await?.unwrap_or(id),
        put => put.map(|()| id)?,
    };
    match data.catalog.bind(&id, false).await? {
        bound if bound == id => {
            mark(data).await?;
            Ok(id)
        }
        catalog => Err(BindingError::Different { catalog, store: id }),
    }
}

/// Checks that the catalog and the store are bound to one installation. Changes nothing.
///
/// # Errors
/// They are not, or a backend fails.
pub async fn check(data: &Data) -> Result<InstallationId, BindingError> {
    match (data.catalog.installation().await?, stored(data).await?) {
        (Some(catalog), Some(store)) if catalog == store => Ok(store),
        (Some(catalog), Some(store)) => Err(BindingError::Different { catalog, store }),
        (None, Some(_)) => Err(BindingError::NewCatalog),
        (Some(_), None) => Err(BindingError::NewStore),
        (None, None) => Err(BindingError::NoInstallation),
    }
}

/// Binds the catalog and the store to each other, whatever they were bound to. Other catalogs and stores of the earlier
/// installation, and its backups, are no longer accepted with these. Nothing is changed if they belong together already.
///
/// # Errors
/// A backend fails.
pub async fn adopt(data: &Data) -> Result<InstallationId, DataError> {
    if let (Some(catalog), Some(store)) = (data.catalog.installation().await?, stored(data).await?)
        && catalog == store
    {
        return Ok(store);
    }
    let id = InstallationId::generate(data.now());
    put(data, &id, PutMode::Overwrite).await?;
    Ok(data.catalog.bind(&id, true).await?)
}

pub(super) async fn stored(data: &Data) -> Result<Option<InstallationId>, StoreError> {
    let key = ArtifactPath::Installation.key();
    let body = match data.store.get(&key).await {
        Ok(artifact) => artifact.body,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let id = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
    let detail = "it is not the id of an installation".to_owned();
    id.map(Some).ok_or(StoreError::Corrupt { key, detail })
}

pub(super) async fn put(data: &Data, id: &InstallationId, mode: PutMode) -> Result<(), StoreError> {
    let body = Bytes::copy_from_slice(id.as_str().as_bytes());
    data.store.put(&ArtifactPath::Installation.key(), body, mode).await.map(drop)
}

/// Notes in the store that a catalog contains its id.
async fn mark(data: &Data) -> Result<(), StoreError> {
    if is_marked(data).await? {
        return Ok(());
    }
    match data.store.put(&ArtifactPath::InUse.key(), Bytes::from_static(b"in use"), PutMode::Create).await {
        Err(StoreError::Exists(_)) => Ok(()),
        put => put.map(drop),
    }
}

async fn is_marked(data: &Data) -> Result<bool, StoreError> {
    match data.store.head(&ArtifactPath::InUse.key()).await {
        Ok(_) | Err(StoreError::Corrupt { .. }) => Ok(true),
        Err(StoreError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn has_files(data: &Data) -> Result<bool, StoreError> {
    Ok(data.store.list(ArtifactPath::CIRCUITS).try_next().await?.is_some())
}

/// The newest circuit of the catalog that is ready.
async fn newest(data: &Data) -> Result<Option<Circuit>, CatalogError> {
    let ready = CircuitFilter { status: Some(CircuitStatus::Ready), ..CircuitFilter::default() };
    Ok(data.catalog.circuits().list(&ready, &Page::first(1)).await?.into_iter().next())
}

async fn has_key_of(data: &Data, circuit: &Circuit) -> Result<bool, StoreError> {
    let Some(meta) = circuit.artifacts.values().next() else { return Ok(true) };
    match data.store.head(&meta.key).await {
        Ok(_) | Err(StoreError::Corrupt { .. }) => Ok(true),
        Err(StoreError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The catalog and the store do not belong together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// They belong to two installations.
    #[error(
        "the catalog belongs to installation {catalog}, the artifact store to {store}: check MONGODB_URI, S3_BUCKET, \
         S3_PREFIX and the data folder; if both are right, run `zkflow store adopt`"
    )]
    Different {
        /// Id in the catalog.
        catalog: InstallationId,
        /// Id in the store.
        store: InstallationId,
    },
    /// The catalog is new, but the store is in use.
    #[error(
        "the artifact store belongs to an installation, and the catalog to none: check MONGODB_URI and the \
         data folder; if the catalog is lost, restore it, or run `zkflow store rebuild-catalog`"
    )]
    NewCatalog,
    /// The store is new, but the catalog is in use.
    #[error(
        "the catalog belongs to an installation, and the artifact store does not contain its files: check S3_BUCKET, \
         S3_PREFIX and the data folder; if the store is lost, or was replaced on purpose, run `zkflow store adopt`, then \
         `zkflow store repair --from BACKUP`"
    )]
    NewStore,
    /// The catalog and the store are new.
    #[error(
        "the catalog and the artifact store belong to no installation: check --data-dir, MONGODB_URI and S3_BUCKET; data of \
         an earlier version belong to one after a server has started on them"
    )]
    NoInstallation,
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The artifact store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classified for BindingError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Different { .. } | Self::NewCatalog | Self::NewStore => ErrorKind::Conflict,
            Self::NoInstallation => ErrorKind::NotFound,
            Self::Catalog(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Different { .. } => "other_installation",
            Self::NewCatalog => "new_catalog",
            Self::NewStore => "new_store",
            Self::NoInstallation => "no_installation",
            Self::Catalog(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}
