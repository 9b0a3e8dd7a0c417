//! The counts of usage in MongoDB.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{CatalogError, Period, Usage, UsageFilter, UsageKey, UsageLog};
use zkflow_core::service::tenant::TenantId;

use super::{MongoCatalog, failed, is_duplicate};

/// Attempts of a count that competes with others for a new document.
const ATTEMPTS: usize = 8;

#[async_trait]
impl UsageLog for MongoCatalog {
    async fn count(&self, key: &UsageKey, more: &Usage) -> Result<(), CatalogError> {
        self.add(&key.to_string(), &key.tenant, more).await
    }

    async fn usage(
        &self,
        filter: &UsageFilter,
        limit: usize,
    ) -> Result<Vec<(UsageKey, Usage)>, CatalogError> {
        let action = "listing usage";
        let (above, below) = filter.bounds();
        let mut ids = doc! { "$gt": above, "$lt": below };
        if let Some(circuit) = &filter.circuit {
            // Hex digits: they have no meaning in an expression.
            ids.insert("$regex", format!("/{circuit}$"));
        }
        let mut wanted = doc! { "_id": ids };
        if let Some(tenant) = &filter.tenant {
            wanted.insert("tenant", tenant.as_str());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let call = self.connection.call();
        let found = call.usage().find(wanted).sort(doc! { "_id": 1 }).limit(limit).await;
        call.answered();
        let found: Vec<Document> =
            found.map_err(failed(action))?.try_collect().await.map_err(failed(action))?;
        found.iter().map(read).collect()
    }

    async fn spend(&self, account: &Account, period: &Period, more: &Usage) -> Result<(), CatalogError> {
        self.add(&period.text(account), account.tenant(), more).await?;
        let (above, below) = period.past(account);
        let call = self.connection.call();
        let deleted = call.usage().delete_many(doc! { "_id": { "$gt": above, "$lt": below } }).await;
        call.answered();
        deleted.map(drop).map_err(failed("removing old sums"))
    }

    async fn spent(&self, account: &Account, period: &Period) -> Result<Usage, CatalogError> {
        let call = self.connection.call();
        let found = call.usage().find_one(doc! { "_id": period.text(account) }).await;
        call.answered();
        Ok(found.map_err(failed("reading usage"))?.as_ref().map(counts).unwrap_or_default())
    }
}

impl MongoCatalog {
    /// Adds counts to a document, which is added if it is missing.
    async fn add(&self, id: &str, tenant: &TenantId, more: &Usage) -> Result<(), CatalogError> {
        let mut sums = doc! {};
        for (name, count) in Usage::NAMES.into_iter().zip(more.counts()) {
            sums.insert(name, i64::try_from(count).unwrap_or(i64::MAX));
        }
        let change = doc! { "$inc": sums, "$setOnInsert": { "tenant": tenant.as_str() } };
        let mut attempts = 0;
        loop {
            let call = self.connection.call();
            let written = call.usage().update_one(doc! { "_id": id }, change.clone()).upsert(true).await;
            call.answered();
            attempts += 1;
            match written {
                // Another process has added the document at the same time.
                Err(error) if is_duplicate(&error) && attempts < ATTEMPTS => {}
                written => return written.map(drop).map_err(failed("counting usage")),
            }
        }
    }
}

fn read(found: &Document) -> Result<(UsageKey, Usage), CatalogError> {
    let id = found.get_str("_id").unwrap_or_default();
    let key = id
        .parse()
        .map_err(|error| CatalogError::Corrupt { id: format!("usage {id}"), detail: format!("{error}") })?;
    Ok((key, counts(found)))
}

/// The counts of a document. Those that an earlier version did not count are missing.
fn counts(found: &Document) -> Usage {
    let count = |name| found.get_i64(name).ok().and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
    Usage::of_counts(Usage::NAMES.map(count))
}
