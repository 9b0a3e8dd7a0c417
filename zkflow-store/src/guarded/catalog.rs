//! [`GuardedCatalog`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use zkflow_core::digest::Digest;
use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{
    ApiKey, ApiKeys, AuditEntry, AuditLog, Catalog, CatalogError, Ceremony, ChainAccount, Circuit,
    Collection, Delivery, Deployment, History, KeyChange, Page, Period, ProofRequest, SeenWorker, Session,
    Sessions, Slot, Spending, Spent, Stored, Tally, Usage, UsageFilter, UsageKey, UsageLog, WorkerProcess,
    Workers,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{InstallationId, KeyId, WorkerId};
use zkflow_core::service::tenant::TenantId;

use super::{Ended, Guard, Policy};

/// A remote [`Catalog`] with deadlines, retries and a circuit breaker; see the [module](super).
#[derive(Debug)]
pub struct GuardedCatalog {
    catalog: Arc<dyn Catalog>,
    guard: Guard,
}

impl GuardedCatalog {
    /// Guards `catalog`.
    pub fn new(catalog: Arc<dyn Catalog>, policy: Policy) -> Self {
        Self { catalog, guard: Guard::new("catalog", policy) }
    }

    async fn call<'a, T>(
        &self,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, CatalogError>> + Sync,
    ) -> Ended<T, CatalogError> {
        let unavailable = |reason| CatalogError::backend("calling the backend", reason);
        self.guard.call(attempt, unavailable, Some(self.guard.policy.deadline)).await
    }

    fn collection<D: Stored>(&self) -> &dyn Collection<D> {
        D::collection(&*self.catalog)
    }
}

#[async_trait]
impl Catalog for GuardedCatalog {
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
        self
    }

    fn sessions(&self) -> &dyn Sessions {
        self
    }

    fn audit_log(&self) -> &dyn AuditLog {
        self
    }

    fn usage_log(&self) -> &dyn UsageLog {
        self
    }

    fn history(&self) -> &dyn History {
        self
    }

    fn workers(&self) -> &dyn Workers {
        self
    }

    fn spending(&self) -> &dyn Spending {
        self
    }

    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        self.call(|| self.catalog.expired_proofs(now, limit)).await.result
    }

    async fn installation(&self) -> Result<Option<InstallationId>, CatalogError> {
        self.call(|| self.catalog.installation()).await.result
    }

    async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError> {
        self.call(|| self.catalog.bind(id, replace)).await.result
    }
}

#[async_trait]
impl<D: Stored> Collection<D> for GuardedCatalog {
    /// If an attempt added the document but its answer was lost, the retry counts as added: the stored
    /// document has the id and the `created_at` of `document`. Work on it may have begun.
    async fn insert(&self, document: D) -> Result<(D, bool), CatalogError> {
        let Ended { result, retried } = self.call(|| self.collection().insert(document.clone())).await;
        let (present, added): (D, bool) = result?;
        let ours = retried && present.cursor() == document.cursor();
        Ok((present, added || ours))
    }

    async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError> {
        self.call(|| self.collection().get(id)).await.result
    }

    async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError> {
        self.call(|| self.collection().by_key(key)).await.result
    }

    /// If an attempt's answer was lost and the retry finds a changed document, the stored document is
    /// compared with the one to write.
    async fn replace(&self, document: D) -> Result<D, CatalogError> {
        let Ended { result, retried } = self.call(|| self.collection().replace(document.clone())).await;
        match result {
            Err(stale @ CatalogError::Stale(_)) if retried => {
                let found: Option<D> = self.get(document.id()).await?;
                let mut written = document;
                written.life_mut().epoch += 1;
                if found.as_ref() == Some(&written) { Ok(written) } else { Err(stale) }
            }
            result => result,
        }
    }

    async fn delete(&self, document: &D) -> Result<(), CatalogError> {
        self.call(|| self.collection::<D>().delete(document)).await.result
    }

    async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError> {
        self.call(|| self.collection().list(filter, page)).await.result
    }
}

