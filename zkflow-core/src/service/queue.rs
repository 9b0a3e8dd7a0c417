//! [`JobQueue`]: leased jobs. They carry ids and no secrets.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::service::clock::Timestamp;
use crate::service::id::{JobId, UserId};
use zkflow_groth16::error::{Classified, ErrorKind};

/// Hands out each job at least once, and to one worker at a time.
///
/// The queue only transports jobs. The [catalog](crate::service::catalog) records the pending work, and a reconciler
/// pushes lost jobs again.
///
/// # Behaviour
/// - A leased job is hidden until exactly `until`. Then it waits again, with `run_at = until`. After its last
///   attempt it is a dead letter instead, with `at = until`. `last_error` is [`LEASE_EXPIRED`] in both cases.
///   Every method reports this state from `until` on, even if the backend has not stored it yet.
/// - `attempt` grows by one on every hand-out, crashes included. If the machine of the backend crashes, the last hand-outs
///   and renewals may be lost: the jobs wait as before. Pushes and ends of jobs are durable when the call returns.
/// - `(priority descending, round, run_at, id)` is the order of the due jobs of a queue.
/// - `round = 1 + max(last waiting round of this user, last round handed out)`, per queue and priority. A
///   missing round counts as 0. Jobs without a user count as one user's.
/// - A lease for the jobs of [others](Whose::Others) is out of turn: its rounds do not count as handed out. Otherwise the
///   next jobs of these users would wait for more and more jobs of the user that was left out.
/// - A round thus contains at most one waiting job of each user. At equal priority, a user's next job waits
///   for at most one job of each other user, however many they have pushed.
/// - A job gets its round when a [`lease`](Self::lease) first finds it due, in the order of `run_at` and id.
///   If one lease finds more than 1000 such jobs, the rest may get theirs at the next lease.
/// - Every hand-out has a new lease token. A stale token can neither renew nor finish the job.
/// - A backend may drop all but the newest [`DEAD_LETTERS`] dead letters of each queue.
/// - Every method may be called from any async runtime, not only the one that opened the queue.
#[async_trait]
pub trait JobQueue: fmt::Debug + Send + Sync + 'static {
    /// Adds a job.
    ///
    /// # Behaviour
    /// - Adds nothing if a waiting or leased job of the same queue has the same `dedup_key`. The id of that
    ///   job is returned.
    /// - `max_attempts` of 0 counts as 1.
    async fn push(&self, job: NewJob) -> Result<Pushed, QueueError>;

    /// As [`lease_of`](Self::lease_of), for the jobs of all users.
    async fn lease(
        &self,
        queue: QueueName,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        self.lease_of(Whose::Anyone, queue, max, lease, wait).await
    }

    /// Hands out at most `max` due jobs of `queue` and of the users in `whose`, each under a fresh lease of length `lease`.
    ///
    /// # Behaviour
    /// - Returns at once if such a job is due. Otherwise waits for at most `wait`.
    /// - Wakes up early when a job falls due, or when this process pushes, releases or fails a job.
    ///   A backend for many machines also wakes up for other processes.
    /// - If the future is dropped, jobs may stay leased without a worker until their leases end.
    async fn lease_of(
        &self,
        whose: Whose,
        queue: QueueName,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError>;

    /// Sets the end of the lease to `now + by`, and returns it.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`] if the token is stale, the lease has ended or the job was cancelled.
    async fn renew(&self, token: &LeaseToken, by: Duration) -> Result<Timestamp, QueueError>;

    /// Finishes the job, and forgets it. Errors as [`renew`](Self::renew).
    async fn complete(&self, token: &LeaseToken) -> Result<(), QueueError>;

    /// Ends the attempt as a failure. Errors as [`renew`](Self::renew).
    ///
    /// # Behaviour
    /// - With [`Retry::After`] the job is due again after that time, if attempts are left.
    ///   Otherwise it becomes a dead letter.
    /// - `last_error` is `reason` in both cases.
    async fn fail(&self, token: &LeaseToken, reason: &str, retry: Retry) -> Result<Failed, QueueError>;

    /// Gives the job back unfinished, with `run_at = now + pause`. The attempt is not charged. Errors as
    /// [`renew`](Self::renew).
    async fn release(&self, token: &LeaseToken, pause: Duration) -> Result<(), QueueError>;

    /// Cancels a waiting or leased job; a leased job loses its lease. Returns whether there was such a job.
    async fn cancel(&self, id: &JobId) -> Result<bool, QueueError>;

    /// A waiting, leased or dead job. `None` for any other id: completed and cancelled jobs are forgotten.
    async fn job(&self, id: &JobId) -> Result<Option<Job>, QueueError>;

    /// Counts the jobs of `queue` by state.
    async fn stats(&self, queue: QueueName) -> Result<QueueStats, QueueError>;

    /// Counts the waiting jobs of a user in `queue`; `None`: the jobs without a user.
    async fn waiting(&self, queue: QueueName, user: Option<&UserId>) -> Result<u64, QueueError>;

    /// The dead letters of `queue`, newest first, at most `limit`.
    async fn dead(&self, queue: QueueName, limit: usize) -> Result<Vec<Job>, QueueError>;

    /// Removes a dead letter. Returns whether there was such a dead letter; other jobs are not removed.
    async fn remove_dead(&self, id: &JobId) -> Result<bool, QueueError>;

    /// Removes the dead letters of all queues that died before `before`; returns their number.
    async fn purge_dead(&self, before: Timestamp) -> Result<u64, QueueError>;

    /// Checks that jobs can be stored, without storing one: a full disk or memory can still be read. The default only reads.
    ///
    /// # Errors
    /// The backend fails.
    async fn check_writes(&self) -> Result<(), QueueError> {
        self.stats(QueueName::ProofGeneration).await.map(drop)
    }
}

