//! [`CachedStore`]: a local cache of artifacts.

mod folder;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::task::spawn_blocking;
use zkflow_core::digest::Digest;
use zkflow_core::service::store::{
    Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, Pieces, PutMode, SignedPut, StoreError,
};

use folder::Folder;

use crate::local::{self, CopyError};

/// Caches artifacts of another [`ArtifactStore`], the far store, in a local folder.
///
/// # Behaviour
/// - Each read gets the digest from the far store first. A replaced or deleted artifact is never served.
/// - Files are named by their SHA-256 and checked against it on each read. A damaged file is removed, and the
///   artifact is fetched again.
/// - The folder has a size limit; the least recently used files are removed first. An artifact above the
///   limit is not cached. During a write, each process may exceed the limit by one artifact.
/// - A large artifact is fetched in pieces and mapped, also one above the limit: its file is then removed at once, and its
///   space is free when its bytes are dropped.
/// - Several processes may share the folder.
/// - Only the artifacts whose keys the caller's predicate admits are cached. Any reader of the folder can read them.
/// - If the folder cannot be read or written, the store is slower but works, and logs a warning.
///
/// # Metrics
/// `zkflow_artifact_cache_total {outcome}`, where the outcome is `hit`, `miss` or `damaged`.
#[derive(Debug, Clone)]
pub struct CachedStore {
    far: Arc<dyn ArtifactStore>,
    folder: Arc<Folder>,
    is_cached: fn(&ArtifactKey) -> bool,
}

impl CachedStore {
    /// Caches at most `limit` bytes of `far` in the folder `path`, and creates it if needed. Only artifacts whose
    /// keys `is_cached` admits are cached. Blocks briefly.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if the folder cannot be created.
    pub fn open(
        far: Arc<dyn ArtifactStore>,
        path: impl Into<PathBuf>,
        limit: u64,
        is_cached: fn(&ArtifactKey) -> bool,
    ) -> Result<Self, StoreError> {
        let path = path.into();
        let action = format!("opening the cache {}", path.display());
        let folder = Folder::open(path, limit).map_err(|e| StoreError::backend(action, e))?;
        Ok(Self { far, folder: Arc::new(folder), is_cached })
    }

    /// Caches a body; logs a failure.
    async fn keep(&self, meta: &ArtifactMeta, body: Bytes) {
        let (folder, digest) = (Arc::clone(&self.folder), meta.sha256);
        let written = spawn_blocking(move || folder.write(&digest, &body)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(key = %meta.key, %error, "artifact not cached");
        }
    }

    /// Fetches a large artifact in pieces. If the folder cannot be written, the artifact is read into memory.
    async fn fetch(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        match self.copy(key).await {
            Ok(artifact) => Ok(artifact),
            Err(CopyError::Store(error)) => Err(error),
            Err(CopyError::File(error)) => {
                tracing::warn!(%key, %error, "artifact not cached: it is read into memory");
                self.far.get(key).await
            }
        }
    }

    /// Writes an artifact to a file of the folder in pieces, and maps it.
    async fn copy(&self, key: &ArtifactKey) -> Result<Artifact, CopyError> {
        let file = self.folder.begin()?;
        // Compared with the digest that the far store has recorded.
        let pieces = self.far.stream(key, 0..u64::MAX).await?;
        let (size, sha256) = local::copy(pieces, file.as_file().try_clone()?).await?;
        let body = local::bytes(file.as_file(), size)?;
        let folder = Arc::clone(&self.folder);
        let placed = spawn_blocking(move || folder.place(file, &sha256)).await;
        if let Ok(Err(error)) = placed {
            tracing::warn!(%key, %error, "artifact not cached");
        }
        Ok(Artifact { meta: ArtifactMeta { key: key.clone(), size, sha256 }, body })
    }
}

#[async_trait]
impl ArtifactStore for CachedStore {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        let meta = self.far.put(key, body.clone(), mode).await?;
        if (self.is_cached)(key) {
            self.keep(&meta, body).await;
        }
        Ok(meta)
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        if !(self.is_cached)(key) {
            return self.far.get(key).await;
        }
        let meta = self.far.head(key).await?;
        let (folder, digest) = (Arc::clone(&self.folder), meta.sha256);
        // A panic counts as a missing file.
        let read = spawn_blocking(move || folder.read(&digest)).await.unwrap_or(Ok(None));
        match read {
            Ok(Some(body)) => {
                count("hit");
                return Ok(Artifact { meta, body });
            }
            Ok(None) => count("miss"),
            Err(error) => {
                count("damaged");
                tracing::warn!(%key, %error, "the cached file is unusable: fetching the artifact again");
            }
        }
        if meta.size > local::SMALL {
            return self.fetch(key).await;
        }
        let artifact = self.far.get(key).await?;
        self.keep(&artifact.meta, artifact.body.clone()).await;
        Ok(artifact)
    }

    /// From the far store: a download is no use of the artifact by this machine.
    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        self.far.stream(key, range).await
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.far.head(key).await
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.far.delete(key).await
    }

    async fn rename(&self, from: &ArtifactKey, to: &ArtifactKey) -> Result<(), StoreError> {
        self.far.rename(from, to).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        self.far.list(prefix)
    }

    async fn download_url(&self, key: &ArtifactKey, valid: Duration) -> Result<Option<String>, StoreError> {
        self.far.download_url(key, valid).await
    }

    async fn upload_url(
        &self,
        key: &ArtifactKey,
        size: u64,
        sha256: &Digest,
        valid: Duration,
    ) -> Result<Option<SignedPut>, StoreError> {
        self.far.upload_url(key, size, sha256, valid).await
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("zkflow_artifact_cache_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests;
