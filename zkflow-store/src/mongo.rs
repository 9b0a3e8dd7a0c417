//! [`MongoCatalog`]: a catalog in MongoDB.

mod audit;
mod connection;
mod document;
mod history;
mod keys;
mod reader;
mod schema;
mod sessions;
mod spending;
mod usage;
mod workers;

pub use reader::MongoReader;

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{self, Bson, doc};
use mongodb::error::{Error, ErrorKind as Cause, WriteFailure};
use mongodb::options::{ClientOptions, ReadConcern, WriteConcern};
use tokio::time::timeout;
use zkflow_core::service::catalog::{
    ApiKeys, AuditLog, Catalog, CatalogError, Ceremony, Circuit, Collection, Delivery, Deployment, Document,
    History, Page, ProofRequest, Sessions, Spending, UsageLog, Workers,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::InstallationId;

use connection::Connection;
use document::date;

/// A [`Catalog`] in MongoDB 5.0 or newer, on a replica set or a sharded cluster. Any number of processes
/// may share it.
///
/// # Layout
/// - The collections `circuits`, `proofs`, `deployments`, `ceremonies` and `deliveries` contain the documents, with the
///   field names of [`Circuit`], [`ProofRequest`], [`Deployment`], [`Ceremony`] and [`Delivery`]. Timestamps in indexes are
///   BSON dates. The files in `artifacts` of a circuit have their
///   [short names](zkflow_core::circuit::FileName::short_name), so that queries reach them.
/// - `keys` contains the keys of the API, as [`ApiKey`](zkflow_core::service::catalog::ApiKey).
/// - `usage` contains the counts of usage, by day, tenant and circuit.
/// - `history` contains the counts of proofs by slot of time, `workers` the processes that run jobs.
/// - `spending` contains what accounts of signers can have paid, as [`Spent`](zkflow_core::service::catalog::Spent), by account.
/// - `audit_log` contains the entries of the audit log as JSON, by number.
/// - `meta` contains the version of this layout, and the id of the installation. A newer version is refused.
/// - There are unique indexes on `circuit_hash` of circuits, and on `idempotency.key` where present: with
///   `tenant` and `user_id` for proof requests, with `circuit_id` for deployments, with `tenant` for ceremonies.
///   The `subject` of a delivery is unique.
/// - A TTL index on `expires_at` removes proof requests a day after they expire. It only matters when no
///   worker runs the cleanup. MongoDB cannot destroy the sealed inputs: they become orphans, and a later
///   cleanup removes them.
/// - The server checks every write against a JSON schema, so that other programs cannot store malformed
///   documents. The user needs the roles `readWrite` and `dbAdmin`. Without `dbAdmin` the catalog works if
///   the collections exist, and logs that the check is not set.
///
/// Reads and writes use majority concern, and writes are journaled: a confirmed write is not rolled back.
#[derive(Debug)]
pub struct MongoCatalog {
    connection: Connection,
}

impl MongoCatalog {
    /// Connects to the database in `uri` (`mongodb://host/database`; the default database is `zkflow`), and
    /// creates or upgrades its collections.
    ///
    /// The server selection timeout is 3 seconds unless `uri` sets it.
    ///
    /// # Errors
    /// The URI is malformed; the server does not answer or refuses the user; the database has a newer layout
    /// version.
    pub async fn open(uri: &str) -> Result<Self, CatalogError> {
        let mut options = options(uri).await?;
        options.read_concern = Some(ReadConcern::majority());
        let mut concern = WriteConcern::majority();
        concern.journal = Some(true);
        options.write_concern = Some(concern);
        let connection = Connection::new(options).map_err(failed("connecting to MongoDB"))?;
        let prepared = timeout(OPENING, schema::migrate(&connection.database())).await;
        prepared.unwrap_or_else(|_| {
            let detail = format!("no answer within {} s", OPENING.as_secs());
            Err(CatalogError::backend("preparing the database", detail))
        })?;
        Ok(Self { connection })
    }

    async fn one<D: Document>(
        &self,
        action: impl Into<String>,
        filter: bson::Document,
    ) -> Result<Option<D>, CatalogError> {
        let call = self.connection.call();
        let found = call.collection::<D>().find_one(filter).await;
        call.answered();
        found.map_err(failed(action))?.map(|raw| document::read(&raw)).transpose()
    }

    /// The first `limit` readable documents that match `filter`, ordered by `sort`.
    async fn all<D: Document>(
        &self,
        filter: bson::Document,
        sort: bson::Document,
        limit: usize,
    ) -> Result<Vec<D>, CatalogError> {
        let action = format!("listing {}s", D::KIND);
        let batch = u32::try_from(limit).unwrap_or(u32::MAX).clamp(1, LARGEST_BATCH);
        let call = self.connection.call();
        let found = call.collection::<D>().find(filter).sort(sort).batch_size(batch).await;
        call.answered();
        let mut found = found.map_err(failed(&action))?;
        let mut documents = Vec::new();
        while documents.len() < limit {
            let Some(raw) = found.try_next().await.map_err(failed(&action))? else { break };
            match document::read(&raw) {
                Ok(document) => documents.push(document),
                Err(error) => tracing::error!(%error, "omitted from a list"),
            }
        }
        Ok(documents)
    }
}

#[async_trait]
impl Catalog for MongoCatalog {
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
        let over = doc! { "expires_at": { "$lte": date(now) } };
        self.all(over, doc! { "expires_at": 1, "_id": 1 }, limit).await
    }

    async fn installation(&self) -> Result<Option<InstallationId>, CatalogError> {
        let call = self.connection.call();
        let found = call.meta().find_one(doc! { "_id": INSTALLATION }).await;
        call.answered();
        found
            .map_err(failed("reading the id of the installation"))?
            .map(|found| installation(&found))
            .transpose()
    }

    async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError> {
        let set = if replace { "$set" } else { "$setOnInsert" };
        let change = doc! { set: { "id": id.as_str() } };
        let call = self.connection.call();
        let written = call.meta().update_one(doc! { "_id": INSTALLATION }, change).upsert(true).await;
        call.answered();
        match written {
            // Another process has written it at the same time.
            Err(error) if is_duplicate(&error) && !replace => {}
            written => drop(written.map_err(failed("writing the id of the installation"))?),
        }
        let missing = || CatalogError::backend("writing the id of the installation", "it is not stored");
        self.installation().await?.ok_or_else(missing)
    }
}