/// The `last_error` of a job whose lease ended before it was finished.
pub const LEASE_EXPIRED: &str = "lease expired";

/// Minimum number of dead letters stored per queue; the oldest are dropped first.
pub const DEAD_LETTERS: usize = 10_000;

/// Due jobs, in their order, among which a lease looks for those of [other users](Whose::Others). Each user has about one job
/// in each round, so a job of another user is among the first few of its priority.
pub const LOOKED_AT: usize = 16;

/// Users whose jobs a lease takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// All users.
    Anyone,
    /// All users but this one; `None`: all jobs with a user. Only the first [`LOOKED_AT`] due jobs are looked at.
    Others(Option<UserId>),
}

impl Whose {
    /// Whether the rounds of the leased jobs count as handed out.
    pub fn in_turn(&self) -> bool {
        matches!(self, Self::Anyone)
    }

    /// Whether a lease takes the jobs of `user`.
    pub fn includes(&self, user: Option<&UserId>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Others(other) => other.as_ref() != user,
        }
    }

    /// Number of due jobs that a lease of at most `max` jobs looks at.
    pub fn looked_at(&self, max: usize) -> usize {
        match self {
            Self::Anyone => max,
            Self::Others(_) => LOOKED_AT,
        }
    }
}

/// A queue for each kind of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueName {
    /// Compiles circuits and generates their keys.
    KeyGeneration,
    /// Generates proofs.
    ProofGeneration,
    /// Deploys verifier contracts.
    Deploy,
    /// Deletes expired data.
    Cleanup,
    /// Verifies contributions to ceremonies, and makes their first and last keys.
    Ceremony,
    /// Sends events to the addresses of requests.
    Webhooks,
}

impl QueueName {
    /// All queues.
    pub const ALL: [Self; 6] = [
        Self::KeyGeneration,
        Self::ProofGeneration,
        Self::Deploy,
        Self::Cleanup,
        Self::Ceremony,
        Self::Webhooks,
    ];

    /// The name in kebab case, such as `key-generation`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyGeneration => "key-generation",
            Self::ProofGeneration => "proof-generation",
            Self::Deploy => "deploy",
            Self::Ceremony => "ceremony",
            Self::Cleanup => "cleanup",
            Self::Webhooks => "webhooks",
        }
    }
}

