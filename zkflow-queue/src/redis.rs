//! [`RedisQueue`].

mod link;
mod listener;
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
    Failed, Job, JobQueue, Lease, LeaseToken, NewJob, Pushed, QueueError, QueueName, QueueStats, Retry,
};

use crate::waiting::{self, Attempt, Attempted, WakeUps};
use link::{Call, Link};
use listener::Hearing;
use record::{Record, get, id_in, queue_of, read_moment};
use script::Script;

/// A [`JobQueue`] in Redis 7 or later, for many processes on many machines.
///
/// # Behaviour
/// - Each method is one script, which Redis runs as one indivisible step. All keys of a queue lie in
///   one slot, so a cluster serves too, each queue from one of its nodes.
/// - All moments are by Redis' clock: those of the callers' machines do not matter.
/// - A push wakes waiting leases in every process, by a message. A process that cannot listen just
///   then finds the job within a second.
/// - A call that fails because Redis is away, restarting or failing over is repeated, with pauses, for up
///   to ten seconds; while Redis stays away new calls are tried once, so that callers learn soon. A lease that is
///   repeated gets what the lost answer held. Of `complete`, `fail` and `release` the repeated call may find that the
///   first one did its work, and say [`QueueError::LeaseLost`].
/// - Completed and cancelled jobs leave nothing behind, and of dead letters the newest
///   [`DEAD_LETTERS`](zkflow_core::service::queue::DEAD_LETTERS) are kept.
///
/// Redis should write an append-only file and evict nothing (`maxmemory-policy noeviction`). What it loses
/// nevertheless, the [reconciler](crate::Reconciler) pushes again.
pub struct RedisQueue {
    link: Arc<Link>,
    ears: Arc<Ears>,
    keys: [Vec<String>; QueueName::ALL.len()],
    /// Instead of Redis' own.
    clock: Option<Arc<dyn Clock>>,
}

/// The sets of a queue, in the order in which `common.lua` names them.
const SETS: [&str; 9] = ["jobs", "keys", "later", "due", "ready", "turns", "rounds", "leased", "dead"];

impl RedisQueue {
    /// Connects to `url`: `redis://` or, over TLS, `rediss://`, with user and password before an `@`;
    /// of a cluster those of some nodes, joined by commas. All keys begin with `{namespace:`.
    ///
    /// # Errors
    /// `url` is none; Redis does not answer, or refuses.
    pub async fn connect(url: &str, namespace: &str) -> Result<Self, QueueError> {
        let link = Arc::new(Link::new(url)?);
        link.make("connecting to Redis", &Call::Command(&redis::cmd("PING"))).await?;
        let ears = Arc::new(Ears::new(namespace));
        link.thread().spawn(listener::listen(Arc::downgrade(&link), Arc::downgrade(&ears)));
        let keys =
            QueueName::ALL.map(|queue| SETS.map(|set| format!("{{{namespace}:{queue}}}:{set}")).to_vec());
        Ok(Self { link, ears, keys, clock: None })
    }

    /// The same queue by another clock than Redis' own; for tests.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Tells every process that listens to [`messages`](Self::messages), this one too. One that cannot
    /// listen just now does not learn of it.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn tell(&self, message: &str) -> Result<(), QueueError> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(&self.ears.messages).arg(message);
        self.link.make("telling other processes", &Call::Command(&command)).await.map(drop)
    }

    /// What is told from now on. Who falls behind by thousands misses the oldest.
    pub fn messages(&self) -> broadcast::Receiver<String> {
        self.ears.told.subscribe()
    }

    async fn run(
        &self,
        action: &'static str,
        script: &Script,
        queue: QueueName,
        arguments: &[String],
    ) -> Result<Value, QueueError> {
        let now = self.clock.as_ref().map_or(String::new(), |clock| clock.now().as_millis().to_string());
        let arguments = [&[now], arguments].concat();
        self.link.make(action, &Call::Script { script, keys: &self.keys[queue as usize], arguments }).await
    }

    /// Runs a script on the job of a lease; nothing comes back when the lease is lost.
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
        let id = id.parse().map_err(|error| QueueError::backend("reading an answer", error))?;
        Ok(Pushed { id, duplicate })
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

    async fn dead(&self, queue: QueueName, limit: usize) -> Result<Vec<Job>, QueueError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let letters = self.run("listing dead letters", &script::DEAD, queue, &[bounded(limit)]).await?;
        let letters: Vec<Value> = get(letters)?;
        letters.into_iter().map(|record| Ok(Record::read(record)?.into_job(queue))).collect()
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
}

#[async_trait]
impl Attempt for RedisQueue {
    async fn attempt(&self, queue: QueueName, max: usize, lease: Duration) -> Result<Attempted, QueueError> {
        let nonce = format!("{:032x}", rand::random::<u128>());
        let arguments = [bounded(max), millis(lease), nonce];
        let answer = self.run("leasing jobs", &script::LEASE, queue, &arguments).await?;
        let mut parts = get::<Vec<Value>>(answer)?.into_iter();
        let due_in: String = parts.next().map_or(Ok(String::new()), get)?;
        let leases = parts.map(|record| Ok(Record::read(record)?.into_lease(queue)));
        let leases = leases.collect::<Result<Vec<_>, QueueError>>()?;
        if !leases.is_empty() {
            return Ok(Attempted::Leased(leases));
        }
        // Milliseconds: a time, not a moment.
        Ok(Attempted::NothingFor(due_in.parse().ok().map(Duration::from_millis)))
    }

    fn wake_ups(&self) -> &WakeUps {
        &self.ears.wake_ups
    }

    fn poll(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// Hears what every process says.
struct Ears {
    wake_ups: WakeUps,
    /// The channel that wakes each queue.
    wakes: [String; QueueName::ALL.len()],
    /// The channel of messages.
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
            // Nobody may be interested.
            let _ = self.told.send(message.to_owned());
        } else if let Some(place) = self.wakes.iter().position(|wake| wake == channel) {
            self.wake_ups.wake(QueueName::ALL[place]);
        }
    }

    fn missed(&self) {
        QueueName::ALL.iter().for_each(|queue| self.wake_ups.wake(*queue));
    }
}

/// A time as the scripts take it.
fn millis(time: Duration) -> String {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(LONGEST).to_string()
}

/// The longest time that a script can count with: beyond the calendar.
const LONGEST: u64 = 1 << 50;

/// No script hands out more than this.
fn bounded(limit: usize) -> String {
    limit.min(10_000).to_string()
}
