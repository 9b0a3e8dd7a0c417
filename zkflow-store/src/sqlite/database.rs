//! [`Database`]: an SQLite file with one thread that writes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, ffi};
use tokio::sync::oneshot;

/// An SQLite file. Clones share its connections; several processes may open it.
///
/// # Writes
/// - One thread makes all writes of a process. A write is a function, which runs in a savepoint: if it fails, only its
///   own changes are undone.
/// - Writes that wait for the thread share a transaction, and so one `fsync`. A write returns after the transaction is
///   committed.
/// - A write happens even if its future is dropped.
///
/// # Reads
/// Readers never wait (write-ahead log). They see every write that has returned.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    path: PathBuf,
    /// `None` only while the file is being closed.
    writes: Option<Sender<Write>>,
    /// Idle connections for reads.
    readers: Mutex<Vec<Connection>>,
    /// The thread that writes; `None` only while the file is being closed.
    writer: Option<JoinHandle<()>>,
}

impl Drop for Shared {
    /// Waits until the thread has closed its connection. It is the last one, so the log is moved into the file: after an
    /// orderly end the file alone is the whole database.
    fn drop(&mut self) {
        self.readers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        drop(self.writes.take());
        // A write may hold the last clone, and then this is its thread.
        if let Some(writer) =
            self.writer.take().filter(|writer| writer.thread().id() != thread::current().id())
        {
            // A thread that panicked has closed its connection too.
            drop(writer.join());
        }
    }
}

/// When a write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the call returns. It survives a crash of the machine.
    Now,
    /// With the next durable write, or within seconds. It survives a crash of the process. If the machine crashes
    /// before, the write is lost, and no other.
    Soon,
}

impl Durability {
    fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Soon => "soon",
        }
    }
}

/// Writes within the transaction of a connection, or learns why there is none.
type Work = Box<dyn FnOnce(Result<&Connection, DatabaseError>) -> Reply + Send>;

/// Called when the transaction has ended.
type Reply = Box<dyn FnOnce(Result<(), DatabaseError>) + Send>;

struct Write {
    work: Work,
    durability: Durability,
}

impl Database {
    /// Opens or creates the file, and starts the thread. The thread ends with the last clone.
    pub(super) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let (writes, incoming) = mpsc::channel();
        let writer = thread::Builder::new()
            .name("zkflow-sqlite".to_owned())
            .spawn(move || write_until_closed(&writer, &incoming))
            .map_err(DatabaseError::other)?;
        let (writes, writer) = (Some(writes), Some(writer));
        Ok(Self(Arc::new(Shared { path: path.to_owned(), writes, readers: Mutex::default(), writer })))
    }

    /// Runs `work` in a transaction with other waiting writes. If `work` fails, it has changed nothing.
    ///
    /// # Errors
    /// The transaction cannot begin or be committed.
    pub async fn write<T, E>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, DatabaseError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let done = connection.and_then(|connection| in_savepoint(connection, work));
            // The receiver is gone if the caller has dropped the future.
            Box::new(move |ended| drop(sender.send(ended.and(done))))
        });
        let closed = || DatabaseError::other(std::io::Error::other("the thread that writes has ended"));
        let writes = self.0.writes.as_ref().ok_or_else(closed)?;
        writes.send(Write { work, durability }).map_err(|_| closed())?;
        receiver.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Runs `work` on the calling thread: for look-ups by an index, which take microseconds.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn look_up<T>(&self, work: impl FnOnce(&Connection) -> T) -> Result<T, DatabaseError> {
        let idle = self.readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.0.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let result = work(&connection);
        let mut readers = self.readers();
        if readers.len() < READERS {
            readers.push(connection);
        }
        Ok(result)
    }

    /// Runs `work` on a blocking thread: for lists.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> T + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let database = self.clone();
        tokio::task::spawn_blocking(move || database.look_up(work))
            .await
            .unwrap_or_else(|error| Err(DatabaseError::other(error)))
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.0.path).finish()
    }
}

/// Idle connections that are kept.
const READERS: usize = 8;

