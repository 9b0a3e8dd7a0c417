//! The counts of usage in MongoDB.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use zkflow_core::service::catalog::{CatalogError, Usage, UsageFilter, UsageKey, UsageLog};

use super::{MongoCatalog, failed, is_duplicate};

/// Attempts of a count that competes with others for a new document.
const ATTEMPTS: usize = 8;

#[async_trait]
impl UsageLog for MongoCatalog {
    async fn count(&self, key: &UsageKey, more: &Usage) -> Result<(), CatalogError> {
        let mut sums = doc! {};
        for (name, count) in Usage::NAMES.into_iter().zip(more.counts()) {
            sums.insert(name, i64::try_from(count).unwrap_or(i64::MAX));
        }
        let change = doc! { "$inc": sums, "$setOnInsert": { "tenant": key.tenant.as_str() } };
        let mut attempts = 0;
        loop {
            let call = self.connection.call();
            let one = doc! { "_id": key.to_string() };
            let written = call.usage().update_one(one, change.clone()).upsert(true).await;
            call.answered();
            attempts += 1;
            match written {
                // Another process has added the document at the same time.
                Err(error) if is_duplicate(&error) && attempts < ATTEMPTS => {}
                written => return written.map(drop).map_err(failed("counting usage")),
            }
        }
    }

    async fn usage(
        &self,
        filter: &UsageFilter,
        limit: usize,
    ) -> Result<Vec<(UsageKey, Usage)>, CatalogError> {
        let action = "listing usage";
        let (above, below) = filter.bounds();
        let mut wanted = doc! { "_id": { "$gt": above, "$lt": below } };
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
}

fn read(found: &Document) -> Result<(UsageKey, Usage), CatalogError> {
    let id = found.get_str("_id").unwrap_or_default();
    let key = id
        .parse()
        .map_err(|error| CatalogError::Corrupt { id: format!("usage {id}"), detail: format!("{error}") })?;
    let count = |name| found.get_i64(name).ok().and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
    Ok((key, Usage::of_counts(Usage::NAMES.map(count))))
}
