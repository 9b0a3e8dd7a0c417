//! Executes jobs, with one handler per queue: `keygen` builds circuits, `proof` makes proofs, `deploy`
//! deploys contracts, `ceremony` makes and verifies keys of ceremonies, `callback` sends events, `cleanup` removes expired
//! data.
//!
//! A handler may run twice for one job, even on two machines at once. Writes to the catalog are
//! compare-and-set on the epoch that was read, so only one run becomes visible. Earlier writes to the store
//! use a key that no other run uses.

#[cfg(feature = "evm")]
mod balance;
#[cfg(feature = "evm")]
mod callback;
mod ceremony;
mod cleanup;
#[cfg(feature = "evm")]
mod deploy;
mod document;
mod import;
mod keygen;
mod load;
pub(crate) mod made;
mod memory;
mod presence;
mod proof;
pub(crate) mod scratch;
mod spent;
mod verification;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use zkflow_core::error::{Chain, Classified};
use zkflow_core::service::catalog::{CatalogError, Failure, InvalidTransition};
use zkflow_core::service::queue::{NewJob, QueueName};
use zkflow_queue::{Backoff, Handler, JobError, Reconciler, Worker, WorkerConfig};

use crate::state::App;

use document::Progress;
use presence::Presence;

/// Interval between searches of the whole store for orphaned artifacts.
const ORPHANS_EVERY: Duration = Duration::from_secs(3600);

/// Delays of events that were not accepted: some thirty attempts in a day.
const CALLBACKS: Backoff = Backoff { base: Duration::from_secs(10), cap: Duration::from_secs(2 * 3600) };

/// Works on `queues`. Returns after [`App::shutdown`] is cancelled and running jobs are finished or
/// released. Returns early if a worker or a background task ends unexpectedly.
///
/// A process with [`QueueName::Cleanup`] also schedules the cleanup and runs the reconciler. Any number of
/// processes may do so at the same time.
pub async fn run(app: Arc<App>, queues: &[QueueName]) {
    let shutdown = app.shutdown.clone();
    if queues.contains(&QueueName::KeyGeneration) {
        clear_scratch(&app).await;
    }
    let (mut tasks, mut working) = (JoinSet::new(), Vec::new());
    for queue in queues.iter().copied() {
        let Some((handler, concurrency)) = handler(&app, queue) else {
            tracing::info!(%queue, "this build does not run the jobs of the queue");
            continue;
        };
        let mut config = WorkerConfig::new(queue, concurrency);
        config.lease = app.config.workers.lease();
        config.drain = app.config.workers.drain();
        if queue == QueueName::Webhooks {
            config.backoff = CALLBACKS;
        }
        let worker = match Worker::new(Arc::clone(&app.queue), handler, config) {
            Ok(worker) => worker,
            Err(error) => {
                tracing::error!(%queue, %error, "cannot start a worker");
                return;
            }
        };
        let shutdown = shutdown.clone();
        tasks.spawn(async move { worker.run(shutdown).await });
        working.push((queue, concurrency));
    }
    if queues.contains(&QueueName::Cleanup) {
        let reconciler =
            Reconciler::new(Arc::clone(&app.catalog), Arc::clone(&app.queue), Arc::clone(&app.clock))
                .with_max_attempts(app.config.workers.job_attempts);
        let (every, stop) = (app.config.workers.reconcile_interval(), shutdown.clone());
        tasks.spawn(async move { reconciler.run(every, stop).await });
        tasks.spawn(schedule_cleanup(Arc::clone(&app), shutdown.clone()));
    }
    #[cfg(feature = "evm")]
    if queues.contains(&QueueName::Deploy) {
        tasks.spawn(balance::watch(Arc::clone(&app), shutdown.clone()));
    }
    let presence = Presence::begin(&app, working);
    while tasks.join_next().await.is_some() {
        // A task has ended before shutdown: return early, so that the caller can react.
        if !shutdown.is_cancelled() {
            break;
        }
    }
    presence.end().await;
}

