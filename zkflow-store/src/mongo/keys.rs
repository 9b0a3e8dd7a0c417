//! The keys of the API in MongoDB.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{ApiKey, ApiKeys, CatalogError, KeyChange, Page};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use super::document::date;
use super::{MongoCatalog, failed};

#[async_trait]
impl ApiKeys for MongoCatalog {
    async fn add(&self, key: &ApiKey) -> Result<(), CatalogError> {
        let mut fields = write(key)?;
        let id = fields.remove("_id");
        let call = self.connection.call();
        let written =
            call.keys().update_one(doc! { "_id": id }, doc! { "$setOnInsert": fields }).upsert(true).await;
        call.answered();
        written.map_err(failed("adding a key")).map(drop)
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<ApiKey>, CatalogError> {
        self.key_with(doc! { "digest": digest.to_string() }).await
    }

    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, CatalogError> {
        self.key_with(doc! { "_id": id.as_str() }).await
    }

    async fn change(&self, id: &KeyId, change: KeyChange) -> Result<(), CatalogError> {
        let (filter, set) = match change {
            KeyChange::Used(at) => (doc! {}, doc! { "last_used_at": date(at) }),
            KeyChange::Revoked(at) => (doc! { "revoked_at": null }, doc! { "revoked_at": date(at) }),
            KeyChange::Expires(at) => {
                let later = vec![doc! { "expires_at": null }, doc! { "expires_at": { "$gt": date(at) } }];
                (doc! { "$or": later }, doc! { "expires_at": date(at) })
            }
        };
        let mut wanted = doc! { "_id": id.as_str() };
        wanted.extend(filter);
        let call = self.connection.call();
        let written = call.keys().update_one(wanted, doc! { "$set": set }).await;
        call.answered();
        written.map_err(failed("changing a key")).map(drop)
    }

    async fn keys(&self, tenant: Option<&TenantId>, page: &Page) -> Result<Vec<ApiKey>, CatalogError> {
        let mut wanted = doc! {};
        if let Some(tenant) = tenant {
            wanted.insert("tenant", tenant.as_str());
        }
        if let Some(after) = &page.after {
            let at = date(after.created_at);
            let same_moment = doc! { "created_at": at, "_id": { "$lt": &after.id } };
            wanted.insert("$or", vec![doc! { "created_at": { "$lt": at } }, same_moment]);
        }
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        let call = self.connection.call();
        let found = call.keys().find(wanted).sort(doc! { "created_at": -1, "_id": -1 }).limit(limit).await;
        call.answered();
        let found: Vec<Document> =
            found.map_err(failed("listing keys"))?.try_collect().await.map_err(failed("listing keys"))?;
        found.into_iter().map(read).collect()
    }
}

impl MongoCatalog {
    async fn key_with(&self, filter: Document) -> Result<Option<ApiKey>, CatalogError> {
        let call = self.connection.call();
        let found = call.keys().find_one(filter).await;
        call.answered();
        found.map_err(failed("looking up a key"))?.map(read).transpose()
    }
}

/// The moments of a key.
const MOMENTS: [&str; 4] = ["created_at", "expires_at", "revoked_at", "last_used_at"];

fn write(key: &ApiKey) -> Result<Document, CatalogError> {
    let written = mongodb::bson::serialize_to_document(key);
    let mut document = written.map_err(|error| CatalogError::backend("writing a key as BSON", error))?;
    let moments = [Some(key.created_at), key.expires_at, key.revoked_at, key.last_used_at];
    for (name, moment) in MOMENTS.into_iter().zip(moments) {
        document.insert(name, moment.map_or(Bson::Null, |moment| Bson::DateTime(date(moment))));
    }
    Ok(document)
}

fn read(mut document: Document) -> Result<ApiKey, CatalogError> {
    for name in MOMENTS {
        if let Some(Bson::DateTime(moment)) = document.get(name) {
            let text = Timestamp::from_millis(moment.timestamp_millis()).to_string();
            document.insert(name, text);
        }
    }
    let id = format!("key {}", document.get_str("_id").unwrap_or("without an id"));
    mongodb::bson::deserialize_from_document(document)
        .map_err(|error| CatalogError::Corrupt { id, detail: error.to_string() })
}
