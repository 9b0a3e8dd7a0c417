//! [`GuardedCatalog`] and [`GuardedStore`]: deadlines, retries and a circuit breaker for remote backends.
//!
//! # Behaviour
//! - Every call has a deadline.
//! - A transient failure is retried after a random, growing pause, with up to [`Policy::attempts`] attempts.
//! - A failed attempt to write may have taken effect. After a retry, the guard compares the stored value, so
//!   that a successful write is not reported as lost to another writer.
//! - After [`Policy::threshold`] failures in a row, calls fail at once without reaching the backend. One call
//!   per [`Policy::rest`] is let through. The first that succeeds ends this state.
//!
//! # Metrics
//! - `zkflow_backend_errors_total {backend}`: failed attempts
//! - `zkflow_backend_refused_total {backend}`: calls that did not reach the backend

mod breaker;
mod catalog;
mod store;

pub use catalog::GuardedCatalog;
pub use store::GuardedStore;

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use zkflow_core::error::Classified;

use breaker::Breaker;

/// Time limit of a call that transfers almost no data.
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// Limits and pauses of a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Time limit of one attempt that transfers almost no data.
    pub deadline: Duration,
    /// Maximum number of attempts of a call.
    pub attempts: u32,
    /// Time after which no further attempt of a call begins.
    pub budget: Duration,
    /// Longest pause after the first attempt; doubles with each further attempt.
    pub pause: Duration,
    /// Failures in a row after which calls no longer reach the backend.
    pub threshold: u32,
    /// After that, time between two calls that are let through.
    pub rest: Duration,
}

impl Default for Policy {
    /// 4 attempts of 10 seconds within 15 seconds. After 5 failures in a row, one call per second.
    fn default() -> Self {
        Self {
            deadline: CALL,
            attempts: 4,
            budget: Duration::from_secs(15),
            pause: Duration::from_millis(200),
            threshold: 5,
            rest: Duration::from_secs(1),
        }
    }
}

/// Deadlines, retries and breaker of one backend.
#[derive(Debug)]
struct Guard {
    breaker: Breaker,
    policy: Policy,
}

/// Result of a call, after any retries.
struct Ended<T, E> {
    result: Result<T, E>,
    /// Whether an earlier attempt failed; it may have taken effect.
    retried: bool,
}

impl Guard {
    fn new(backend: &'static str, policy: Policy) -> Self {
        Self { breaker: Breaker::new(backend, policy.threshold, policy.rest), policy }
    }

    /// Makes a call, with retries. `unavailable` turns the reason of a failure into an error of the backend.
    /// `limit` is the deadline of each attempt; `None` if `attempt` has its own.
    async fn call<'a, T, E: Classified>(
        &self,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, E>> + Sync,
        unavailable: fn(String) -> E,
        limit: Option<Duration>,
    ) -> Ended<T, E> {
        let began = Instant::now();
        let mut made = 0;
        loop {
            let retried = made > 0;
            if let Err(reason) = self.breaker.admit() {
                return Ended { result: Err(unavailable(reason)), retried };
            }
            let result = match limit {
                Some(limit) => timeout(limit, attempt()).await.unwrap_or_else(|_| {
                    Err(unavailable(format!("no answer within {} s", limit.as_secs_f32())))
                }),
                None => attempt().await,
            };
            match result {
                Err(error) if error.kind().is_transient() => {
                    self.breaker.failed(&error);
                    made += 1;
                    if made >= self.policy.attempts || began.elapsed() >= self.policy.budget {
                        return Ended { result: Err(error), retried };
                    }
                    sleep(jitter(self.policy.pause.saturating_mul(1 << (made - 1).min(16)))).await;
                }
                result => {
                    self.breaker.succeeded();
                    return Ended { result, retried };
                }
            }
        }
    }
}

/// A uniform random time from zero to `most`, so that calls that fail together are not retried together.
fn jitter(most: Duration) -> Duration {
    let mut random = [0; 4];
    // Uses the longest pause if there are no random numbers.
    let part = getrandom::fill(&mut random).map_or(u32::MAX, |()| u32::from_le_bytes(random));
    most.mul_f64(f64::from(part) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
