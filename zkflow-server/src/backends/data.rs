//! Opens the documents and artifacts of an installation.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OnceCell;
use zkflow_core::service::catalog::Catalog;
use zkflow_core::service::clock::{Clock, SystemClock};
use zkflow_core::service::store::ArtifactStore;
use zkflow_store::{
    BoundStore, FsStore, KeyRing, MemoryCatalog, MemoryStore, SqliteCatalog, Vault, VaultKey, sqlite,
};

use super::{ARTIFACTS, KEY_FILE, OpenError, failed};
use crate::config::Config;
use crate::maintenance::Data;

/// The opened documents and artifacts.
pub(super) struct Opened {
    pub(super) data: Data,
    /// The SQLite file, which the queue may share.
    pub(super) database: Database,
    /// The store of `data`, to be bound to its installation.
    pub(super) bound: Arc<BoundStore>,
}

/// Opens the catalog, the artifact store and the vault of `config`; creates the data folder if it is missing.
pub(super) async fn open(config: &Config) -> Result<Opened, OpenError> {
    let folder = &config.storage.data_dir;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed(format!("create the data folder {}", folder.display())))?;
    let database = Database { path: config.storage.database(), opened: OnceCell::new() };
    let catalog: Arc<dyn Catalog> = match &config.storage.mongodb_uri {
        #[cfg(feature = "mongodb")]
        Some(uri) => super::mongodb::catalog(uri).await?,
        _ => {
            let catalog = SqliteCatalog::open(database.open().await?);
            Arc::new(catalog.await.map_err(failed("open the catalog"))?)
        }
    };
    let store: Arc<dyn ArtifactStore> = match &config.storage.s3_bucket {
        #[cfg(feature = "s3")]
        Some(bucket) => super::s3::store(bucket, config, folder).await?,
        _ => Arc::new(FsStore::open(folder.join(ARTIFACTS)).map_err(failed("open the artifact store"))?),
    };
    let bound = Arc::new(BoundStore::new(store));
    let store: Arc<dyn ArtifactStore> = bound.clone();
    let vault = super::sealing::keys(&config.storage, Vault::new(key_ring(config, folder)?, store.clone()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(Opened { data: Data { catalog, store, clock, vault }, database, bound })
}

/// Documents and artifacts in memory.
pub(super) fn in_memory() -> Data {
    let store: Arc<dyn ArtifactStore> = Arc::new(MemoryStore::new());
    Data {
        catalog: Arc::new(MemoryCatalog::new()),
        vault: Vault::new(VaultKey::generate(), store.clone()),
        store,
        clock: Arc::new(SystemClock),
    }
}

/// The SQLite file in the data folder, opened at the first use.
pub(super) struct Database {
    path: PathBuf,
    opened: OnceCell<sqlite::Database>,
}

impl Database {
    pub(super) async fn open(&self) -> Result<sqlite::Database, OpenError> {
        let open = async || sqlite::open(&self.path).await.map_err(failed("open the database"));
        self.opened.get_or_try_init(open).await.cloned()
    }
}

fn key_ring(config: &Config, data: &Path) -> Result<KeyRing, OpenError> {
    match &config.storage.secret_key {
        Some(key) => KeyRing::parse(key.expose()).map_err(failed("use ZKFLOW_SECRET_KEY")),
        None => {
            KeyRing::load_or_create(&data.join(KEY_FILE)).map_err(failed("use secret.key in the data folder"))
        }
    }
}
