//! Queues to test, and their clocks.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use zkflow_core::service::clock::{ManualClock, Timestamp};
use zkflow_queue::{RedisQueue, SqliteQueue};
use zkflow_testbed::RedisServer;

/// A manual clock that shows 2026-01-01T00:00:00Z.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)))
}

/// Opens a file as the server does, but without waiting for the disk.
pub(crate) async fn pool(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Off)
        .busy_timeout(Duration::from_secs(30));
    SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap()
}

/// An SQLite queue on a file in `folder`.
pub(crate) async fn sqlite_queue(folder: &tempfile::TempDir, clock: Arc<ManualClock>) -> SqliteQueue {
    SqliteQueue::open(pool(&folder.path().join("db")).await, clock).await.unwrap()
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
