//! The counts of proofs in SQLite.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use zkflow_core::service::catalog::{CatalogError, History, Slot, Tally, kept_beside};

use super::{SqliteCatalog, failed};

#[async_trait]
impl History for SqliteCatalog {
    async fn add(&self, more: &[(Slot, Tally)]) -> Result<(), CatalogError> {
        let more = more.to_vec();
        self.write(move |connection| {
            for (slot, tally) in &more {
                add(connection, *slot, tally)?;
            }
            for oldest in kept_beside(&more) {
                let (above, below) = (format!("{}/", oldest.length.as_str()), oldest.to_string());
                let old = "DELETE FROM history WHERE slot > ?1 AND slot < ?2";
                connection
                    .execute(old, params![above, below])
                    .map_err(failed("removing old counts of proofs"))?;
            }
            Ok(())
        })
        .await
    }

    async fn since(&self, first: Slot) -> Result<Vec<(Slot, Tally)>, CatalogError> {
        self.read(move |connection| {
            let action = "listing counts of proofs";
            let query =
                "SELECT slot, counts FROM history WHERE slot >= ?1 AND slot < ?2 ORDER BY slot LIMIT ?3";
            let mut statement = connection.prepare_cached(query).map_err(failed(action))?;
            // `0` is the character after `/`.
            let below = format!("{}0", first.length.as_str());
            let values = params![first.to_string(), below, first.length.kept()];
            let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)));
            rows.map_err(failed(action))?
                .map(|row| {
                    let (slot, counts): (String, String) = row.map_err(failed(action))?;
                    Ok((slot.parse::<Slot>().map_err(|error| corrupt(&slot, error))?, tally(&slot, &counts)?))
                })
                .collect()
        })
        .await
    }
}

/// The transaction has the file's lock: nothing changes between the two statements.
fn add(connection: &Connection, slot: Slot, more: &Tally) -> Result<(), CatalogError> {
    let action = "counting proofs";
    let id = slot.to_string();
    let query = "SELECT counts FROM history WHERE slot = ?1";
    let present = connection.query_row(query, [&id], |row| row.get::<_, String>(0)).optional();
    let mut sum = match present.map_err(failed(action))? {
        Some(counts) => tally(&id, &counts)?,
        None => Tally::default(),
    };
    sum.add(more);
    let counts = serde_json::to_string(&sum.counts()).map_err(failed(action))?;
    let write = "INSERT OR REPLACE INTO history (slot, counts) VALUES (?1, ?2)";
    connection.execute(write, params![id, counts]).map(drop).map_err(failed(action))
}

fn tally(slot: &str, counts: &str) -> Result<Tally, CatalogError> {
    let counts: BTreeMap<String, u64> = serde_json::from_str(counts).map_err(|error| corrupt(slot, error))?;
    let counts = counts.iter().map(|(name, count)| (name.as_str(), *count));
    Tally::of_counts(counts).map_err(|error| corrupt(slot, error))
}

fn corrupt(slot: &str, error: impl std::fmt::Display) -> CatalogError {
    CatalogError::Corrupt { id: format!("counts of proofs {slot}"), detail: error.to_string() }
}
