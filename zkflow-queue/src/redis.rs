//! [`RedisQueue`].

mod link;
mod listener;
mod rate;
mod record;
mod script;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::Value;
use tokio::sync::broadcast;
use zkflow_core::service::clock::{Clock, SystemClock, Timestamp};
use zkflow_core::service::id::{JobId, UserId};
use zkflow_core::service::queue::{
    Failed, Job, JobQueue, Lease, LeaseToken, NewJob, Pushed, QueueError, QueueName, QueueStats, Retry, Whose,
};

use crate::waiting::{self, Attempt, Attempted, WakeUps};
use link::{Call, Link};
use listener::Hearing;
pub use rate::{Pace, Taken};
use record::{Record, get, id_in, queue_of, read_moment};
use script::Script;

/// A [`JobQueue`] in Redis 7 or later, for many processes on many machines.
///
/// # Behaviour
/// - Each method runs one atomic script (`purge_dead` one for each queue).
/// - All keys of a queue are in one slot, so a cluster works too. One of its nodes serves the whole queue.
/// - All moments come from the clock of Redis. Only the time inside a job id is that of the client.
/// - A push publishes a message that wakes waiting leases in every process. A process that misses the message
///   finds the job within a second.
/// - If Redis is unreachable, restarting or failing over, a call is retried with pauses for up to ten
///   seconds. Calls that begin after a failed attempt are tried only once, so that they fail fast.
/// - A retried `lease` returns the jobs of the lost answer. A retried `complete`, `fail` or `release` returns
///   [`QueueError::LeaseLost`] if the first call took effect.
/// - Completed and cancelled jobs leave nothing behind. Only the newest
///   [`DEAD_LETTERS`](zkflow_core::service::queue::DEAD_LETTERS) dead letters are kept.
///
/// Configure Redis with an append-only file and without eviction (`maxmemory-policy noeviction`). If Redis
/// loses jobs anyway, the [reconciler](crate::Reconciler) pushes them again.
pub struct RedisQueue {
    link: Arc<Link>,
    ears: Arc<Ears>,
    namespace: String,
    keys: [Vec<String>; QueueName::ALL.len()],
    /// Replaces the clock of Redis in tests.
    clock: Option<Arc<dyn Clock>>,
}

/// Key suffixes of a queue, in the order of `common.lua`.
const SETS: [&str; 9] = ["jobs", "keys", "later", "due", "ready", "turns", "rounds", "leased", "dead"];

impl RedisQueue {
    /// Connects to `redis://[user:password@]host:port`, or `rediss://…` over TLS. For a cluster, `url` is a
    /// comma-separated list of the URLs of some nodes. All keys begin with `{namespace:`.
    ///
    /// # Errors
    /// `url` is not a Redis URL; Redis does not answer, or refuses the connection.
    pub async fn connect(url: &str, namespace: &str) -> Result<Self, QueueError> {
        let link = Arc::new(Link::new(url)?);
        link.make("connecting to Redis", &Call::Command(&redis::cmd("PING"))).await?;
        let ears = Arc::new(Ears::new(namespace));
        link.thread().spawn(listener::listen(Arc::downgrade(&link), Arc::downgrade(&ears)));
        let keys =
            QueueName::ALL.map(|queue| SETS.map(|set| format!("{{{namespace}:{queue}}}:{set}")).to_vec());
        Ok(Self { link, ears, namespace: namespace.to_owned(), keys, clock: None })
    }

