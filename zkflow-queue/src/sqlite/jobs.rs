//! Jobs in the tables of the queue. All functions run within a [read or a write](zkflow_store::sqlite::Database).

use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{JobId, UserId};
use zkflow_core::service::queue::{
    Job, LEASE_EXPIRED, Lease, LeaseToken, NewJob, Pushed, QueueName, QueueStats, Retry, Whose,
};
use zkflow_store::sqlite::rusqlite::{self, Connection, OptionalExtension as _, params};

use super::row;

/// Whether a lease has ended, so that [`settle`] has something to do.
pub(super) fn any_ended(connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let mut query = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM queue_jobs WHERE state = 'leased' AND lease_until <= ?)",
    )?;
    query.query_row([now.as_millis()], |row| row.get(0))
}

/// Ends the leases that have expired.
pub(super) fn settle(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE queue_jobs SET
             state = iif(attempt >= max_attempts, 'dead', 'waiting'),
             run_at = iif(attempt >= max_attempts, run_at, lease_until),
             dead_at = iif(attempt >= max_attempts, lease_until, NULL),
             lease_until = NULL, nonce = NULL, round = NULL, last_error = ?
         WHERE state = 'leased' AND lease_until <= ?",
    )?;
    update.execute(params![LEASE_EXPIRED, now.as_millis()])?;
    Ok(())
}

/// [`JobQueue::push`](zkflow_core::service::queue::JobQueue::push), without waking a worker.
pub(super) fn push(connection: &Connection, now: Timestamp, job: &NewJob) -> rusqlite::Result<Pushed> {
    let id = JobId::generate(now);
    let mut insert = connection.prepare_cached(
        "INSERT INTO queue_jobs (id, queue, subject, user_id, dedup_key, priority, attempt,
             max_attempts, created_at, run_at, state)
         VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 'waiting')
         ON CONFLICT (queue, dedup_key) WHERE dedup_key IS NOT NULL AND state <> 'dead' DO NOTHING",
    )?;
    let added = insert.execute(params![
        id.as_str(),
        job.queue.as_str(),
        job.subject,
        job.user_id.as_ref().map(UserId::as_str),
        job.dedup_key,
        job.priority,
        job.max_attempts.max(1),
        now.as_millis(),
        (now + job.delay).as_millis(),
    ])?;
    if added == 1 {
        return Ok(Pushed { id, duplicate: false });
    }
    let mut query = connection
        .prepare_cached("SELECT id FROM queue_jobs WHERE queue = ? AND dedup_key = ? AND state <> 'dead'")?;
    let id = query.query_row(params![job.queue.as_str(), job.dedup_key], |row| row::parsed(row, "id"))?;
    Ok(Pushed { id, duplicate: true })
}

/// The unfinished job with this deduplication key, whose lease has not ended at `now`.
pub(super) fn unfinished(
    connection: &Connection,
    now: Timestamp,
    queue: QueueName,
    key: &str,
) -> rusqlite::Result<Option<JobId>> {
    let mut query = connection.prepare_cached(
        "SELECT id FROM queue_jobs WHERE queue = ? AND dedup_key = ? AND state <> 'dead'
             AND (state = 'waiting' OR lease_until > ?)",
    )?;
    query.query_row(params![queue.as_str(), key, now.as_millis()], |row| row::parsed(row, "id")).optional()
}

/// The moment at which the next job of `queue` falls due, or its lease ends.
pub(super) fn next_due(connection: &Connection, queue: QueueName) -> rusqlite::Result<Option<Timestamp>> {
    let mut query = connection.prepare_cached(
        "SELECT min(iif(state = 'waiting', run_at, lease_until)) FROM queue_jobs
         WHERE queue = ? AND state IN ('waiting', 'leased')",
    )?;
    let next: Option<i64> = query.query_row([queue.as_str()], |row| row.get(0))?;
    Ok(next.map(Timestamp::from_millis))
}