/// Every call may be repeated.
#[async_trait]
impl ApiKeys for GuardedCatalog {
    async fn add(&self, key: &ApiKey) -> Result<(), CatalogError> {
        self.call(|| self.catalog.keys().add(key)).await.result
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<ApiKey>, CatalogError> {
        self.call(|| self.catalog.keys().by_digest(digest)).await.result
    }

    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, CatalogError> {
        self.call(|| self.catalog.keys().key(id)).await.result
    }

    async fn change(&self, id: &KeyId, change: KeyChange) -> Result<(), CatalogError> {
        self.call(|| self.catalog.keys().change(id, change)).await.result
    }

    async fn keys(&self, tenant: Option<&TenantId>, page: &Page) -> Result<Vec<ApiKey>, CatalogError> {
        self.call(|| self.catalog.keys().keys(tenant, page)).await.result
    }
}

/// Every call may be repeated.
#[async_trait]
impl Sessions for GuardedCatalog {
    async fn start(&self, session: &Session) -> Result<(), CatalogError> {
        self.call(|| self.catalog.sessions().start(session)).await.result
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>, CatalogError> {
        self.call(|| self.catalog.sessions().session(digest)).await.result
    }

    async fn used(&self, digest: &Digest, at: Timestamp) -> Result<(), CatalogError> {
        self.call(|| self.catalog.sessions().used(digest, at)).await.result
    }

    async fn end(&self, digest: &Digest) -> Result<(), CatalogError> {
        self.call(|| self.catalog.sessions().end(digest)).await.result
    }

    async fn sweep(&self, now: Timestamp, idle: Option<Duration>) -> Result<u64, CatalogError> {
        self.call(|| self.catalog.sessions().sweep(now, idle)).await.result
    }
}

/// Every call may be repeated.
#[async_trait]
impl AuditLog for GuardedCatalog {
    async fn last(&self) -> Result<Option<AuditEntry>, CatalogError> {
        self.call(|| self.catalog.audit_log().last()).await.result
    }

    async fn append(&self, entry: &AuditEntry) -> Result<bool, CatalogError> {
        self.call(|| self.catalog.audit_log().append(entry)).await.result
    }

    async fn entries(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, CatalogError> {
        self.call(|| self.catalog.audit_log().entries(after, limit)).await.result
    }
}

/// Counts are not repeated: if an answer is lost, they may have been added.
#[async_trait]
impl UsageLog for GuardedCatalog {
    async fn count(&self, key: &UsageKey, more: &Usage) -> Result<(), CatalogError> {
        let late = |_| CatalogError::backend("counting usage", "the deadline is over");
        let counted = self.catalog.usage_log().count(key, more);
        tokio::time::timeout(self.guard.policy.deadline, counted).await.map_err(late)?
    }

    async fn usage(
        &self,
        filter: &UsageFilter,
        limit: usize,
    ) -> Result<Vec<(UsageKey, Usage)>, CatalogError> {
        self.call(|| self.catalog.usage_log().usage(filter, limit)).await.result
    }

    async fn spend(&self, account: &Account, period: &Period, more: &Usage) -> Result<(), CatalogError> {
        let late = |_| CatalogError::backend("counting usage", "the deadline is over");
        let spent = self.catalog.usage_log().spend(account, period, more);
        tokio::time::timeout(self.guard.policy.deadline, spent).await.map_err(late)?
    }

    async fn spent(&self, account: &Account, period: &Period) -> Result<Usage, CatalogError> {
        self.call(|| self.catalog.usage_log().spent(account, period)).await.result
    }
}

/// Counts are not repeated: if an answer is lost, they may have been added.
#[async_trait]
impl History for GuardedCatalog {
    async fn add(&self, more: &[(Slot, Tally)]) -> Result<(), CatalogError> {
        let late = |_| CatalogError::backend("counting proofs", "the deadline is over");
        let added = self.catalog.history().add(more);
        tokio::time::timeout(self.guard.policy.deadline, added).await.map_err(late)?
    }

    async fn since(&self, first: Slot) -> Result<Vec<(Slot, Tally)>, CatalogError> {
        self.call(|| self.catalog.history().since(first)).await.result
    }
}

/// Every call may be repeated.
#[async_trait]
impl Spending for GuardedCatalog {
    async fn spent(&self, account: &ChainAccount) -> Result<Spent, CatalogError> {
        self.call(|| self.catalog.spending().spent(account)).await.result
    }

    /// If an attempt's answer was lost, the retry is refused although the value is stored. The caller reads the value again, and a
    /// cost that it adds for the same nonce counts once.
    async fn write_spent(&self, account: &ChainAccount, spent: &Spent) -> Result<(), CatalogError> {
        self.call(|| self.catalog.spending().write_spent(account, spent)).await.result
    }
}

#[async_trait]
impl Workers for GuardedCatalog {
    async fn announce(&self, process: &WorkerProcess) -> Result<(), CatalogError> {
        self.call(|| self.catalog.workers().announce(process)).await.result
    }

    async fn withdraw(&self, id: &WorkerId) -> Result<(), CatalogError> {
        self.call(|| self.catalog.workers().withdraw(id)).await.result
    }

    async fn workers(&self) -> Result<Vec<SeenWorker>, CatalogError> {
        self.call(|| self.catalog.workers().workers()).await.result
    }
}
