//! [`Reserves`]: requests that this process took ahead of those that all processes count together.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use zkflow_core::service::tenant::TenantId;

/// Callers in memory; beyond them, those that have not called for a while are forgotten.
pub(super) const CALLERS: usize = 10_000;

/// Counts requests together with other processes.
#[async_trait]
pub trait SharedRates: fmt::Debug + Send + Sync {
    /// Takes up to `most` requests of all quotas of a caller of this tenant at once, and nothing of any if one has none. `None` if the
    /// others cannot be asked soon enough.
    async fn take(&self, tenant: &TenantId, quotas: &[Quota<'_>], most: u32) -> Option<Grant>;
}

/// The limit of a caller, or of all callers of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota<'a> {
    /// Name of the caller, or of all callers.
    pub name: &'a str,
    /// Requests a second in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// Requests that all processes together accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Their number; 0: none.
    pub taken: u32,
    /// Requests that are accepted beyond them.
    pub remaining: u32,
    /// Time until a request is accepted; `None`: at least one is.
    pub wait: Option<Duration>,
}

/// A caller that asks again within this time gets twice as many requests ahead as the last time.
const QUICK: Duration = Duration::from_millis(250);
/// How long requests that were taken ahead are kept.
const KEPT: Duration = Duration::from_secs(1);
/// Most requests that are taken ahead.
const MOST: u32 = 32;
/// The same as a part of each burst, which a caller can lose when it pauses.
const PART: u32 = 16;

/// The requests that callers have ahead in this process. A caller that sends many requests asks the others once for up to
/// [`MOST`] of them, and its requests at the same time wait for that one answer. A caller with a small burst asks each time.
#[derive(Debug, Default)]
pub(super) struct Reserves(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Reserve>>>>);

#[derive(Debug, Default)]
struct Reserve {
    left: u32,
    /// What the others had left beyond them.
    remaining: u32,
    asked: Option<Instant>,
    /// Number of the last question.
    step: u32,
}

impl Reserves {
    /// Takes one request of all quotas, the first of which is the caller's.
    pub(super) async fn take(
        &self,
        shared: &dyn SharedRates,
        tenant: &TenantId,
        quotas: &[Quota<'_>],
    ) -> Option<Grant> {
        let reserve = self.of(quotas.first()?.name);
        let mut reserve = reserve.lock().await;
        let within = |time: Duration| reserve.asked.is_some_and(|asked| asked.elapsed() < time);
        if reserve.left == 0 || !within(KEPT) {
            let most = quotas.iter().map(|quota| quota.burst / PART).min().unwrap_or(0).clamp(1, MOST);
            let step = if within(QUICK) { reserve.step.saturating_mul(2).clamp(1, most) } else { 1 };
            reserve.left = 0;
            let Grant { taken, remaining, wait } = shared.take(tenant, quotas, step).await?;
            *reserve = Reserve { left: taken, remaining, asked: Some(Instant::now()), step };
            if taken == 0 {
                return Some(Grant { taken, remaining, wait });
            }
        }
        reserve.left -= 1;
        Some(Grant { taken: 1, remaining: reserve.remaining.saturating_add(reserve.left), wait: None })
    }

    fn of(&self, caller: &str) -> Arc<tokio::sync::Mutex<Reserve>> {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reserve) = callers.get(caller) {
            return Arc::clone(reserve);
        }
        if callers.len() >= CALLERS {
            // What another request uses now remains.
            callers.retain(|_, reserve| {
                Arc::strong_count(reserve) > 1
                    || reserve
                        .try_lock()
                        .is_ok_and(|reserve| reserve.asked.is_some_and(|at| at.elapsed() < KEPT))
            });
        }
        Arc::clone(callers.entry(caller.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other processes that have this many requests, and remember how many they were asked for.
    #[derive(Debug)]
    struct Others(Mutex<(u32, Vec<u32>)>);

    #[async_trait]
    impl SharedRates for Others {
        async fn take(&self, _: &TenantId, _: &[Quota<'_>], most: u32) -> Option<Grant> {
            let (left, asked) = &mut *self.0.lock().unwrap();
            asked.push(most);
            let taken = most.min(*left);
            *left -= taken;
            Some(Grant { taken, remaining: *left, wait: (taken == 0).then_some(Duration::from_secs(9)) })
        }
    }

    /// The grants of `calls` requests at once of a caller with this burst, and the questions to the others, which have `all` requests.
    async fn taken(burst: u32, all: u32, calls: usize) -> (Vec<Grant>, Vec<u32>) {
        let (others, reserves) = (Others(Mutex::new((all, Vec::new()))), Reserves::default());
        let tenant = TenantId::default();
        let quotas =
            [("ann", burst), ("tenant", 10_000)].map(|(name, burst)| Quota { name, per_second: 1, burst });
        let calls = (0..calls).map(|_| reserves.take(&others, &tenant, &quotas));
        let grants = futures::future::join_all(calls).await.into_iter().flatten().collect();
        (grants, others.0.into_inner().unwrap().1)
    }

    #[tokio::test]
    async fn a_fast_caller_asks_seldom_and_gets_no_more_than_there_are() {
        let (grants, asked) = taken(1000, 100, 150).await;
        let accepted = grants.iter().filter(|grant| grant.wait.is_none()).count();
        assert_eq!((grants.len(), accepted), (150, 100));
        // The remaining requests count down, whichever of them were taken ahead.
        let remaining: Vec<_> = grants.iter().map(|grant| grant.remaining).take(100).collect();
        assert_eq!(remaining, (0..100).rev().collect::<Vec<_>>());
        // A slow machine begins again with one.
        let before_the_end = asked.len() - 50;
        assert!(before_the_end < 50, "{asked:?}");
        assert!(asked.iter().all(|most| (1..=MOST).contains(most)), "{asked:?}");
    }

    #[tokio::test]
    async fn a_caller_with_a_small_burst_takes_nothing_ahead() {
        let (grants, asked) = taken(PART, 30, 20).await;
        assert!(grants.iter().all(|grant| grant.wait.is_none()));
        assert_eq!(asked, [1; 20]);
    }
}
