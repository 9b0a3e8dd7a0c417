//! The audit log in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use zkflow_core::service::catalog::{AuditEntry, AuditLog, CatalogError};

use super::{SqliteCatalog, failed};

#[async_trait]
impl AuditLog for SqliteCatalog {
    async fn last(&self) -> Result<Option<AuditEntry>, CatalogError> {
        self.look_up(|connection| {
            let query = "SELECT number, entry FROM audit_log ORDER BY number DESC LIMIT 1";
            let found = connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).optional();
            found.map_err(failed("reading the audit log"))?.map(read).transpose()
        })
    }

    async fn append(&self, entry: &AuditEntry) -> Result<bool, CatalogError> {
        let number = i64::try_from(entry.number).map_err(failed("writing the audit log"))?;
        let text = serde_json::to_string(entry).map_err(failed("writing the audit log"))?;
        self.write(move |connection| {
            connection
                .execute(
                    "INSERT INTO audit_log (number, entry) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    params![number, text],
                )
                .map_err(failed("writing the audit log"))?;
            let query = "SELECT entry = ?2 FROM audit_log WHERE number = ?1";
            connection
                .query_row(query, params![number, text], |row| row.get(0))
                .map_err(failed("writing the audit log"))
        })
        .await
    }

    async fn entries(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, CatalogError> {
        let bounded = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (after, limit) = (bounded(after), bounded(limit as u64));
        self.read(move |connection| {
            let query = "SELECT number, entry FROM audit_log WHERE number > ?1 ORDER BY number LIMIT ?2";
            let mut statement = connection.prepare_cached(query).map_err(failed("reading the audit log"))?;
            let rows = statement.query_map([after, limit], |row| Ok((row.get(0)?, row.get(1)?)));
            let rows = rows.map_err(failed("reading the audit log"))?;
            rows.map(|row| read(row.map_err(failed("reading the audit log"))?)).collect()
        })
        .await
    }
}

fn read((number, text): (i64, String)) -> Result<AuditEntry, CatalogError> {
    serde_json::from_str(&text).map_err(|error| CatalogError::Corrupt {
        id: format!("audit entry {number}"),
        detail: error.to_string(),
    })
}
