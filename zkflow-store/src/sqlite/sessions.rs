//! Logins of the dashboard in SQLite.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, params};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{CatalogError, MOST_SESSIONS, Session, Sessions};
use zkflow_core::service::clock::Timestamp;

use super::{Durability, SqliteCatalog, failed};

#[async_trait]
impl Sessions for SqliteCatalog {
    async fn start(&self, session: &Session) -> Result<(), CatalogError> {
        let action = "adding a session";
        let scopes = serde_json::to_string(&session.scopes).map_err(failed(action))?;
        let session = session.clone();
        self.write(move |connection| {
            let values = params![
                session.digest.to_string(),
                session.caller,
                session.key.as_ref().map(|key| key.as_str()),
                session.tenant.as_str(),
                scopes,
                session.created_at.as_millis(),
                session.expires_at.map(Timestamp::as_millis),
                session.last_used_at.as_millis(),
            ];
            let insert = "INSERT INTO sessions
                (digest, caller, key, tenant, scopes, created_at, expires_at, last_used_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (digest) DO NOTHING";
            connection.execute(insert, values).map_err(failed(action))?;
            let surplus =
                "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE caller = ?1
                ORDER BY created_at DESC, digest DESC LIMIT -1 OFFSET ?2)";
            let most = i64::try_from(MOST_SESSIONS).unwrap_or(i64::MAX);
            connection.execute(surplus, params![session.caller, most]).map(drop).map_err(failed(action))
        })
        .await
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>, CatalogError> {
        let digest = digest.to_string();
        self.look_up(|connection| {
            let query = "SELECT digest, caller, key, tenant, scopes, created_at, expires_at, last_used_at
                FROM sessions WHERE digest = ?1";
            let found = connection.query_row(query, [digest], |row| Ok(read(row))).optional();
            found.map_err(failed(READING))?.transpose()
        })
    }

    async fn used(&self, digest: &Digest, at: Timestamp) -> Result<(), CatalogError> {
        let digest = digest.to_string();
        self.write_until(Durability::Soon, move |connection| {
            let update = "UPDATE sessions SET last_used_at = max(last_used_at, ?2) WHERE digest = ?1";
            let changed = connection.execute(update, params![digest, at.as_millis()]);
            changed.map(drop).map_err(failed("noting the use of a session"))
        })
        .await
    }

    async fn end(&self, digest: &Digest) -> Result<(), CatalogError> {
        let digest = digest.to_string();
        self.write(move |connection| {
            let deleted = connection.execute("DELETE FROM sessions WHERE digest = ?1", [digest]);
            deleted.map(drop).map_err(failed("ending a session"))
        })
        .await
    }

    async fn sweep(&self, now: Timestamp, idle: Option<Duration>) -> Result<u64, CatalogError> {
        let unused_since = idle.map(|idle| (now - idle).as_millis());
        self.write(move |connection| {
            let delete = "DELETE FROM sessions WHERE expires_at <= ?1 OR last_used_at <= ?2";
            let deleted = connection.execute(delete, params![now.as_millis(), unused_since]);
            deleted.map(|count| count as u64).map_err(failed("removing old sessions"))
        })
        .await
    }
}

const READING: &str = "reading a session";

fn read(row: &Row<'_>) -> Result<Session, CatalogError> {
    let text = |column: &str| row.get::<_, String>(column).map_err(failed(READING));
    let moment = |column: &str| row.get(column).map(Timestamp::from_millis).map_err(failed(READING));
    let key = row.get::<_, Option<String>>("key").map_err(failed(READING))?;
    let expires_at = row.get::<_, Option<i64>>("expires_at").map_err(failed(READING))?;
    // The digest is of a secret: an error does not show it.
    let corrupt = |detail: String| CatalogError::Corrupt { id: "a session".to_owned(), detail };
    Ok(Session {
        digest: text("digest")?.parse().map_err(|error| corrupt(format!("{error}")))?,
        caller: text("caller")?,
        key: key.map(|id| id.parse()).transpose().map_err(|error| corrupt(format!("{error}")))?,
        tenant: text("tenant")?.parse().map_err(|error| corrupt(format!("{error}")))?,
        scopes: serde_json::from_str(&text("scopes")?).map_err(|error| corrupt(error.to_string()))?,
        created_at: moment("created_at")?,
        expires_at: expires_at.map(Timestamp::from_millis),
        last_used_at: moment("last_used_at")?,
    })
}
