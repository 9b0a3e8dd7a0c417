//! [`Breaker`]: stops calling a backend that fails.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counts failures in a row.
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
    /// The last one, in words.
    last: String,
    /// When the next call is let through, once there were too many.
    next: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(backend: &'static str, threshold: u32, rest: Duration) -> Self {
        Self { backend, threshold, rest, state: Mutex::default() }
    }

    /// Whether a call may be made now; else why not.
    pub(super) fn admit(&self) -> Result<(), String> {
        let mut state = self.lock();
        let Some(next) = state.next else { return Ok(()) };
        let now = Instant::now();
        if now >= next {
            // This one tries; the others wait for what becomes of it.
            state.next = Some(now + self.rest);
            return Ok(());
        }
        metrics::counter!("zkflow_backend_refused_total", "backend" => self.backend).increment(1);
        Err(format!("not called: it failed {} times in a row, at last with: {}", state.failures, state.last))
    }

    pub(super) fn succeeded(&self) {
        let mut state = self.lock();
        if state.next.is_some() {
            tracing::info!(backend = self.backend, failures = state.failures, "answers again");
        }
        *state = State::default();
    }

    pub(super) fn failed(&self, error: &dyn Error) {
        metrics::counter!("zkflow_backend_errors_total", "backend" => self.backend).increment(1);
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.last = chain(error);
        if state.failures >= self.threshold {
            if state.next.is_none() {
                tracing::error!(backend = self.backend, error = state.last, "fails; calls are put off");
            }
            state.next = Some(Instant::now() + self.rest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is changed under the lock is never half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with what caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
