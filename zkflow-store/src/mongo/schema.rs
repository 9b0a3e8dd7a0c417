//! Collections, validators, indexes, and the version of this layout.

use std::time::Duration;

use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind as Cause};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use zkflow_core::service::catalog::{
    CatalogError, Ceremony, Circuit, Delivery, Deployment, Document as Kind, Named, ProofRequest,
};
use zkflow_core::service::tenant::TenantId;

use super::connection::{KEYS, META, SESSIONS, USAGE};
use super::{document, failed};

/// Version of the layout that this program writes. [`migrate`] upgrades older versions. Its steps may be
/// repeated, and may run in several processes at once.
const VERSION: i64 = 4;

/// Time from `expires_at` until MongoDB itself removes a proof request.
const TTL_GRACE: Duration = Duration::from_secs(24 * 3600);

/// Upgrades the database to [`VERSION`].
///
/// # Errors
/// [`CatalogError::Corrupt`] if the database has a newer version.
pub(super) async fn migrate(database: &Database) -> Result<(), CatalogError> {
    let action = "preparing the database";
    let meta = database.collection::<Document>(META);
    let found = meta.find_one(doc! { "_id": "schema" }).await.map_err(failed(action))?;
    let version = found.and_then(|schema| schema.get_i64("version").ok()).unwrap_or(0);
    if version > VERSION {
        let detail =
            format!("schema version {version} is newer than the supported {VERSION}: upgrade zkflow");
        return Err(CatalogError::Corrupt { id: "the database".to_owned(), detail });
    }
    for name in [Circuit::COLLECTION, ProofRequest::COLLECTION, Deployment::COLLECTION] {
        owned(database, name).await?;
    }
    if version < 3 {
        short_names(database).await?;
    }
    derived(database).await?;
    collection::<Circuit>(database, circuits()).await?;
    collection::<ProofRequest>(database, proofs()).await?;
    collection::<Deployment>(database, deployments()).await?;
    collection::<Ceremony>(database, ceremonies()).await?;
    collection::<Delivery>(database, deliveries()).await?;
    let indexes =
        [unique(doc! { "digest": 1 }, None), index(doc! { "tenant": 1, "created_at": -1, "_id": -1 })];
    database.collection::<Document>(KEYS).create_indexes(indexes).await.map_err(failed(action))?;
    let by_caller = index(doc! { "caller": 1, "created_at": -1, "_id": -1 });
    database.collection::<Document>(SESSIONS).create_index(by_caller).await.map_err(failed(action))?;
    let by_tenant = index(doc! { "tenant": 1, "_id": 1 });
    database.collection::<Document>(USAGE).create_index(by_tenant).await.map_err(failed(action))?;
    let raise = doc! { "$max": { "version": VERSION } };
    meta.update_one(doc! { "_id": "schema" }, raise).upsert(true).await.map_err(failed(action))?;
    Ok(())
}

/// Gives the documents of older versions to the default tenant, and removes an index of theirs.
async fn owned(database: &Database, name: &str) -> Result<(), CatalogError> {
    let collection = database.collection::<Document>(name);
    let without = doc! { "tenant": null };
    let owner = doc! { "$set": { "tenant": TenantId::default().as_str() } };
    collection.update_many(without, owner).await.map_err(failed(format!("finding the owners of {name}")))?;
    match collection.drop_index("user_id_1_idempotency.key_1").await {
        Err(error) if !matches!(code(&error), Some(NAMESPACE_MISSING | INDEX_MISSING)) => {
            Err(failed(format!("changing the indexes of {name}"))(error))
        }
        _ => Ok(()),
    }
}

