//! [`Keeper`]: leases jobs and renews the leases, on a dedicated thread.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use zkflow_core::service::queue::{JobQueue, Lease, LeaseToken, QueueError, Whose};

use super::WorkerConfig;

/// Leases jobs, and renews each lease until its [`Kept`] is dropped.
pub(super) struct Keeper {
    queue: Arc<dyn JobQueue>,
    config: WorkerConfig,
    thread: runtime::Handle,
    _ends_the_thread: DropGuard,
}

/// A lease that is renewed until this is dropped.
pub(super) struct Kept {
    /// The lease as it was handed out; its `until` is not updated.
    pub(super) lease: Lease,
    /// Fires when the lease is lost, or may have ended.
    pub(super) lost: CancellationToken,
    _done: DropGuard,
}

impl Keeper {
    /// Starts the thread. It ends when the keeper is dropped.
    pub(super) fn start(queue: Arc<dyn JobQueue>, config: WorkerConfig) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (thread, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        std::thread::Builder::new()
            .name("zkflow-leases".to_owned())
            .spawn(move || runtime.block_on(ended.cancelled()))?;
        Ok(Self { queue, config, thread, _ends_the_thread: end.drop_guard() })
    }

    /// Leases at most `max` jobs of the users in `whose`. The keeper's thread renews them at once, even if the caller's runtime is
    /// busy.
    pub(super) async fn lease(&self, whose: Whose, max: usize) -> Result<Vec<Kept>, QueueError> {
        let (queue, WorkerConfig { queue: name, lease, wait, .. }) =
            (self.queue.clone(), self.config.clone());
        let leasing = self.thread.spawn(async move {
            let leases = queue.lease_of(whose, name, max, lease, wait).await?;
            Ok(leases.into_iter().map(|taken| keep(queue.clone(), lease, taken)).collect())
        });
        leasing.await.unwrap_or_else(|error| Err(QueueError::backend("leasing jobs", error)))
    }
}

/// Renews a lease of length `length` on the current runtime.
fn keep(queue: Arc<dyn JobQueue>, length: Duration, lease: Lease) -> Kept {
    let (done, lost) = (CancellationToken::new(), CancellationToken::new());
    let (token, until_done, on_loss) = (lease.token.clone(), done.clone(), lost.clone());
    tokio::spawn(async move {
        let renewing = renew_until_lost(&*queue, &token, length);
        if until_done.run_until_cancelled(renewing).await.is_some() {
            on_loss.cancel();
        }
    });
    Kept { lease, lost, _done: done.drop_guard() }
}

async fn renew_until_lost(queue: &dyn JobQueue, token: &LeaseToken, length: Duration) {
    let mut ends = Instant::now() + length;
    let mut pause = length / 3;
    loop {
        sleep(pause).await;
        let began = Instant::now();
        match timeout_at(ends, queue.renew(token, length)).await {
            Ok(Ok(_)) => {
                ends = began + length;
                pause = length / 3;
            }
            Ok(Err(QueueError::Backend { .. })) if began < ends => pause = length / 20,
            // Lost, or possibly ended: another worker may have the job.
            _ => return,
        }
    }
}
