//! The processes that run jobs, in MongoDB. All times are those of its server.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{DateTime, Document, doc};
use zkflow_core::service::catalog::{
    CatalogError, FORGOTTEN, MOST_WORKERS, SeenWorker, WorkerProcess, Workers,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::WorkerId;

use super::document::date;
use super::{MongoCatalog, failed, is_duplicate};

#[async_trait]
impl Workers for MongoCatalog {
    async fn announce(&self, process: &WorkerProcess) -> Result<(), CatalogError> {
        let action = "announcing a worker";
        let text = serde_json::to_string(process).map_err(|error| CatalogError::backend(action, error))?;
        // If the process is known, this would be a second document with its id.
        let unknown = doc! { "_id": process.id.as_str(), "first": { "$exists": false } };
        let begin = doc! { "$set": { "process": &text }, "$currentDate": { "first": true, "last": true } };
        let call = self.connection.call();
        let added = call.workers().update_one(unknown, begin).upsert(true).await;
        call.answered();
        let is_new = match added {
            Err(error) if is_duplicate(&error) => false,
            added => added.map(|_| true).map_err(failed(action))?,
        };
        if is_new {
            return self.forget().await;
        }
        let only = doc! { "_id": process.id.as_str() };
        let change = doc! { "$set": { "process": text }, "$currentDate": { "last": true } };
        let call = self.connection.call();
        let written = call.workers().update_one(only, change).await;
        call.answered();
        written.map(drop).map_err(failed(action))
    }

    async fn withdraw(&self, id: &WorkerId) -> Result<(), CatalogError> {
        let call = self.connection.call();
        let deleted = call.workers().delete_one(doc! { "_id": id.as_str() }).await;
        call.answered();
        deleted.map(drop).map_err(failed("removing a worker"))
    }

    async fn workers(&self) -> Result<Vec<SeenWorker>, CatalogError> {
        let action = "listing workers";
        let now = self.time().await?;
        let call = self.connection.call();
        let limit = i64::try_from(MOST_WORKERS).unwrap_or(i64::MAX);
        let found = call.workers().find(doc! {}).sort(doc! { "_id": 1 }).limit(limit).await;
        call.answered();
        let found: Vec<Document> =
            found.map_err(failed(action))?.try_collect().await.map_err(failed(action))?;
        found.iter().map(|found| seen(found, now)).collect()
    }
}

impl MongoCatalog {
    async fn time(&self) -> Result<Timestamp, CatalogError> {
        let action = "reading the time of MongoDB";
        let call = self.connection.call();
        let answer = call.time().await;
        call.answered();
        let answer = answer.map_err(failed(action))?;
        let time = answer.get_datetime("localTime").map_err(|error| CatalogError::backend(action, error))?;
        Ok(Timestamp::from_millis(time.timestamp_millis()))
    }

    /// Removes processes that were silent for long, and the surplus ones.
    async fn forget(&self) -> Result<(), CatalogError> {
        let action = "removing old workers";
        let mut old = vec![doc! { "last": { "$lt": date(self.time().await? - FORGOTTEN) } }];
        let call = self.connection.call();
        let most = u64::try_from(MOST_WORKERS).unwrap_or(u64::MAX);
        let surplus = call.workers().find(doc! {}).sort(doc! { "last": -1, "_id": -1 }).skip(most).await;
        call.answered();
        let surplus: Vec<Document> =
            surplus.map_err(failed(action))?.try_collect().await.map_err(failed(action))?;
        let ids: Vec<_> = surplus.iter().filter_map(|found| found.get("_id").cloned()).collect();
        old.push(doc! { "_id": { "$in": ids } });
        let call = self.connection.call();
        let deleted = call.workers().delete_many(doc! { "$or": old }).await;
        call.answered();
        deleted.map(drop).map_err(failed(action))
    }
}

fn seen(found: &Document, now: Timestamp) -> Result<SeenWorker, CatalogError> {
    let id = found.get_str("_id").unwrap_or_default();
    let corrupt = |detail: String| CatalogError::Corrupt { id: format!("worker {id}"), detail };
    let process = found.get_str("process").map_err(|error| corrupt(error.to_string()))?;
    let process = serde_json::from_str(process).map_err(|error| corrupt(error.to_string()))?;
    let moment = |of: &DateTime| Timestamp::from_millis(of.timestamp_millis());
    let last = found.get_datetime("last").map(moment).map_err(|error| corrupt(error.to_string()))?;
    let first = found.get_datetime("first").map(moment).map_err(|error| corrupt(error.to_string()))?;
    Ok(SeenWorker { process, first, last, silent: now.since(last) })
}
