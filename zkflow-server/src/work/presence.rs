//! [`Presence`]: announces this process in the catalog, and adds what it counted to the history.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use zkflow_core::prove::Kernel;
use zkflow_core::service::catalog::WorkerProcess;
use zkflow_core::service::id::WorkerId;
use zkflow_core::service::queue::QueueName;

use crate::state::App;
use crate::telemetry::resident_bytes;

/// Interval of announcements.
const EVERY: Duration = Duration::from_secs(15);

/// Announcements after which counts are added to the history: once a minute.
const FLUSH: u32 = 4;

/// The announcements of a process, until it [ends](Self::end) or is dropped.
pub(super) struct Presence {
    ended: DropGuard,
    task: JoinHandle<()>,
}

impl Presence {
    /// Announces a process that runs so many jobs of each queue at the same time.
    pub(super) fn begin(app: &Arc<App>, queues: impl IntoIterator<Item = (QueueName, usize)>) -> Self {
        let concurrency = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let process = WorkerProcess {
            id: WorkerId::generate(app.now()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            prover: app.prover.name().to_owned(),
            kernel: Kernel::detect().name().to_owned(),
            queues: queues.into_iter().map(|(queue, number)| (queue, concurrency(number))).collect(),
            memory_bytes: None,
        };
        let ended = CancellationToken::new();
        let task = tokio::spawn(run(Arc::clone(app), process, ended.clone()));
        Self { ended: ended.drop_guard(), task }
    }

    /// Adds the last counts, and withdraws the process: one that ended in order is not shown as lost.
    pub(super) async fn end(self) {
        drop(self.ended);
        // After a panic there is nothing left to do.
        drop(self.task.await);
    }
}

async fn run(app: Arc<App>, mut process: WorkerProcess, ended: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    let mut announced: u32 = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = ended.cancelled() => break,
        }
        process.memory_bytes = resident_bytes();
        if let Err(error) = app.catalog.workers().announce(&process).await {
            tracing::debug!(%error, "this process is not announced; the next tick tries again");
        }
        announced = announced.wrapping_add(1);
        if announced.is_multiple_of(FLUSH) {
            flush(&app).await;
        }
    }
    flush(&app).await;
    if let Err(error) = app.catalog.workers().withdraw(&process.id).await {
        tracing::debug!(%error, "this process stays in the list of workers for a day");
    }
}

async fn flush(app: &App) {
    if let Err(error) = app.activity.flush(&*app.catalog).await {
        tracing::warn!(%error, "counts of proofs are not stored; the next minute tries again");
    }
}
