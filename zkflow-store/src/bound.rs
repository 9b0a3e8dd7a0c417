//! [`BoundStore`]: tells a missing artifact from a missing store.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use zkflow_core::digest::Digest;
use zkflow_core::service::id::InstallationId;
use zkflow_core::service::store::{
    Artifact, ArtifactKey, ArtifactMeta, ArtifactPath, ArtifactStore, Pieces, PutMode, SignedPut, StoreError,
};

/// An [`ArtifactStore`] that belongs to an installation.
///
/// A folder of an unmounted disk is empty, and a deleted bucket answers 404: without further knowledge, every artifact seems
/// to be lost for good. The store contains the [`InstallationId`], so its absence shows that the store itself is missing.
///
/// # Behaviour
/// - Until [`bind`](Self::bind), every call is passed on.
/// - After that, an artifact that is not found, or an empty listing, is [`StoreError::Backend`] if the store does not contain
///   the id.
/// - Nothing is written or deleted in a store without the id: not below the mount point of a missing disk either.
/// - The beginning and the end of such an outage are logged once.
#[derive(Debug)]
pub struct BoundStore {
    store: Arc<dyn ArtifactStore>,
    id: OnceLock<InstallationId>,
    /// Whether the last check did not find the id.
    missing: AtomicBool,
}

impl BoundStore {
    /// A store that belongs to no installation yet.
    pub fn new(store: Arc<dyn ArtifactStore>) -> Self {
        Self { store, id: OnceLock::new(), missing: AtomicBool::new(false) }
    }

    /// Names the installation of the store, which must contain its id. A second call has no effect.
    pub fn bind(&self, id: InstallationId) {
        // An error returns the second id.
        drop(self.id.set(id));
    }

    /// Checks that the store contains the id.
    async fn present(&self, action: impl FnOnce() -> String + Send) -> Result<(), StoreError> {
        let Some(id) = self.id.get() else { return Ok(()) };
        let found = match self.store.get(&ArtifactPath::Installation.key()).await {
            Ok(found) => found.body == id.as_str().as_bytes(),
            Err(StoreError::NotFound(_) | StoreError::Corrupt { .. }) => false,
            Err(error) => return Err(error),
        };
        if self.missing.swap(!found, Ordering::Relaxed) == found {
            if found {
                tracing::info!(installation = %id, "the artifact store is back");
            } else {
                tracing::error!(installation = %id, "the artifact store is missing: {ADVICE}");
            }
        }
        if found { Ok(()) } else { Err(StoreError::backend(action(), ADVICE)) }
    }

    /// A result, unless the artifact was not found because the store is missing.
    async fn unless_missing<T: Send>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match result {
            Err(StoreError::NotFound(key)) => {
                self.present(|| format!("reading {key}")).await?;
                Err(StoreError::NotFound(key))
            }
            result => result,
        }
    }
}

const ADVICE: &str =
    "it does not contain the id of this installation; check that its disk is mounted or its bucket exists";

#[async_trait]
impl ArtifactStore for BoundStore {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        self.present(|| format!("writing {key}")).await?;
        self.store.put(key, body, mode).await
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        self.unless_missing(self.store.get(key).await).await
    }

    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        self.unless_missing(self.store.stream(key, range).await).await
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.unless_missing(self.store.head(key).await).await
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.present(|| format!("deleting {key}")).await?;
        self.store.delete(key).await
    }

    async fn rename(&self, from: &ArtifactKey, to: &ArtifactKey) -> Result<(), StoreError> {
        self.present(|| format!("moving {from}")).await?;
        self.unless_missing(self.store.rename(from, to).await).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        let (mut keys, prefix) = (self.store.list(prefix), prefix.to_owned());
        let start = async move {
            let first = match keys.next().await {
                Some(first) => Some(first),
                None => self.present(|| format!("listing {prefix:?}")).await.err().map(Err),
            };
            stream::iter(first).chain(keys)
        };
        stream::once(start).flatten().boxed()
    }

    async fn download_url(&self, key: &ArtifactKey, valid: Duration) -> Result<Option<String>, StoreError> {
        self.store.download_url(key, valid).await
    }

    async fn upload_url(
        &self,
        key: &ArtifactKey,
        size: u64,
        sha256: &Digest,
        valid: Duration,
    ) -> Result<Option<SignedPut>, StoreError> {
        self.store.upload_url(key, size, sha256, valid).await
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::TryStreamExt as _;
    use zkflow_core::service::clock::Timestamp;

    use super::*;
    use crate::FsStore;

    fn id(moment: i64) -> InstallationId {
        InstallationId::generate(Timestamp::from_millis(moment))
    }

    fn key(text: &str) -> ArtifactKey {
        text.parse().unwrap()
    }

    async fn put(store: &dyn ArtifactStore, key: &ArtifactKey, body: &str) {
        store.put(key, body.to_owned().into(), PutMode::Overwrite).await.unwrap();
    }

    /// Asserts that nothing is read from or written to the store, and that nothing seems to be lost.
    async fn assert_is_away(store: &BoundStore) {
        let (kept, new) = (key("circuits/0/key"), key("circuits/0/new"));
        let listed = store.list("circuits").try_collect::<Vec<_>>().await;
        let failures = [
            store.get(&kept).await.map(drop),
            store.head(&new).await.map(drop),
            store.stream(&kept, 0..9).await.map(drop),
            store.put(&new, Bytes::from_static(b"new"), PutMode::Create).await.map(drop),
            store.delete(&kept).await,
            store.rename(&kept, &new).await,
            listed.map(drop),
        ];
        for (call, failure) in failures.into_iter().enumerate() {
            assert!(matches!(failure, Err(StoreError::Backend { .. })), "call {call}: {failure:?}");
        }
    }

    #[tokio::test]
    async fn a_folder_that_is_away_has_lost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (root, away) = (folder.path().join("store"), folder.path().join("away"));
        let files = Arc::new(FsStore::open(&root).unwrap());
        let (store, own) = (BoundStore::new(files.clone()), id(1));
        let (kept, identity) = (key("circuits/0/key"), ArtifactPath::Installation.key());
        put(&store, &identity, own.as_str()).await;
        put(&store, &kept, "kept").await;
        store.bind(own.clone());

        fs::rename(&root, &away).unwrap();
        assert_is_away(&store).await;
        assert!(!root.exists(), "a folder was made in place of the store");
        fs::rename(&away, &root).unwrap();
        assert_eq!(store.get(&kept).await.unwrap().body, "kept");
        let missing = store.get(&key("circuits/0/new")).await;
        assert!(matches!(missing, Err(StoreError::NotFound(_))), "{missing:?}");
        assert_eq!(store.list("trash").try_collect::<Vec<_>>().await.unwrap(), []);

        // The mount point without its disk, where a process that did not start has made the folder of temporary files.
        fs::rename(&root, &away).unwrap();
        drop(FsStore::open(&root).unwrap());
        assert_is_away(&store).await;
        fs::remove_dir_all(&root).unwrap();
        fs::rename(&away, &root).unwrap();

        // The store of another installation, which has no such artifact.
        put(&*files, &identity, id(2).as_str()).await;
        files.delete(&kept).await.unwrap();
        assert_is_away(&store).await;
        put(&*files, &identity, own.as_str()).await;
        let missing = store.get(&kept).await;
        assert!(matches!(missing, Err(StoreError::NotFound(_))), "{missing:?}");
    }
}
