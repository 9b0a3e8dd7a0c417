//! [`Rates`]: requests a second of each caller, and of the callers of a tenant together.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, RateLimiter};

use super::reserves::{CALLERS, Grant, Quota, Reserves, SharedRates};
use crate::auth::Principal;
use crate::config::{Limits, Plan, Plans};

/// The limits of callers and tenants: those of all, and those of the plans with a rate of their own.
///
/// A request counts for its caller, and if the caller may make it, for its tenant: more keys give a tenant no more requests than
/// [`tenant_pace`](Limits::tenant_pace) callers.
///
/// Each process counts, and with [`SharedRates`] all of them count together: a request that this process refuses is not shown to
/// the others, so that a flood costs them nothing. If the others do not answer, this process decides alone.
#[derive(Debug)]
pub struct Rates {
    all: Pace,
    plans: BTreeMap<String, Pace>,
    shared: Option<(Arc<dyn SharedRates>, Reserves)>,
}

impl Rates {
    /// The limits of the settings, for this process alone.
    pub fn new(limits: &Limits, plans: &Plans) -> Self {
        let has_own =
            |plan: &Plan| plan.requests_per_second.or(plan.requests_burst).or(plan.tenant_pace).is_some();
        let own = plans.iter().filter(|(_, plan)| has_own(plan));
        let own = own.map(|(name, plan)| (name.to_owned(), Pace::new(&plan.over(limits))));
        Self { all: Pace::new(limits), plans: own.collect(), shared: None }
    }

    /// The same limits, which count in all processes with `shared` together.
    #[must_use]
    pub fn with(self, shared: Option<Arc<dyn SharedRates>>) -> Self {
        Self { shared: shared.map(|shared| (shared, Reserves::default())), ..self }
    }

    /// Counts a request of a caller and its tenant; `None` if neither has a limit. A key that replaced another one has the plan and
    /// the pace of the first, unless a plan names the new one.
    pub async fn take(&self, plans: &Plans, caller: &Principal) -> Option<Rate> {
        let Principal { name, first, tenant, .. } = caller;
        let first = first.as_ref().filter(|_| !plans.names(name)).unwrap_or(name);
        // No caller has such a name.
        let all = format!("tenant:{tenant}");
        let own = (&self.pace(plans.of_caller(first, tenant)).caller, first);
        let together = (&self.pace(plans.name_of(tenant)).tenant, &all);
        let (mut here, mut quotas): (Option<Rate>, _) = (None, Vec::with_capacity(2));
        for (limiter, name) in [own, together] {
            let Some(limiter) = limiter else { continue };
            let rate = limiter.take(name);
            // A caller sees its own pace.
            let rate = here.map_or(rate, |own| Rate {
                remaining: own.remaining.min(rate.remaining),
                wait: rate.wait,
                ..own
            });
            if rate.wait.is_some() {
                return Some(rate);
            }
            here = Some(rate);
            quotas.push(limiter.quota(name));
        }
        let here = here?;
        let Some((shared, reserves)) = &self.shared else { return Some(here) };
        Some(match reserves.take(&**shared, tenant, &quotas).await {
            Some(Grant { remaining, wait, .. }) => Rate { remaining, wait, ..here },
            None => here,
        })
    }

    fn pace(&self, plan: Option<&str>) -> &Pace {
        plan.and_then(|plan| self.plans.get(plan)).unwrap_or(&self.all)
    }
}

/// The limit of each caller, and that of all callers of a tenant together.
#[derive(Debug)]
struct Pace {
    caller: Option<Limiter>,
    tenant: Option<Limiter>,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        let Limits { requests_per_second, requests_burst, tenant_pace, .. } = *limits;
        let burst = if requests_burst == 0 { requests_per_second } else { requests_burst };
        let of = |callers: u32| {
            Limiter::new(requests_per_second.saturating_mul(callers), burst.saturating_mul(callers))
        };
        Self { caller: of(1), tenant: of(tenant_pace) }
    }
}

