//! One SQLite file for the catalog and, if used, the queue.

mod audit;
mod catalog;
mod database;
pub mod documents;
mod history;
mod keys;
mod schema;
mod sessions;
mod spending;
mod usage;
mod workers;

pub use catalog::SqliteCatalog;
pub use database::{Database, DatabaseError, Durability};
/// The driver, whose connections [`Database::write`] hands out.
pub use rusqlite;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::catalog::CatalogError;

/// Opens the file at `path`. Creates the file and its parent folders if needed; only its owner can read it.
///
/// Several processes may open the same file; their writers wait for each other for up to 30 seconds. Deleted data is
/// overwritten (`secure_delete`).
///
/// # Errors
/// The file cannot be created or opened, or is not a database.
pub async fn open(path: impl AsRef<Path>) -> Result<Database, OpenError> {
    let path = path.as_ref();
    create_private(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let owned = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || Database::open(&owned)).await;
    opened
        .unwrap_or_else(|error| Err(DatabaseError::other(error)))
        .map_err(|source| OpenError::Database { path: path.to_owned(), source })
}

/// Creates the file with mode 0600; its log files inherit the mode.
fn create_private(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

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
        source: DatabaseError,
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

/// Wraps an error with the action that failed.
fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    action: &'static str,
) -> impl FnOnce(E) -> CatalogError {
    move |error| CatalogError::backend(action, error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn nobody_else_can_read_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/zkflow.db");
        let database = open(&path).await.unwrap();
        SqliteCatalog::open(database).await.unwrap();
        for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
        }
    }

    #[tokio::test]
    async fn commits_are_durable_and_deletions_overwrite() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(folder.path().join("db")).await.unwrap();
        let pragma = |connection: &rusqlite::Connection, name: &str| {
            connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
        };
        let names = ["synchronous", "secure_delete", "foreign_keys", "journal_mode"];
        let found = database.write(Durability::Now, move |connection| {
            names.iter().map(|name| pragma(connection, name)).collect::<rusqlite::Result<Vec<_>>>()
        });
        let found: Vec<String> =
            found.await.unwrap().unwrap().iter().map(|value| format!("{value:?}")).collect();
        assert_eq!(found, ["Integer(2)", "Integer(1)", "Integer(1)", "Text(\"wal\")"]);
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
