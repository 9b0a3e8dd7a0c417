//! [`Rates`]: requests a second of each caller.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::Limits;

/// Callers in memory; beyond them, those that have not called for a while are forgotten.
const CALLERS: usize = 10_000;

/// A limit for each caller, by the generic cell rate algorithm, in this process.
#[derive(Debug)]
pub struct Rates {
    limiter: DefaultKeyedRateLimiter<String, StateInformationMiddleware>,
    per_second: u32,
    burst: u32,
}

/// The rate of a caller after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
    /// Requests that are accepted now.
    pub remaining: u32,
    /// Time until a request is accepted; `None`: this one is.
    pub wait: Option<Duration>,
}

impl Rates {
    /// The limit of the settings; `None` if they have none.
    pub fn new(limits: &Limits) -> Option<Self> {
        let per_second = NonZeroU32::new(limits.requests_per_second)?;
        let burst = NonZeroU32::new(limits.requests_burst).unwrap_or(per_second);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Some(Self { limiter, per_second: per_second.get(), burst: burst.get() })
    }

    /// Counts a request of a caller.
    pub fn take(&self, caller: &str) -> Rate {
        if self.limiter.len() >= CALLERS {
            self.limiter.retain_recent();
        }
        let (remaining, wait) = match self.limiter.check_key(&caller.to_owned()) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(early) => (0, Some(early.wait_time_from(DefaultClock::default().now()))),
        };
        Rate { per_second: self.per_second, burst: self.burst, remaining, wait }
    }
}
