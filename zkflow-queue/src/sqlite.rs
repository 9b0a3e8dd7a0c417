//! [`SqliteQueue`].

mod jobs;
mod ledger;
mod row;
mod schema;

pub use ledger::SqliteLedger;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::id::{JobId, UserId};
use zkflow_core::service::queue::{
    Failed, Job, JobQueue, JobState, Lease, LeaseToken, NewJob, Pushed, QueueError, QueueName, QueueStats,
    Retry, Whose,
};
use zkflow_store::sqlite::rusqlite::{self, Connection};
use zkflow_store::sqlite::{Database, Durability};

use crate::waiting::{self, Attempt, Attempted, WakeUps};

/// A [`JobQueue`] in an SQLite file. Several processes may share it.
///
/// Pushes and ends of jobs are on disk when the call returns. Hand-outs and renewals follow with the next durable write:
/// if the machine crashes before, the job waits as it did before the hand-out. No worker of it is left then, because all
/// processes on the file are on this machine.
#[derive(Debug)]
pub struct SqliteQueue {
    clock: Arc<dyn Clock>,
    database: Database,
    wake_ups: WakeUps,
}

impl SqliteQueue {
    /// Creates or updates the tables. `database` comes from [`open`](zkflow_store::sqlite::open); a catalog may share it.
    ///
    /// # Errors
    /// The tables cannot be created, or were made by a newer version of this program.
    pub async fn open(database: Database, clock: Arc<dyn Clock>) -> Result<Self, QueueError> {
        schema::migrate(&database).await?;
        Ok(Self { clock, database, wake_ups: WakeUps::default() })
    }

    /// The file that contains the jobs.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Wakes the leases of this process that wait for a job of `queue`.
    pub(crate) fn wake(&self, queue: QueueName) {
        self.wake_ups.wake(queue);
    }

    async fn write<T: Send + 'static>(
        &self,
        action: &'static str,
        durability: Durability,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let written =
            self.database.write(durability, work).await.map_err(|e| QueueError::backend(action, e))?;
        written.map_err(|e| QueueError::backend(action, e))
    }

    /// Ends the leases that have expired; returns the present moment. Reading first avoids a write if there are none.
    async fn settle(&self) -> Result<Timestamp, QueueError> {
        let now = self.clock.now();
        if self.look_up("ending leases", |connection| jobs::any_ended(connection, now))? {
            let settle = move |connection: &Connection| jobs::settle(connection, now);
            self.write("ending leases", Durability::Now, settle).await?;
        }
        Ok(now)
    }

    fn look_up<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, QueueError> {
        let found = self.database.look_up(work).map_err(|e| QueueError::backend(action, e))?;
        found.map_err(|e| QueueError::backend(action, e))
    }
}

#[async_trait]
impl JobQueue for SqliteQueue {
    async fn push(&self, job: NewJob) -> Result<Pushed, QueueError> {
        let (now, queue) = (self.clock.now(), job.queue);
        // Reading first avoids a write for each pending document in each pass of the reconciler.
        if let Some(key) = &job.dedup_key
            && let Some(id) =
                self.look_up("pushing a job", |connection| jobs::unfinished(connection, now, queue, key))?
        {
            return Ok(Pushed { id, duplicate: true });
        }
        let push = move |connection: &Connection| {
            jobs::settle(connection, now)?;
            jobs::push(connection, now, &job)
        };
        let pushed = self.write("pushing a job", Durability::Now, push).await?;
        if !pushed.duplicate {
            self.wake(queue);
        }
        Ok(pushed)
    }

    async fn lease_of(
        &self,
        whose: Whose,
        queue: QueueName,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        waiting::lease(self, &whose, queue, max, lease, wait).await
    }

    async fn renew(&self, token: &LeaseToken, by: Duration) -> Result<Timestamp, QueueError> {
        let now = self.clock.now();
        let (until, held) = (now + by, token.clone());
        let renew = move |connection: &Connection| jobs::renew(connection, now, &held, until);
        ours(token, self.write("renewing a lease", Durability::Soon, renew).await?)?;
        Ok(until)
    }

    async fn complete(&self, token: &LeaseToken) -> Result<(), QueueError> {
        let (now, held) = (self.clock.now(), token.clone());
        let complete = move |connection: &Connection| jobs::complete(connection, now, &held);
        ours(token, self.write("completing a job", Durability::Now, complete).await?)
    }

