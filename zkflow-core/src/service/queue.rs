//! [`JobQueue`]: leased jobs that carry ids and nothing secret.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::service::clock::Timestamp;
use crate::service::id::{JobId, UserId};
use zkflow_groth16::error::{Classified, ErrorKind};

/// Hands out jobs, each to one worker at a time, at least once.
///
/// The queue is a transport: the [catalog](crate::service::catalog) knows what is owed, and a reconciler
/// pushes again whatever a queue lost.
///
/// # Behaviour
/// - A leased job is invisible until its lease ends, at `until` exactly. From then on it is waiting
///   again, with `run_at` the end of the lease, or, on its last attempt, a dead letter since that
///   moment; `last_error` is [`LEASE_EXPIRED`] in both cases. Every method sees it so, whether or
///   not the backend has written it down yet.
/// - `attempt` grows by one on every hand-out, crashes included.
/// - Among jobs that are due, the higher priority comes first. Jobs of equal priority come in rounds
///   with one job of each user: the lower round first, then the earlier `run_at`, then the earlier id.
///   So however much one user has pushed, the next job of another waits for one of theirs at most.
/// - A job enters a round when a [`lease`](Self::lease) first finds it due, in the order of `run_at` and
///   id: the round behind its user's last one in which a job waits, and behind the last one out of which
///   a job was handed. Both are those of its queue and priority. Jobs without a user count as one user's.
///   Of more than a thousand jobs that a lease finds due at once, the rest may enter at the next.
/// - A lease token is fresh on every hand-out: a stale one can neither renew nor finish the job.
/// - Only the newest [`DEAD_LETTERS`] dead letters of a queue need be kept.
/// - Every method may be called from another async runtime than the one that opened the queue.
#[async_trait]
pub trait JobQueue: fmt::Debug + Send + Sync + 'static {
    /// Adds a job.
    ///
    /// # Behaviour
    /// - With a `dedup_key` that a job of the same queue carries which is neither completed, dead
    ///   nor cancelled, nothing is added and that job's id is returned. A leased job counts.
    /// - `max_attempts` of 0 counts as 1.
    async fn push(&self, job: NewJob) -> Result<Pushed, QueueError>;

    /// Hands out at most `max` due jobs of `queue`, each under a fresh lease of length `lease`.
    ///
    /// # Behaviour
    /// - Returns at once with what is due; with nothing due waits for at most `wait`, waking up
    ///   early when a job is pushed, released or failed by this process or falls due. A backend for
    ///   many machines wakes up for other processes too.
    /// - Dropping the future may leave jobs leased that nobody works on until their leases end.
    async fn lease(
        &self,
        queue: QueueName,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError>;

    /// Lets the lease end `by` from now, and returns when that is.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`] when the token is stale, the lease has ended or the job was cancelled.
    async fn renew(&self, token: &LeaseToken, by: Duration) -> Result<Timestamp, QueueError>;

    /// Finishes the job. Errors as [`renew`](Self::renew).
    async fn complete(&self, token: &LeaseToken) -> Result<(), QueueError>;

    /// Records a failure. Errors as [`renew`](Self::renew).
    ///
    /// # Behaviour
    /// - [`Retry::After`] makes the job due again after that time, unless its attempts are used up:
    ///   then it is dead-lettered with `reason`.
    async fn fail(&self, token: &LeaseToken, reason: &str, retry: Retry) -> Result<Failed, QueueError>;

    /// Gives the job back unfinished: due again after `pause` (`run_at` is then), and the attempt is not
    /// charged. Errors as [`renew`](Self::renew).
    async fn release(&self, token: &LeaseToken, pause: Duration) -> Result<(), QueueError>;

    /// Cancels a waiting or leased job; a running one loses its lease. Returns whether there was one
    /// to cancel.
    async fn cancel(&self, id: &JobId) -> Result<bool, QueueError>;

    /// The job, while it is waiting, leased or dead. Completed and cancelled jobs are forgotten.
    async fn job(&self, id: &JobId) -> Result<Option<Job>, QueueError>;

    /// How full `queue` is.
    async fn stats(&self, queue: QueueName) -> Result<QueueStats, QueueError>;

    /// The dead letters of `queue`, newest first, at most `limit`.
    async fn dead(&self, queue: QueueName, limit: usize) -> Result<Vec<Job>, QueueError>;

    /// Removes the dead letters, of all queues, that died before `before`; returns how many.
    async fn purge_dead(&self, before: Timestamp) -> Result<u64, QueueError>;
}

/// The `last_error` of a job whose lease ended before it was finished.
pub const LEASE_EXPIRED: &str = "lease expired";

/// Dead letters that a queue keeps at least, the newest.
pub const DEAD_LETTERS: usize = 10_000;

