//! The processes that run jobs, in SQLite. All times are those of SQLite, whose clock is the machine's: all processes on
//! the file are on it.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use zkflow_core::service::catalog::{
    CatalogError, FORGOTTEN, MOST_WORKERS, SeenWorker, WorkerProcess, Workers,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::WorkerId;

use super::{Durability, SqliteCatalog, failed};

/// The present moment in milliseconds; the same everywhere in a statement.
const NOW: &str = "CAST(1000 * unixepoch('now', 'subsec') AS INTEGER)";

#[async_trait]
impl Workers for SqliteCatalog {
    async fn announce(&self, process: &WorkerProcess) -> Result<(), CatalogError> {
        let action = "announcing a worker";
        let (id, process) = (process.id.to_string(), serde_json::to_string(process).map_err(failed(action))?);
        self.write_until(Durability::Soon, move |connection| {
            let write = format!(
                "INSERT INTO workers (id, process, first, last) VALUES (?1, ?2, {NOW}, {NOW})
                 ON CONFLICT (id) DO UPDATE SET process = ?2, last = {NOW}"
            );
            connection.execute(&write, params![id, process]).map_err(failed(action))?;
            forget(connection).map_err(failed("removing old workers"))
        })
        .await
    }

    async fn withdraw(&self, id: &WorkerId) -> Result<(), CatalogError> {
        let id = id.to_string();
        self.write_until(Durability::Soon, move |connection| {
            let deleted = connection.execute("DELETE FROM workers WHERE id = ?1", [id]);
            deleted.map(drop).map_err(failed("removing a worker"))
        })
        .await
    }

    async fn workers(&self) -> Result<Vec<SeenWorker>, CatalogError> {
        self.read(|connection| {
            let action = "listing workers";
            let query = format!("SELECT process, first, last, {NOW}, id FROM workers ORDER BY id");
            let mut statement = connection.prepare_cached(&query).map_err(failed(action))?;
            let rows = statement.query_map([], |row| Ok(seen(row))).map_err(failed(action))?;
            rows.map(|row| row.map_err(failed(action))?).collect()
        })
        .await
    }
}

fn forget(connection: &Connection) -> rusqlite::Result<()> {
    let silence = i64::try_from(FORGOTTEN.as_millis()).unwrap_or(i64::MAX);
    connection.execute(&format!("DELETE FROM workers WHERE last < {NOW} - ?1"), [silence])?;
    let most = i64::try_from(MOST_WORKERS).unwrap_or(i64::MAX);
    let surplus = "DELETE FROM workers WHERE id IN (SELECT id FROM workers ORDER BY last DESC, id DESC LIMIT -1 OFFSET ?1)";
    connection.execute(surplus, [most]).map(drop)
}

/// A row of the list.
fn seen(row: &Row<'_>) -> Result<SeenWorker, CatalogError> {
    let action = "reading a worker";
    let process: String = row.get(0).map_err(failed(action))?;
    let process: WorkerProcess = serde_json::from_str(&process).map_err(|error| {
        let id: String = row.get(4).unwrap_or_default();
        CatalogError::Corrupt { id: format!("worker {id}"), detail: error.to_string() }
    })?;
    let moment = |column: usize| row.get(column).map(Timestamp::from_millis).map_err(failed(action));
    let (first, last, now) = (moment(1)?, moment(2)?, moment(3)?);
    Ok(SeenWorker { process, first, last, silent: now.since(last) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_silent_process_is_listed_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        let catalog = SqliteCatalog::open(database.clone()).await.unwrap();
        let process = |start| WorkerProcess {
            id: WorkerId::generate(Timestamp::from_millis(start)),
            version: "1".to_owned(),
            prover: "native".to_owned(),
            kernel: "portable".to_owned(),
            queues: [].into(),
            memory_bytes: None,
        };
        let (lost, forgotten, alive) = (process(1), process(2), process(3));
        for (process, hours) in [(&lost, 23), (&forgotten, 25)] {
            catalog.announce(process).await.unwrap();
            let (id, ms) = (process.id.to_string(), hours * 3_600_000);
            let age = move |connection: &Connection| {
                connection.execute("UPDATE workers SET last = last - ?2 WHERE id = ?1", params![id, ms])
            };
            database.write(Durability::Now, age).await.unwrap().unwrap();
        }
        let listed = catalog.workers().await.unwrap();
        assert!(listed[0].silent.as_secs() >= 23 * 3600 && listed[1].silent > FORGOTTEN, "{listed:?}");
        catalog.announce(&alive).await.unwrap();
        let listed: Vec<_> = catalog.workers().await.unwrap().into_iter().map(|seen| seen.process).collect();
        assert_eq!(listed, [lost, alive]);
    }
}