    async fn fail(&self, token: &LeaseToken, reason: &str, retry: Retry) -> Result<Failed, QueueError> {
        let (now, held, reason) = (self.clock.now(), token.clone(), reason.to_owned());
        let fail = move |connection: &Connection| jobs::fail(connection, now, &held, &reason, retry);
        let failed = self.write("failing a job", Durability::Now, fail).await?;
        let Some(job) = failed else { return Err(QueueError::LeaseLost(token.job.clone())) };
        self.wake(job.queue);
        match job.state {
            JobState::Dead { .. } => Ok(Failed::Dead),
            JobState::Waiting | JobState::Leased { .. } => Ok(Failed::RetriedAt(job.run_at)),
        }
    }

    async fn release(&self, token: &LeaseToken, pause: Duration) -> Result<(), QueueError> {
        let (now, held) = (self.clock.now(), token.clone());
        let release = move |connection: &Connection| jobs::release(connection, now, &held, now + pause);
        let released = self.write("releasing a job", Durability::Now, release).await?;
        let Some(job) = released else { return Err(QueueError::LeaseLost(token.job.clone())) };
        self.wake(job.queue);
        Ok(())
    }

    async fn cancel(&self, id: &JobId) -> Result<bool, QueueError> {
        let (now, id) = (self.clock.now(), id.clone());
        let cancel = move |connection: &Connection| {
            jobs::settle(connection, now)?;
            jobs::cancel(connection, &id)
        };
        self.write("cancelling a job", Durability::Now, cancel).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, QueueError> {
        self.settle().await?;
        self.look_up("reading a job", |connection| jobs::job(connection, id))
    }

    async fn stats(&self, queue: QueueName) -> Result<QueueStats, QueueError> {
        let now = self.settle().await?;
        self.look_up("counting jobs", |connection| jobs::stats(connection, queue, now))
    }

    async fn waiting(&self, queue: QueueName, user: Option<&UserId>) -> Result<u64, QueueError> {
        self.settle().await?;
        self.look_up("counting the jobs of a user", |connection| jobs::waiting(connection, queue, user))
    }

    async fn dead(&self, queue: QueueName, limit: usize) -> Result<Vec<Job>, QueueError> {
        self.settle().await?;
        let list = move |connection: &Connection| jobs::dead(connection, queue, limit);
        let failed = |e| QueueError::backend("listing dead letters", e);
        let listed =
            self.database.read(list).await.map_err(|e| QueueError::backend("listing dead letters", e))?;
        listed.map_err(failed)
    }

    async fn remove_dead(&self, id: &JobId) -> Result<bool, QueueError> {
        let (now, id) = (self.clock.now(), id.clone());
        let remove = move |connection: &Connection| {
            jobs::settle(connection, now)?;
            jobs::remove_dead(connection, &id)
        };
        self.write("removing a dead letter", Durability::Now, remove).await
    }

    async fn purge_dead(&self, before: Timestamp) -> Result<u64, QueueError> {
        let now = self.clock.now();
        let purge = move |connection: &Connection| {
            jobs::settle(connection, now)?;
            jobs::purge_dead(connection, before)
        };
        self.write("purging dead letters", Durability::Now, purge).await
    }

    /// Writes the version of the tables again.
    async fn check_writes(&self) -> Result<(), QueueError> {
        let write = |connection: &Connection| {
            connection.execute("UPDATE queue_schema SET version = version", ()).map(drop)
        };
        self.write("checking that jobs can be stored", Durability::Now, write).await
    }
}

#[async_trait]
impl Attempt for SqliteQueue {
    async fn attempt(
        &self,
        whose: &Whose,
        queue: QueueName,
        max: usize,
        lease: Duration,
    ) -> Result<Attempted, QueueError> {
        let action = "leasing jobs";
        let now = self.clock.now();
        // Reading first avoids a write if no job is due.
        let next = self.look_up(action, |connection| jobs::next_due(connection, queue))?;
        if next.is_none_or(|next| next > now) {
            return Ok(Attempted::NothingFor(next.map(|next| next.since(now))));
        }
        let whose = whose.clone();
        let take =
            move |connection: &Connection| jobs::lease(connection, now, &whose, queue, max, now + lease);
        let leases = self.write(action, Durability::Soon, take).await?;
        if leases.is_empty() {
            // Another process has leased the due jobs, or they are of other users.
            return Ok(Attempted::NothingFor(None));
        }
        Ok(Attempted::Leased(leases))
    }

    fn wake_ups(&self) -> &WakeUps {
        &self.wake_ups
    }
}

/// [`QueueError::LeaseLost`] unless the job was changed.
fn ours(token: &LeaseToken, changed: bool) -> Result<(), QueueError> {
    if changed { Ok(()) } else { Err(QueueError::LeaseLost(token.job.clone())) }
}
