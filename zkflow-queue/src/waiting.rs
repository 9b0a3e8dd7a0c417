//! Waiting for jobs, shared by all backends.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use zkflow_core::service::queue::{Lease, QueueError, QueueName, Whose};

/// Wakes `lease` calls of this process that wait on a queue.
#[derive(Debug, Default)]
pub(crate) struct WakeUps([Notify; QueueName::ALL.len()]);

impl WakeUps {
    /// Wakes all waiting calls of `queue`: a job may be due.
    pub(crate) fn wake(&self, queue: QueueName) {
        self.of(queue).notify_waiters();
    }

    fn of(&self, queue: QueueName) -> &Notify {
        &self.0[queue as usize]
    }
}

/// A backend that can lease without waiting.
#[async_trait]
pub(crate) trait Attempt: Sync {
    /// Leases due jobs of the users in `whose`, or returns the time until the next job falls due.
    async fn attempt(
        &self,
        whose: &Whose,
        queue: QueueName,
        max: usize,
        lease: Duration,
    ) -> Result<Attempted, QueueError>;

    fn wake_ups(&self) -> &WakeUps;

    /// Longest time until a push of another process is noticed.
    fn poll(&self) -> Duration {
        Duration::from_millis(250)
    }
}

/// Result of an [`Attempt`].
pub(crate) enum Attempted {
    /// At least one lease.
    Leased(Vec<Lease>),
    /// No due jobs of these users, and the time until a job falls due; `None` if unknown or never.
    NothingFor(Option<Duration>),
}

/// Leases due jobs, or waits for one for at most `wait`.
///
/// Sleeps for at most [`Attempt::poll`] at a time, because other processes push and clocks are adjusted.
pub(crate) async fn lease(
    backend: &impl Attempt,
    whose: &Whose,
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
        // Registered before the attempt: no push in between is missed.
        let mut pushed = std::pin::pin!(backend.wake_ups().of(queue).notified());
        pushed.as_mut().enable();
        let due_in = match backend.attempt(whose, queue, max, lease).await? {
            Attempted::Leased(leases) => return Ok(leases),
            Attempted::NothingFor(due_in) => due_in.unwrap_or(poll),
        };
        let left = wait.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(Vec::new());
        }
        // At least 1 ms: a job that falls due sooner is not due yet.
        let pause = due_in.clamp(Duration::from_millis(1), poll).min(left);
        drop(timeout(pause, pushed).await);
    }
}
