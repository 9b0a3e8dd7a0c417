//! [`Renewer`]: keeps leases alive from a thread that nothing else runs on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use zkflow_core::queue::{JobQueue, LeaseToken, QueueError};

/// Renews leases until they are let go.
pub(super) struct Renewer(mpsc::UnboundedSender<Renewal>);

/// One lease to keep.
struct Renewal {
    token: LeaseToken,
    /// Fires when it need not be kept any more.
    done: CancellationToken,
    /// Fired when it is lost.
    lost: CancellationToken,
}

impl Renewer {
    /// Starts the thread. It ends when the renewer is dropped.
    pub(super) fn start(queue: Arc<dyn JobQueue>, lease: Duration) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, mut receiver) = mpsc::unbounded_channel::<Renewal>();
        std::thread::Builder::new().name("zkflow-leases".to_owned()).spawn(move || {
            runtime.block_on(async {
                while let Some(renewal) = receiver.recv().await {
                    let queue = queue.clone();
                    tokio::spawn(async move {
                        renewal.done.run_until_cancelled(keep(&*queue, lease, &renewal)).await;
                    });
                }
            });
        })?;
        Ok(Self(sender))
    }

    /// Keeps the lease until the guard is dropped; fires `lost` when that fails.
    pub(super) fn keep(&self, token: LeaseToken, lost: CancellationToken) -> DropGuard {
        let done = CancellationToken::new();
        let renewal = Renewal { token, done: done.clone(), lost };
        if let Err(unsent) = self.0.send(renewal) {
            // The thread is gone, which only a panic in it can bring about.
            unsent.0.lost.cancel();
        }
        done.drop_guard()
    }
}

/// Renews a lease of length `lease` again and again, until it is lost.
async fn keep(queue: &dyn JobQueue, lease: Duration, renewal: &Renewal) {
    let mut ends = Instant::now() + lease;
    let mut pause = lease / 3;
    loop {
        sleep(pause).await;
        let began = Instant::now();
        match timeout_at(ends, queue.renew(&renewal.token, lease)).await {
            Ok(Ok(_)) => {
                ends = began + lease;
                pause = lease / 3;
            }
            Ok(Err(QueueError::Backend { .. })) if began < ends => pause = lease / 20,
            // Lost, or it may have ended: somebody else may have the job.
            _ => return renewal.lost.cancel(),
        }
    }
}