/// Hands out at most `max` due jobs of the users in `whose` until `until`.
pub(super) fn lease(
    connection: &Connection,
    now: Timestamp,
    whose: &Whose,
    queue: QueueName,
    max: usize,
    until: Timestamp,
) -> rusqlite::Result<Vec<Lease>> {
    settle(connection, now)?;
    give_rounds(connection, now, queue)?;
    let mut select = connection.prepare_cached(
        "SELECT id FROM (
             SELECT * FROM queue_jobs WHERE queue = ?1 AND state = 'waiting' AND round IS NOT NULL
             ORDER BY priority DESC, round, run_at, id LIMIT ?2)
         WHERE NOT ?3 OR user_id IS NOT ?4
         ORDER BY priority DESC, round, run_at, id LIMIT ?5",
    )?;
    let (some, other) = match whose {
        Whose::Anyone => (false, None),
        Whose::Others(user) => (true, user.as_ref().map(UserId::as_str)),
    };
    let looked_at = count(whose.looked_at(max));
    let values = params![queue.as_str(), looked_at, some, other, count(max)];
    let ids = select.query_map(values, |row| row.get::<_, String>("id"))?;
    let ids = ids.collect::<rusqlite::Result<Vec<_>>>()?;
    // A trigger notes the round of a leased job as handed out. A lease out of turn has none to note.
    let mut update = connection.prepare_cached(
        "UPDATE queue_jobs SET state = 'leased', attempt = attempt + 1, lease_until = ?1,
             nonce = lower(hex(randomblob(16))), round = iif(?2, round, NULL)
         WHERE id = ?3 RETURNING *",
    )?;
    let leases = ids.iter().map(|id| {
        update.query_row(params![until.as_millis(), whose.in_turn(), id], |row| {
            let job = row::job(row)?;
            let token = LeaseToken { job: job.id.clone(), nonce: row.get("nonce")? };
            Ok(Lease { job, token, until })
        })
    });
    leases.collect()
}

/// Gives rounds to the jobs that fell due since the last lease.
fn give_rounds(connection: &Connection, now: Timestamp, queue: QueueName) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(
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
    )?;
    update.execute(params![queue.as_str(), now.as_millis()])?;
    Ok(())
}

/// Returns whether the lease was held.
pub(super) fn renew(
    connection: &Connection,
    now: Timestamp,
    token: &LeaseToken,
    until: Timestamp,
) -> rusqlite::Result<bool> {
    let mut update = connection.prepare_cached(
        "UPDATE queue_jobs SET lease_until = ? WHERE id = ? AND nonce = ? AND lease_until > ?",
    )?;
    let changed =
        update.execute(params![until.as_millis(), token.job.as_str(), token.nonce, now.as_millis()])?;
    Ok(changed == 1)
}

/// Removes the job. Returns whether the lease was held.
pub(super) fn complete(
    connection: &Connection,
    now: Timestamp,
    token: &LeaseToken,
) -> rusqlite::Result<bool> {
    let mut delete =
        connection.prepare_cached("DELETE FROM queue_jobs WHERE id = ? AND nonce = ? AND lease_until > ?")?;
    Ok(delete.execute(params![token.job.as_str(), token.nonce, now.as_millis()])? == 1)
}

/// Returns the failed job; `None` if the lease was not held.
pub(super) fn fail(
    connection: &Connection,
    now: Timestamp,
    token: &LeaseToken,
    reason: &str,
    retry: Retry,
) -> rusqlite::Result<Option<Job>> {
    let run_at = match retry {
        Retry::After(delay) => Some((now + delay).as_millis()),
        Retry::Never => None,
    };
    let mut update = connection.prepare_cached(
        "UPDATE queue_jobs SET
             state = iif(?1 IS NULL OR attempt >= max_attempts, 'dead', 'waiting'),
             run_at = iif(?1 IS NULL OR attempt >= max_attempts, run_at, ?1),
             dead_at = iif(?1 IS NULL OR attempt >= max_attempts, ?2, NULL),
             lease_until = NULL, nonce = NULL, round = NULL, last_error = ?3
         WHERE id = ?4 AND nonce = ?5 AND lease_until > ?2
         RETURNING *",
    )?;
    let values = params![run_at, now.as_millis(), reason, token.job.as_str(), token.nonce];
    update.query_row(values, row::job).optional()
}