#[async_trait]
impl<D: Document> Collection<D> for MongoCatalog {
    async fn insert(&self, new: D) -> Result<(D, bool), CatalogError> {
        let action = format!("adding a {}", D::KIND);
        let (document, key) = (document::write(&new)?, new.key());
        for _ in 0..ATTEMPTS {
            let call = self.connection.call();
            let inserted = call.collection::<D>().insert_one(&document).await;
            call.answered();
            match inserted {
                Ok(_) => return Ok((new, true)),
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(CatalogError::backend(action, error)),
            }
            let present = match &key {
                Some(key) => self.by_key(key).await?.map(|present| (present, false)),
                None => self.get(new.id()).await?.map(|present| (present, true)),
            };
            // The document may have been deleted meanwhile: try again.
            if let Some(present) = present {
                return Ok(present);
            }
        }
        Err(CatalogError::backend(action, "the id or key is taken, but its document is not found"))
    }

    async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError> {
        self.one(format!("reading a {}", D::KIND), doc! { "_id": id.to_string() }).await
    }

    async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError> {
        self.one(format!("looking up the key of a {}", D::KIND), document::filter(key)).await
    }

    async fn replace(&self, mut changed: D) -> Result<D, CatalogError> {
        let read = document::epoch(changed.life().epoch)?;
        changed.life_mut().epoch += 1;
        let only = doc! { "_id": changed.id().to_string(), "epoch": read };
        let document = document::write(&changed)?;
        let call = self.connection.call();
        let written = call.collection::<D>().replace_one(only, document).await;
        call.answered();
        match written.map_err(failed(format!("changing a {}", D::KIND)))?.matched_count {
            0 => Err(CatalogError::stale(&changed)),
            _ => Ok(changed),
        }
    }

