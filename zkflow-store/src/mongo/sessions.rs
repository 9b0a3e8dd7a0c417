//! Logins of the dashboard in MongoDB.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{CatalogError, MOST_SESSIONS, Session, Sessions};
use zkflow_core::service::clock::Timestamp;

use super::document::date;
use super::{MongoCatalog, failed};

#[async_trait]
impl Sessions for MongoCatalog {
    async fn start(&self, session: &Session) -> Result<(), CatalogError> {
        let action = "adding a session";
        let mut fields = write(session)?;
        let id = fields.remove("_id");
        let call = self.connection.call();
        let written = call
            .sessions()
            .update_one(doc! { "_id": id }, doc! { "$setOnInsert": fields })
            .upsert(true)
            .await;
        call.answered();
        written.map_err(failed(action))?;
        let call = self.connection.call();
        let (of_caller, newest) = (doc! { "caller": &session.caller }, doc! { "created_at": -1, "_id": -1 });
        let most = MOST_SESSIONS as u64;
        let surplus = call.sessions().find(of_caller).sort(newest).skip(most).await;
        call.answered();
        let surplus: Vec<Document> =
            surplus.map_err(failed(action))?.try_collect().await.map_err(failed(action))?;
        let surplus: Vec<_> = surplus.iter().filter_map(|old| old.get("_id").cloned()).collect();
        match surplus.is_empty() {
            true => Ok(()),
            false => self.end_all(action, doc! { "_id": { "$in": surplus } }).await.map(drop),
        }
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>, CatalogError> {
        let call = self.connection.call();
        let found = call.sessions().find_one(doc! { "_id": digest.to_string() }).await;
        call.answered();
        found.map_err(failed("reading a session"))?.map(read).transpose()
    }

    async fn used(&self, digest: &Digest, at: Timestamp) -> Result<(), CatalogError> {
        let only = doc! { "_id": digest.to_string() };
        let call = self.connection.call();
        let written = call.sessions().update_one(only, doc! { "$max": { "last_used_at": date(at) } }).await;
        call.answered();
        written.map_err(failed("noting the use of a session")).map(drop)
    }

    async fn end(&self, digest: &Digest) -> Result<(), CatalogError> {
        self.end_all("ending a session", doc! { "_id": digest.to_string() }).await.map(drop)
    }

    async fn sweep(&self, now: Timestamp, idle: Option<Duration>) -> Result<u64, CatalogError> {
        // A comparison with a date finds dates only: a session without an end is not one of them.
        let mut over = vec![doc! { "expires_at": { "$lte": date(now) } }];
        over.extend(idle.map(|idle| doc! { "last_used_at": { "$lte": date(now - idle) } }));
        self.end_all("removing old sessions", doc! { "$or": over }).await
    }
}

impl MongoCatalog {
    async fn end_all(&self, action: &'static str, filter: Document) -> Result<u64, CatalogError> {
        let call = self.connection.call();
        let deleted = call.sessions().delete_many(filter).await;
        call.answered();
        deleted.map(|deleted| deleted.deleted_count).map_err(failed(action))
    }
}

/// The moments of a session.
const MOMENTS: [&str; 3] = ["created_at", "expires_at", "last_used_at"];

fn write(session: &Session) -> Result<Document, CatalogError> {
    let written = mongodb::bson::serialize_to_document(session);
    let mut document = written.map_err(|error| CatalogError::backend("writing a session as BSON", error))?;
    let moments = [Some(session.created_at), session.expires_at, Some(session.last_used_at)];
    for (name, moment) in MOMENTS.into_iter().zip(moments) {
        document.insert(name, moment.map_or(Bson::Null, |moment| Bson::DateTime(date(moment))));
    }
    Ok(document)
}

fn read(mut document: Document) -> Result<Session, CatalogError> {
    for name in MOMENTS {
        if let Some(Bson::DateTime(moment)) = document.get(name) {
            let text = Timestamp::from_millis(moment.timestamp_millis()).to_string();
            document.insert(name, text);
        }
    }
    // The digest is of a secret: an error does not show it.
    mongodb::bson::deserialize_from_document(document)
        .map_err(|error| CatalogError::Corrupt { id: "a session".to_owned(), detail: error.to_string() })
}
