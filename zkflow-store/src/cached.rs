//! [`CachedStore`]: artifacts of circuits kept near at hand.

mod folder;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::task::spawn_blocking;
use zkflow_core::service::store::{Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, PutMode, StoreError};

use folder::Folder;

/// An [`ArtifactStore`] that keeps what lies under `circuits` in a folder too, for a store that is far away.
///
/// # Behaviour
/// - Each read asks the far store for the digest first: what was replaced or deleted there is so here.
/// - Files are named by their SHA-256 and checked against it on each read; one that is damaged is
///   removed and fetched again.
/// - The folder takes so many bytes at most, and what was read longest ago goes first. A larger artifact is
///   not kept. Between a write and the removal that follows, it can be over by one artifact for each process.
/// - Several processes may share the folder.
/// - Sealed inputs never get there, nor anything else that is not of a circuit.
/// - A folder that cannot be read or written costs speed alone; it is logged.
///
/// # Metrics
/// `zkflow_artifact_cache_total {outcome}`, with `hit`, `miss` or `damaged`.
#[derive(Debug, Clone)]
pub struct CachedStore {
    far: Arc<dyn ArtifactStore>,
    folder: Arc<Folder>,
}

impl CachedStore {
    /// Keeps at most `limit` bytes of what lies in `far` in the folder at `path`, which is created if need
    /// be. Blocks for a moment.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when the folder cannot be made.
    pub fn open(
        far: Arc<dyn ArtifactStore>,
        path: impl Into<PathBuf>,
        limit: u64,
    ) -> Result<Self, StoreError> {
        let path = path.into();
        let action = format!("opening the cache {}", path.display());
        let folder = Folder::open(path, limit).map_err(|e| StoreError::backend(action, e))?;
        Ok(Self { far, folder: Arc::new(folder) })
    }

    /// Keeps a body, if that works.
    async fn keep(&self, meta: &ArtifactMeta, body: Bytes) {
        let (folder, digest) = (Arc::clone(&self.folder), meta.sha256);
        let written = spawn_blocking(move || folder.write(&digest, &body)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(key = %meta.key, %error, "not kept in the cache");
        }
    }
}

#[async_trait]
impl ArtifactStore for CachedStore {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        let meta = self.far.put(key, body.clone(), mode).await?;
        if is_kept(key) {
            self.keep(&meta, body).await;
        }
        Ok(meta)
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        if !is_kept(key) {
            return self.far.get(key).await;
        }
        let meta = self.far.head(key).await?;
        let (folder, digest) = (Arc::clone(&self.folder), meta.sha256);
        // A panic counts as a file that is not there.
        let read = spawn_blocking(move || folder.read(&digest)).await.unwrap_or(Ok(None));
        match read {
            Ok(Some(body)) => {
                count("hit");
                return Ok(Artifact { meta, body });
            }
            Ok(None) => count("miss"),
            Err(error) => {
                count("damaged");
                tracing::warn!(%key, %error, "fetched again");
            }
        }
        let artifact = self.far.get(key).await?;
        self.keep(&artifact.meta, artifact.body.clone()).await;
        Ok(artifact)
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.far.head(key).await
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.far.delete(key).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        self.far.list(prefix)
    }

    async fn download_url(&self, key: &ArtifactKey, valid: Duration) -> Result<Option<String>, StoreError> {
        self.far.download_url(key, valid).await
    }
}

/// Artifacts of circuits are public to whoever may ask for proofs; nothing else is kept.
fn is_kept(key: &ArtifactKey) -> bool {
    key.is_under("circuits")
}

fn count(outcome: &'static str) {
    metrics::counter!("zkflow_artifact_cache_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests;