    /// Uses `clock` instead of the clock of Redis; for tests.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// The time of Redis.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub async fn time(&self) -> Result<Timestamp, QueueError> {
        let answer = self.link.make("asking for the time", &Call::Command(&redis::cmd("TIME"))).await?;
        let (seconds, micros): (i64, i64) = get(answer)?;
        Ok(Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000)))
    }

    /// Publishes `message` to the [`messages`](Self::messages) of every process, this one included.
    /// A process without a subscription at that moment misses it.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub async fn tell(&self, message: &str) -> Result<(), QueueError> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(&self.ears.messages).arg(message);
        self.link.make("publishing a message", &Call::Command(&command)).await.map(drop)
    }

    /// Messages published from now on. A receiver that falls more than 4096 behind misses the oldest.
    pub fn messages(&self) -> broadcast::Receiver<String> {
        self.ears.told.subscribe()
    }

    /// The moment of the clock of tests, for scripts; empty for that of Redis.
    fn present(&self) -> String {
        self.clock.as_ref().map_or(String::new(), |clock| clock.now().as_millis().to_string())
    }

    async fn run(
        &self,
        action: &'static str,
        script: &Script,
        queue: QueueName,
        arguments: &[String],
    ) -> Result<Value, QueueError> {
        let arguments = [&[self.present()], arguments].concat();
        self.link.make(action, &Call::Script { script, keys: &self.keys[queue as usize], arguments }).await
    }

    /// Runs a script on a leased job. The script returns nil if the lease is lost.
    async fn with_lease(
        &self,
        action: &'static str,
        script: &Script,
        token: &LeaseToken,
        arguments: &[String],
    ) -> Result<String, QueueError> {
        let all = [&[token.job.to_string(), token.nonce.clone()], arguments].concat();
        let answer = self.run(action, script, queue_of(&token.job), &all).await?;
        get::<Option<String>>(answer)?.ok_or_else(|| QueueError::LeaseLost(token.job.clone()))
    }
}

impl fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQueue").field("clock", &self.clock).finish_non_exhaustive()
    }
}

#[async_trait]
impl JobQueue for RedisQueue {
    async fn push(&self, job: NewJob) -> Result<Pushed, QueueError> {
        let now = self.clock.as_ref().map_or_else(|| SystemClock.now(), |clock| clock.now());
        let id = id_in(job.queue, now);
        let arguments = [
            id.to_string(),
            job.subject,
            job.user_id.as_ref().map_or("", UserId::as_str).to_owned(),
            job.dedup_key.map_or(String::new(), |key| format!("={key}")),
            job.priority.to_string(),
            millis(job.delay),
            job.max_attempts.max(1).to_string(),
        ];
        let answer = self.run("pushing a job", &script::PUSH, job.queue, &arguments).await?;
        let (id, duplicate): (String, bool) = get(answer)?;
        let id = id.parse().map_err(|error| QueueError::backend("reading an answer of Redis", error))?;
        Ok(Pushed { id, duplicate })
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
        let until = self.with_lease("renewing a lease", &script::RENEW, token, &[millis(by)]).await?;
        read_moment(&until)
    }

    async fn complete(&self, token: &LeaseToken) -> Result<(), QueueError> {
        self.with_lease("completing a job", &script::COMPLETE, token, &[]).await.map(drop)
    }

    async fn fail(&self, token: &LeaseToken, reason: &str, retry: Retry) -> Result<Failed, QueueError> {
        let delay = match retry {
            Retry::After(delay) => millis(delay),
            Retry::Never => String::new(),
        };
        let arguments = [reason.to_owned(), delay];
        let answer = self.with_lease("failing a job", &script::FAIL, token, &arguments).await?;
        if answer.is_empty() { Ok(Failed::Dead) } else { Ok(Failed::RetriedAt(read_moment(&answer)?)) }
    }

    async fn release(&self, token: &LeaseToken, pause: Duration) -> Result<(), QueueError> {
        self.with_lease("releasing a job", &script::RELEASE, token, &[millis(pause)]).await.map(drop)
    }

    async fn cancel(&self, id: &JobId) -> Result<bool, QueueError> {
        get(self.run("cancelling a job", &script::CANCEL, queue_of(id), &[id.to_string()]).await?)
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, QueueError> {
        let queue = queue_of(id);
        match self.run("reading a job", &script::JOB, queue, &[id.to_string()]).await? {
            Value::Nil => Ok(None),
            record => Ok(Some(Record::read(record)?.into_job(queue))),
        }
    }

    async fn stats(&self, queue: QueueName) -> Result<QueueStats, QueueError> {
        let answer = self.run("counting jobs", &script::STATS, queue, &[]).await?;
        let (ready, delayed, leased, dead, oldest): (u64, u64, u64, u64, String) = get(answer)?;
        let oldest_ready = if oldest.is_empty() { None } else { Some(read_moment(&oldest)?) };
        Ok(QueueStats { ready, delayed, leased, dead, oldest_ready })
    }

    async fn waiting(&self, queue: QueueName, user: Option<&UserId>) -> Result<u64, QueueError> {
        let user = user.map_or(String::new(), ToString::to_string);
        get(self.run("counting the jobs of a user", &script::WAITING, queue, &[user]).await?)
    }

    async fn dead(&self, queue: QueueName, limit: usize) -> Result<Vec<Job>, QueueError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let letters = self.run("listing dead letters", &script::DEAD, queue, &[bounded(limit)]).await?;
        let letters: Vec<Value> = get(letters)?;
        letters.into_iter().map(|record| Ok(Record::read(record)?.into_job(queue))).collect()
    }

