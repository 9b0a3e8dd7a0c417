//! Every backend passes the conformance suite of `JobQueue`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Folders, clock, pool, redis_queue};
use futures::FutureExt;
use zkflow_core::service::conformance::{QueueHarness, job_queue};
use zkflow_queue::{MemoryQueue, RedisQueue, SqliteQueue};
use zkflow_testbed::{RedisOptions, RedisServer};

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
        let pool = pool(&folders.make().join("db")).await;
        let queue = SqliteQueue::open(pool, clock.clone()).await.unwrap();
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
