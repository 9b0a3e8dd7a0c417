//! The audit log in MongoDB.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use zkflow_core::service::catalog::{AuditEntry, AuditLog, CatalogError};

use super::{MongoCatalog, failed, is_duplicate};

/// The text of the entry as JSON: its digest is that of exactly this content.
const ENTRY: &str = "entry";

#[async_trait]
impl AuditLog for MongoCatalog {
    async fn last(&self) -> Result<Option<AuditEntry>, CatalogError> {
        let call = self.connection.call();
        let found = call.audit_log().find_one(doc! {}).sort(doc! { "_id": -1 }).await;
        call.answered();
        found.map_err(failed("reading the audit log"))?.map(|found| read(&found)).transpose()
    }

    async fn append(&self, entry: &AuditEntry) -> Result<bool, CatalogError> {
        let action = "writing the audit log";
        let number = number(entry.number)?;
        let text = serde_json::to_string(entry).map_err(|error| CatalogError::backend(action, error))?;
        let call = self.connection.call();
        let inserted = call.audit_log().insert_one(doc! { "_id": number, ENTRY: &text }).await;
        call.answered();
        match inserted {
            Ok(_) => return Ok(true),
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(failed(action)(error)),
        }
        let call = self.connection.call();
        let present = call.audit_log().find_one(doc! { "_id": number }).await;
        call.answered();
        let present = present.map_err(failed(action))?;
        Ok(present.is_some_and(|present| present.get_str(ENTRY).is_ok_and(|present| present == text)))
    }

    async fn entries(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, CatalogError> {
        let action = "reading the audit log";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let later = doc! { "_id": { "$gt": number(after)? } };
        let call = self.connection.call();
        let found = call.audit_log().find(later).sort(doc! { "_id": 1 }).limit(limit).await;
        call.answered();
        let found: Vec<Document> =
            found.map_err(failed(action))?.try_collect().await.map_err(failed(action))?;
        found.iter().map(read).collect()
    }
}

fn number(number: u64) -> Result<i64, CatalogError> {
    i64::try_from(number).map_err(|error| CatalogError::backend("numbering the audit log", error))
}

fn read(found: &Document) -> Result<AuditEntry, CatalogError> {
    let id = format!("audit entry {}", found.get_i64("_id").unwrap_or_default());
    let text = found.get_str(ENTRY).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| CatalogError::Corrupt { id, detail: error.to_string() })
}
