//! [`Rates`]: requests a second of each caller.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::auth::Principal;
use crate::config::{Limits, Plans};

/// Callers in memory; beyond them, those that have not called for a while are forgotten.
const CALLERS: usize = 10_000;

/// The limits of callers, in this process: those of all, and those of the plans with a rate of their own.
#[derive(Debug)]
pub struct Rates {
    all: Option<Limiter>,
    plans: BTreeMap<String, Option<Limiter>>,
}

impl Rates {
    /// The limits of the settings.
    pub fn new(limits: &Limits, plans: &Plans) -> Self {
        let own = plans.iter().filter(|(_, plan)| plan.requests_per_second.or(plan.requests_burst).is_some());
        let own = own.map(|(name, plan)| (name.to_owned(), Limiter::new(&plan.over(limits))));
        Self { all: Limiter::new(limits), plans: own.collect() }
    }

    /// Counts a request of a caller; `None` if it has no limit. A key that replaced another one has the plan and the pace of
    /// the first, unless a plan names the new one.
    pub fn take(&self, plans: &Plans, caller: &Principal) -> Option<Rate> {
        let Principal { name, first, tenant, .. } = caller;
        let first = first.as_ref().filter(|_| !plans.names(name)).unwrap_or(name);
        let own = plans.of_caller(first, tenant).and_then(|plan| self.plans.get(plan));
        own.unwrap_or(&self.all).as_ref().map(|limiter| limiter.take(first))
    }
}

/// A limit for each caller, by the generic cell rate algorithm.
#[derive(Debug)]
struct Limiter {
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

impl Limiter {
    /// The limit of the settings; `None` if they have none.
    fn new(limits: &Limits) -> Option<Self> {
        let per_second = NonZeroU32::new(limits.requests_per_second)?;
        let burst = NonZeroU32::new(limits.requests_burst).unwrap_or(per_second);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Some(Self { limiter, per_second: per_second.get(), burst: burst.get() })
    }

    /// Counts a request of a caller.
    fn take(&self, caller: &str) -> Rate {
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