/// Longest wait of a writer for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

/// Most writes in one transaction.
const MOST: usize = 256;

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, DatabaseError> {
    // A connection is used by one thread at a time.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    if access.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "secure_delete", true)?;
        set_durability(&connection, Durability::Now)?;
    }
    Ok(connection)
}

/// Has effect from the next transaction on.
fn set_durability(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    // With a write-ahead log, NORMAL writes a commit to the log, and FULL also waits for the disk.
    let level = match durability {
        Durability::Now => "FULL",
        Durability::Soon => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", level)
}

fn write_until_closed(connection: &Connection, incoming: &Receiver<Write>) {
    let mut present = Durability::Now;
    while let Ok(first) = incoming.recv() {
        let writes: Vec<Write> = std::iter::once(first).chain(incoming.try_iter().take(MOST - 1)).collect();
        let wanted = match writes.iter().any(|write| write.durability == Durability::Now) {
            true => Durability::Now,
            false => Durability::Soon,
        };
        if wanted != present && set_durability(connection, wanted).is_ok() {
            present = wanted;
        }
        let (ended, replies) = in_transaction(connection, writes.into_iter(), present);
        replies.into_iter().for_each(|reply| reply(ended.clone()));
    }
}

/// Runs writes in a transaction. Returns whether it was committed, and the replies.
///
/// # Metrics
/// `zkflow_database_commit_duration_seconds {durability}`; with the `durability` `now`, the time contains the wait for the disk.
fn in_transaction(
    connection: &Connection,
    writes: impl Iterator<Item = Write>,
    durability: Durability,
) -> (Result<(), DatabaseError>, Vec<Reply>) {
    let execute = |sql| -> Result<(), DatabaseError> {
        connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    let mut state = execute("BEGIN IMMEDIATE");
    let replies = writes.map(|write| {
        // After some errors, such as a full disk, SQLite rolls back by itself.
        if state.is_ok() && connection.is_autocommit() {
            state = Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT), None).into());
        }
        (write.work)(state.clone().map(|()| connection))
    });
    let replies = replies.collect();
    let commit = || -> Result<(), DatabaseError> {
        let began = Instant::now();
        execute("COMMIT")?;
        let labels = [("durability", durability.as_str())];
        metrics::histogram!("zkflow_database_commit_duration_seconds", &labels).record(began.elapsed());
        Ok(())
    };
    let ended = state.and_then(|()| commit());
    if ended.is_err() && !connection.is_autocommit() {
        // If this fails, the next transaction cannot begin, and says so.
        drop(connection.execute_batch("ROLLBACK"));
    }
    (ended, replies)
}

/// Undoes the changes of `work` if it fails.
fn in_savepoint<T, E>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<Result<T, E>, DatabaseError> {
    connection.prepare_cached("SAVEPOINT one_write")?.execute([])?;
    let done = work(connection);
    if done.is_err() {
        connection.prepare_cached("ROLLBACK TO one_write")?.execute([])?;
    }
    connection.prepare_cached("RELEASE one_write")?.execute([])?;
    Ok(done)
}

/// SQLite failed, or the file cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct DatabaseError(Arc<dyn std::error::Error + Send + Sync>);

impl DatabaseError {
    pub(super) fn other(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    async fn open(folder: &tempfile::TempDir) -> Database {
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        let table =
            |connection: &Connection| connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)");
        database.write(Durability::Now, table).await.unwrap().unwrap();
        database
    }

