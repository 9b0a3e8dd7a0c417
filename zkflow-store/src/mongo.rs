//! [`MongoCatalog`]: the documents in MongoDB.

mod connection;
mod document;
mod schema;

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind as Cause, WriteFailure};
use mongodb::options::{ClientOptions, ReadConcern, WriteConcern};
use tokio::time::timeout;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    Catalog, CatalogError, Circuit, CircuitFilter, Deployment, DeploymentFilter, Page, ProofFilter,
    ProofRequest,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{DeploymentId, ProofId, UserId};

use connection::Connection;
use document::{Kept, date, name};

/// A [`Catalog`] in MongoDB, 5.0 or newer, a replica set or a sharded cluster. Any number of
/// processes may share it.
///
/// # Layout
/// - The collections `circuits`, `proofs` and `deployments` hold the documents under the field
///   names of [`Circuit`], [`ProofRequest`] and [`Deployment`]; moments are BSON dates.
/// - `meta` holds the version of this layout. A newer one than this program knows is refused.
/// - Unique indexes stand on `circuit_hash` of circuits, and on `idempotency.key` of those that have
///   one: with `user_id` for proof requests, with `circuit_id` for deployments.
/// - A TTL index on `expires_at` removes proof requests a day after their end. It is there for when
///   no worker cleans up: whoever cleans up destroys the sealed inputs first, and MongoDB cannot.
///   Inputs that it leaves behind are orphans, which the cleanup finds later.
/// - The server checks every write against a JSON schema, so that no other program spoils a document
///   unnoticed. The user needs the roles `readWrite` and `dbAdmin`; without the second it works
///   as long as the collections are there, and logs that the check could not be set.
///
/// Reads and writes are by majority, and writes are in the journal: what was confirmed is not rolled back.
#[derive(Debug)]
pub struct MongoCatalog {
    connection: Connection,
}