/// The queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueName {
    /// Circuits to compile and set up.
    KeyGeneration,
    /// Proofs to make.
    ProofGeneration,
    /// Verifier contracts to deploy.
    Deploy,
    /// What has expired.
    Cleanup,
}

impl QueueName {
    /// Every queue.
    pub const ALL: [Self; 4] = [Self::KeyGeneration, Self::ProofGeneration, Self::Deploy, Self::Cleanup];

    /// The name, as in `key-generation`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyGeneration => "key-generation",
            Self::ProofGeneration => "proof-generation",
            Self::Deploy => "deploy",
            Self::Cleanup => "cleanup",
        }
    }
}

impl QueueName {
    /// How often a job is handed out before it is dead-lettered.
    pub const fn attempts(self) -> u32 {
        match self {
            // A transaction that was sent may be mined at any time: its job ends with a reason, not with a count.
            Self::Deploy => 1000,
            Self::KeyGeneration | Self::ProofGeneration | Self::Cleanup => 3,
        }
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for QueueName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            format!("unknown queue {text:?}; one of {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// A job to push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Where it waits.
    pub queue: QueueName,
    /// The id of what it is about; never an input or a key.
    pub subject: String,
    /// Whose turn it takes.
    pub user_id: Option<UserId>,
    /// Two unfinished jobs of one queue never share it.
    pub dedup_key: Option<String>,
    /// Higher comes first; 0 is usual.
    pub priority: i32,
    /// Not handed out before.
    pub delay: Duration,
    /// Hand-outs before it is dead-lettered, at least 1.
    pub max_attempts: u32,
}

impl NewJob {
    /// A job that is due at once and is its subject's only one, with the [attempts](QueueName::attempts) of its queue.
    pub fn new(queue: QueueName, subject: impl Into<String>) -> Self {
        let subject = subject.into();
        Self {
            queue,
            dedup_key: Some(subject.clone()),
            subject,
            user_id: None,
            priority: 0,
            delay: Duration::ZERO,
            max_attempts: queue.attempts(),
        }
    }

    /// The job with so many attempts, unless those of its queue are not counted, as with deployments.
    pub fn with_attempts(self, attempts: u32) -> Self {
        let max_attempts = if self.queue == QueueName::Deploy { self.max_attempts } else { attempts };
        Self { max_attempts, ..self }
    }
}

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The new job, or the one that was there.
    pub id: JobId,
    /// Whether an unfinished job with the same key was there already.
    pub duplicate: bool,
}

/// A job as the queue holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Where it waits.
    pub queue: QueueName,
    /// The id of what it is about.
    pub subject: String,
    /// Whose turn it takes.
    pub user_id: Option<UserId>,
    /// Higher comes first.
    pub priority: i32,
    /// Hand-outs so far.
    pub attempt: u32,
    /// Hand-outs before it is dead-lettered.
    pub max_attempts: u32,
    /// When it was pushed.
    pub created_at: Timestamp,
    /// When it is or was due.
    pub run_at: Timestamp,
    /// Where it stands.
    pub state: JobState,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Due at `run_at`.
    Waiting,
    /// Leased until the given moment.
    Leased {
        /// When the lease ends.
        until: Timestamp,
    },
    /// Dead-lettered at the given moment.
    Dead {
        /// When it died.
        at: Timestamp,
    },
}

/// A job in the hands of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job, with the attempt that this is.
    pub job: Job,
    /// Proof that the lease is held.
    pub token: LeaseToken,
    /// When it ends unless it is renewed.
    pub until: Timestamp,
}

/// Names one hand-out of one job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseToken {
    /// The job.
    pub job: JobId,
    /// Fresh on every hand-out.
    pub nonce: String,
}

/// What becomes of a job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Due again after this time.
    After(Duration),
    /// Dead-lettered at once: trying again cannot help.
    Never,
}

/// What became of a job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It will be handed out again, not before this moment.
    RetriedAt(Timestamp),
    /// It is a dead letter.
    Dead,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueStats {
    /// Jobs that are due and not leased.
    pub ready: u64,
    /// Jobs that are due later.
    pub delayed: u64,
    /// Jobs under a lease.
    pub leased: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the ready job that waits longest fell due.
    pub oldest_ready: Option<Timestamp>,
}

/// A queue could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The lease is not held any more: write nothing.
    #[error("the lease of job {0} is lost")]
    LeaseLost(JobId),
    /// The backend failed.
    #[error("job queue: {action}")]
    Backend {
        /// What was being done.
        action: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl QueueError {
    /// A failure of the backend while doing `action`.
    pub fn backend(
        action: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { action: action.into(), source: source.into() }
    }
}

impl Classified for QueueError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::LeaseLost(_) => ErrorKind::Conflict,
            Self::Backend { .. } => ErrorKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::LeaseLost(_) => "lease_lost",
            Self::Backend { .. } => "queue_unavailable",
        }
    }
}
