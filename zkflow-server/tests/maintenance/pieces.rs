//! Work on stored data never reads a large artifact whole.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use zkflow_core::service::store::{
    Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, Pieces, PutMode, StoreError,
};
use zkflow_server::maintenance::repair::{self, Repaired};
use zkflow_server::maintenance::{Data, backup, restore};
use zkflow_store::local;

use crate::support::{Installation, damage, data, installation};

/// A store that does not return a large artifact whole.
#[derive(Debug)]
struct Pieced(Arc<dyn ArtifactStore>);

#[async_trait]
impl ArtifactStore for Pieced {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        self.0.put(key, body, mode).await
    }
    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        match self.0.head(key).await?.size {
            size if size > local::SMALL => {
                Err(StoreError::backend("reading it whole", io::Error::other(size.to_string())))
            }
            _ => self.0.get(key).await,
        }
    }
    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        self.0.stream(key, range).await
    }
    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.0.head(key).await
    }
    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.0.delete(key).await
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        self.0.list(prefix)
    }
}

async fn pieced(folder: &Path) -> Data {
    let data = data(folder).await;
    Data { store: Arc::new(Pieced(data.store)), ..data }
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_repair_and_restore_read_a_large_artifact_in_pieces() {
    let Installation { folder, circuit, .. } = installation().await.copy();
    let original = pieced(folder.path()).await;
    let key = &circuit.artifacts["circuit.r1cs"].key;
    let body: Vec<u8> = (0..3 * local::SMALL + 7).map(|i| (i ^ (i >> 9)) as u8).collect();
    let meta = original.store.put(key, body.clone().into(), PutMode::Overwrite).await.unwrap();
    let mut changed = original.catalog.circuits().get(&circuit.id).await.unwrap().unwrap();
    changed.artifacts.insert("circuit.r1cs".to_owned(), meta.clone());
    original.catalog.circuits().replace(changed).await.unwrap();
    assert!(original.store.get(key).await.is_err(), "the artifact is small");

    let backups = tempfile::tempdir().unwrap();
    let (index, counts) =
        backup::backup(&original, backups.path(), &mut |error| panic!("{error}")).await.unwrap();
    assert!(counts.damaged == 0 && counts.new_bytes > meta.size, "{counts:?}");

    damage(folder.path(), key);
    for (act, outcome) in [(false, Repaired::Found), (true, Repaired::Restored)] {
        let mut repaired = Vec::new();
        let mut report = |meta: &ArtifactMeta, done| repaired.push((meta.key.clone(), done));
        repair::repair(&original, backups.path(), act, &mut report).await.unwrap();
        assert_eq!(repaired, [(key.clone(), outcome)]);
    }
    let whole = data(folder.path()).await.store.get(key).await.unwrap();
    assert!(whole.body == body, "the repaired artifact differs");

    let empty = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join("secret.key"), empty.path().join("secret.key")).unwrap();
    let restored = pieced(empty.path()).await;
    restore::restore(&restored, &index, &mut |problem| panic!("{problem}")).await.unwrap();
    let whole = data(empty.path()).await.store.get(key).await.unwrap();
    assert!(whole.body == body && whole.meta == meta, "the restored artifact differs");
}
