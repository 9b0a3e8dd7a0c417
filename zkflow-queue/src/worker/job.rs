//! Execution of one job, from lease to finish.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use zkflow_core::error::{Chain, Classified};
use zkflow_core::service::queue::{Failed, Lease, QueueError, Retry};

use super::keeper::Kept;
use super::slot::Slot;
use super::{JobContext, JobError, Shared, Then, insist};

/// Outcome of a job, for metrics.
#[derive(Clone, Copy)]
enum Outcome {
    Completed,
    Retried,
    Dead,
    Released,
    GivenBack,
    Lost,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Released => "released",
            Self::GivenBack => "given_back",
            Self::Lost => "lost",
        }
    }
}

/// Runs the handler on a leased job, and reports the outcome to the queue. Returns whether the job was given
/// back, so that its slot should rest.
pub(super) async fn run(shared: &Shared, kept: Kept, slot: &Arc<Slot>) -> bool {
    // Kept to the end of this function: the lease must last until the outcome is recorded.
    let Kept { lease, lost, .. } = &kept;
    let queue = shared.config.queue.as_str();
    let span = tracing::info_span!(
        "job",
        queue,
        id = %lease.job.id,
        subject = %lease.job.subject,
        attempt = lease.job.attempt,
        request = Empty,
        traceparent = Empty,
    );
    let began = Instant::now();
    // By the queue's clock, which made both times.
    let waited = lease.until.since(lease.job.run_at).saturating_sub(shared.config.lease);
    metrics::histogram!("zkflow_queue_wait_seconds", "queue" => queue).record(waited);
    metrics::counter!("zkflow_jobs_started_total", "queue" => queue).increment(1);
    let Ended { recorded, error } = handle(shared, lease, lost, slot).instrument(span.clone()).await;
    let outcome = recorded.as_ref().map_or(Outcome::Lost, |outcome| *outcome);
    span.in_scope(|| log_end(outcome, began.elapsed(), error.as_ref(), recorded.as_ref().err()));
    let labels = [("queue", queue), ("outcome", outcome.as_str())];
    metrics::counter!("zkflow_jobs_finished_total", &labels).increment(1);
    metrics::histogram!("zkflow_job_duration_seconds", &labels).record(began.elapsed().as_secs_f64());
    matches!(outcome, Outcome::GivenBack)
}

/// How a job ended.
struct Ended {
    /// The outcome that the queue has, unless it failed.
    recorded: Result<Outcome, QueueError>,
    /// Why the handler failed. A job may be completed nevertheless: together with its result, before the failure.
    error: Option<JobError>,
}

async fn handle(shared: &Shared, lease: &Lease, lost: &CancellationToken, slot: &Arc<Slot>) -> Ended {
    let context = JobContext {
        cancelled: lost.child_token(),
        token: lease.token.clone(),
        completed: Arc::default(),
        slot: Arc::clone(slot),
        span: Span::current(),
    };
    let completed = Arc::clone(&context.completed);
    let result = run_handler(shared, lease, context).await;
    if completed.load(Ordering::Relaxed) {
        return Ended { recorded: Ok(Outcome::Completed), error: result.and_then(Result::err) };
    }
    match result {
        Some(Ok(())) => Ended { recorded: complete(shared, lease).await, error: None },
        Some(Err(error)) if !shared.stop.is_cancelled() => {
            Ended { recorded: failed(shared, lease, &error).await, error: Some(error) }
        }
        // Interrupted by the shutdown, which is not a failure of the job.
        Some(Err(_)) | None => Ended { recorded: release(shared, lease).await, error: None },
    }
}

async fn complete(shared: &Shared, lease: &Lease) -> Result<Outcome, QueueError> {
    insist(shared.config.lease, || shared.queue.complete(&lease.token)).await?;
    Ok(Outcome::Completed)
}

async fn release(shared: &Shared, lease: &Lease) -> Result<Outcome, QueueError> {
    insist(shared.config.grace, || shared.queue.release(&lease.token, Duration::ZERO)).await?;
    Ok(Outcome::Released)
}

async fn failed(shared: &Shared, lease: &Lease, error: &JobError) -> Result<Outcome, QueueError> {
    match error.then {
        Then::GiveBack => give_back(shared, lease, error).await,
        Then::Retry => {
            let delay = shared.config.backoff.delay(lease.job.attempt, &mut rand::thread_rng());
            fail(shared, lease, error, Retry::After(delay)).await
        }
        Then::Bury => fail(shared, lease, error, Retry::Never).await,
    }
}

/// One line for the end of an attempt. A failure is a warning with its causes, and so is an outcome that the queue does not
/// have.
fn log_end(outcome: Outcome, took: Duration, error: Option<&JobError>, unrecorded: Option<&QueueError>) {
    let (outcome, ms) = (outcome.as_str(), took.as_millis() as u64);
    let code = error.map(|error| error.kind).or_else(|| unrecorded.map(Classified::code));
    let Some(code) = code else {
        tracing::info!(outcome, ms, "job ended");
        return;
    };
    let reason = error.map(JobError::logged);
    let unrecorded = unrecorded.map(|error| Chain(error).to_string());
    tracing::warn!(outcome, ms, code, reason, unrecorded, "job ended");
}

/// Runs the handler; `None` if it was dropped after the drain.
async fn run_handler(shared: &Shared, lease: &Lease, context: JobContext) -> Option<Result<(), JobError>> {
    let (handler, job) = (shared.handler.clone(), lease.job.clone());
    let cancelled = context.cancelled.clone();
    // A separate task catches panics.
    let work = async move { handler.handle(&job, context).await };
    let mut task = tokio::spawn(work.in_current_span());
    tokio::select! {
        result = &mut task => Some(flatten(result)),
        () = shared.stop.cancelled() => {
            cancelled.cancel();
            finish_within(shared.config.grace, task).await
        }
    }
}

async fn finish_within(
    grace: Duration,
    mut task: JoinHandle<Result<(), JobError>>,
) -> Option<Result<(), JobError>> {
    let result = timeout(grace, &mut task).await.ok().map(flatten);
    task.abort();
    result
}

/// Turns a panic into a failure. Its message is discarded, because it may contain a private input.
fn flatten(result: Result<Result<(), JobError>, tokio::task::JoinError>) -> Result<(), JobError> {
    result.unwrap_or_else(|_| Err(JobError::retry("panic", "the handler panicked")))
}

async fn give_back(shared: &Shared, lease: &Lease, error: &JobError) -> Result<Outcome, QueueError> {
    let Shared { queue, config, .. } = shared;
    insist(config.lease, || queue.release(&lease.token, config.rest)).await?;
    let labels = [("queue", config.queue.as_str()), ("kind", error.kind)];
    metrics::counter!("zkflow_jobs_given_back_total", &labels).increment(1);
    Ok(Outcome::GivenBack)
}

async fn fail(shared: &Shared, lease: &Lease, error: &JobError, retry: Retry) -> Result<Outcome, QueueError> {
    let Shared { queue, config, .. } = shared;
    let failed = insist(config.lease, || queue.fail(&lease.token, &error.reason, retry)).await?;
    let labels = [("queue", config.queue.as_str()), ("kind", error.kind)];
    metrics::counter!("zkflow_job_attempts_failed_total", &labels).increment(1);
    match failed {
        Failed::RetriedAt(_) => Ok(Outcome::Retried),
        Failed::Dead => {
            shared.handler.dead(&lease.job, error).await;
            Ok(Outcome::Dead)
        }
    }
}