/// Removes files of imports that a process left behind when it died. A failure is not fatal: the next import tries again.
async fn clear_scratch(app: &App) {
    let Some(folder) = app.scratch.clone().filter(|folder| folder.is_dir()) else { return };
    let cleared = tokio::task::spawn_blocking(move || scratch::remove_left_behind(&folder)).await;
    if let Ok(Err(error)) = cleared {
        tracing::warn!(%error, "files of interrupted imports cannot be removed");
    }
}

fn handler(app: &Arc<App>, queue: QueueName) -> Option<(Arc<dyn Handler>, usize)> {
    match queue {
        QueueName::KeyGeneration => Some((
            Arc::new(Progress(keygen::KeyGeneration::new(Arc::clone(app)))),
            app.config.workers.keygen_concurrency as usize,
        )),
        QueueName::ProofGeneration => Some((
            Arc::new(Progress(proof::ProofGeneration::new(Arc::clone(app)))),
            app.config.workers.proof_concurrency as usize,
        )),
        QueueName::Ceremony => Some((Arc::new(ceremony::Ceremonies::new(Arc::clone(app))), 1)),
        QueueName::Cleanup => Some((Arc::new(cleanup::Cleanup::new(Arc::clone(app))), 1)),
        #[cfg(not(feature = "evm"))]
        QueueName::Deploy | QueueName::Webhooks => None,
        #[cfg(feature = "evm")]
        QueueName::Webhooks => Some((
            Arc::new(Progress(callback::Callback::new(Arc::clone(app)))),
            app.config.webhooks.callback_concurrency as usize,
        )),
        #[cfg(feature = "evm")]
        QueueName::Deploy => Some((
            Arc::new(Progress(deploy::Deploy::new(Arc::clone(app)))),
            app.config.workers.deploy_concurrency as usize,
        )),
    }
}

async fn schedule_cleanup(app: Arc<App>, shutdown: CancellationToken) {
    let mut expired = tokio::time::interval(app.config.workers.cleanup_interval());
    let mut orphans = tokio::time::interval(ORPHANS_EVERY);
    loop {
        let subject = tokio::select! {
            _ = expired.tick() => cleanup::EXPIRED,
            _ = orphans.tick() => cleanup::ORPHANS,
            () = shutdown.cancelled() => return,
        };
        if let Err(error) = app.queue.push(NewJob::new(QueueName::Cleanup, subject)).await {
            tracing::warn!(%error, "cleanup not scheduled; the next tick tries again");
        }
    }
}

/// Runs CPU-bound `work` on a blocking thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| JobError::retry("panic", "the work panicked"))
}

/// Job error for a document that was not written. A stale document was changed by a request or another
/// run: the job is retried and reads it again.
fn unsaved(error: CatalogError) -> JobError {
    match error {
        CatalogError::Stale(_) => JobError::retry(error.code(), error.to_string()),
        _ => outage(error),
    }
}

/// Job error for a failure of the catalog, the store or the queue. A transient failure releases the job
/// for another worker or for later, since the job itself is not at fault.
fn outage<E: Classified>(error: E) -> JobError {
    match error.kind().is_transient() {
        true => JobError::give_back(error.code(), error.to_string()).because(&error),
        false => JobError::of(&error),
    }
}

fn invalid(error: InvalidTransition) -> JobError {
    JobError::fatal("invalid_transition", error.to_string())
}

/// Reason why work on a document stopped.
enum Stop {
    /// Transient: the queue retries the job.
    Later(JobError),
    /// Permanent: the document fails with this error.
    Final(Failure),
}

impl From<JobError> for Stop {
    fn from(error: JobError) -> Self {
        Self::Later(error)
    }
}

/// Converts an error of the catalog or the store. A transient one releases the job.
fn stop_or_outage<E: Classified>(error: E) -> Stop {
    if error.kind().is_transient() { Stop::Later(outage(error)) } else { stop(error) }
}

/// Converts any other error. A transient one is retried.
fn stop<E: Classified>(error: E) -> Stop {
    if error.kind().is_transient() { Stop::Later(JobError::of(&error)) } else { Stop::Final(failure(&error)) }
}

/// Failure of a document, with all causes of the error.
fn failure<E: Classified>(error: &E) -> Failure {
    Failure { code: error.code().to_owned(), message: Chain(error).to_string() }
}