/// Returns the job that waits again; `None` if the lease was not held.
pub(super) fn release(
    connection: &Connection,
    now: Timestamp,
    token: &LeaseToken,
    run_at: Timestamp,
) -> rusqlite::Result<Option<Job>> {
    let mut update = connection.prepare_cached(
        "UPDATE queue_jobs SET state = 'waiting', attempt = attempt - 1, run_at = ?4,
             lease_until = NULL, nonce = NULL, round = NULL
         WHERE id = ?2 AND nonce = ?3 AND lease_until > ?1
         RETURNING *",
    )?;
    let values = params![now.as_millis(), token.job.as_str(), token.nonce, run_at.as_millis()];
    update.query_row(values, row::job).optional()
}

/// Returns whether there was such a job.
pub(super) fn cancel(connection: &Connection, id: &JobId) -> rusqlite::Result<bool> {
    let mut delete = connection.prepare_cached("DELETE FROM queue_jobs WHERE id = ? AND state <> 'dead'")?;
    Ok(delete.execute([id.as_str()])? == 1)
}

/// The job with this id.
pub(super) fn job(connection: &Connection, id: &JobId) -> rusqlite::Result<Option<Job>> {
    let mut query = connection.prepare_cached("SELECT * FROM queue_jobs WHERE id = ?")?;
    query.query_row([id.as_str()], row::job).optional()
}

/// Counts the jobs of `queue` by state.
pub(super) fn stats(
    connection: &Connection,
    queue: QueueName,
    now: Timestamp,
) -> rusqlite::Result<QueueStats> {
    let mut query = connection.prepare_cached(
        "SELECT count(*) FILTER (WHERE state = 'waiting' AND run_at <= ?1),
             count(*) FILTER (WHERE state = 'waiting' AND run_at > ?1),
             count(*) FILTER (WHERE state = 'leased'),
             count(*) FILTER (WHERE state = 'dead'),
             min(run_at) FILTER (WHERE state = 'waiting' AND run_at <= ?1)
         FROM queue_jobs WHERE queue = ?2",
    )?;
    query.query_row(params![now.as_millis(), queue.as_str()], |row| {
        let count = |column| row.get(column).map(|count: i64| u64::try_from(count).unwrap_or(0));
        Ok(QueueStats {
            ready: count(0)?,
            delayed: count(1)?,
            leased: count(2)?,
            dead: count(3)?,
            oldest_ready: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
        })
    })
}

/// Number of the waiting jobs of a user.
pub(super) fn waiting(
    connection: &Connection,
    queue: QueueName,
    user: Option<&UserId>,
) -> rusqlite::Result<u64> {
    let mut query = connection.prepare_cached(
        "SELECT count(*) FROM queue_jobs WHERE queue = ? AND user_id IS ? AND state = 'waiting'",
    )?;
    let count: i64 = query.query_row(params![queue.as_str(), user.map(UserId::as_str)], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The dead letters of `queue`, newest first.
pub(super) fn dead(connection: &Connection, queue: QueueName, limit: usize) -> rusqlite::Result<Vec<Job>> {
    let mut query = connection.prepare_cached(
        "SELECT * FROM queue_jobs WHERE queue = ? AND state = 'dead' ORDER BY dead_at DESC, id DESC LIMIT ?",
    )?;
    query.query_map(params![queue.as_str(), count(limit)], row::job)?.collect()
}

/// Returns whether there was such a dead letter.
pub(super) fn remove_dead(connection: &Connection, id: &JobId) -> rusqlite::Result<bool> {
    let mut delete = connection.prepare_cached("DELETE FROM queue_jobs WHERE id = ? AND state = 'dead'")?;
    Ok(delete.execute([id.as_str()])? == 1)
}

/// Returns the number of removed dead letters.
pub(super) fn purge_dead(connection: &Connection, before: Timestamp) -> rusqlite::Result<u64> {
    let mut delete =
        connection.prepare_cached("DELETE FROM queue_jobs WHERE state = 'dead' AND dead_at < ?")?;
    Ok(delete.execute([before.as_millis()])? as u64)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
