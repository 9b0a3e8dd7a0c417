//! Every backend keeps the promises of `JobQueue`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{Folders, clock, pool};
use zkflow_core::conformance::{QueueHarness, job_queue};
use zkflow_queue::{MemoryQueue, SqliteQueue};

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
