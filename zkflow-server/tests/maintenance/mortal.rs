//! Backends of a process that ends at a chosen step. Each call of a backend has two steps: the process can end before the
//! call takes effect, or after that and before the answer.

use std::future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::BoxStream;
use tokio::sync::Notify;
use zkflow_core::service::catalog::{
    ApiKeys, AuditEntry, AuditLog, Catalog, CatalogError, Ceremony, Circuit, Collection, Delivery,
    Deployment, History, Page, ProofRequest, Sessions, Spending, Stored, UsageLog, Workers,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::InstallationId;
use zkflow_core::service::store::{
    Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, Pieces, PutMode, StoreError,
};

/// The steps that a process still makes.
#[derive(Debug)]
pub(crate) struct Life {
    left: AtomicU32,
    ended: Notify,
}

impl Life {
    pub(crate) fn new(steps: u32) -> Arc<Self> {
        Arc::new(Self { left: AtomicU32::new(steps), ended: Notify::new() })
    }

    /// Runs `work` until it ends or the steps are used up, then drops it. Returns its result, unless the steps were used up.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), pin!(self.ended.notified())).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    async fn step(&self) {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            self.ended.notify_one();
            future::pending::<()>().await;
        }
    }

    async fn call<T>(&self, effect: impl Future<Output = T>) -> T {
        self.step().await;
        let answer = effect.await;
        self.step().await;
        answer
    }
}

/// A backend whose calls are steps of a [`Life`].
#[derive(Debug)]
pub(crate) struct Mortal<B: ?Sized> {
    pub(crate) backend: Arc<B>,
    pub(crate) life: Arc<Life>,
}

#[async_trait]
impl Catalog for Mortal<dyn Catalog> {
    fn circuits(&self) -> &dyn Collection<Circuit> {
        self
    }
    fn proofs(&self) -> &dyn Collection<ProofRequest> {
        self
    }
    fn deployments(&self) -> &dyn Collection<Deployment> {
        self
    }
    fn ceremonies(&self) -> &dyn Collection<Ceremony> {
        self
    }
    fn deliveries(&self) -> &dyn Collection<Delivery> {
        self
    }
    fn keys(&self) -> &dyn ApiKeys {
        self.backend.keys()
    }
    fn sessions(&self) -> &dyn Sessions {
        self.backend.sessions()
    }
    fn audit_log(&self) -> &dyn AuditLog {
        self
    }
    fn usage_log(&self) -> &dyn UsageLog {
        self.backend.usage_log()
    }
    fn history(&self) -> &dyn History {
        self.backend.history()
    }
    fn workers(&self) -> &dyn Workers {
        self.backend.workers()
    }
    fn spending(&self) -> &dyn Spending {
        self.backend.spending()
    }
    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        self.life.call(self.backend.expired_proofs(now, limit)).await
    }
    async fn installation(&self) -> Result<Option<InstallationId>, CatalogError> {
        self.life.call(self.backend.installation()).await
    }
    async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError> {
        self.life.call(self.backend.bind(id, replace)).await
    }
}

#[async_trait]
impl<D: Stored> Collection<D> for Mortal<dyn Catalog> {
    async fn insert(&self, document: D) -> Result<(D, bool), CatalogError> {
        self.life.call(D::collection(&*self.backend).insert(document)).await
    }
    async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError> {
        self.life.call(D::collection(&*self.backend).get(id)).await
    }
    async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError> {
        self.life.call(D::collection(&*self.backend).by_key(key)).await
    }
    async fn replace(&self, document: D) -> Result<D, CatalogError> {
        self.life.call(D::collection(&*self.backend).replace(document)).await
    }
    async fn delete(&self, document: &D) -> Result<(), CatalogError> {
        self.life.call(D::collection(&*self.backend).delete(document)).await
    }
    async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError> {
        self.life.call(D::collection(&*self.backend).list(filter, page)).await
    }
}

#[async_trait]
impl AuditLog for Mortal<dyn Catalog> {
    async fn last(&self) -> Result<Option<AuditEntry>, CatalogError> {
        self.life.call(self.backend.audit_log().last()).await
    }
    async fn append(&self, entry: &AuditEntry) -> Result<bool, CatalogError> {
        self.life.call(self.backend.audit_log().append(entry)).await
    }
    async fn entries(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, CatalogError> {
        self.life.call(self.backend.audit_log().entries(after, limit)).await
    }
}

#[async_trait]
impl ArtifactStore for Mortal<dyn ArtifactStore> {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        self.life.call(self.backend.put(key, body, mode)).await
    }
    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        self.life.call(self.backend.get(key)).await
    }
    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        self.life.call(self.backend.stream(key, range)).await
    }
    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.life.call(self.backend.head(key)).await
    }
    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.life.call(self.backend.delete(key)).await
    }
    async fn rename(&self, from: &ArtifactKey, to: &ArtifactKey) -> Result<(), StoreError> {
        self.life.call(self.backend.rename(from, to)).await
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        self.backend.list(prefix)
    }
}
