//! [`Breaker`]: stops calls to a failing backend.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use zkflow_core::error::Chain;

/// Counts consecutive failures, and blocks calls above a threshold.
#[derive(Debug)]
pub(super) struct Breaker {
    backend: &'static str,
    threshold: u32,
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Message of the last failure.
    last: String,
    /// Moment at which the next call is let through; `None` while calls are not blocked.
    next: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(backend: &'static str, threshold: u32, rest: Duration) -> Self {
        Self { backend, threshold, rest, state: Mutex::default() }
    }

    /// Succeeds if a call may be made now; otherwise returns the reason.
    pub(super) fn admit(&self) -> Result<(), String> {
        let mut state = self.lock();
        let Some(next) = state.next else { return Ok(()) };
        let now = Instant::now();
        if now >= next {
            // This call is let through; others stay blocked until it ends.
            state.next = Some(now + self.rest);
            return Ok(());
        }
        metrics::counter!("zkflow_backend_refused_total", "backend" => self.backend).increment(1);
        Err(format!("not called after {} failures in a row, the last: {}", state.failures, state.last))
    }

    pub(super) fn succeeded(&self) {
        let mut state = self.lock();
        if state.next.is_some() {
            tracing::info!(backend = self.backend, failures = state.failures, "backend answers again");
        }
        *state = State::default();
    }

    pub(super) fn failed(&self, error: &dyn Error) {
        metrics::counter!("zkflow_backend_errors_total", "backend" => self.backend).increment(1);
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.last = Chain(error).to_string();
        if state.failures >= self.threshold {
            if state.next.is_none() {
                tracing::error!(
                    backend = self.backend,
                    error = state.last,
                    "backend fails repeatedly: calls are blocked"
                );
            }
            state.next = Some(Instant::now() + self.rest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Changes under the lock are never left half done, so a poisoned lock is usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
