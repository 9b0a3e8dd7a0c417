//! One SQLite file for the catalog and, if used, the queue.

mod catalog;
mod keys;
mod schema;

pub use catalog::SqliteCatalog;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use zkflow_core::error::{Classified, ErrorKind};

/// Opens the file at `path`. Creates the file and its parent folders if needed; only its owner can read it.
///
/// Several processes may open the same file. Readers never wait (write-ahead log); writers wait for each
/// other for up to 30 seconds. Commits are on disk (`synchronous = FULL`), and deleted data is overwritten
/// (`secure_delete`).
///
/// # Errors
/// The file cannot be created or opened, or is not a database.
pub async fn open(path: impl AsRef<Path>) -> Result<SqlitePool, OpenError> {
    let path = path.as_ref();
    create_private(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("secure_delete", "ON");
    SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        // The connections of a local file do not go stale.
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
        .map_err(|source| OpenError::Database { path: path.to_owned(), source })
}

/// Creates the file with mode 0600; its log files inherit the mode.
fn create_private(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

/// Longest wait of a writer for another.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

const CONNECTIONS: u32 = 8;

/// Failure to open the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or a parent folder cannot be created.
    #[error("cannot create the database file {path}")]
    File {
        /// Path of the database file.
        path: PathBuf,
        /// Error of the file system.
        #[source]
        source: io::Error,
    },
    /// SQLite refuses the file.
    #[error("cannot open the database {path}")]
    Database {
        /// Path of the database file.
        path: PathBuf,
        /// Error of SQLite.
        #[source]
        source: sqlx::Error,
    },
}

impl Classified for OpenError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }

    fn code(&self) -> &'static str {
        "database_unavailable"
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn nobody_else_can_read_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/zkflow.db");
        let pool = open(&path).await.unwrap();
        SqliteCatalog::open(pool).await.unwrap();
        for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
        }
    }

    #[tokio::test]
    async fn commits_are_durable_and_deletions_overwrite() {
        let folder = tempfile::tempdir().unwrap();
        let pool = open(folder.path().join("db")).await.unwrap();
        let pragma =
            async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap();
        assert_eq!(pragma("PRAGMA synchronous").await, 2);
        assert_eq!(pragma("PRAGMA secure_delete").await, 1);
        assert_eq!(pragma("PRAGMA foreign_keys").await, 1);
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&pool).await.unwrap();
        assert_eq!(mode, "wal");
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "not a database, ".repeat(1000)).unwrap();
        let error = open(&path).await.unwrap_err();
        assert!(error.to_string().contains("notes.txt"), "{error}");
    }
}
