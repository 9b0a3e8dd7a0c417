//! [`Rates`]: requests a second of each caller.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::auth::Principal;
use crate::config::{Limits, Plans};

/// Callers in memory; beyond them, those that have not called for a while are forgotten.
const CALLERS: usize = 10_000;

/// The limits of callers: those of all, and those of the plans with a rate of their own.
///
/// Each process counts, and with [`SharedRates`] all of them count together: a request that this process refuses is not shown to
/// the others, so that a flood costs them nothing. If the others do not answer, this process decides alone.
#[derive(Debug)]
pub struct Rates {
    all: Option<Limiter>,
    plans: BTreeMap<String, Option<Limiter>>,
    shared: Option<Arc<dyn SharedRates>>,
}

/// Counts requests together with other processes.
#[async_trait]
pub trait SharedRates: fmt::Debug + Send + Sync {
    /// Counts a request of a caller, which may make `per_second` requests a second and `burst` at once. `None` if the others cannot
    /// be asked soon enough.
    async fn take(&self, caller: &str, per_second: u32, burst: u32) -> Option<Rate>;
}

impl Rates {
    /// The limits of the settings, for this process alone.
    pub fn new(limits: &Limits, plans: &Plans) -> Self {
        let own = plans.iter().filter(|(_, plan)| plan.requests_per_second.or(plan.requests_burst).is_some());
        let own = own.map(|(name, plan)| (name.to_owned(), Limiter::new(&plan.over(limits))));
        Self { all: Limiter::new(limits), plans: own.collect(), shared: None }
    }

    /// The same limits, which count in all processes with `shared` together.
    #[must_use]
    pub fn with(self, shared: Option<Arc<dyn SharedRates>>) -> Self {
        Self { shared, ..self }
    }

    /// Counts a request of a caller; `None` if it has no limit. A key that replaced another one has the plan and the pace of
    /// the first, unless a plan names the new one.
    pub async fn take(&self, plans: &Plans, caller: &Principal) -> Option<Rate> {
        let Principal { name, first, tenant, .. } = caller;
        let first = first.as_ref().filter(|_| !plans.names(name)).unwrap_or(name);
        let own = plans.of_caller(first, tenant).and_then(|plan| self.plans.get(plan));
        let limiter = own.unwrap_or(&self.all).as_ref()?;
        let here = limiter.take(first);
        match &self.shared {
            Some(shared) if here.wait.is_none() => {
                Some(shared.take(first, limiter.per_second, limiter.burst).await.unwrap_or(here))
            }
            _ => Some(here),
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Other processes that answer `answer`, and count how often they are asked.
    #[derive(Debug)]
    struct Others {
        answer: Option<Rate>,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl SharedRates for Others {
        async fn take(&self, _: &str, _: u32, _: u32) -> Option<Rate> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.answer
        }
    }

    /// What `calls` requests of a caller with a burst of three get, and how often the other processes were asked.
    async fn taken(answer: Option<Rate>, calls: usize) -> (Vec<Rate>, usize) {
        let limits = Limits { requests_per_second: 1, requests_burst: 3, ..Limits::default() };
        let others = Arc::new(Others { answer, asked: AtomicUsize::new(0) });
        let rates = Rates::new(&limits, &Plans::default()).with(Some(others.clone()));
        let mut taken = Vec::new();
        for _ in 0..calls {
            taken.push(rates.take(&Plans::default(), &Principal::everyone()).await.unwrap());
        }
        (taken, others.asked.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn all_processes_decide_together_and_each_alone_if_the_others_are_silent() {
        let refused = Rate { per_second: 1, burst: 3, remaining: 0, wait: Some(Duration::from_secs(9)) };
        let (taken, asked) = self::taken(Some(refused), 2).await;
        assert_eq!((taken, asked), (vec![refused, refused], 2));
        let (taken, asked) = self::taken(None, 3).await;
        assert!(taken.iter().all(|rate| rate.burst == 3 && rate.wait.is_none()), "{taken:?}");
        assert_eq!(asked, 3);
    }

    #[tokio::test]
    async fn a_flood_of_one_process_does_not_reach_the_others() {
        let accepted = Rate { per_second: 1, burst: 3, remaining: 2, wait: None };
        let (taken, asked) = self::taken(Some(accepted), 50).await;
        let passed = taken.iter().filter(|rate| rate.wait.is_none()).count();
        assert_eq!(passed, asked);
        // A second of a slow machine allows one more.
        assert!((3..50).contains(&passed), "{passed} passed");
    }
}
