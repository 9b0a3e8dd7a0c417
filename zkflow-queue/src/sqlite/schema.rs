//! Tables of the queue, by version. The file also has other tables, so the version is in `queue_schema`.

use zkflow_core::service::queue::QueueError;
use zkflow_store::sqlite::rusqlite::{self, Connection};
use zkflow_store::sqlite::{Database, Durability};

/// Step `i` upgrades version `i` to `i + 1`. A released step is never edited.
const STEPS: &[&str] = &[
    "
    CREATE TABLE queue_jobs (
        id TEXT PRIMARY KEY,
        queue TEXT NOT NULL,
        subject TEXT NOT NULL,
        dedup_key TEXT,
        priority INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        max_attempts INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        run_at INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'dead')),
        lease_until INTEGER CHECK ((lease_until IS NOT NULL) = (state = 'leased')),
        nonce TEXT CHECK ((nonce IS NOT NULL) = (state = 'leased')),
        dead_at INTEGER CHECK ((dead_at IS NOT NULL) = (state = 'dead')),
        last_error TEXT
    ) STRICT;
    CREATE UNIQUE INDEX queue_jobs_by_dedup_key ON queue_jobs (queue, dedup_key)
        WHERE dedup_key IS NOT NULL AND state <> 'dead';
    CREATE INDEX queue_jobs_by_rank ON queue_jobs (queue, state, priority DESC, run_at, id);
    CREATE INDEX queue_jobs_by_lease ON queue_jobs (lease_until) WHERE state = 'leased';
    CREATE INDEX queue_jobs_by_death ON queue_jobs (queue, dead_at) WHERE state = 'dead';
",
    "
    ALTER TABLE queue_jobs ADD COLUMN user_id TEXT;
    -- Set when a lease finds the job due. A leased job keeps the round that it was handed out from.
    ALTER TABLE queue_jobs ADD COLUMN round INTEGER;
    DROP INDEX queue_jobs_by_rank;
    CREATE INDEX queue_jobs_by_rank ON queue_jobs (queue, priority DESC, round, run_at, id)
        WHERE state = 'waiting' AND round IS NOT NULL;
    CREATE INDEX queue_jobs_by_user ON queue_jobs (queue, priority, user_id, round)
        WHERE state = 'waiting' AND round IS NOT NULL;
    CREATE INDEX queue_jobs_without_round ON queue_jobs (queue, run_at)
        WHERE state = 'waiting' AND round IS NULL;
    CREATE INDEX queue_jobs_by_state ON queue_jobs (queue, state, run_at);
    -- Last round handed out.
    CREATE TABLE queue_rounds (
        queue TEXT NOT NULL,
        priority INTEGER NOT NULL,
        round INTEGER NOT NULL,
        PRIMARY KEY (queue, priority)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER queue_jobs_handed_out AFTER UPDATE OF state ON queue_jobs
    WHEN old.state = 'waiting' AND new.state = 'leased'
    BEGIN
        INSERT INTO queue_rounds VALUES (new.queue, new.priority, ifnull(new.round, 0))
        ON CONFLICT DO UPDATE SET round = max(round, excluded.round);
    END;
",
];

/// Upgrades the tables to the latest version. If several processes try, only one does it.
pub(super) async fn migrate(database: &Database) -> Result<(), QueueError> {
    let action = "preparing the tables";
    let upgrade = |connection: &Connection| -> rusqlite::Result<Result<(), i64>> {
        connection
            .execute_batch("CREATE TABLE IF NOT EXISTS queue_schema (version INTEGER NOT NULL) STRICT")?;
        let latest = "SELECT ifnull(max(version), 0) FROM queue_schema";
        let version: i64 = connection.query_row(latest, [], |row| row.get(0))?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        let Some(owed) = STEPS.get(done..) else { return Ok(Err(version)) };
        for (step, version) in owed.iter().zip(version + 1..) {
            connection.execute_batch(step)?;
            connection.execute("INSERT INTO queue_schema VALUES (?)", [version])?;
        }
        Ok(Ok(()))
    };
    let upgraded =
        database.write(Durability::Now, upgrade).await.map_err(|e| QueueError::backend(action, e))?;
    upgraded.map_err(|e| QueueError::backend(action, e))?.map_err(|version| {
        let known = STEPS.len();
        let detail = format!("schema version {version} is newer than the supported {known}: upgrade zkflow");
        QueueError::backend(action, detail)
    })
}
