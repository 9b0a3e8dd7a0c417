//! Every backend passes the conformance suite of its trait.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::{Arc, Mutex};

use zkflow_core::service::conformance;
use zkflow_store::guarded::Policy;
use zkflow_store::{
    CachedStore, FsStore, GuardedCatalog, GuardedStore, MemoryCatalog, MemoryStore, MongoCatalog,
    SqliteCatalog, sqlite,
};
use zkflow_testbed::{MongoServer, S3Server};

use common::open_bucket;

#[tokio::test]
async fn the_memory_store_keeps_the_promises() {
    conformance::artifact_store(async || MemoryStore::new()).await;
}

#[tokio::test]
async fn the_file_store_keeps_the_promises() {
    let folders = Folders::default();
    conformance::artifact_store(async || FsStore::open(folders.make()).unwrap()).await;
}

#[tokio::test]
async fn the_s3_store_keeps_the_promises() {
    let server = S3Server::start().await;
    conformance::artifact_store(async || open_bucket(&server, server.endpoint()).await.unwrap()).await;
}

#[tokio::test]
async fn the_s3_store_guarded_and_cached_keeps_the_promises() {
    let (server, folders) = (S3Server::start().await, Folders::default());
    conformance::artifact_store(async || {
        let store = Arc::new(open_bucket(&server, server.endpoint()).await.unwrap());
        let guarded = Arc::new(GuardedStore::new(store, Policy::default()));
        CachedStore::open(guarded, folders.make(), 1024 * 1024, |_| true).unwrap()
    })
    .await;
}

#[tokio::test]
async fn the_memory_catalog_keeps_the_promises() {
    conformance::catalog(async || MemoryCatalog::new()).await;
}

#[tokio::test]
async fn the_sqlite_catalog_keeps_the_promises() {
    let folders = Folders::default();
    conformance::catalog(async || {
        let database = sqlite::open(folders.make().join("db")).await.unwrap();
        SqliteCatalog::open(database).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn the_mongo_catalog_keeps_the_promises() {
    let server = MongoServer::start().await;
    conformance::catalog(async || {
        let catalog = Arc::new(MongoCatalog::open(&server.fresh_uri()).await.unwrap());
        GuardedCatalog::new(catalog, Policy::default())
    })
    .await;
}

/// Temporary folders, deleted at the end of the test.
#[derive(Default)]
struct Folders(Mutex<Vec<tempfile::TempDir>>);

impl Folders {
    fn make(&self) -> std::path::PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        self.0.lock().unwrap().push(folder);
        path
    }
}