    async fn delete(&self, document: &D) -> Result<(), CatalogError> {
        let life = document.life();
        let seen = doc! {
            "_id": document.id().to_string(),
            "epoch": document::epoch(life.epoch)?,
            "created_at": date(life.created_at),
        };
        let call = self.connection.call();
        let deleted = call.collection::<D>().delete_one(seen).await;
        call.answered();
        let deleted = deleted.map_err(failed(format!("deleting a {}", D::KIND)))?.deleted_count;
        let present: Option<D> = if deleted == 0 { self.get(document.id()).await? } else { None };
        present.map_or(Ok(()), |_| Err(CatalogError::stale(document)))
    }

    async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError> {
        let mut wanted = document::filter(filter);
        if let Some(after) = &page.after {
            let at = date(after.created_at);
            let same_moment = doc! { "created_at": at, "_id": { "$lt": &after.id } };
            wanted.insert("$or", vec![doc! { "created_at": { "$lt": at } }, same_moment]);
        }
        let since = page.since.map(|since| ("$gte", date(since)));
        let until = page.until.map(|until| ("$lt", date(until)));
        let times: bson::Document =
            since.into_iter().chain(until).map(|(is, at)| (is.to_owned(), Bson::DateTime(at))).collect();
        if !times.is_empty() {
            wanted.insert("created_at", times);
        }
        self.all(wanted, doc! { "created_at": -1, "_id": -1 }, page.limit).await
    }
}

/// Reads the URI, and sets what it does not.
async fn options(uri: &str) -> Result<ClientOptions, CatalogError> {
    // The driver's own error may quote a part of the URI, and so of a password.
    let mut options = ClientOptions::parse(uri).await.map_err(|_| {
        let detail =
            "expected mongodb://user:password@host/database, with special characters percent-encoded";
        CatalogError::backend("reading the MongoDB URI", detail)
    })?;
    options.app_name.get_or_insert_with(|| "zkflow".to_owned());
    options.server_selection_timeout.get_or_insert(PATIENCE);
    options.connect_timeout.get_or_insert(PATIENCE);
    options.max_pool_size.get_or_insert(CONNECTIONS);
    Ok(options)
}

/// `_id` in the collection `meta`.
const INSTALLATION: &str = "installation";

fn installation(found: &bson::Document) -> Result<InstallationId, CatalogError> {
    let id = found.get_str("id").ok().and_then(|id| id.parse().ok());
    id.ok_or_else(|| CatalogError::Corrupt {
        id: "the id of the installation".to_owned(),
        detail: "expected a UUID".to_owned(),
    })
}

/// Wraps an error of the driver with the action that failed.
fn failed(action: impl Into<String>) -> impl FnOnce(Error) -> CatalogError {
    move |error| CatalogError::backend(action, error)
}

fn is_duplicate(error: &Error) -> bool {
    matches!(&*error.kind, Cause::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY)
}

/// MongoDB's error code for a duplicate value in a unique index.
const DUPLICATE_KEY: i32 = 11000;

/// Timeout of server selection and of connecting.
const PATIENCE: Duration = Duration::from_secs(3);

/// Timeout of opening: a dozen commands, some of which build indexes.
const OPENING: Duration = Duration::from_secs(60);

/// Maximum connections of a process.
const CONNECTIONS: u32 = 32;

/// Maximum documents in a batch.
const LARGEST_BATCH: u32 = 1000;

/// Maximum attempts of an insert that competes with deletions.
const ATTEMPTS: usize = 16;
