//! [`Worker`]: leases jobs, runs a [`Handler`] on them, and gives back what it cannot finish.

mod job;
mod keeper;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zkflow_core::error::Classified;
use zkflow_core::service::queue::{Job, JobQueue, QueueError, QueueName};

use crate::backoff::Backoff;
use keeper::{Keeper, Kept};

/// Does the work that a job stands for.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Does it.
    ///
    /// # Behaviour
    /// - A job may come more than once, and at the same time as an earlier hand-out of itself whose
    ///   lease was lost: what becomes visible is to be decided by a compare-and-set.
    /// - When [`JobContext::cancelled`] fires, nobody waits for the result: stop and return soon.
    /// - A panic counts as a failure that may be tried again; its message goes nowhere.
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError>;

    /// Learns that a failure made `job` a dead letter: nobody will try it again. What dies
    /// otherwise, with its worker, is found by the [`Reconciler`](crate::Reconciler).
    async fn dead(&self, job: &Job, error: &JobError) {
        let _ = (job, error);
    }
}

/// What a [`Handler`] knows beside the job.
#[derive(Debug, Clone)]
pub struct JobContext {
    cancelled: CancellationToken,
}

impl JobContext {
    /// Fires when the lease is lost, the job was cancelled, or the time to drain is over.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }
}

/// A handler could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JobError {
    /// A stable name in snake_case, for metrics.
    pub kind: &'static str,
    /// A sentence for people; carries no private input.
    pub reason: String,
    /// What becomes of the job.
    pub then: Then,
}

/// What becomes of a job that could not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is tried again after a pause, as long as it has attempts.
    Retry,
    /// It goes back for whichever worker takes it next, and the attempt is not charged: it is not at fault.
    GiveBack,
    /// Nobody tries it again.
    Bury,
}

impl JobError {
    /// Trying again may help.
    pub fn retry(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), then: Then::Retry }
    }

    /// The job is not at fault: what it needs is not there now, or not here.
    pub fn give_back(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), then: Then::GiveBack }
    }

    /// Trying again cannot help.
    pub fn fatal(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), then: Then::Bury }
    }

    /// As `error` says itself.
    pub fn of(error: &impl Classified) -> Self {
        let then = if error.kind().is_transient() { Then::Retry } else { Then::Bury };
        Self { kind: error.code(), reason: error.to_string(), then }
    }
}

/// How a [`Worker`] works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// The queue it takes jobs from.
    pub queue: QueueName,
    /// Jobs at the same time, at least 1.
    pub concurrency: usize,
    /// Length of a lease; renewed after a third of it.
    pub lease: Duration,
    /// Longest wait of one call for jobs, and so the longest time until a shutdown is noticed.
    pub wait: Duration,
    /// How long running jobs may go on after a shutdown.
    pub drain: Duration,
    /// How long a handler has after it was told to stop, before it is dropped.
    pub grace: Duration,
    /// How long a failed job waits.
    pub backoff: Backoff,
    /// How long a job that is given back waits, and the place that it had: what it lacked will hardly be
    /// there at once.
    pub rest: Duration,
}

impl WorkerConfig {
    /// Leases of 30 seconds, a drain of 30 seconds.
    pub fn new(queue: QueueName, concurrency: usize) -> Self {
        Self {
            queue,
            concurrency,
            lease: Duration::from_secs(30),
            wait: Duration::from_secs(1),
            drain: Duration::from_secs(30),
            grace: Duration::from_secs(2),
            backoff: Backoff::default(),
            rest: Duration::from_secs(1),
        }
    }
}