/// Gives the files of the circuits of older versions names without dots.
async fn short_names(database: &Database) -> Result<(), CatalogError> {
    let action = "renaming the files of circuits";
    let circuits = database.collection::<Document>(Circuit::COLLECTION);
    let mut found = circuits.find(doc! {}).await.map_err(failed(action))?;
    while let Some(circuit) = found.try_next().await.map_err(failed(action))? {
        let Some(renamed) = document::with_short_names(&circuit) else { continue };
        // A circuit that is changed meanwhile is written with these names, or by a process of an older version.
        let (id, epoch) = (circuit.get("_id"), circuit.get("epoch"));
        circuits.replace_one(doc! { "_id": id, "epoch": epoch }, renamed).await.map_err(failed(action))?;
    }
    Ok(())
}

/// Gives circuits their derived fields, which processes of older versions do not write.
async fn derived(database: &Database) -> Result<(), CatalogError> {
    let action = "completing the fields of circuits";
    let circuits = database.collection::<Document>(Circuit::COLLECTION);
    let mut found = circuits.find(doc! { "name": null }).await.map_err(failed(action))?;
    while let Some(circuit) = found.try_next().await.map_err(failed(action))? {
        let Some(fields) = document::derived::<Circuit>(&circuit) else { continue };
        // A circuit that is changed meanwhile is written with them, or completed at the next start.
        let (id, epoch) = (circuit.get("_id"), circuit.get("epoch"));
        let change = doc! { "$set": fields };
        circuits.update_one(doc! { "_id": id, "epoch": epoch }, change).await.map_err(failed(action))?;
    }
    Ok(())
}

/// Fields and indexes of a kind, beyond those of every kind.
struct Schema {
    /// Types of the fields; all are required.
    fields: Document,
    indexes: Vec<IndexModel>,
}

async fn collection<D: Kind>(database: &Database, schema: Schema) -> Result<(), CatalogError> {
    let name = D::COLLECTION;
    let validator = doc! { "$jsonSchema": json_schema::<D>(schema.fields) };
    match database.create_collection(name).validator(validator.clone()).await {
        Ok(()) => {}
        Err(error) if code(&error) == Some(NAMESPACE_EXISTS) => {
            let change = doc! { "collMod": name, "validator": validator };
            match database.run_command(change).await {
                Ok(_) => {}
                // Not fatal: documents are also checked when they are read.
                Err(error) if matches!(code(&error), Some(UNAUTHORIZED | COMMAND_NOT_FOUND)) => {
                    tracing::warn!(collection = name, %error, "MongoDB does not validate the documents");
                }
                Err(error) => return Err(failed(format!("setting the validator of {name}"))(error)),
            }
        }
        Err(error) => return Err(failed(format!("creating the collection {name}"))(error)),
    }
    let collection = database.collection::<Document>(name);
    let mut indexes = schema.indexes;
    indexes.push(index(doc! { "created_at": -1, "_id": -1 }));
    indexes.push(index(doc! { "tenant": 1, "created_at": -1, "_id": -1 }));
    indexes.push(index(doc! { "status": 1, "created_at": -1, "_id": -1 }));
    collection.create_indexes(indexes).await.map_err(failed(format!("creating the indexes of {name}")))?;
    Ok(())
}

/// The JSON schema of `fields` and of the shared fields.
fn json_schema<D: Kind>(fields: Document) -> Document {
    let statuses: Vec<_> = D::Status::ALL.iter().map(|status| status.as_str()).collect();
    let mut all = doc! {
        "_id": { "bsonType": "string" },
        "status": { "enum": statuses },
        "stage": { "bsonType": "string" },
        "attempt": { "bsonType": ["int", "long"], "minimum": 0 },
        "timings": { "bsonType": "object" },
        "error": { "bsonType": ["object", "null"] },
        "created_at": { "bsonType": "date" },
        "updated_at": { "bsonType": "date" },
        "epoch": { "bsonType": "long", "minimum": 0 },
    };
    all.extend(fields);
    let required: Vec<_> = all.keys().cloned().collect();
    // Processes of older versions write none.
    all.insert("tenant", doc! { "bsonType": "string" });
    doc! { "bsonType": "object", "required": required, "properties": all }
}

