//! Every backend passes the conformance suite of `JobQueue`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Folders, clock, redis_queue};
use futures::FutureExt;
use zkflow_core::service::catalog::Catalog;
use zkflow_core::service::conformance::{LedgerHarness, QueueHarness, job_queue, ledger};
use zkflow_core::service::queue::JobQueue;
use zkflow_queue::{Apart, MemoryQueue, RedisQueue, SqliteLedger, SqliteQueue};
use zkflow_store::guarded::Policy;
use zkflow_store::{GuardedCatalog, MemoryCatalog, MongoCatalog, SqliteCatalog, sqlite};
use zkflow_testbed::{MongoServer, RedisOptions, RedisServer};

#[tokio::test]
async fn the_memory_queue_keeps_the_promises() {
    job_queue(async || {
        let clock = clock();
        QueueHarness::with_manual_clock(Arc::new(MemoryQueue::new(clock.clone())), clock)
    })
    .await;
}

#[tokio::test]
async fn the_sqlite_queue_keeps_the_promises() {
    let folders = Folders::default();
    job_queue(async || {
        let clock = clock();
        let database = sqlite::open(folders.make().join("db")).await.unwrap();
        let queue = SqliteQueue::open(database, clock.clone()).await.unwrap();
        QueueHarness::with_manual_clock(Arc::new(queue), clock)
    })
    .await;
}

#[tokio::test]
async fn the_redis_queue_keeps_the_promises() {
    let server = RedisServer::for_tests().unwrap();
    job_queue(async || {
        let clock = clock();
        QueueHarness::with_manual_clock(Arc::new(redis_queue(&server, clock.clone()).await), clock)
    })
    .await;
}

/// A cluster refuses scripts that use keys of two slots.
#[tokio::test]
async fn the_redis_queue_keeps_the_promises_in_a_cluster() {
    let options = RedisOptions { cluster: true, ..RedisOptions::default() };
    let server = RedisServer::start(options).unwrap();
    // Two URLs select the cluster client, which asks the server for its nodes.
    let urls = format!("{0},{0}", server.url());
    job_queue(async || {
        let clock = clock();
        let queue = RedisQueue::connect(&urls, &RedisServer::fresh_namespace()).await.unwrap();
        QueueHarness::with_manual_clock(Arc::new(queue.with_clock(clock.clone())), clock)
    })
    .await;
}

/// With the clock of Redis, as in production: real time passes.
#[tokio::test]
async fn the_redis_queue_keeps_the_promises_by_its_own_clock() {
    let server = RedisServer::for_tests().unwrap();
    let tick = Duration::from_millis(60);
    job_queue(async || {
        let queue = RedisQueue::connect(server.url(), &RedisServer::fresh_namespace()).await.unwrap();
        QueueHarness { queue: Arc::new(queue), advance: Box::new(|by| tokio::time::sleep(by).boxed()), tick }
    })
    .await;
}

#[tokio::test]
async fn documents_and_jobs_apart_keep_the_promises() {
    let catalog = || Arc::new(MemoryCatalog::new());
    ledger(async || apart(catalog(), Arc::new(MemoryQueue::new(clock())))).await;
    let server = RedisServer::for_tests().unwrap();
    ledger(async || apart(catalog(), Arc::new(redis_queue(&server, clock()).await))).await;
}

#[tokio::test]
async fn documents_in_mongodb_and_jobs_in_redis_keep_the_promises() {
    let (mongo, redis) = (MongoServer::start().await, RedisServer::for_tests().unwrap());
    ledger(async || {
        let catalog = Arc::new(MongoCatalog::open(&mongo.fresh_uri()).await.unwrap());
        let guarded = Arc::new(GuardedCatalog::new(catalog, Policy::default()));
        apart(guarded, Arc::new(redis_queue(&redis, clock()).await))
    })
    .await;
}

#[tokio::test]
async fn documents_and_jobs_in_one_file_keep_the_promises() {
    let folders = Folders::default();
    ledger(async || {
        let database = sqlite::open(folders.make().join("db")).await.unwrap();
        let catalog = Arc::new(SqliteCatalog::open(database.clone()).await.unwrap());
        let queue = Arc::new(SqliteQueue::open(database, clock()).await.unwrap());
        LedgerHarness { ledger: Arc::new(SqliteLedger::new(queue.clone())), catalog, queue }
    })
    .await;
}

fn apart(catalog: Arc<dyn Catalog>, queue: Arc<dyn JobQueue>) -> LedgerHarness {
    LedgerHarness { ledger: Arc::new(Apart::new(catalog.clone(), queue.clone())), catalog, queue }
}