    fn add(n: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static {
        move |connection| connection.execute("INSERT INTO t VALUES (?)", [n])
    }

    fn all(database: &Database) -> Vec<i64> {
        let read = |connection: &Connection| -> rusqlite::Result<Vec<i64>> {
            connection.prepare("SELECT n FROM t ORDER BY n")?.query_map([], |row| row.get(0))?.collect()
        };
        database.look_up(read).unwrap().unwrap()
    }

    #[tokio::test]
    async fn waiting_writes_share_a_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder).await;
        let (go, wait) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        // The first write blocks the thread until the others wait.
        let blocked = database.clone();
        let first = tokio::spawn(async move {
            let work = move |connection: &Connection| {
                let _ = begin.send(());
                let _ = wait.recv();
                add(0)(connection)
            };
            blocked.write(Durability::Now, work).await
        });
        // A write that is sent before belongs to the same transaction.
        begun.await.unwrap();
        let others = (1..100).map(|n| database.write(Durability::Now, add(n)));
        let seen = database.clone();
        let last = database.write(Durability::Now, move |_| Ok::<_, rusqlite::Error>(all(&seen)));
        // Polls every write once, in order, before the thread may go on.
        let release = async move {
            let _ = go.send(());
        };
        let (first, _, before, ()) = tokio::join!(first, join_all(others), last, release);
        first.unwrap().unwrap().unwrap();
        assert_eq!(before.unwrap().unwrap(), [0], "writes that were committed before the last one ran");
        assert_eq!(all(&database), (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_failed_write_undoes_its_own_changes_only() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder).await;
        let writes = (0..9).map(|n| {
            database.write(Durability::Now, move |connection| {
                add(n)(connection)?;
                if n % 3 == 1 { add(n)(connection) } else { Ok(1) }
            })
        });
        let failed: Vec<bool> =
            join_all(writes).await.into_iter().map(|done| done.unwrap().is_err()).collect();
        assert_eq!(failed, [false, true, false, false, true, false, false, true, false]);
        assert_eq!(all(&database), [0, 2, 3, 5, 6, 8]);
    }

    #[tokio::test]
    async fn a_write_whose_future_is_dropped_happens() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder).await;
        let (go, wait) = mpsc::channel::<()>();
        // The first write blocks the thread until the other is dropped.
        let mut first = Box::pin(database.write(Durability::Now, move |_| {
            let _ = wait.recv();
            Ok::<_, rusqlite::Error>(())
        }));
        assert!(futures::poll!(&mut first).is_pending());
        let mut dropped = Box::pin(database.write(Durability::Soon, add(1)));
        assert!(futures::poll!(&mut dropped).is_pending());
        drop(dropped);
        go.send(()).unwrap();
        first.await.unwrap().unwrap();
        database.write(Durability::Now, add(2)).await.unwrap().unwrap();
        assert_eq!(all(&database), [1, 2]);
    }

    #[tokio::test]
    async fn an_ended_transaction_fails_every_write_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder).await;
        // As SQLite does by itself when the disk is full.
        let end = database.write(Durability::Now, |connection| connection.execute_batch("ROLLBACK"));
        let writes = (0..3).map(|n| database.write(Durability::Now, add(n)));
        let (ended, writes) = tokio::join!(end, join_all(writes));
        assert!(ended.is_err());
        let added: Vec<i64> = (0..3).zip(&writes).filter(|(_, done)| done.is_ok()).map(|(n, _)| n).collect();
        assert_eq!(all(&database), added, "a write that failed was made, or one that succeeded was not");
        database.write(Durability::Now, add(9)).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn after_an_orderly_end_the_file_alone_is_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder).await;
        database.write(Durability::Soon, add(7)).await.unwrap().unwrap();
        assert_eq!(all(&database), [7]);
        drop(database);
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join("db"), copy.path().join("db")).unwrap();
        assert!(!folder.path().join("db-wal").exists());
        assert_eq!(all(&crate::sqlite::open(copy.path().join("db")).await.unwrap()), [7]);
    }

    #[tokio::test]
    async fn another_process_sees_what_has_returned() {
        let folder = tempfile::tempdir().unwrap();
        let (one, path) = (open(&folder).await, folder.path().join("db"));
        let other = crate::sqlite::open(path).await.unwrap();
        let writes = (0..40).map(|n| if n % 2 == 0 { &one } else { &other }.write(Durability::Now, add(n)));
        join_all(writes).await.into_iter().for_each(|done| assert!(done.unwrap().is_ok()));
        assert_eq!(all(&one), all(&other));
        assert_eq!(all(&one).len(), 40);
    }
}