fn circuits() -> Schema {
    Schema {
        fields: doc! {
            "circuit_hash": { "bsonType": "string", "pattern": "^[0-9a-f]{64}$" },
            "template": { "bsonType": "string" },
            "params": { "bsonType": "object" },
            "artifacts": { "bsonType": "object" },
        },
        indexes: vec![
            unique(doc! { "circuit_hash": 1 }, None),
            index(doc! { "template": 1, "created_at": -1, "_id": -1 }),
            // With the fields of a search: it reads only the documents that it returns.
            index(
                doc! { "tenant": 1, "created_at": -1, "_id": -1, "key_label": 1, "circuit_hash": 1, "name": 1 },
            ),
            index(doc! { "created_at": -1, "_id": -1, "key_label": 1, "circuit_hash": 1, "name": 1 }),
        ],
    }
}

fn proofs() -> Schema {
    let ttl = IndexOptions::builder().expire_after(TTL_GRACE).build();
    Schema {
        fields: doc! {
            "circuit_id": { "bsonType": "string" },
            "user_id": { "bsonType": ["string", "null"] },
            "artifacts": { "bsonType": ["object", "null"] },
            "idempotency": { "bsonType": ["object", "null"] },
            "expires_at": { "bsonType": "date" },
        },
        indexes: vec![
            unique(doc! { "tenant": 1, "user_id": 1, "idempotency.key": 1 }, Some(keyed())),
            IndexModel::builder().keys(doc! { "expires_at": 1 }).options(ttl).build(),
            index(doc! { "circuit_id": 1, "created_at": -1, "_id": -1 }),
            index(doc! { "tenant": 1, "user_id": 1, "created_at": -1, "_id": -1 }),
            index(doc! { "tenant": 1, "status": 1, "created_at": -1, "_id": -1 }),
            index(doc! { "circuit_id": 1, "status": 1, "created_at": -1, "_id": -1 }),
            index(doc! { "tenant": 1, "error.code": 1, "created_at": -1, "_id": -1 }),
        ],
    }
}

fn deployments() -> Schema {
    Schema {
        fields: doc! {
            "circuit_id": { "bsonType": "string" },
            "transaction": { "bsonType": ["object", "null"] },
            "contract": { "bsonType": ["object", "null"] },
            "idempotency": { "bsonType": ["object", "null"] },
        },
        indexes: vec![
            unique(doc! { "circuit_id": 1, "idempotency.key": 1 }, Some(keyed())),
            index(doc! { "circuit_id": 1, "created_at": -1, "_id": -1 }),
        ],
    }
}

fn ceremonies() -> Schema {
    Schema {
        fields: doc! {
            "circuit_id": { "bsonType": "string" },
            "rules": { "bsonType": "object" },
            "key": { "bsonType": ["object", "null"] },
            "contributions": { "bsonType": "array" },
            "places": { "bsonType": "array" },
            "idempotency": { "bsonType": ["object", "null"] },
        },
        indexes: vec![
            unique(doc! { "tenant": 1, "idempotency.key": 1 }, Some(keyed())),
            index(doc! { "circuit_id": 1, "created_at": -1, "_id": -1 }),
        ],
    }
}

fn deliveries() -> Schema {
    Schema {
        fields: doc! {
            "subject": { "bsonType": "string" },
            "address": { "bsonType": "string" },
            "since": { "bsonType": "string" },
        },
        indexes: vec![unique(doc! { "subject": 1 }, None)],
    }
}

/// Filter for documents with an idempotency key.
fn keyed() -> Document {
    doc! { "idempotency.key": { "$exists": true } }
}

fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}

fn unique(keys: Document, only: Option<Document>) -> IndexModel {
    let options = IndexOptions::builder().unique(true).partial_filter_expression(only).build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        Cause::Command(error) => Some(error.code),
        _ => None,
    }
}

const NAMESPACE_EXISTS: i32 = 48;
const NAMESPACE_MISSING: i32 = 26;
const INDEX_MISSING: i32 = 27;
const UNAUTHORIZED: i32 = 13;
const COMMAND_NOT_FOUND: i32 = 59;
