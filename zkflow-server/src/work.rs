//! The work behind the API, one handler a queue, each a short way through the core:
//! `keygen` makes circuits ready, `proof` makes proofs, `deploy` brings contracts to chains, `cleanup` removes what nobody needs.
//!
//! Every handler may run twice for one job, on two machines at a time. What it writes to the catalog
//! is a compare-and-set on the epoch it read, so one of the two becomes visible, and what it writes
//! to the store before that goes under a key that no other run uses.

mod cache;
mod cleanup;
#[cfg(feature = "evm")]
mod deploy;
mod document;
mod keygen;
mod load;
mod memory;
mod proof;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use zkflow_core::error::Classified;
use zkflow_core::service::catalog::{CatalogError, Failure, InvalidTransition};
use zkflow_core::service::queue::{NewJob, QueueName};
use zkflow_queue::{Handler, JobError, Reconciler, Worker, WorkerConfig};

use crate::state::App;

use cache::CircuitCache;
use document::Progress;

/// The whole store is walked this often.
const ORPHANS_EVERY: Duration = Duration::from_secs(3600);

/// Works on `queues`; ends when [`App::shutdown`] is cancelled and the running jobs are finished or given
/// back, or before when a part of it ends that should not.
///
/// Who works on [`QueueName::Cleanup`] keeps the house too: schedules the cleanup, and pushes what the
/// catalog owes and the queues lost. Any number of processes may do so at the same time.
pub async fn run(app: Arc<App>, queues: &[QueueName]) {
    let shutdown = app.shutdown.clone();
    let mut tasks = JoinSet::new();
    for queue in queues.iter().copied() {
        let Some((handler, concurrency)) = handler(&app, queue) else {
            tracing::info!(%queue, "this build leaves the jobs of the queue to others");
            continue;
        };
        let mut config = WorkerConfig::new(queue, concurrency);
        config.lease = app.config.workers.lease();
        config.drain = app.config.workers.drain();
        let worker = match Worker::new(Arc::clone(&app.queue), handler, config) {
            Ok(worker) => worker,
            Err(error) => {
                tracing::error!(%queue, %error, "no worker could be started");
                return;
            }
        };
        let shutdown = shutdown.clone();
        tasks.spawn(async move { worker.run(shutdown).await });
    }
    if queues.contains(&QueueName::Cleanup) {
        let reconciler =
            Reconciler::new(Arc::clone(&app.catalog), Arc::clone(&app.queue), Arc::clone(&app.clock))
                .with_max_attempts(app.config.workers.job_attempts);
        let (every, stop) = (app.config.workers.reconcile_interval(), shutdown.clone());
        tasks.spawn(async move { reconciler.run(every, stop).await });
        tasks.spawn(schedule_cleanup(app, shutdown.clone()));
    }
    while tasks.join_next().await.is_some() {
        // Whatever ends before it was told to leaves work undone: who waits for this end decides.
        if !shutdown.is_cancelled() {
            return;
        }
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
        QueueName::Cleanup => Some((Arc::new(cleanup::Cleanup::new(Arc::clone(app))), 1)),
        #[cfg(not(feature = "evm"))]
        QueueName::Deploy => None,
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
            tracing::warn!(%error, "cleanup was not scheduled; the next tick tries again");
        }
    }
}

/// Runs CPU-bound `work` on a blocking thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| JobError::retry("panic", "the work panicked"))
}

/// What becomes of a job whose document was not written. A stale document was changed by the caller
/// or by another run: the next attempt sees what is left to do.
fn unsaved(error: CatalogError) -> JobError {
    match error {
        CatalogError::Stale(_) => JobError::retry(error.code(), error.to_string()),
        _ => outage(error),
    }
}

/// What becomes of a job when the catalog, the store or the queue failed it: it goes back, for another
/// worker or for later, since it is not at fault.
fn outage<E: Classified>(error: E) -> JobError {
    match error.kind().is_transient() {
        true => JobError::give_back(error.code(), error.to_string()),
        false => JobError::of(&error),
    }
}

fn invalid(error: InvalidTransition) -> JobError {
    JobError::fatal("invalid_transition", error.to_string())
}

/// Why work on a document stopped.
enum Stop {
    /// It may pass later: the queue tries again.
    Later(JobError),
    /// It will not pass later either: the document fails, and says why.
    Final(Failure),
}

impl From<JobError> for Stop {
    fn from(error: JobError) -> Self {
        Self::Later(error)
    }
}

/// Sorts an error of the catalog or the store into one of the two.
fn stop_or_outage<E: Classified>(error: E) -> Stop {
    if error.kind().is_transient() { Stop::Later(outage(error)) } else { stop(error) }
}

/// Sorts an error into one of the two.
fn stop<E: Classified>(error: E) -> Stop {
    if error.kind().is_transient() {
        Stop::Later(JobError::of(&error))
    } else {
        Stop::Final(Failure { code: error.code().to_owned(), message: error.to_string() })
    }
}
