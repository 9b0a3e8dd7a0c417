//! Queues to test, with hands on their clocks.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use zkflow_core::service::clock::{ManualClock, Timestamp};
use zkflow_queue::{RedisQueue, SqliteQueue};
use zkflow_testbed::RedisServer;

/// A moment to begin at.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)))
}

/// Opens a file as a server would, but without waiting for the disk.
pub(crate) async fn pool(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Off)
        .busy_timeout(Duration::from_secs(30));
    SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap()
}

/// An SQLite queue on a file of its own that goes away with the folder.
pub(crate) async fn sqlite_queue(folder: &tempfile::TempDir, clock: Arc<ManualClock>) -> SqliteQueue {
    SqliteQueue::open(pool(&folder.path().join("db")).await, clock).await.unwrap()
}

/// An empty queue on `server`, under a name that nobody else uses.
pub(crate) async fn redis_queue(server: &RedisServer, clock: Arc<ManualClock>) -> RedisQueue {
    let queue = RedisQueue::connect(server.url(), &RedisServer::fresh_namespace()).await.unwrap();
    queue.with_clock(clock)
}

/// Folders that live as long as the test.
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