impl MongoCatalog {
    /// Connects to the database that `uri` names (`mongodb://host/database`; without a name it is
    /// `zkflow`), and makes or updates what is in it.
    ///
    /// Unless `uri` says otherwise, a server is looked for during 3 seconds.
    ///
    /// # Errors
    /// The address is malformed; nobody answers, or refuses the user; the database is of a newer
    /// version of this program.
    pub async fn open(uri: &str) -> Result<Self, CatalogError> {
        // The driver's own error may quote a part of the address, and so of a password.
        let mut options = ClientOptions::parse(uri).await.map_err(|_| {
            let detail =
                "it must be like mongodb://user:password@host/database, special characters percent-encoded";
            CatalogError::backend("reading the address of MongoDB", detail)
        })?;
        options.app_name.get_or_insert_with(|| "zkflow".to_owned());
        options.server_selection_timeout.get_or_insert(PATIENCE);
        options.connect_timeout.get_or_insert(PATIENCE);
        options.max_pool_size.get_or_insert(CONNECTIONS);
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

    /// Inserts a document, unless one that fits `same` is there, which is returned instead. The flag
    /// says whether it was added. Without `same` only the id can be taken, by this very document: an earlier try
    /// whose answer was lost.
    async fn insert<T: Kept>(&self, new: T, same: Option<Document>) -> Result<(T, bool), CatalogError> {
        let action = format!("adding a {}", T::WHAT);
        let document = document::write(&new)?;
        for _ in 0..ATTEMPTS {
            let call = self.connection.call();
            let inserted = call.collection::<T>().insert_one(&document).await;
            call.answered();
            match inserted {
                Ok(_) => return Ok((new, true)),
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(CatalogError::backend(action, error)),
            }
            let present = match &same {
                Some(same) => self.one(&action, same.clone()).await?.map(|present| (present, false)),
                None => self.by_id(new.id()).await?.map(|present| (present, true)),
            };
            // It may have been deleted in between: then once more.
            if let Some(present) = present {
                return Ok(present);
            }
        }
        Err(CatalogError::backend(action, "its id or key is taken by a document that is not found"))
    }

    async fn one<T: Kept>(&self, action: &str, filter: Document) -> Result<Option<T>, CatalogError> {
        let call = self.connection.call();
        let found = call.collection::<T>().find_one(filter).await;
        call.answered();
        found.map_err(failed(action))?.map(|raw| document::read(&raw)).transpose()
    }

    async fn by_id<T: Kept>(&self, id: &str) -> Result<Option<T>, CatalogError> {
        self.one(&format!("reading a {}", T::WHAT), doc! { "_id": id }).await
    }

    /// Writes a document over the one with the same id and epoch, with the next epoch.
    async fn replace<T: Kept>(&self, mut changed: T) -> Result<T, CatalogError> {
        let action = format!("changing a {}", T::WHAT);
        let read = document::epoch(*changed.epoch())?;
        *changed.epoch() += 1;
        let id = changed.id().to_owned();
        let only = doc! { "_id": &id, "epoch": read };
        let document = document::write(&changed)?;
        let call = self.connection.call();
        let written = call.collection::<T>().replace_one(only, document).await;
        call.answered();
        match written.map_err(failed(action))?.matched_count {
            0 => Err(CatalogError::Stale(format!("{} {id}", T::WHAT))),
            _ => Ok(changed),
        }
    }

    async fn delete<T: Kept>(&self, id: &str) -> Result<(), CatalogError> {
        let call = self.connection.call();
        let deleted = call.collection::<T>().delete_one(doc! { "_id": id }).await;
        call.answered();
        deleted.map(drop).map_err(failed(format!("deleting a {}", T::WHAT)))
    }

    /// The first `limit` readable documents that fit `filter`, in the order `sort`.
    async fn all<T: Kept>(
        &self,
        filter: Document,
        sort: Document,
        limit: usize,
    ) -> Result<Vec<T>, CatalogError> {
        let action = format!("listing {}s", T::WHAT);
        let batch = u32::try_from(limit).unwrap_or(u32::MAX).clamp(1, LARGEST_BATCH);
        let call = self.connection.call();
        let found = call.collection::<T>().find(filter).sort(sort).batch_size(batch).await;
        call.answered();
        let mut found = found.map_err(failed(&action))?;
        let mut documents = Vec::new();
        while documents.len() < limit {
            let Some(raw) = found.try_next().await.map_err(failed(&action))? else { break };
            match document::read(&raw) {
                Ok(document) => documents.push(document),
                Err(error) => tracing::error!(%error, "left out of a list"),
            }
        }
        Ok(documents)
    }

    async fn page<T: Kept>(&self, mut filter: Document, page: &Page) -> Result<Vec<T>, CatalogError> {
        if let Some(after) = &page.after {
            let at = date(after.created_at);
            let same_moment = doc! { "created_at": at, "_id": { "$lt": &after.id } };
            filter.insert("$or", vec![doc! { "created_at": { "$lt": at } }, same_moment]);
        }
        self.all(filter, doc! { "created_at": -1, "_id": -1 }, page.limit).await
    }
}

#[async_trait]
impl Catalog for MongoCatalog {
    async fn insert_circuit(&self, circuit: Circuit) -> Result<(Circuit, bool), CatalogError> {
        let same = doc! { "circuit_hash": circuit.circuit_hash.to_string() };
        self.insert(circuit, Some(same)).await
    }

    async fn circuit(&self, id: &CircuitId) -> Result<Option<Circuit>, CatalogError> {
        self.by_id(id.as_str()).await
    }

    async fn replace_circuit(&self, circuit: Circuit) -> Result<Circuit, CatalogError> {
        self.replace(circuit).await
    }

    async fn delete_circuit(&self, id: &CircuitId) -> Result<(), CatalogError> {
        self.delete::<Circuit>(id.as_str()).await
    }

    async fn circuits(&self, filter: &CircuitFilter, page: &Page) -> Result<Vec<Circuit>, CatalogError> {
        let mut wanted = Document::new();
        if let Some(template) = &filter.template {
            wanted.insert("template", template.as_str());
        }
        if let Some(status) = &filter.status {
            wanted.insert("status", name(status)?);
        }
        self.page(wanted, page).await
    }

