//! [`Worker`]: leases jobs, runs a [`Handler`] on them, and gives back jobs that it cannot finish.

mod crowd;
mod job;
mod keeper;
mod slot;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Span;
use zkflow_core::error::{Chain, Classified};
use zkflow_core::service::queue::{Job, JobQueue, LeaseToken, QueueError, QueueName, Whose};

use crate::backoff::Backoff;
use crowd::Crowd;
use keeper::{Keeper, Kept};
use slot::{Slot, Slots};

/// Executes the jobs of a queue.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Executes one job.
    ///
    /// # Behaviour
    /// - The same job may be handled more than once, even at the same time, if a lease was lost. Publish
    ///   results with a compare-and-set.
    /// - When [`JobContext::cancelled`] fires, the result is no longer needed: stop and return soon.
    /// - A panic counts as a failure that may be retried. Its message is discarded.
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError>;

    /// Called when a failure has made `job` a dead letter: it will not be retried. A job that dies with its
    /// worker is found by the [`Reconciler`](crate::Reconciler) instead.
    async fn dead(&self, job: &Job, error: &JobError) {
        let _ = (job, error);
    }
}

/// Context in which a [`Handler`] runs a job.
#[derive(Debug, Clone)]
pub struct JobContext {
    cancelled: CancellationToken,
    token: LeaseToken,
    completed: Arc<AtomicBool>,
    slot: Arc<Slot>,
    /// Span of the job's log lines.
    span: Span,
}

impl JobContext {
    /// Fires when the lease is lost, the job is cancelled, or the drain is over.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// The token of the lease.
    pub fn token(&self) -> &LeaseToken {
        &self.token
    }

    /// Adds the id of the request that the job comes from, and its `traceparent`, to the log lines of the job.
    pub fn belongs_to(&self, request: &str, traceparent: Option<&str>) {
        self.span.record("request", request);
        if let Some(traceparent) = traceparent {
            self.span.record("traceparent", traceparent);
        }
    }

    /// Reports that the work is done, and only its result is left to be written. The worker leases another job meanwhile,
    /// so that a slow disk or database does not leave the processor idle. At most 8 jobs per slot write at the same time;
    /// beyond that, and while [several users](WorkerConfig::crowd) are active, a job keeps its slot.
    pub fn work_is_done(&self) {
        self.slot.write();
    }

    /// Reports that the handler has completed the job itself, together with its result. Otherwise the worker completes
    /// it after the handler.
    pub fn job_is_completed(&self) {
        self.completed.store(true, Ordering::Relaxed);
    }
}

/// Failure of a handler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JobError {
    /// Stable name in snake_case, for metrics.
    pub kind: &'static str,
    /// Sentence for people, without private inputs.
    pub reason: String,
    /// `reason` with all its causes, for the log; `None`: the reason says it all.
    pub causes: Option<String>,
    /// Next step for the job.
    pub then: Then,
}

/// Next step for a failed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Retried after a pause, if attempts are left.
    Retry,
    /// Released for any worker to lease. The attempt is not charged, because the job is not at fault.
    GiveBack,
    /// Dead-lettered and not retried.
    Bury,
}

impl JobError {
    /// A failure that a retry may cure.
    pub fn retry(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), causes: None, then: Then::Retry }
    }

    /// The job is not at fault: a resource that it needs is not available now, or not on this machine.
    pub fn give_back(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), causes: None, then: Then::GiveBack }
    }

    /// A failure that a retry cannot cure.
    pub fn fatal(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), causes: None, then: Then::Bury }
    }

    /// Retried if `error` is transient, otherwise dead-lettered.
    pub fn of(error: &impl Classified) -> Self {
        let then = if error.kind().is_transient() { Then::Retry } else { Then::Bury };
        Self { kind: error.code(), reason: error.to_string(), causes: None, then }.because(error)
    }

    /// Adds the causes of `error`, for the log.
    #[must_use]
    pub fn because(self, error: &impl std::error::Error) -> Self {
        Self { causes: Some(Chain(error).to_string()), ..self }
    }

    /// Text for the log.
    fn logged(&self) -> &str {
        self.causes.as_deref().unwrap_or(&self.reason)
    }
}

/// Settings of a [`Worker`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Queue to lease jobs from.
    pub queue: QueueName,
    /// Maximum number of jobs that work at the same time; 0 counts as 1. See [`JobContext::work_is_done`].
    pub concurrency: usize,
    /// Length of a lease. It is renewed after a third of this time.
    pub lease: Duration,
    /// Longest wait of one call for jobs, and so the longest time until a shutdown is noticed.
    pub wait: Duration,
    /// Time for running jobs to finish after a shutdown.
    pub drain: Duration,
    /// Time for a cancelled handler to return after the drain, before it is dropped.
    pub grace: Duration,
    /// Delay of a failed job.
    pub backoff: Backoff,
    /// Delay before a job that was given back is due again. Its slot in the worker stays idle for as long,
    /// because the missing resource is unlikely to be available at once.
    pub rest: Duration,
    /// Time for which a user counts as active after the end of its job. While several users are active, one of
    /// several slots takes no jobs of the user whose jobs have slots for the longest time, and jobs keep their slots while
    /// they write their results.
    pub crowd: Duration,
}