impl QueueName {
    /// Default number of hand-outs before a job is dead-lettered.
    pub const fn attempts(self) -> u32 {
        match self {
            // A sent transaction may be mined at any time, and a receiver may answer again at any time: their jobs end for a
            // reason, not after a count.
            Self::Deploy | Self::Webhooks => 1000,
            Self::KeyGeneration | Self::ProofGeneration | Self::Ceremony | Self::Cleanup => 3,
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
            format!("unknown queue {text:?}: expected one of {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// A job to push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Queue to push to.
    pub queue: QueueName,
    /// Id of the object to work on; never an input or a key.
    pub subject: String,
    /// User for fairness; all jobs with `None` count as one user's.
    pub user_id: Option<UserId>,
    /// Unique among the unfinished jobs of the queue; `None`: never a duplicate.
    pub dedup_key: Option<String>,
    /// Higher comes first; 0 by default.
    pub priority: i32,
    /// Time from the push until the job is due.
    pub delay: Duration,
    /// Hand-outs before the job is dead-lettered, at least 1.
    pub max_attempts: u32,
}

impl NewJob {
    /// A job that is due at once, with `subject` as its `dedup_key` and the
    /// [attempts](QueueName::attempts) of its queue.
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

    /// Sets `max_attempts`, except for deployments and deliveries, which keep the value of their queue.
    pub fn with_attempts(self, attempts: u32) -> Self {
        let keeps = matches!(self.queue, QueueName::Deploy | QueueName::Webhooks);
        let max_attempts = if keeps { self.max_attempts } else { attempts };
        Self { max_attempts, ..self }
    }
}

/// Result of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Id of the new job, or of the job with the same `dedup_key`.
    pub id: JobId,
    /// Whether there already was an unfinished job with the same `dedup_key`.
    pub duplicate: bool,
}

/// A job and its present state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Id assigned by the push; unique across queues.
    pub id: JobId,
    /// Queue that the job was pushed to.
    pub queue: QueueName,
    /// Id of the object to work on.
    pub subject: String,
    /// User for fairness; all jobs with `None` count as one user's.
    pub user_id: Option<UserId>,
    /// Higher comes first.
    pub priority: i32,
    /// Hand-outs so far, without those that ended in a release.
    pub attempt: u32,
    /// Hand-outs before the job is dead-lettered.
    pub max_attempts: u32,
    /// Moment of the push.
    pub created_at: Timestamp,
    /// Moment from which the job is due, or was last due.
    pub run_at: Timestamp,
    /// Waiting, leased or dead.
    pub state: JobState,
    /// Reason of the last failure; `None` if no attempt has failed.
    pub last_error: Option<String>,
}

/// State of an unfinished or dead job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Can be leased from `run_at` on.
    Waiting,
    /// Hidden from other workers.
    Leased {
        /// End of the lease.
        until: Timestamp,
    },
    /// A dead letter; never handed out again.
    Dead {
        /// Moment of the last failure.
        at: Timestamp,
    },
}

/// A job that a worker has leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The leased job; its `attempt` counts this hand-out.
    pub job: Job,
    /// Proof of the lease, needed to renew or finish it.
    pub token: LeaseToken,
    /// End of the lease unless it is renewed.
    pub until: Timestamp,
}

/// Identifies one hand-out of one job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseToken {
    /// Id of the leased job.
    pub job: JobId,
    /// New on every hand-out.
    pub nonce: String,
}

/// Whether a failed job is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Due again after this time, if attempts are left.
    After(Duration),
    /// Dead-lettered at once: another attempt cannot help.
    Never,
}

/// New state of a failed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// Due again at this moment.
    RetriedAt(Timestamp),
    /// A dead letter.
    Dead,
}

/// Number of jobs in a queue, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueStats {
    /// Jobs that are due and not leased.
    pub ready: u64,
    /// Jobs that are not due yet.
    pub delayed: u64,
    /// Jobs under a lease.
    pub leased: u64,
    /// Dead letters.
    pub dead: u64,
    /// Earliest `run_at` of the ready jobs; `None` if there are none.
    pub oldest_ready: Option<Timestamp>,
}

/// Failure of a queue operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The lease is lost: write nothing.
    #[error("the lease of job {0} is lost")]
    LeaseLost(JobId),
    /// The backend failed.
    #[error("job queue: {action}")]
    Backend {
        /// The operation, such as `pushing a job`.
        action: String,
        /// Cause of the failure.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl QueueError {
    /// A failure of the backend during `action`.
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