    async fn insert_proof(&self, proof: ProofRequest) -> Result<(ProofRequest, bool), CatalogError> {
        let key = proof.idempotency.as_ref().map(|idempotency| idempotency.key.as_str());
        let same = key.map(|key| with_key("user_id", proof.user_id.as_ref().map(UserId::as_str), key));
        self.insert(proof, same).await
    }

    async fn proof_by_key(
        &self,
        user: Option<&UserId>,
        key: &str,
    ) -> Result<Option<ProofRequest>, CatalogError> {
        let same = with_key("user_id", user.map(UserId::as_str), key);
        self.one("looking up an idempotency key", same).await
    }

    async fn proof(&self, id: &ProofId) -> Result<Option<ProofRequest>, CatalogError> {
        self.by_id(id.as_str()).await
    }

    async fn replace_proof(&self, proof: ProofRequest) -> Result<ProofRequest, CatalogError> {
        self.replace(proof).await
    }

    async fn delete_proof(&self, id: &ProofId) -> Result<(), CatalogError> {
        self.delete::<ProofRequest>(id.as_str()).await
    }

    async fn proofs(&self, filter: &ProofFilter, page: &Page) -> Result<Vec<ProofRequest>, CatalogError> {
        let mut wanted = Document::new();
        if let Some(circuit) = &filter.circuit_id {
            wanted.insert("circuit_id", circuit.as_str());
        }
        if let Some(user) = &filter.user_id {
            wanted.insert("user_id", user.as_str());
        }
        if let Some(status) = &filter.status {
            wanted.insert("status", name(status)?);
        }
        self.page(wanted, page).await
    }

    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        let over = doc! { "expires_at": { "$lte": date(now) } };
        self.all(over, doc! { "expires_at": 1, "_id": 1 }, limit).await
    }

    async fn insert_deployment(&self, deployment: Deployment) -> Result<(Deployment, bool), CatalogError> {
        let key = deployment.idempotency.as_ref().map(|idempotency| idempotency.key.as_str());
        let same = key.map(|key| with_key("circuit_id", Some(deployment.circuit_id.as_str()), key));
        self.insert(deployment, same).await
    }

    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>, CatalogError> {
        self.by_id(id.as_str()).await
    }

    async fn replace_deployment(&self, deployment: Deployment) -> Result<Deployment, CatalogError> {
        self.replace(deployment).await
    }

    async fn delete_deployment(&self, id: &DeploymentId) -> Result<(), CatalogError> {
        self.delete::<Deployment>(id.as_str()).await
    }

    async fn deployments(
        &self,
        filter: &DeploymentFilter,
        page: &Page,
    ) -> Result<Vec<Deployment>, CatalogError> {
        let mut wanted = Document::new();
        if let Some(circuit) = &filter.circuit_id {
            wanted.insert("circuit_id", circuit.as_str());
        }
        if let Some(status) = &filter.status {
            wanted.insert("status", name(status)?);
        }
        self.page(wanted, page).await
    }
}

/// The document of `owner` (a field and its value) with an idempotency key.
fn with_key(field: &str, owner: Option<&str>, key: &str) -> Document {
    doc! { field: owner, "idempotency.key": key }
}

/// Says what was being done when the driver failed.
fn failed(action: impl Into<String>) -> impl FnOnce(Error) -> CatalogError {
    move |error| CatalogError::backend(action, error)
}

fn is_duplicate(error: &Error) -> bool {
    matches!(&*error.kind, Cause::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY)
}

/// MongoDB's code for a unique index that has the value already.
const DUPLICATE_KEY: i32 = 11000;

/// How long a server is looked for, and a connection waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest that opening may take: a dozen commands, some of which build indexes.
const OPENING: Duration = Duration::from_secs(60);

/// Connections of a process.
const CONNECTIONS: u32 = 32;

/// Documents that travel together.
const LARGEST_BATCH: u32 = 1000;

/// An insert competes with deletions no longer than this.
const ATTEMPTS: usize = 16;
