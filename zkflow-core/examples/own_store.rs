//! Your own [`ArtifactStore`], tested with the public conformance suite.
//!
//! `cargo run -p zkflow-core --features conformance --example own_store`

#![allow(unreachable_pub, reason = "a test runs it too")]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use zkflow_core::digest::Digest;
use zkflow_core::service::conformance;
use zkflow_core::service::store::{Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, PutMode, StoreError};

/// Stores artifacts in a sorted map.
#[derive(Debug, Default)]
pub struct MapStore(Mutex<BTreeMap<ArtifactKey, Artifact>>);

impl MapStore {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ArtifactKey, Artifact>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ArtifactStore for MapStore {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        let mut map = self.lock();
        if mode == PutMode::Create && map.contains_key(key) {
            return Err(StoreError::Exists(key.clone()));
        }
        let meta = ArtifactMeta { key: key.clone(), size: body.len() as u64, sha256: Digest::of(&body) };
        map.insert(key.clone(), Artifact { meta: meta.clone(), body });
        Ok(meta)
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        self.lock().get(key).cloned().ok_or_else(|| StoreError::NotFound(key.clone()))
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        Ok(self.get(key).await?.meta)
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.lock().remove(key);
        Ok(())
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        let found: Vec<_> = self.lock().keys().filter(|key| key.is_under(prefix)).cloned().map(Ok).collect();
        stream::iter(found).boxed()
    }
}

/// Runs the suite.
pub fn main() {
    futures::executor::block_on(conformance::artifact_store(async || MapStore::default()));
}