    async fn remove_dead(&self, id: &JobId) -> Result<bool, QueueError> {
        get(self.run("removing a dead letter", &script::REMOVE_DEAD, queue_of(id), &[id.to_string()]).await?)
    }

    async fn purge_dead(&self, before: Timestamp) -> Result<u64, QueueError> {
        let mut purged = 0;
        for queue in QueueName::ALL {
            let before = [before.as_millis().to_string()];
            let answer = self.run("purging dead letters", &script::PURGE_DEAD, queue, &before).await?;
            purged += get::<u64>(answer)?;
        }
        Ok(purged)
    }

    /// Writes a key that expires after a minute.
    async fn check_writes(&self) -> Result<(), QueueError> {
        let mut write = redis::cmd("SET");
        write.arg(format!("{{{}:ready}}", self.namespace)).arg("ready").arg("PX").arg(60_000);
        self.link.make("checking that jobs can be stored", &Call::Command(&write)).await.map(drop)
    }
}

#[async_trait]
impl Attempt for RedisQueue {
    async fn attempt(
        &self,
        whose: &Whose,
        queue: QueueName,
        max: usize,
        lease: Duration,
    ) -> Result<Attempted, QueueError> {
        let nonce = format!("{:032x}", rand::random::<u128>());
        let not_of = match whose {
            Whose::Anyone => String::new(),
            Whose::Others(user) => format!("={}", user.as_ref().map_or("", UserId::as_str)),
        };
        let arguments = [bounded(max), millis(lease), nonce, bounded(whose.looked_at(max)), not_of];
        let answer = self.run("leasing jobs", &script::LEASE, queue, &arguments).await?;
        let mut parts = get::<Vec<Value>>(answer)?.into_iter();
        let due_in: String = parts.next().map_or(Ok(String::new()), get)?;
        let leases = parts.map(|record| Ok(Record::read(record)?.into_lease(queue)));
        let leases = leases.collect::<Result<Vec<_>, QueueError>>()?;
        if !leases.is_empty() {
            return Ok(Attempted::Leased(leases));
        }
        // A duration in milliseconds, not a moment.
        Ok(Attempted::NothingFor(due_in.parse().ok().map(Duration::from_millis)))
    }

    fn wake_ups(&self) -> &WakeUps {
        &self.ears.wake_ups
    }

    fn poll(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// Receives what processes publish.
struct Ears {
    wake_ups: WakeUps,
    /// For each queue, the channel that wakes its leases.
    wakes: [String; QueueName::ALL.len()],
    /// Channel of [`RedisQueue::messages`].
    messages: String,
    told: broadcast::Sender<String>,
}

impl Ears {
    fn new(namespace: &str) -> Self {
        Self {
            wake_ups: WakeUps::default(),
            wakes: QueueName::ALL.map(|queue| format!("{{{namespace}:{queue}}}:wake")),
            messages: format!("{namespace}:messages"),
            told: broadcast::Sender::new(4096),
        }
    }
}

impl Hearing for Ears {
    fn channels(&self) -> Vec<String> {
        self.wakes.iter().chain([&self.messages]).cloned().collect()
    }

    fn heard(&self, channel: &str, message: &str) {
        if channel == self.messages {
            // Fails if there is no receiver, which is no error.
            let _ = self.told.send(message.to_owned());
        } else if let Some(place) = self.wakes.iter().position(|wake| wake == channel) {
            self.wake_ups.wake(QueueName::ALL[place]);
        }
    }

    fn missed(&self) {
        QueueName::ALL.iter().for_each(|queue| self.wake_ups.wake(*queue));
    }
}

/// A duration in the form that scripts expect: milliseconds, at most [`LONGEST`].
fn millis(time: Duration) -> String {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(LONGEST).to_string()
}

/// Longest duration in scripts, in milliseconds. It exceeds the range of timestamps.
const LONGEST: u64 = 1 << 50;

/// Limits a count to 10 000, the most that one script returns.
fn bounded(limit: usize) -> String {
    limit.min(10_000).to_string()
}
