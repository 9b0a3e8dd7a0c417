//! [`MemoryCatalog`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use zkflow_core::digest::Digest;
use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{
    ApiKey, ApiKeys, AuditEntry, AuditLog, Catalog, CatalogError, Ceremony, Circuit, Collection, Delivery,
    Deployment, Document, History, KeyChange, Life, Lookup, Page, Period, ProofRequest, Sessions, Spending,
    SpendingInMemory, Usage, UsageFilter, UsageKey, UsageLog, Workers,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{InstallationId, KeyId};
use zkflow_core::service::tenant::TenantId;

use super::lock;
use super::sessions::Logins;
use super::watch::Watch;

/// A [`Catalog`] in memory.
#[derive(Debug, Default)]
pub struct MemoryCatalog {
    circuits: Documents<Circuit>,
    proofs: Documents<ProofRequest>,
    deployments: Documents<Deployment>,
    ceremonies: Documents<Ceremony>,
    deliveries: Documents<Delivery>,
    keys: Keys,
    sessions: Logins,
    audit: Audit,
    usage: Counts,
    watch: Watch,
    spending: SpendingInMemory,
    installation: Mutex<Option<InstallationId>>,
}

impl MemoryCatalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    fn circuits(&self) -> &dyn Collection<Circuit> {
        &self.circuits
    }

    fn proofs(&self) -> &dyn Collection<ProofRequest> {
        &self.proofs
    }

    fn deployments(&self) -> &dyn Collection<Deployment> {
        &self.deployments
    }

    fn ceremonies(&self) -> &dyn Collection<Ceremony> {
        &self.ceremonies
    }

    fn deliveries(&self) -> &dyn Collection<Delivery> {
        &self.deliveries
    }

    fn keys(&self) -> &dyn ApiKeys {
        &self.keys
    }

    fn sessions(&self) -> &dyn Sessions {
        &self.sessions
    }

    fn audit_log(&self) -> &dyn AuditLog {
        &self.audit
    }

    fn usage_log(&self) -> &dyn UsageLog {
        &self.usage
    }

    fn history(&self) -> &dyn History {
        &self.watch
    }

    fn workers(&self) -> &dyn Workers {
        &self.watch
    }

    fn spending(&self) -> &dyn Spending {
        &self.spending
    }

    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        let proofs = lock(&self.proofs.0);
        let mut expired: Vec<_> = proofs.values().filter(|proof| proof.expires_at <= now).collect();
        expired.sort_by_key(|proof| (proof.expires_at, &proof.id));
        Ok(expired.into_iter().take(limit).cloned().collect())
    }

    async fn installation(&self) -> Result<Option<InstallationId>, CatalogError> {
        Ok(lock(&self.installation).clone())
    }

    async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError> {
        let mut bound = lock(&self.installation);
        if replace {
            *bound = Some(id.clone());
        }
        Ok(bound.get_or_insert_with(|| id.clone()).clone())
    }
}

/// The documents of one kind, by id.
#[derive(Debug)]
struct Documents<D: Document>(Mutex<BTreeMap<D::Id, D>>);

impl<D: Document> Default for Documents<D> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[async_trait]
impl<D: Document> Collection<D> for Documents<D> {
    async fn insert(&self, document: D) -> Result<(D, bool), CatalogError> {
        let mut documents = lock(&self.0);
        if let Some(key) = document.key() {
            if let Some(present) = with_key(&documents, &key) {
                return Ok((present, false));
            }
        } else if let Some(present) = documents.get(document.id()) {
            return Ok((present.clone(), true));
        }
        documents.insert(document.id().clone(), document.clone());
        Ok((document, true))
    }

    async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError> {
        Ok(lock(&self.0).get(id).cloned())
    }

    async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError> {
        Ok(with_key(&lock(&self.0), key))
    }

    async fn replace(&self, mut document: D) -> Result<D, CatalogError> {
        match lock(&self.0).get_mut(document.id()) {
            Some(present) if present.life().epoch == document.life().epoch => {
                document.life_mut().epoch += 1;
                present.clone_from(&document);
                Ok(document)
            }
            _ => Err(CatalogError::stale(&document)),
        }
    }

    async fn delete(&self, document: &D) -> Result<(), CatalogError> {
        let mut documents = lock(&self.0);
        let Some(present) = documents.get(document.id()) else { return Ok(()) };
        let seen = |life: &Life<D::Status, D::Stage>| (life.epoch, life.created_at);
        if seen(present.life()) != seen(document.life()) {
            return Err(CatalogError::stale(document));
        }
        documents.remove(document.id());
        Ok(())
    }

