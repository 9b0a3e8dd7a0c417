//! Guards around backends on other machines: [`GuardedCatalog`] and [`GuardedStore`].
//!
//! # Behaviour
//! - Every call has a deadline.
//! - A call that fails and may pass later is made again, after a pause that grows and is drawn at random,
//!   up to [`Policy::attempts`] times. What is unknown after such a failure, whether the first call had
//!   its effect, is found out by looking, so that a write that succeeded is not reported as lost to
//!   somebody else.
//! - After [`Policy::threshold`] failures in a row calls fail at once, without being made; one call a
//!   [`Policy::rest`] is let through, and the first that succeeds ends this.
//!
//! # Metrics
//! `zkflow_backend_errors_total {backend}` counts failed attempts, `zkflow_backend_refused_total {backend}`
//! the calls that were not made.

mod breaker;
mod catalog;
mod store;

pub use catalog::GuardedCatalog;
pub use store::GuardedStore;

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use zkflow_core::error::Classified;

use crate::deadline;
use breaker::Breaker;

/// How a guard deals with failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The longest time of one attempt that moves next to nothing.
    pub deadline: Duration,
    /// Attempts in all.
    pub attempts: u32,
    /// No further attempt begins after this time.
    pub budget: Duration,
    /// The longest pause after the first attempt; it doubles with each.
    pub pause: Duration,
    /// Failures in a row after which calls are no longer made.
    pub threshold: u32,
    /// The time between two calls that are let through then.
    pub rest: Duration,
}

impl Default for Policy {
    /// 10 seconds an attempt, 4 attempts within 15 seconds, no calls after 5 failures in a row but one a second.
    fn default() -> Self {
        Self {
            deadline: deadline::CALL,
            attempts: 4,
            budget: Duration::from_secs(15),
            pause: Duration::from_millis(200),
            threshold: 5,
            rest: Duration::from_secs(1),
        }
    }
}

/// What stands before one backend.
#[derive(Debug)]
struct Guard {
    breaker: Breaker,
    policy: Policy,
}

/// How a call ended.
struct Ended<T, E> {
    result: Result<T, E>,
    /// Whether an attempt before the last one failed: it may have had its effect all the same.
    retried: bool,
}

impl Guard {
    fn new(backend: &'static str, policy: Policy) -> Self {
        Self { breaker: Breaker::new(backend, policy.threshold, policy.rest), policy }
    }

    /// Makes a call. `unavailable` says in the backend's terms that it failed: what was being done, and why.
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

/// A time drawn evenly from zero to `most`, so that callers that failed together do not come back together.
fn jitter(most: Duration) -> Duration {
    let mut random = [0; 4];
    // Without random numbers the pause is the longest.
    let part = getrandom::fill(&mut random).map_or(u32::MAX, |()| u32::from_le_bytes(random));
    most.mul_f64(f64::from(part) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
