//! [`MemoryStore`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use zkflow_core::digest::Digest;
use zkflow_core::service::store::{Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, PutMode, StoreError};

use super::lock;

/// An [`ArtifactStore`] in memory, without durability.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<BTreeMap<ArtifactKey, Artifact>>);

impl MemoryStore {
    /// A store without artifacts.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl ArtifactStore for MemoryStore {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        let meta = ArtifactMeta { key: key.clone(), size: body.len() as u64, sha256: Digest::of(&body) };
        match (lock(&self.0).entry(key.clone()), mode) {
            (Entry::Occupied(_), PutMode::Create) => return Err(StoreError::Exists(key.clone())),
            (entry, _) => entry.insert_entry(Artifact { meta: meta.clone(), body }),
        };
        Ok(meta)
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        lock(&self.0).get(key).cloned().ok_or_else(|| StoreError::NotFound(key.clone()))
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.get(key).await.map(|artifact| artifact.meta)
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        lock(&self.0).remove(key);
        Ok(())
    }

    async fn rename(&self, from: &ArtifactKey, to: &ArtifactKey) -> Result<(), StoreError> {
        let mut artifacts = lock(&self.0);
        match artifacts.remove(from) {
            Some(mut artifact) => {
                artifact.meta.key = to.clone();
                artifacts.insert(to.clone(), artifact);
                Ok(())
            }
            None if artifacts.contains_key(to) => Ok(()),
            None => Err(StoreError::NotFound(to.clone())),
        }
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        let artifacts = lock(&self.0);
        let under: Vec<_> = artifacts.keys().filter(|key| key.is_under(prefix)).cloned().map(Ok).collect();
        stream::iter(under).boxed()
    }
}
