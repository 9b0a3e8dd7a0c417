//! [`SqliteQueue`].

mod schema;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqlitePoolOptions, SqliteRow};
use sqlx::{FromRow, Row, SqlitePool};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::id::{JobId, UserId};
use zkflow_core::service::queue::{
    Failed, Job, JobQueue, JobState, LEASE_EXPIRED, Lease, LeaseToken, NewJob, Pushed, QueueError, QueueName,
    QueueStats, Retry,
};

use crate::waiting::{self, Attempt, Attempted, WakeUps};

/// A [`JobQueue`] in an SQLite file. Several processes may share it.
///
/// Every change is one statement. SQLite completes it even if the future is not polled, so no caller holds
/// the file's lock while it waits for something else. Renewals have their own connection, so that they
/// succeed while all others are busy.
#[derive(Debug)]
pub struct SqliteQueue {
    clock: Arc<dyn Clock>,
    pool: SqlitePool,
    renewals: SqlitePool,
    wake_ups: WakeUps,
}

impl SqliteQueue {
    /// Creates or updates the tables. The pool must use a file, not a database in memory. Its options decide
    /// on durability: use a write-ahead log, `synchronous = FULL` and a busy timeout.
    ///
    /// # Errors
    /// The tables cannot be created, or were made by a newer version of this program.
    pub async fn open(pool: SqlitePool, clock: Arc<dyn Clock>) -> Result<Self, QueueError> {
        schema::migrate(&pool).await?;
        let renewals = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with((*pool.connect_options()).clone());
        Ok(Self { clock, pool, renewals, wake_ups: WakeUps::default() })
    }

    /// Ends the leases that have expired; returns the present moment.
    async fn settle(&self) -> Result<Timestamp, QueueError> {
        let now = self.clock.now();
        let failed = failed("ending leases");
        // Reading first avoids the file's write lock if no lease has ended.
        let ended: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM queue_jobs WHERE state = 'leased' AND lease_until <= ?)",
        )
        .bind(now.as_millis())
        .fetch_one(&self.pool)
        .await
        .map_err(&failed)?;
        if ended {
            sqlx::query(
                "UPDATE queue_jobs SET
                     state = iif(attempt >= max_attempts, 'dead', 'waiting'),
                     run_at = iif(attempt >= max_attempts, run_at, lease_until),
                     dead_at = iif(attempt >= max_attempts, lease_until, NULL),
                     lease_until = NULL, nonce = NULL, round = NULL, last_error = ?
                 WHERE state = 'leased' AND lease_until <= ?",
            )
            .bind(LEASE_EXPIRED)
            .bind(now.as_millis())
            .execute(&self.pool)
            .await
            .map_err(&failed)?;
        }
        Ok(now)
    }

    /// Gives rounds to the jobs that fell due since the last lease.
    async fn give_rounds(&self, queue: QueueName, now: Timestamp) -> Result<(), QueueError> {
        sqlx::query(
            "UPDATE queue_jobs SET round = next.round FROM (
                 SELECT id, max(
                         ifnull((SELECT round FROM queue_rounds AS out
                             WHERE out.queue = job.queue AND out.priority = job.priority), 0),
                         ifnull((SELECT max(round) FROM queue_jobs AS before
                             WHERE before.queue = job.queue AND before.priority = job.priority
                             AND before.user_id IS job.user_id
                             AND before.state = 'waiting' AND before.round IS NOT NULL), 0))
                     + row_number() OVER (PARTITION BY priority, user_id ORDER BY run_at, id) AS round
                 FROM queue_jobs AS job
                 WHERE queue = ?1 AND state = 'waiting' AND round IS NULL AND run_at <= ?2) AS next
             WHERE queue_jobs.id = next.id",
        )
        .bind(queue.as_str())
        .bind(now.as_millis())
        .execute(&self.pool)
        .await
        .map_err(failed("leasing jobs"))?;
        Ok(())
    }
}

