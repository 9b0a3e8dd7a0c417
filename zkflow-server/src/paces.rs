//! [`Paces`]: one limit for each name.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Names in memory; beyond them, those that have their whole limit again are forgotten.
const NAMES: usize = 10_000;

/// A limit for each name, such as a tenant or an address. Each process counts alone.
#[derive(Debug)]
pub struct Paces<K: Eq + Hash + Clone>(Option<DefaultKeyedRateLimiter<K>>);

impl<K: Eq + Hash + Clone> Paces<K> {
    /// Allows `most` within an hour, and at once; 0: any number.
    pub fn per_hour(most: u32) -> Self {
        Self::of(NonZeroU32::new(most).map(Quota::per_hour))
    }

    /// Allows so many; `None`: any number.
    pub(crate) fn of(quota: Option<Quota>) -> Self {
        Self(quota.map(RateLimiter::keyed))
    }

    /// Counts one more of a name.
    ///
    /// # Errors
    /// The time until a further one is accepted.
    pub fn take(&self, name: &K) -> Result<(), Duration> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        if limiter.len() >= NAMES {
            limiter.retain_recent();
        }
        limiter.check_key(name).map_err(|early| early.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_limit() {
        let paces = Paces::per_hour(2);
        assert_eq!((paces.take(&"one"), paces.take(&"one")), (Ok(()), Ok(())));
        let wait = paces.take(&"one").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1800), "{wait:?}");
        assert_eq!(paces.take(&"other"), Ok(()));
        let unlimited = Paces::per_hour(0);
        assert!((0..100).all(|_| unlimited.take(&"one").is_ok()));
    }
}
