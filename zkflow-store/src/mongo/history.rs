//! The counts of proofs in MongoDB.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use zkflow_core::service::catalog::{CatalogError, History, Slot, Tally, kept_beside};

use super::{MongoCatalog, failed, is_duplicate};

/// Attempts of a count that competes with others for a new document.
const ATTEMPTS: usize = 8;

#[async_trait]
impl History for MongoCatalog {
    async fn add(&self, more: &[(Slot, Tally)]) -> Result<(), CatalogError> {
        for (slot, tally) in more {
            self.add_to_slot(*slot, tally).await?;
        }
        for oldest in kept_beside(more) {
            let old = doc! { "$gt": format!("{}/", oldest.length.as_str()), "$lt": oldest.to_string() };
            let call = self.connection.call();
            let deleted = call.history().delete_many(doc! { "_id": old }).await;
            call.answered();
            deleted.map_err(failed("removing old counts of proofs"))?;
        }
        Ok(())
    }

    async fn since(&self, first: Slot) -> Result<Vec<(Slot, Tally)>, CatalogError> {
        let action = "listing counts of proofs";
        // `0` is the character after `/`.
        let below = format!("{}0", first.length.as_str());
        let wanted = doc! { "_id": { "$gte": first.to_string(), "$lt": below } };
        let limit = i64::from(first.length.kept());
        let call = self.connection.call();
        let found = call.history().find(wanted).sort(doc! { "_id": 1 }).limit(limit).await;
        call.answered();
        let found: Vec<Document> =
            found.map_err(failed(action))?.try_collect().await.map_err(failed(action))?;
        found.iter().map(read).collect()
    }
}

impl MongoCatalog {
    async fn add_to_slot(&self, slot: Slot, more: &Tally) -> Result<(), CatalogError> {
        let mut sums = doc! {};
        for (name, count) in more.counts() {
            sums.insert(format!("counts.{name}"), i64::try_from(count).unwrap_or(i64::MAX));
        }
        if sums.is_empty() {
            return Ok(());
        }
        let mut attempts = 0;
        loop {
            let call = self.connection.call();
            let only = doc! { "_id": slot.to_string() };
            let written = call.history().update_one(only, doc! { "$inc": sums.clone() }).upsert(true).await;
            call.answered();
            attempts += 1;
            match written {
                // Another process has added the document at the same time.
                Err(error) if is_duplicate(&error) && attempts < ATTEMPTS => {}
                written => return written.map(drop).map_err(failed("counting proofs")),
            }
        }
    }
}

fn read(found: &Document) -> Result<(Slot, Tally), CatalogError> {
    let id = found.get_str("_id").unwrap_or_default();
    let corrupt = |detail: String| CatalogError::Corrupt { id: format!("counts of proofs {id}"), detail };
    let slot = id.parse::<Slot>().map_err(|error| corrupt(format!("{error}")))?;
    let counts = found.get_document("counts").map_err(|error| corrupt(error.to_string()))?;
    let counts = counts.iter().map(|(name, count)| {
        let count = count.as_i64().or_else(|| count.as_i32().map(i64::from)).unwrap_or(0);
        (name.as_str(), u64::try_from(count).unwrap_or(0))
    });
    Ok((slot, Tally::of_counts(counts).map_err(|error| corrupt(error.to_string()))?))
}
