//! [`EntryRates`]: how many entries of the audit log each tenant causes.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use zkflow_core::service::tenant::TenantId;

/// Tenants in memory; beyond them, those without a recent change are forgotten.
const TENANTS: usize = 10_000;

/// A limit for the changes of each tenant in an hour, which are also the changes at once. Each process counts alone.
#[derive(Debug)]
pub struct EntryRates(Option<DefaultKeyedRateLimiter<TenantId>>);

impl EntryRates {
    /// Allows `per_hour` changes; 0: any number.
    pub fn new(per_hour: u32) -> Self {
        Self(NonZeroU32::new(per_hour).map(|most| RateLimiter::keyed(Quota::per_hour(most))))
    }

    /// Counts a change of a tenant.
    ///
    /// # Errors
    /// The time until a further change is accepted.
    pub fn take(&self, tenant: &TenantId) -> Result<(), Duration> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        if limiter.len() >= TENANTS {
            limiter.retain_recent();
        }
        limiter.check_key(tenant).map_err(|early| early.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_has_its_own_limit() {
        let rates = EntryRates::new(2);
        let [one, other] = ["one", "other"].map(|tenant| tenant.parse::<TenantId>().unwrap());
        assert_eq!((rates.take(&one), rates.take(&one)), (Ok(()), Ok(())));
        let wait = rates.take(&one).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1800), "{wait:?}");
        assert_eq!(rates.take(&other), Ok(()));
        let unlimited = EntryRates::new(0);
        assert!((0..100).all(|_| unlimited.take(&one).is_ok()));
    }
}
