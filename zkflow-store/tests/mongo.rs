//! The catalog in MongoDB, beyond the contract of the trait.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use futures::future::join_all;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    Catalog, CatalogError, CircuitFilter, Page, ProofRequest, Usage, UsageFilter, UsageKey,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::ProofId;
use zkflow_store::MongoCatalog;
use zkflow_testbed::MongoServer;

use common::circuit;

async fn database(server: &MongoServer) -> Database {
    Client::with_uri_str(server.uri()).await.unwrap().default_database().unwrap()
}

#[tokio::test]
async fn fifty_processes_that_ask_for_one_circuit_get_one() {
    let server = MongoServer::start().await;
    let opened = join_all((0..5).map(|_| MongoCatalog::open(server.uri()))).await;
    let catalogs: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    let inserts = (0..50).map(|i| catalogs[i % 5].circuits().insert(circuit("one", i as i64)));
    let results: Vec<_> = join_all(inserts).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(results.iter().filter(|(_, added)| *added).count(), 1);
    assert!(results.iter().all(|(found, _)| *found == results[0].0));
    let all = catalogs[0].circuits().list(&CircuitFilter::default(), &Page::first(9)).await.unwrap();
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn documents_have_the_fields_that_others_know() {
    let server = MongoServer::start().await;
    let catalog = MongoCatalog::open(server.uri()).await.unwrap();
    let circuit = circuit("one", 1_000);
    catalog.circuits().insert(circuit.clone()).await.unwrap();
    let created = Timestamp::from_millis(4_102_444_800_000);
    let keep = Duration::from_secs(60);
    let proof = ProofRequest::new(ProofId::generate(created), circuit.id.clone(), None, None, created, keep);
    catalog.proofs().insert(proof.clone()).await.unwrap();
    // As after a lost answer: an insert of the same request counts as added.
    assert_eq!(catalog.proofs().insert(proof.clone()).await.unwrap(), (proof.clone(), true));

    let database = database(&server).await;
    let found = database.collection::<Document>("circuits").find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(found.get_str("_id").unwrap(), circuit.id.as_str());
    assert_eq!(found.get_str("circuit_hash").unwrap(), circuit.circuit_hash.to_string());
    assert_eq!(found.get_str("template").unwrap(), "rangeCheck");
    assert_eq!(found.get_str("status").unwrap(), "pending");
    assert_eq!(found.get_datetime("created_at").unwrap().timestamp_millis(), 1_000);
    let found = database.collection::<Document>("proofs").find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(found.get_str("circuit_id").unwrap(), circuit.id.as_str());
    assert_eq!(found.get("user_id"), Some(&Bson::Null));
    assert_eq!(found.get_datetime("expires_at").unwrap().timestamp_millis(), proof.expires_at.as_millis());

    let indexes: Vec<_> =
        database.collection::<Document>("proofs").list_indexes().await.unwrap().try_collect().await.unwrap();
    let ttl = indexes.iter().find(|index| index.keys == doc! { "expires_at": 1 }).unwrap();
    assert_eq!(ttl.options.as_ref().unwrap().expire_after, Some(Duration::from_secs(24 * 3600)));
}

#[tokio::test]
async fn usage_of_earlier_versions_has_no_processor_time() {
    let server = MongoServer::start().await;
    let catalog = MongoCatalog::open(server.uri()).await.unwrap();
    let key: UsageKey = format!("2026-01-31/default/{}", circuit("one", 1).id).parse().unwrap();
    let old = doc! { "_id": key.to_string(), "tenant": "default", "proofs": 3_i64, "work_ms": 5_i64 };
    database(&server).await.collection::<Document>("usage").insert_one(old).await.unwrap();
    let (from, to) = (key.day.clone(), key.day.clone());
    let filter = UsageFilter { tenant: None, circuit: None, from, to, after: None };
    let mut expected = Usage { proofs: 3, work_ms: 5, ..Usage::default() };
    for witness_cpu_ms in [0, 7] {
        let more = Usage { witness_cpu_ms, ..Usage::default() };
        catalog.usage_log().count(&key, &more).await.unwrap();
        expected.add(&more);
        assert_eq!(catalog.usage_log().usage(&filter, 9).await.unwrap(), [(key.clone(), expected)]);
    }
}

#[tokio::test]
async fn a_document_that_others_spoil_is_refused_or_named_and_hides_no_other() {
    let server = MongoServer::start().await;
    let catalog = MongoCatalog::open(server.uri()).await.unwrap();
    let good = circuit("good", 1);
    catalog.circuits().insert(good.clone()).await.unwrap();
    let id = CircuitId::from_hash(&zkflow_core::digest::Digest::of("bad"));
    let bad = doc! { "_id": id.as_str(), "circuit_hash": "x", "created_at": Bson::DateTime(mongodb::bson::DateTime::now()) };
    let circuits = database(&server).await.collection::<Document>("circuits");
    let refused = circuits.insert_one(&bad).await.unwrap_err().to_string();
    assert!(refused.contains("121"), "expected error 121, a failed validation: {refused}");
    circuits.insert_one(&bad).bypass_document_validation(true).await.unwrap();
    let error = catalog.circuits().get(&id).await.unwrap_err();
    assert!(matches!(&error, CatalogError::Corrupt { id: named, .. } if named == id.as_str()), "{error}");
    // The newest document is corrupt and left out, but the page is full.
    let listed = catalog.circuits().list(&CircuitFilter::default(), &Page::first(1)).await.unwrap();
    assert_eq!(listed, [good]);
}

#[tokio::test]
async fn a_newer_layout_is_refused_and_an_older_one_brought_up_to_date() {
    let server = MongoServer::start().await;
    MongoCatalog::open(server.uri()).await.unwrap();
    let meta = database(&server).await.collection::<Document>("meta");
    let set = async |version: i64| {
        let change = doc! { "$set": { "version": version } };
        meta.update_one(doc! { "_id": "schema" }, change).await.unwrap();
    };
    set(0).await;
    MongoCatalog::open(server.uri()).await.unwrap();
    assert_ne!(meta.find_one(doc! {}).await.unwrap().unwrap().get_i64("version").unwrap(), 0);
    set(99).await;
    let error = MongoCatalog::open(server.uri()).await.unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_an_error_without_the_password() {
    let began = Instant::now();
    for uri in ["mongodb://u:canary@/x@127.0.0.1:1", "canary", "mongodb://u:canary@127.0.0.1:1/x?bad=canary"]
    {
        let error = MongoCatalog::open(uri).await.unwrap_err();
        assert!(!format!("{error:?}{error}").contains("canary"), "{error:?}");
    }
    let error =
        MongoCatalog::open("mongodb://u:canary@127.0.0.1:1/x?directConnection=true").await.unwrap_err();
    assert!(!format!("{error:?}{error}").contains("canary"), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
