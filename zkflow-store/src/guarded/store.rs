//! [`GuardedStore`].

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use zkflow_core::digest::Digest;
use zkflow_core::service::store::{
    Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, Pieces, PutMode, SignedPut, StoreError,
};

use super::{Ended, Guard, Policy};

/// An [`ArtifactStore`] on another machine, with retries and a breaker; see the [module](super).
///
/// The inner store enforces the deadlines of calls that transfer artifacts, because they depend on the size.
/// Listings are not retried: the caller must start again.
#[derive(Debug)]
pub struct GuardedStore {
    store: Arc<dyn ArtifactStore>,
    guard: Guard,
}

impl GuardedStore {
    /// Guards `store`, which must enforce its own deadlines when it transfers artifacts.
    pub fn new(store: Arc<dyn ArtifactStore>, policy: Policy) -> Self {
        Self { store, guard: Guard::new("store", policy) }
    }

    async fn call<'a, T>(
        &self,
        limit: Option<Duration>,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, StoreError>> + Sync,
    ) -> Ended<T, StoreError> {
        let unavailable = |reason| StoreError::backend("calling the backend", reason);
        self.guard.call(attempt, unavailable, limit).await
    }
}

#[async_trait]
impl ArtifactStore for GuardedStore {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        let Ended { result, retried } = self.call(None, || self.store.put(key, body.clone(), mode)).await;
        match result {
            // An earlier attempt may have stored these bytes although its answer was lost.
            Err(StoreError::Exists(_)) if retried => {
                let found = self.head(key).await?;
                if found.sha256 == Digest::of(&body) {
                    Ok(found)
                } else {
                    Err(StoreError::Exists(key.clone()))
                }
            }
            result => result,
        }
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        self.call(None, || self.store.get(key)).await.result
    }

    /// The start of the transfer is guarded; a failure within it is not.
    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        self.call(None, || self.store.stream(key, range.clone())).await.result
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.call(Some(self.guard.policy.deadline), || self.store.head(key)).await.result
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.call(Some(self.guard.policy.deadline), || self.store.delete(key)).await.result
    }

    async fn rename(&self, from: &ArtifactKey, to: &ArtifactKey) -> Result<(), StoreError> {
        self.call(None, || self.store.rename(from, to)).await.result
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        self.store.list(prefix)
    }

    async fn download_url(&self, key: &ArtifactKey, valid: Duration) -> Result<Option<String>, StoreError> {
        self.call(Some(self.guard.policy.deadline), || self.store.download_url(key, valid)).await.result
    }

    async fn upload_url(
        &self,
        key: &ArtifactKey,
        size: u64,
        sha256: &Digest,
        valid: Duration,
    ) -> Result<Option<SignedPut>, StoreError> {
        let sign = || self.store.upload_url(key, size, sha256, valid);
        self.call(Some(self.guard.policy.deadline), sign).await.result
    }
}