    async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError> {
        let (documents, wanted, prefix) = (lock(&self.0), filter.terms(), filter.prefix());
        let fits = |document: &&D| {
            let terms = document.terms();
            let begins = prefix.as_ref().is_none_or(|prefix| prefix.fits(&terms));
            page.has_time(document.life().created_at)
                && begins
                && wanted.iter().all(|term| terms.contains(term))
        };
        let mut listed: Vec<_> = documents.values().filter(fits).map(|one| (one.cursor(), one)).collect();
        listed.retain(|(place, _)| page.after.as_ref().is_none_or(|after| place < after));
        listed.sort_by(|(a, _), (b, _)| Reverse(a).cmp(&Reverse(b)));
        Ok(listed.into_iter().take(page.limit).map(|(_, document)| document.clone()).collect())
    }
}

fn with_key<D: Document>(documents: &BTreeMap<D::Id, D>, key: &D::Key) -> Option<D> {
    documents.values().find(|document| document.key().as_ref() == Some(key)).cloned()
}

/// The keys of the API, by id.
#[derive(Debug, Default)]
struct Keys(Mutex<BTreeMap<KeyId, ApiKey>>);

#[async_trait]
impl ApiKeys for Keys {
    async fn add(&self, key: &ApiKey) -> Result<(), CatalogError> {
        lock(&self.0).entry(key.id.clone()).or_insert_with(|| key.clone());
        Ok(())
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<ApiKey>, CatalogError> {
        Ok(lock(&self.0).values().find(|key| key.digest == *digest).cloned())
    }

    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, CatalogError> {
        Ok(lock(&self.0).get(id).cloned())
    }

    async fn change(&self, id: &KeyId, change: KeyChange) -> Result<(), CatalogError> {
        if let Some(key) = lock(&self.0).get_mut(id) {
            key.apply(change);
        }
        Ok(())
    }

    async fn keys(&self, tenant: Option<&TenantId>, page: &Page) -> Result<Vec<ApiKey>, CatalogError> {
        let keys = lock(&self.0);
        let of_tenant = keys.values().filter(|key| tenant.is_none_or(|tenant| key.tenant == *tenant));
        let mut listed: Vec<_> = of_tenant.map(|key| (key.cursor(), key)).collect();
        listed.retain(|(place, _)| page.after.as_ref().is_none_or(|after| place < after));
        listed.sort_by(|(a, _), (b, _)| b.cmp(a));
        Ok(listed.into_iter().take(page.limit).map(|(_, key)| key.clone()).collect())
    }
}

/// The entries of the audit log, by number.
#[derive(Debug, Default)]
struct Audit(Mutex<BTreeMap<u64, AuditEntry>>);

#[async_trait]
impl AuditLog for Audit {
    async fn last(&self) -> Result<Option<AuditEntry>, CatalogError> {
        Ok(lock(&self.0).last_key_value().map(|(_, entry)| entry.clone()))
    }

    async fn append(&self, entry: &AuditEntry) -> Result<bool, CatalogError> {
        Ok(lock(&self.0).entry(entry.number).or_insert_with(|| entry.clone()) == entry)
    }

    async fn entries(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, CatalogError> {
        Ok(lock(&self.0)
            .range(after.saturating_add(1)..)
            .take(limit)
            .map(|(_, entry)| entry.clone())
            .collect())
    }
}

/// Usage by the text of its key, and sums by the text of their account and period.
#[derive(Debug, Default)]
struct Counts(Mutex<BTreeMap<String, (UsageKey, Usage)>>, Mutex<BTreeMap<String, Usage>>);

#[async_trait]
impl UsageLog for Counts {
    async fn count(&self, key: &UsageKey, more: &Usage) -> Result<(), CatalogError> {
        lock(&self.0).entry(key.to_string()).or_insert_with(|| (key.clone(), Usage::default())).1.add(more);
        Ok(())
    }

    async fn usage(
        &self,
        filter: &UsageFilter,
        limit: usize,
    ) -> Result<Vec<(UsageKey, Usage)>, CatalogError> {
        let ((above, below), counts) = (filter.bounds(), lock(&self.0));
        let within =
            counts.iter().filter(|(text, _)| **text > above && **text < below).map(|(_, found)| found);
        let fits = |(key, _): &&(UsageKey, Usage)| {
            filter.tenant.as_ref().is_none_or(|tenant| key.tenant == *tenant)
                && filter.circuit.as_ref().is_none_or(|circuit| key.circuit == *circuit)
        };
        Ok(within.filter(fits).take(limit).cloned().collect())
    }

    async fn spend(&self, account: &Account, period: &Period, more: &Usage) -> Result<(), CatalogError> {
        let mut sums = lock(&self.1);
        let (above, below) = period.past(account);
        while let Some((old, _)) = sums.range(above.clone()..below.clone()).next() {
            let old = old.clone();
            sums.remove(&old);
        }
        sums.entry(period.text(account)).or_default().add(more);
        Ok(())
    }

    async fn spent(&self, account: &Account, period: &Period) -> Result<Usage, CatalogError> {
        Ok(lock(&self.1).get(&period.text(account)).copied().unwrap_or_default())
    }
}