#[async_trait]
impl JobQueue for SqliteQueue {
    async fn push(&self, job: NewJob) -> Result<Pushed, QueueError> {
        let failed = failed("pushing a job");
        let now = self.settle().await?;
        loop {
            let id = JobId::generate(now);
            let added = sqlx::query(
                "INSERT INTO queue_jobs (id, queue, subject, user_id, dedup_key, priority, attempt,
                     max_attempts, created_at, run_at, state)
                 VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 'waiting')
                 ON CONFLICT (queue, dedup_key) WHERE dedup_key IS NOT NULL AND state <> 'dead' DO NOTHING",
            )
            .bind(id.as_str())
            .bind(job.queue.as_str())
            .bind(&job.subject)
            .bind(job.user_id.as_ref().map(UserId::as_str))
            .bind(&job.dedup_key)
            .bind(job.priority)
            .bind(job.max_attempts.max(1))
            .bind(now.as_millis())
            .bind((now + job.delay).as_millis())
            .execute(&self.pool)
            .await
            .map_err(&failed)?;
            if added.rows_affected() == 1 {
                self.wake_ups.wake(job.queue);
                return Ok(Pushed { id, duplicate: false });
            }
            let present: Option<String> = sqlx::query_scalar(
                "SELECT id FROM queue_jobs WHERE queue = ? AND dedup_key = ? AND state <> 'dead'",
            )
            .bind(job.queue.as_str())
            .bind(&job.dedup_key)
            .fetch_optional(&self.pool)
            .await
            .map_err(&failed)?;
            // That job may have been finished in between: then try again.
            if let Some(present) = present {
                let id = present.parse().map_err(|e| QueueError::backend("reading a job", e))?;
                return Ok(Pushed { id, duplicate: true });
            }
        }
    }

    async fn lease(
        &self,
        queue: QueueName,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        waiting::lease(self, queue, max, lease, wait).await
    }

    async fn renew(&self, token: &LeaseToken, by: Duration) -> Result<Timestamp, QueueError> {
        let now = self.clock.now();
        let until = now + by;
        let renewed = sqlx::query(
            "UPDATE queue_jobs SET lease_until = ? WHERE id = ? AND nonce = ? AND lease_until > ?",
        )
        .bind(until.as_millis())
        .bind(token.job.as_str())
        .bind(&token.nonce)
        .bind(now.as_millis())
        .execute(&self.renewals)
        .await
        .map_err(failed("renewing a lease"))?;
        held(token, renewed.rows_affected()).map(|()| until)
    }

    async fn complete(&self, token: &LeaseToken) -> Result<(), QueueError> {
        let deleted = sqlx::query("DELETE FROM queue_jobs WHERE id = ? AND nonce = ? AND lease_until > ?")
            .bind(token.job.as_str())
            .bind(&token.nonce)
            .bind(self.clock.now().as_millis())
            .execute(&self.pool)
            .await
            .map_err(failed("completing a job"))?;
        held(token, deleted.rows_affected())
    }

    async fn fail(&self, token: &LeaseToken, reason: &str, retry: Retry) -> Result<Failed, QueueError> {
        let now = self.clock.now();
        let run_at = match retry {
            Retry::After(delay) => Some((now + delay).as_millis()),
            Retry::Never => None,
        };
        let row = sqlx::query(
            "UPDATE queue_jobs SET
                 state = iif(?1 IS NULL OR attempt >= max_attempts, 'dead', 'waiting'),
                 run_at = iif(?1 IS NULL OR attempt >= max_attempts, run_at, ?1),
                 dead_at = iif(?1 IS NULL OR attempt >= max_attempts, ?2, NULL),
                 lease_until = NULL, nonce = NULL, round = NULL, last_error = ?3
             WHERE id = ?4 AND nonce = ?5 AND lease_until > ?2
             RETURNING *",
        )
        .bind(run_at)
        .bind(now.as_millis())
        .bind(reason)
        .bind(token.job.as_str())
        .bind(&token.nonce)
        .fetch_optional(&self.pool)
        .await
        .and_then(|row| row.map(|row| JobRow::from_row(&row)).transpose())
        .map_err(failed("failing a job"))?;
        let Some(JobRow(job)) = row else { return Err(QueueError::LeaseLost(token.job.clone())) };
        self.wake_ups.wake(job.queue);
        match job.state {
            JobState::Dead { .. } => Ok(Failed::Dead),
            JobState::Waiting | JobState::Leased { .. } => Ok(Failed::RetriedAt(job.run_at)),
        }
    }

    async fn release(&self, token: &LeaseToken, pause: Duration) -> Result<(), QueueError> {
        let now = self.clock.now();
        let row = sqlx::query(
            "UPDATE queue_jobs SET state = 'waiting', attempt = attempt - 1, run_at = ?4,
                 lease_until = NULL, nonce = NULL, round = NULL
             WHERE id = ?2 AND nonce = ?3 AND lease_until > ?1
             RETURNING *",
        )
        .bind(now.as_millis())
        .bind(token.job.as_str())
        .bind(&token.nonce)
        .bind((now + pause).as_millis())
        .fetch_optional(&self.pool)
        .await
        .and_then(|row| row.map(|row| JobRow::from_row(&row)).transpose())
        .map_err(failed("releasing a job"))?;
        let Some(JobRow(job)) = row else { return Err(QueueError::LeaseLost(token.job.clone())) };
        self.wake_ups.wake(job.queue);
        Ok(())
    }

    async fn cancel(&self, id: &JobId) -> Result<bool, QueueError> {
        self.settle().await?;
        let deleted = sqlx::query("DELETE FROM queue_jobs WHERE id = ? AND state <> 'dead'")
            .bind(id.as_str())
            .execute(&self.pool)
            .await
            .map_err(failed("cancelling a job"))?;
        Ok(deleted.rows_affected() == 1)
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, QueueError> {
        self.settle().await?;
        let row: Option<JobRow> = sqlx::query_as("SELECT * FROM queue_jobs WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("reading a job"))?;
        Ok(row.map(|JobRow(job)| job))
    }

    async fn stats(&self, queue: QueueName) -> Result<QueueStats, QueueError> {
        let now = self.settle().await?;
        let (ready, delayed, leased, dead, oldest): (i64, i64, i64, i64, Option<i64>) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE state = 'waiting' AND run_at <= ?1),
                 count(*) FILTER (WHERE state = 'waiting' AND run_at > ?1),
                 count(*) FILTER (WHERE state = 'leased'),
                 count(*) FILTER (WHERE state = 'dead'),
                 min(run_at) FILTER (WHERE state = 'waiting' AND run_at <= ?1)
             FROM queue_jobs WHERE queue = ?2",
        )
        .bind(now.as_millis())
        .bind(queue.as_str())
        .fetch_one(&self.pool)
        .await
        .map_err(failed("counting jobs"))?;
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(QueueStats {
            ready: count(ready),
            delayed: count(delayed),
            leased: count(leased),
            dead: count(dead),
            oldest_ready: oldest.map(Timestamp::from_millis),
        })
    }

    async fn dead(&self, queue: QueueName, limit: usize) -> Result<Vec<Job>, QueueError> {
        self.settle().await?;
        let rows: Vec<JobRow> = sqlx::query_as(
            "SELECT * FROM queue_jobs WHERE queue = ? AND state = 'dead' ORDER BY dead_at DESC, id DESC LIMIT ?",
        )
        .bind(queue.as_str())
        .bind(count(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(failed("listing dead letters"))?;
        Ok(rows.into_iter().map(|JobRow(job)| job).collect())
    }

    async fn purge_dead(&self, before: Timestamp) -> Result<u64, QueueError> {
        self.settle().await?;
        let purged = sqlx::query("DELETE FROM queue_jobs WHERE state = 'dead' AND dead_at < ?")
            .bind(before.as_millis())
            .execute(&self.pool)
            .await
            .map_err(failed("purging dead letters"))?;
        Ok(purged.rows_affected())
    }
}

#[async_trait]
impl Attempt for SqliteQueue {
    async fn attempt(&self, queue: QueueName, max: usize, lease: Duration) -> Result<Attempted, QueueError> {
        let failed = failed("leasing jobs");
        let now = self.settle().await?;
        let next: Option<i64> = sqlx::query_scalar(
            "SELECT min(iif(state = 'waiting', run_at, lease_until)) FROM queue_jobs
             WHERE queue = ? AND state IN ('waiting', 'leased')",
        )
        .bind(queue.as_str())
        .fetch_one(&self.pool)
        .await
        .map_err(&failed)?;
        let next = next.map(Timestamp::from_millis);
        if next.is_none_or(|next| next > now) {
            return Ok(Attempted::NothingFor(next.map(|next| next.since(now))));
        }
        self.give_rounds(queue, now).await?;
        let until = now + lease;
        let rows = sqlx::query(
            "UPDATE queue_jobs SET state = 'leased', attempt = attempt + 1, lease_until = ?1,
                 nonce = lower(hex(randomblob(16)))
             WHERE id IN (
                 SELECT id FROM queue_jobs WHERE queue = ?2 AND state = 'waiting' AND round IS NOT NULL
                 ORDER BY priority DESC, round, run_at, id LIMIT ?3)
             RETURNING *",
        )
        .bind(until.as_millis())
        .bind(queue.as_str())
        .bind(count(max))
        .fetch_all(&self.pool)
        .await
        .map_err(&failed)?;
        let leases: Result<Vec<(i64, Lease)>, sqlx::Error> = rows
            .iter()
            .map(|row| {
                let JobRow(job) = JobRow::from_row(row)?;
                let token = LeaseToken { job: job.id.clone(), nonce: row.try_get("nonce")? };
                Ok((row.try_get("round")?, Lease { job, token, until }))
            })
            .collect();
        let mut leases = leases.map_err(&failed)?;
        if leases.is_empty() {
            // Another process has leased the due jobs.
            return Ok(Attempted::NothingFor(None));
        }
        // RETURNING does not keep the order of the selection.
        leases.sort_by(|(a_round, a), (b_round, b)| {
            let rank = |round, job: &Job| (Reverse(job.priority), round, job.run_at);
            rank(*a_round, &a.job).cmp(&rank(*b_round, &b.job)).then_with(|| a.job.id.cmp(&b.job.id))
        });
        Ok(Attempted::Leased(leases.into_iter().map(|(_, lease)| lease).collect()))
    }

    fn wake_ups(&self) -> &WakeUps {
        &self.wake_ups
    }
}

/// A job, read from a row with all columns.
struct JobRow(Job);

impl FromRow<'_, SqliteRow> for JobRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let moment = |column: &str| row.try_get(column).map(Timestamp::from_millis);
        let state = match row.try_get("state")? {
            "waiting" => JobState::Waiting,
            "leased" => JobState::Leased { until: moment("lease_until")? },
            _ => JobState::Dead { at: moment("dead_at")? },
        };
        Ok(Self(Job {
            id: parse(row, "id")?,
            queue: parse(row, "queue")?,
            subject: row.try_get("subject")?,
            user_id: optional(row, "user_id")?,
            priority: row.try_get("priority")?,
            attempt: row.try_get("attempt")?,
            max_attempts: row.try_get("max_attempts")?,
            created_at: moment("created_at")?,
            run_at: moment("run_at")?,
            state,
            last_error: row.try_get("last_error")?,
        }))
    }
}

fn parse<T>(row: &SqliteRow, column: &str) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    optional(row, column)?.ok_or_else(|| sqlx::Error::ColumnNotFound(column.to_owned()))
}

fn optional<T>(row: &SqliteRow, column: &str) -> Result<Option<T>, sqlx::Error>
where
    T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let text: Option<&str> = row.try_get(column)?;
    text.map(str::parse)
        .transpose()
        .map_err(|e: T::Err| sqlx::Error::ColumnDecode { index: column.to_owned(), source: e.into() })
}

fn failed(action: &'static str) -> impl Fn(sqlx::Error) -> QueueError + Copy {
    move |error| QueueError::backend(action, error)
}

/// [`QueueError::LeaseLost`] unless exactly one row was changed.
fn held(token: &LeaseToken, rows: u64) -> Result<(), QueueError> {
    if rows == 1 { Ok(()) } else { Err(QueueError::LeaseLost(token.job.clone())) }
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
