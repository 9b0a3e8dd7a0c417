//! Collections with their validators and indexes, and the version of this layout.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind as Cause};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use zkflow_core::service::catalog::{CatalogError, Circuit, Deployment, ProofRequest};

use super::document::Kept;
use super::failed;

/// Version of the layout that this program writes. [`migrate`] upgrades older versions. Its steps may be
/// repeated, and may run in several processes at once.
const VERSION: i64 = 1;

/// Time from `expires_at` until MongoDB itself removes a proof request.
const TTL_GRACE: Duration = Duration::from_secs(24 * 3600);

/// Upgrades the database to [`VERSION`].
///
/// # Errors
/// [`CatalogError::Corrupt`] if the database has a newer version.
pub(super) async fn migrate(database: &Database) -> Result<(), CatalogError> {
    let action = "preparing the database";
    let meta = database.collection::<Document>("meta");
    let found = meta.find_one(doc! { "_id": "schema" }).await.map_err(failed(action))?;
    let version = found.and_then(|schema| schema.get_i64("version").ok()).unwrap_or(0);
    if version > VERSION {
        let detail =
            format!("schema version {version} is newer than the supported {VERSION}: upgrade zkflow");
        return Err(CatalogError::Corrupt { id: "the database".to_owned(), detail });
    }
    collection::<Circuit>(database, circuits(), circuit_indexes()).await?;
    collection::<ProofRequest>(database, proofs(), proof_indexes()).await?;
    collection::<Deployment>(database, deployments(), deployment_indexes()).await?;
    let raise = doc! { "$max": { "version": VERSION } };
    meta.update_one(doc! { "_id": "schema" }, raise).upsert(true).await.map_err(failed(action))?;
    Ok(())
}

async fn collection<T: Kept>(
    database: &Database,
    schema: Document,
    indexes: Vec<IndexModel>,
) -> Result<(), CatalogError> {
    let name = T::COLLECTION;
    let validator = doc! { "$jsonSchema": schema };
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
    collection.create_indexes(indexes).await.map_err(failed(format!("creating the indexes of {name}")))?;
    Ok(())
}

fn circuit_indexes() -> Vec<IndexModel> {
    vec![
        unique(doc! { "circuit_hash": 1 }, None),
        index(doc! { "created_at": -1, "_id": -1 }),
        index(doc! { "status": 1, "created_at": -1, "_id": -1 }),
        index(doc! { "template": 1, "created_at": -1, "_id": -1 }),
    ]
}

fn proof_indexes() -> Vec<IndexModel> {
    let ttl = IndexOptions::builder().expire_after(TTL_GRACE).build();
    vec![
        unique(doc! { "user_id": 1, "idempotency.key": 1 }, Some(keyed())),
        IndexModel::builder().keys(doc! { "expires_at": 1 }).options(ttl).build(),
        index(doc! { "created_at": -1, "_id": -1 }),
        index(doc! { "status": 1, "created_at": -1, "_id": -1 }),
        index(doc! { "circuit_id": 1, "created_at": -1, "_id": -1 }),
        index(doc! { "user_id": 1, "created_at": -1, "_id": -1 }),
    ]
}

fn deployment_indexes() -> Vec<IndexModel> {
    vec![
        unique(doc! { "circuit_id": 1, "idempotency.key": 1 }, Some(keyed())),
        index(doc! { "created_at": -1, "_id": -1 }),
        index(doc! { "status": 1, "created_at": -1, "_id": -1 }),
        index(doc! { "circuit_id": 1, "created_at": -1, "_id": -1 }),
    ]
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

/// Schema with the fields of every document, and `properties`; all are required.
fn schema(properties: Document) -> Document {
    let mut all = doc! {
        "_id": { "bsonType": "string" },
        "stage": { "bsonType": "string" },
        "attempt": { "bsonType": ["int", "long"], "minimum": 0 },
        "timings": { "bsonType": "object" },
        "created_at": { "bsonType": "date" },
        "updated_at": { "bsonType": "date" },
        "epoch": { "bsonType": "long", "minimum": 0 },
    };
    all.extend(properties);
    let required: Vec<_> = all.keys().cloned().collect();
    doc! { "bsonType": "object", "required": required, "properties": all }
}

fn circuits() -> Document {
    schema(doc! {
        "circuit_hash": { "bsonType": "string", "pattern": "^[0-9a-f]{64}$" },
        "template": { "bsonType": "string" },
        "params": { "bsonType": "object" },
        "status": { "enum": ["pending", "ready", "failed"] },
        "artifacts": { "bsonType": "object" },
        "error": { "bsonType": ["object", "null"] },
    })
}

fn proofs() -> Document {
    schema(doc! {
        "circuit_id": { "bsonType": "string" },
        "user_id": { "bsonType": ["string", "null"] },
        "status": { "enum": ["pending", "completed", "failed", "cancelled"] },
        "artifacts": { "bsonType": ["object", "null"] },
        "error": { "bsonType": ["object", "null"] },
        "idempotency": { "bsonType": ["object", "null"] },
        "expires_at": { "bsonType": "date" },
    })
}

fn deployments() -> Document {
    schema(doc! {
        "circuit_id": { "bsonType": "string" },
        "status": { "enum": ["pending", "confirmed", "failed"] },
        "transaction": { "bsonType": ["object", "null"] },
        "contract": { "bsonType": ["object", "null"] },
        "error": { "bsonType": ["object", "null"] },
        "idempotency": { "bsonType": ["object", "null"] },
    })
}

fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        Cause::Command(error) => Some(error.code),
        _ => None,
    }
}

const NAMESPACE_EXISTS: i32 = 48;
const UNAUTHORIZED: i32 = 13;
const COMMAND_NOT_FOUND: i32 = 59;
