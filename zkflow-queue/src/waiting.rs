//! Waiting for a job, the same for every backend.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use zkflow_core::service::queue::{Lease, QueueError, QueueName};

/// Wakes the leases that wait on a queue of this process.
#[derive(Debug, Default)]
pub(crate) struct WakeUps([Notify; QueueName::ALL.len()]);

impl WakeUps {
    /// There may be something due in `queue`.
    pub(crate) fn wake(&self, queue: QueueName) {
        self.of(queue).notify_waiters();
    }

    fn of(&self, queue: QueueName) -> &Notify {
        &self.0[queue as usize]
    }
}

/// A queue that can be asked for what is due right now.
#[async_trait]
pub(crate) trait Attempt: Sync {
    /// Leases what is due. With nothing due, tells after what time something will be.
    async fn attempt(&self, queue: QueueName, max: usize, lease: Duration) -> Result<Attempted, QueueError>;

    fn wake_ups(&self) -> &WakeUps;

    /// The longest time for which a push of another process may go unnoticed.
    fn poll(&self) -> Duration {
        Duration::from_millis(250)
    }
}

/// What an [`Attempt`] gave.
pub(crate) enum Attempted {
    /// At least one lease.
    Leased(Vec<Lease>),
    /// Nothing, and when that may change by itself.
    NothingFor(Option<Duration>),
}

/// Leases what is due, waiting for it for at most `wait`.
///
/// Sleeps no longer than [`Attempt::poll`] at a time: other processes push too, and a clock may be set.
pub(crate) async fn lease(
    backend: &impl Attempt,
    queue: QueueName,
    max: usize,
    lease: Duration,
    wait: Duration,
) -> Result<Vec<Lease>, QueueError> {
    let began = Instant::now();
    if max == 0 {
        return Ok(Vec::new());
    }
    let poll = backend.poll();
    loop {
        // Registered before the attempt, so that no push in between is missed.
        let mut pushed = std::pin::pin!(backend.wake_ups().of(queue).notified());
        pushed.as_mut().enable();
        let due_in = match backend.attempt(queue, max, lease).await? {
            Attempted::Leased(leases) => return Ok(leases),
            Attempted::NothingFor(due_in) => due_in.unwrap_or(poll),
        };
        let left = wait.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(Vec::new());
        }
        // A millisecond at least: what is due in less is not due yet.
        let pause = due_in.clamp(Duration::from_millis(1), poll).min(left);
        drop(timeout(pause, pushed).await);
    }
}
