//! Documents as MongoDB keeps them: as serde writes them, with moments as BSON dates.

use mongodb::bson::{self, Bson, DateTime, Document, RawDocumentBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zkflow_core::service::catalog::{CatalogError, Circuit, Deployment, ProofRequest};
use zkflow_core::service::clock::Timestamp;

/// A kind of document.
pub(super) trait Kept: Serialize + DeserializeOwned + Send + Sync {
    /// Where it is kept.
    const COLLECTION: &str;
    /// What people call it.
    const WHAT: &str;
    /// Its fields that are moments.
    const DATES: &[&str];
    /// Its `_id`.
    fn id(&self) -> &str;
    /// Its epoch.
    fn epoch(&mut self) -> &mut u64;
}

impl Kept for Circuit {
    const COLLECTION: &str = "circuits";
    const WHAT: &str = "circuit";
    const DATES: &[&str] = &["created_at", "updated_at"];

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn epoch(&mut self) -> &mut u64 {
        &mut self.epoch
    }
}

impl Kept for ProofRequest {
    const COLLECTION: &str = "proofs";
    const WHAT: &str = "proof request";
    const DATES: &[&str] = &["created_at", "updated_at", "expires_at"];

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn epoch(&mut self) -> &mut u64 {
        &mut self.epoch
    }
}

impl Kept for Deployment {
    const COLLECTION: &str = "deployments";
    const WHAT: &str = "deployment";
    const DATES: &[&str] = &["created_at", "updated_at"];

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn epoch(&mut self) -> &mut u64 {
        &mut self.epoch
    }
}

/// The document for the server.
pub(super) fn write<T: Kept>(value: &T) -> Result<RawDocumentBuf, CatalogError> {
    let failed = |detail: String| CatalogError::backend("writing a document as BSON", detail);
    let mut document = bson::serialize_to_document(value).map_err(|e| failed(e.to_string()))?;
    for field in T::DATES {
        if let Some(Bson::String(text)) = document.get(field) {
            let moment: Timestamp = text.parse().map_err(|_| failed(format!("{field} is no moment")))?;
            document.insert(*field, date(moment));
        }
    }
    RawDocumentBuf::try_from(&document).map_err(|e| failed(e.to_string()))
}

/// The value of a document from the server, whatever that sent.
pub(super) fn read<T: Kept>(raw: &RawDocumentBuf) -> Result<T, CatalogError> {
    let id = raw.get_str("_id").map_or_else(|_| format!("a {} without an id", T::WHAT), str::to_owned);
    let corrupt = |detail: String| CatalogError::Corrupt { id: id.clone(), detail };
    let mut document = Document::try_from(raw.as_ref()).map_err(|e| corrupt(e.to_string()))?;
    for field in T::DATES {
        if let Some(Bson::DateTime(moment)) = document.get(field) {
            let moment = Timestamp::from_millis(moment.timestamp_millis());
            document.insert(*field, moment.to_string());
        }
    }
    bson::deserialize_from_document(document).map_err(|e| corrupt(e.to_string()))
}

/// A moment as the server keeps it, no later than the calendar goes.
pub(super) fn date(moment: Timestamp) -> DateTime {
    DateTime::from_millis(moment.as_millis().min(LATEST))
}

/// The end of the year 9999, beyond which dates have no text.
const LATEST: i64 = 253_402_300_799_999;

/// The name of a status, as it stands in the document.
pub(super) fn name(status: &impl Serialize) -> Result<Bson, CatalogError> {
    bson::serialize_to_bson(status).map_err(|e| CatalogError::backend("writing a status as BSON", e))
}

/// An epoch as the server keeps it.
pub(super) fn epoch(epoch: u64) -> Result<i64, CatalogError> {
    i64::try_from(epoch).map_err(|e| CatalogError::backend("writing an epoch", e))
}