/// A limit for each name, by the generic cell rate algorithm.
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
    /// `None` if there is no limit: if a number is 0.
    fn new(per_second: u32, burst: u32) -> Option<Self> {
        let (per_second, burst) = (NonZeroU32::new(per_second)?, NonZeroU32::new(burst)?);
        let quota = governor::Quota::per_second(per_second).allow_burst(burst);
        let limiter = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Some(Self { limiter, per_second: per_second.get(), burst: burst.get() })
    }

    fn quota<'a>(&self, name: &'a str) -> Quota<'a> {
        Quota { name, per_second: self.per_second, burst: self.burst }
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

    use async_trait::async_trait;
    use zkflow_core::service::tenant::TenantId;

    use super::*;

    /// Other processes that answer `answer`, and count how often they are asked.
    #[derive(Debug)]
    struct Others {
        answer: Option<Grant>,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl SharedRates for Others {
        async fn take(&self, _: &TenantId, quotas: &[Quota<'_>], _: u32) -> Option<Grant> {
            let names: Vec<_> = quotas.iter().map(|quota| quota.name).collect();
            assert_eq!(names, ["anyone", "tenant:default"]);
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.answer
        }
    }

    /// What `calls` requests of a caller with a burst of three get, and how often the other processes were asked.
    async fn taken(answer: Option<Grant>, calls: usize) -> (Vec<Rate>, usize) {
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
        let wait = Some(Duration::from_secs(9));
        let refused = Rate { per_second: 1, burst: 3, remaining: 0, wait };
        let (taken, asked) = self::taken(Some(Grant { taken: 0, remaining: 0, wait }), 2).await;
        assert_eq!(
            (taken, asked),
            (vec![refused, refused], 2),
            "once for the caller and its tenant together"
        );
        let (taken, asked) = self::taken(None, 3).await;
        assert!(taken.iter().all(|rate| rate.burst == 3 && rate.wait.is_none()), "{taken:?}");
        assert_eq!(asked, 3);
    }

    #[tokio::test]
    async fn a_flood_of_one_process_does_not_reach_the_others() {
        let accepted = Grant { taken: 1, remaining: 2, wait: None };
        let (taken, asked) = self::taken(Some(accepted), 50).await;
        let passed = taken.iter().filter(|rate| rate.wait.is_none()).count();
        assert_eq!(passed, asked);
        // A second of a slow machine allows one more.
        assert!((3..50).contains(&passed), "{passed} passed");
    }

    #[tokio::test]
    async fn the_callers_of_a_tenant_have_a_pace_together() {
        let limits =
            Limits { requests_per_second: 1, requests_burst: 3, tenant_pace: 2, ..Limits::default() };
        let plan = Plan { tenants: vec!["small".parse().unwrap()], tenant_pace: Some(1), ..Plan::default() };
        let free = Plan { tenants: vec!["free".parse().unwrap()], tenant_pace: Some(0), ..Plan::default() };
        let plans = [("small".to_owned(), plan), ("free".to_owned(), free)].into();
        let plans = Plans::new(plans).unwrap();
        let rates = Rates::new(&limits, &plans);
        let began = std::time::Instant::now();
        for (tenant, pace) in [("acme", Some(2)), ("small", Some(1)), ("free", None)] {
            let mut accepted = 0;
            for key in 0..100 {
                let name = format!("key:{tenant}-{key}");
                let caller = Principal { tenant: tenant.parse().unwrap(), name, ..Principal::everyone() };
                let rate = rates.take(&plans, &caller).await.unwrap();
                assert_eq!((rate.per_second, rate.burst), (1, 3), "a caller sees its own pace");
                assert!(rate.wait.is_none() || rate.remaining == 0, "{rate:?}");
                accepted += u64::from(rate.wait.is_none());
            }
            let Some(pace) = pace else {
                assert_eq!(accepted, 100, "{tenant}");
                continue;
            };
            // A slow machine allows some more.
            let most = pace * (3 + began.elapsed().as_secs() + 1);
            assert!((3 * pace..=most).contains(&accepted), "{tenant}: {accepted} of 100 requests");
        }
    }
}
