//! What accounts of signers can have paid, in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use zkflow_core::service::catalog::{CatalogError, ChainAccount, Spending, Spent};

use super::{SqliteCatalog, failed};

#[async_trait]
impl Spending for SqliteCatalog {
    async fn spent(&self, account: &ChainAccount) -> Result<Spent, CatalogError> {
        let id = account.to_string();
        self.read(move |connection| {
            let query = "SELECT version, spent FROM spending WHERE account = ?1";
            let row = connection
                .query_row(query, [&id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
            let found = row.optional().map_err(failed("reading what an account has spent"))?;
            let Some((version, text)) = found else { return Ok(Spent::default()) };
            let corrupt =
                |detail: String| CatalogError::Corrupt { id: format!("what account {id} has spent"), detail };
            let spent: Spent = serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
            let version = u64::try_from(version).map_err(|error| corrupt(error.to_string()))?;
            Ok(spent.at(version))
        })
        .await
    }

    async fn write_spent(&self, account: &ChainAccount, spent: &Spent) -> Result<(), CatalogError> {
        let action = "writing what an account has spent";
        let (id, text) = (account.to_string(), serde_json::to_string(spent).map_err(failed(action))?);
        let version = i64::try_from(spent.version).map_err(failed(action))?;
        self.write(move |connection| {
            let write = if version == 0 {
                "INSERT INTO spending (account, version, spent) VALUES (?1, ?2 + 1, ?3) ON CONFLICT (account) DO NOTHING"
            } else {
                "UPDATE spending SET version = ?2 + 1, spent = ?3 WHERE account = ?1 AND version = ?2"
            };
            match connection.execute(write, params![id, version, text]).map_err(failed(action))? {
                0 => Err(CatalogError::Stale(format!("what account {id} has spent"))),
                _ => Ok(()),
            }
        })
        .await
    }
}
