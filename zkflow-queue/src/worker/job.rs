//! Execution of one job, from lease to finish.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use zkflow_core::service::queue::{Failed, Lease, QueueError, Retry};

use super::keeper::Kept;
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
pub(super) async fn run(shared: &Shared, kept: Kept) -> bool {
    // Kept to the end of this function: the lease must last until the outcome is recorded.
    let Kept { lease, lost, .. } = &kept;
    let queue = shared.config.queue.as_str();
    let span = tracing::info_span!(
        "job",
        queue,
        id = %lease.job.id,
        subject = %lease.job.subject,
        attempt = lease.job.attempt,
    );
    let began = Instant::now();
    // By the queue's clock, which made both times.
    let waited = lease.until.since(lease.job.run_at).saturating_sub(shared.config.lease);
    metrics::histogram!("zkflow_queue_wait_seconds", "queue" => queue).record(waited);
    metrics::counter!("zkflow_jobs_started_total", "queue" => queue).increment(1);
    let outcome = handle(shared, lease, lost).instrument(span.clone()).await.unwrap_or_else(|error| {
        if !matches!(error, QueueError::LeaseLost(_)) {
            let _in = span.enter();
            tracing::warn!(error = &error as &dyn std::error::Error, "the outcome of a job was not recorded");
        }
        Outcome::Lost
    });
    let ms = began.elapsed().as_millis() as u64;
    span.in_scope(|| tracing::info!(outcome = outcome.as_str(), ms, "job ended"));
    let labels = [("queue", queue), ("outcome", outcome.as_str())];
    metrics::counter!("zkflow_jobs_finished_total", &labels).increment(1);
    metrics::histogram!("zkflow_job_duration_seconds", &labels).record(began.elapsed().as_secs_f64());
    matches!(outcome, Outcome::GivenBack)
}

async fn handle(shared: &Shared, lease: &Lease, lost: &CancellationToken) -> Result<Outcome, QueueError> {
    let Shared { queue, config, .. } = shared;
    let context =
        JobContext { cancelled: lost.child_token(), token: lease.token.clone(), completed: Arc::default() };
    let completed = Arc::clone(&context.completed);
    let result = run_handler(shared, lease, context).await;
    match result {
        // Together with its result, even if the handler failed afterwards.
        _ if completed.load(Ordering::Relaxed) => Ok(Outcome::Completed),
        Some(Ok(())) => {
            insist(config.lease, || queue.complete(&lease.token)).await?;
            Ok(Outcome::Completed)
        }
        Some(Err(error)) if !shared.stop.is_cancelled() => match error.then {
            Then::GiveBack => give_back(shared, lease, &error).await,
            Then::Retry => {
                let delay = config.backoff.delay(lease.job.attempt, &mut rand::thread_rng());
                fail(shared, lease, &error, Retry::After(delay)).await
            }
            Then::Bury => fail(shared, lease, &error, Retry::Never).await,
        },
        // Interrupted by the shutdown, which is not a failure of the job.
        Some(Err(_)) | None => {
            insist(config.grace, || queue.release(&lease.token, Duration::ZERO)).await?;
            Ok(Outcome::Released)
        }
    }
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
    tracing::warn!(code = error.kind, reason = error.logged(), "job given back");
    insist(config.lease, || queue.release(&lease.token, config.rest)).await?;
    let labels = [("queue", config.queue.as_str()), ("kind", error.kind)];
    metrics::counter!("zkflow_jobs_given_back_total", &labels).increment(1);
    Ok(Outcome::GivenBack)
}

async fn fail(shared: &Shared, lease: &Lease, error: &JobError, retry: Retry) -> Result<Outcome, QueueError> {
    let Shared { queue, config, .. } = shared;
    tracing::warn!(code = error.kind, reason = error.logged(), "job failed");
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
