//! Queues to test, and their clocks.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use zkflow_core::service::clock::{ManualClock, Timestamp};
use zkflow_queue::{RedisQueue, SqliteQueue};
use zkflow_store::sqlite;
use zkflow_testbed::RedisServer;

/// A manual clock that shows 2026-01-01T00:00:00Z.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)))
}

/// An SQLite queue on a file in `folder`.
pub(crate) async fn sqlite_queue(folder: &tempfile::TempDir, clock: Arc<ManualClock>) -> SqliteQueue {
    let database = sqlite::open(folder.path().join("db")).await.unwrap();
    SqliteQueue::open(database, clock).await.unwrap()
}

/// An empty queue on `server`, in a new namespace.
pub(crate) async fn redis_queue(server: &RedisServer, clock: Arc<ManualClock>) -> RedisQueue {
    let queue = RedisQueue::connect(server.url(), &RedisServer::fresh_namespace()).await.unwrap();
    queue.with_clock(clock)
}

/// Temporary folders, deleted at the end of the test.
#[derive(Default)]
pub(crate) struct Folders(Mutex<Vec<tempfile::TempDir>>);

impl Folders {
    pub(crate) fn make(&self) -> PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        self.0.lock().unwrap().push(folder);
        path
    }
}
