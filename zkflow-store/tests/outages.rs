//! Outages, delays and recovery of backends on other machines, without reopening them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zkflow_core::service::catalog::{Catalog, CatalogError, Circuit};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::InstallationId;
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, ArtifactStore, PutMode, StoreError};
use zkflow_store::guarded::Policy;
use zkflow_store::{BoundStore, GuardedCatalog, GuardedStore, MongoCatalog};
use zkflow_testbed::{Fault, MongoServer, Proxy, S3Server};

use common::{circuit, open_bucket, until_it_succeeds};

/// The default policy, with deadlines short enough for a test.
fn policy() -> Policy {
    Policy {
        deadline: Duration::from_secs(3),
        attempts: 3,
        budget: Duration::from_secs(5),
        ..Policy::default()
    }
}

/// Upper limit of a call's time: the budget, one more attempt, and pauses.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longest time from the return of a backend to the first successful call.
const RECOVERY: Duration = Duration::from_secs(30);

async fn guarded_catalog(uri: &str) -> GuardedCatalog {
    GuardedCatalog::new(Arc::new(MongoCatalog::open(uri).await.unwrap()), policy())
}

async fn guarded_store(server: &S3Server, endpoint: &str) -> GuardedStore {
    GuardedStore::new(Arc::new(open_bucket(server, endpoint).await.unwrap()), policy())
}