/// Runs the jobs of one queue.
///
/// # Behaviour
/// - Takes no more jobs than it can run at once.
/// - Takes and renews leases from a thread of its own, which work on the caller's runtime cannot starve.
/// - After a shutdown takes no more jobs, lets the running ones go on for `drain`, then tells them
///   to stop; what is still unfinished after `grace` is released, so that it costs no attempt.
///
/// # Metrics
/// `zkflow_jobs_started_total {queue}`, `zkflow_jobs_finished_total {queue, outcome}`,
/// `zkflow_jobs_failed_total {queue, kind}`, `zkflow_jobs_given_back_total {queue, kind}`, `zkflow_job_seconds {queue, outcome}`,
/// `zkflow_queue_errors_total {queue}`. An outcome is `completed`, `retried`, `dead`, `released`,
/// `given_back` or `lost`.
pub struct Worker {
    shared: Arc<Shared>,
}

/// What every running job needs.
struct Shared {
    queue: Arc<dyn JobQueue>,
    handler: Arc<dyn Handler>,
    config: WorkerConfig,
    keeper: Keeper,
    /// Fires when the drain is over.
    stop: CancellationToken,
}

impl Worker {
    /// A worker that is not yet running.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn new(
        queue: Arc<dyn JobQueue>,
        handler: Arc<dyn Handler>,
        config: WorkerConfig,
    ) -> io::Result<Self> {
        let keeper = Keeper::start(queue.clone(), config.clone())?;
        let stop = CancellationToken::new();
        Ok(Self { shared: Arc::new(Shared { queue, handler, config, keeper, stop }) })
    }

    /// Runs until `shutdown` fires and the drain is over.
    pub async fn run(self, shutdown: CancellationToken) {
        let config = &self.shared.config;
        let permits = Arc::new(Semaphore::new(config.concurrency.max(1)));
        let running = TaskTracker::new();
        while let Some(held) = acquire(&permits, &shutdown).await {
            match self.lease(held.len(), &shutdown).await {
                Ok(leases) => {
                    for (kept, permit) in leases.into_iter().zip(held) {
                        let shared = self.shared.clone();
                        running.spawn(async move {
                            if job::run(&shared, kept).await {
                                drop(timeout(shared.config.rest, shared.stop.cancelled()).await);
                            }
                            drop(permit);
                        });
                    }
                }
                Err(error) => {
                    metrics::counter!("zkflow_queue_errors_total", "queue" => config.queue.as_str())
                        .increment(1);
                    tracing::warn!(queue = %config.queue, error = &error as &dyn std::error::Error, "no jobs");
                    drop(held);
                    drop(timeout(ERROR_PAUSE, shutdown.cancelled()).await);
                }
            }
        }
        running.close();
        if timeout(config.drain, running.wait()).await.is_err() {
            self.shared.stop.cancel();
            running.wait().await;
        }
    }

    /// Leases at most `max` jobs. What comes after the shutdown is given back at once.
    async fn lease(&self, max: usize, shutdown: &CancellationToken) -> Result<Vec<Kept>, QueueError> {
        // Not dropped on shutdown: its jobs would be leased with nobody to work on them.
        let leases = self.shared.keeper.lease(max).await?;
        if !shutdown.is_cancelled() {
            return Ok(leases);
        }
        for kept in leases {
            // One that is not given back comes back by itself when its lease ends.
            drop(self.shared.queue.release(&kept.lease.token, Duration::ZERO).await);
        }
        Ok(Vec::new())
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// Waits for a free permit, then takes all that are free; `None` after the shutdown.
async fn acquire(
    permits: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<Vec<OwnedSemaphorePermit>> {
    let first = shutdown.run_until_cancelled(permits.clone().acquire_owned()).await?.ok()?;
    let rest = std::iter::from_fn(|| permits.clone().try_acquire_owned().ok());
    Some(std::iter::once(first).chain(rest).collect())
}

/// How long a worker leaves a queue alone that failed.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// Calls `attempt` until it succeeds, the lease is lost or `limit` is over.
async fn insist<'a, T>(
    limit: Duration,
    mut attempt: impl FnMut() -> BoxFuture<'a, Result<T, QueueError>>,
) -> Result<T, QueueError> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        match attempt().await {
            Err(QueueError::Backend { .. }) if began.elapsed() + pause < limit => {
                sleep(pause).await;
                pause *= 2;
            }
            result => return result,
        }
    }
}