impl WorkerConfig {
    /// Leases and drain of 30 seconds, `wait`, `rest` and `crowd` of 1 second, `grace` of 2 seconds.
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
            crowd: Duration::from_secs(1),
        }
    }
}

/// Runs the jobs of one queue.
///
/// # Behaviour
/// - Leases no more jobs than it can run at once, apart from those that [write their results](JobContext::work_is_done).
/// - Leases and renews on its own thread, so that work on the caller's runtime cannot starve it.
/// - After a shutdown, leases no more jobs. Running jobs may finish within `drain`; then they are cancelled.
///   Jobs that are unfinished after `grace` are released, which costs no attempt.
///
/// # Metrics
/// - `zkflow_jobs_started_total {queue}`
/// - `zkflow_jobs_finished_total {queue, outcome}`, `zkflow_job_seconds {queue, outcome}`
/// - `zkflow_jobs_failed_total {queue, kind}`, `zkflow_jobs_given_back_total {queue, kind}`
/// - `zkflow_queue_errors_total {queue}`
///
/// An outcome is `completed`, `retried`, `dead`, `released`, `given_back` or `lost`.
pub struct Worker {
    shared: Arc<Shared>,
}

/// State shared by all running jobs.
struct Shared {
    queue: Arc<dyn JobQueue>,
    handler: Arc<dyn Handler>,
    config: WorkerConfig,
    keeper: Keeper,
    crowd: Crowd,
    /// Fires when the drain is over.
    stop: CancellationToken,
}

impl Worker {
    /// A worker that is not yet running.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn new(
        queue: Arc<dyn JobQueue>,
        handler: Arc<dyn Handler>,
        config: WorkerConfig,
    ) -> io::Result<Self> {
        let keeper = Keeper::start(queue.clone(), config.clone())?;
        let (crowd, stop) = (Crowd::new(config.crowd), CancellationToken::new());
        Ok(Self { shared: Arc::new(Shared { queue, handler, config, keeper, crowd, stop }) })
    }

    /// Runs until `shutdown` fires and the drain is over.
    pub async fn run(self, shutdown: CancellationToken) {
        let slots = Slots::new(self.shared.config.concurrency);
        let running = TaskTracker::new();
        while let Some(mut free) = slots.take(&self.shared.crowd, &shutdown).await {
            if let Some(busiest) = self.shared.crowd.busiest_of_several(std::time::Instant::now())
                && let Some(slot) = slots.keep(&mut free)
            {
                let (shared, shutdown, tracker) = (self.shared.clone(), shutdown.clone(), running.clone());
                running.spawn(async move {
                    shared.fill(Whose::Others(busiest), vec![slot], &tracker, &shutdown).await;
                });
            }
            if !free.is_empty() {
                self.shared.fill(Whose::Anyone, free, &running, &shutdown).await;
            }
        }
        running.close();
        if timeout(self.shared.config.drain, running.wait()).await.is_err() {
            self.shared.stop.cancel();
            running.wait().await;
        }
    }
}

impl Shared {
    /// Leases a job of the users in `whose` for each free slot, and runs them.
    async fn fill(
        self: &Arc<Self>,
        whose: Whose,
        free: Vec<Arc<Slot>>,
        running: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        match self.lease(whose, free.len(), shutdown).await {
            Ok(leases) => {
                for (kept, slot) in leases.into_iter().zip(free) {
                    let shared = self.clone();
                    let number =
                        shared.crowd.begin(kept.lease.job.user_id.clone(), std::time::Instant::now());
                    running.spawn(async move {
                        let given_back = job::run(&shared, kept, &slot).await;
                        shared.crowd.end(number, std::time::Instant::now());
                        if given_back {
                            drop(timeout(shared.config.rest, shared.stop.cancelled()).await);
                        }
                        slot.leave();
                    });
                }
            }
            Err(error) => {
                let queue = self.config.queue.as_str();
                metrics::counter!("zkflow_queue_errors_total", "queue" => queue).increment(1);
                tracing::warn!(queue, error = &error as &dyn std::error::Error, "leasing jobs failed");
                drop(free);
                drop(timeout(ERROR_PAUSE, shutdown.cancelled()).await);
            }
        }
    }

    /// Leases at most `max` jobs. Jobs that arrive after the shutdown are released at once.
    async fn lease(
        &self,
        whose: Whose,
        max: usize,
        shutdown: &CancellationToken,
    ) -> Result<Vec<Kept>, QueueError> {
        // Not dropped on shutdown: its jobs would stay leased without a worker.
        let leases = self.keeper.lease(whose, max).await?;
        if !shutdown.is_cancelled() {
            return Ok(leases);
        }
        for kept in leases {
            // If this fails, the job is due again when its lease ends.
            drop(self.queue.release(&kept.lease.token, Duration::ZERO).await);
        }
        Ok(Vec::new())
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// Pause after a failed call for jobs.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// Calls `attempt` until it succeeds, the lease is lost or `limit` has passed.
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
