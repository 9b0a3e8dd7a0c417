//! Every backend keeps the promises of its trait.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Mutex;

use zkflow_core::conformance;
use zkflow_store::{FsStore, MemoryCatalog, MemoryStore, SqliteCatalog, sqlite};

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
async fn the_memory_catalog_keeps_the_promises() {
    conformance::catalog(async || MemoryCatalog::new()).await;
}

#[tokio::test]
async fn the_sqlite_catalog_keeps_the_promises() {
    let folders = Folders::default();
    conformance::catalog(async || {
        let pool = sqlite::open(folders.make().join("db")).await.unwrap();
        SqliteCatalog::open(pool).await.unwrap()
    })
    .await;
}

/// Folders that live as long as the test.
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