/// Asserts that `call` fails within [`PATIENCE`].
async fn fails_in_time<T, E>(call: impl Future<Output = Result<T, E>>) {
    let began = Instant::now();
    assert!(call.await.is_err(), "a call succeeded without its backend");
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_catalog_that_was_stopped_goes_on_with_what_it_had() {
    let mut server = MongoServer::start_own().await;
    let catalog = guarded_catalog(server.uri()).await;
    let (read, _) = catalog.circuits().insert(circuit("kept", 1)).await.unwrap();
    server.stop();
    fails_in_time(catalog.circuits().get(&read.id)).await;
    fails_in_time(catalog.circuits().replace(read.clone())).await;
    server.resume().await;
    until_it_succeeds(RECOVERY, async || catalog.circuits().get(&read.id).await).await;
    assert_eq!(catalog.circuits().get(&read.id).await.unwrap(), Some(read.clone()));
    catalog.circuits().replace(read).await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_stopped_goes_on_with_what_it_had() {
    let mut server = S3Server::start_own().await;
    let store = guarded_store(&server, server.endpoint()).await;
    let key: ArtifactKey = "circuits/0/key".parse().unwrap();
    store.put(&key, Bytes::from_static(b"kept"), PutMode::Create).await.unwrap();
    server.stop().await;
    fails_in_time(store.get(&key)).await;
    fails_in_time(store.delete(&key)).await;
    server.resume().await;
    until_it_succeeds(RECOVERY, async || store.get(&key).await).await;
    assert_eq!(store.get(&key).await.unwrap().body, "kept");
}

#[tokio::test]
async fn a_bucket_that_vanished_has_lost_nothing() {
    let server = S3Server::start_own().await;
    let far = Arc::new(guarded_store(&server, server.endpoint()).await);
    let (store, id) = (BoundStore::new(far.clone()), InstallationId::generate(Timestamp::from_millis(1)));
    let (identity, missing) = (ArtifactPath::Installation.key(), "circuits/0/key".parse().unwrap());
    let body = Bytes::copy_from_slice(id.as_str().as_bytes());
    far.put(&identity, body.clone(), PutMode::Create).await.unwrap();
    store.bind(id);
    let is_missing = async || matches!(store.head(&missing).await, Err(StoreError::NotFound(_)));
    assert!(is_missing().await);

    let (client, bucket) = (server.client(), server.bucket());
    let objects = client.list_objects_v2().bucket(bucket).send().await.unwrap();
    for object in objects.contents() {
        client.delete_object().bucket(bucket).key(object.key().unwrap()).send().await.unwrap();
    }
    client.delete_bucket().bucket(bucket).send().await.unwrap();
    let failures = [
        store.get(&missing).await.map(drop),
        // The answer to a HEAD request does not tell a missing bucket from a missing object.
        store.head(&missing).await.map(drop),
        store.put(&missing, body.clone(), PutMode::Create).await.map(drop),
        store.delete(&missing).await,
    ];
    for (call, failure) in failures.into_iter().enumerate() {
        assert!(matches!(failure, Err(StoreError::Backend { .. })), "call {call}: {failure:?}");
    }

    client.create_bucket().bucket(bucket).send().await.unwrap();
    until_it_succeeds(RECOVERY, async || far.put(&identity, body.clone(), PutMode::Create).await).await;
    assert!(is_missing().await);
}

#[tokio::test]
async fn a_catalog_behind_a_bad_network_loses_nothing() {
    let server = MongoServer::start_own().await;
    let proxy = Proxy::start(server.address()).await;
    let catalog = guarded_catalog(&server.uri_through(proxy.address())).await;
    let mut kept = catalog.circuits().insert(circuit("kept", 1)).await.unwrap().0;
    proxy.set(Fault::Latency(Duration::from_secs(2)));
    kept = catalog.circuits().replace(kept).await.unwrap();
    for fault in [Fault::Reset, Fault::HalfOpen] {
        proxy.set(fault);
        fails_in_time(catalog.circuits().get(&kept.id)).await;
        proxy.set(Fault::None);
        let took = until_it_succeeds(RECOVERY, async || catalog.circuits().get(&kept.id).await).await;
        println!("the catalog was back {took:?} after {fault:?}");
        kept = catalog.circuits().replace(kept).await.unwrap();
    }
    assert_eq!(kept.life.epoch, 3, "expected every change to be made once");
}

/// Connections are reset while documents are changed: every confirmed change is stored, once.
#[tokio::test]
async fn changes_under_resets_are_made_once() {
    let server = MongoServer::start_own().await;
    let proxy = Proxy::start(server.address()).await;
    let catalog = guarded_catalog(&server.uri_through(proxy.address())).await;
    let tasks = futures::future::join_all((0..4).map(|task| change_25_times(&catalog, task)));
    let resets = async {
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            proxy.set(Fault::Reset);
            tokio::time::sleep(Duration::from_millis(50)).await;
            proxy.set(Fault::None);
        }
    };
    let (documents, ()) = futures::future::join(tasks, resets).await;
    for document in documents {
        assert_eq!((document.life.attempt, document.life.epoch), (25, 25));
        assert_eq!(catalog.circuits().get(&document.id).await.unwrap(), Some(document));
    }
}

/// Counts up to 25 in a document. After an unknown outcome, reads the document again.
async fn change_25_times(catalog: &GuardedCatalog, task: i64) -> Circuit {
    let mut document = circuit(&format!("circuit {task}"), task);
    until_it_succeeds(RECOVERY, async || catalog.circuits().insert(document.clone()).await).await;
    while document.life.attempt < 25 {
        let mut next = document.clone();
        next.life.attempt += 1;
        if let Ok(changed) = catalog.circuits().replace(next).await {
            document = changed;
            continue;
        }
        until_it_succeeds(RECOVERY, async || {
            document = catalog.circuits().get(&document.id).await?.expect("the document was inserted");
            Ok::<_, CatalogError>(())
        })
        .await;
    }
    document
}

#[tokio::test]
async fn a_store_behind_a_bad_network_loses_nothing() {
    let server = S3Server::start_own().await;
    let proxy = Proxy::start(server.address()).await;
    let store = guarded_store(&server, &format!("http://{}", proxy.address())).await;
    let key = |name: &str| format!("circuits/0/{name}").parse::<ArtifactKey>().unwrap();
    proxy.set(Fault::Latency(Duration::from_secs(2)));
    store.put(&key("latency"), Bytes::from_static(b"kept"), PutMode::Create).await.unwrap();
    for fault in [Fault::Reset, Fault::HalfOpen] {
        proxy.set(fault);
        fails_in_time(store.head(&key("latency"))).await;
        proxy.set(Fault::None);
        let took = until_it_succeeds(RECOVERY, async || store.head(&key("latency")).await).await;
        println!("the store was back {took:?} after {fault:?}");
        let again = store.put(&key("latency"), Bytes::from_static(b"other"), PutMode::Create).await;
        assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    }
    assert_eq!(store.get(&key("latency")).await.unwrap().body, "kept");
}
