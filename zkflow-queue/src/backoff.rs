//! [`Backoff`]: the delay of a failed job.

use std::time::Duration;

use rand::Rng;

/// Exponential backoff with full jitter.
///
/// The delay after attempt `n` is uniform in `0 ..= min(cap, base · 2^(n − 1))`. Jobs that fail together are
/// therefore not retried together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest delay after the first attempt.
    pub base: Duration,
    /// Longest delay after any attempt.
    pub cap: Duration,
}

impl Backoff {
    /// Random delay after attempt number `attempt` has failed; attempts count from 1.
    pub fn delay(&self, attempt: u32, rng: &mut impl Rng) -> Duration {
        rng.gen_range(Duration::ZERO..=self.ceiling(attempt))
    }

    /// Longest delay after attempt number `attempt`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zkflow_queue::Backoff;
    ///
    /// let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(300) };
    /// assert_eq!(backoff.ceiling(3), Duration::from_secs(4));
    /// assert_eq!(backoff.ceiling(20), Duration::from_secs(300));
    /// ```
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.base.saturating_mul(factor).min(self.cap)
    }
}

impl Default for Backoff {
    /// A `base` of 1 second and a `cap` of 5 minutes.
    fn default() -> Self {
        Self { base: Duration::from_secs(1), cap: Duration::from_secs(300) }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(10) };
        let ceilings: Vec<u64> = (0..=6).map(|attempt| backoff.ceiling(attempt).as_secs()).collect();
        assert_eq!(ceilings, [1, 1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.ceiling(u32::MAX), backoff.cap);
    }

    #[test]
    fn delays_spread_over_the_whole_range() {
        let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(8) };
        let mut rng = StdRng::seed_from_u64(1);
        let delays: Vec<f64> = (0..1000).map(|_| backoff.delay(4, &mut rng).as_secs_f64()).collect();
        assert!(delays.iter().all(|delay| (0.0..=8.0).contains(delay)));
        for eighth in 0..8 {
            let within = delays.iter().filter(|delay| **delay as usize == eighth).count();
            assert!(
                (75..=175).contains(&within),
                "{within} of 1000 delays are in the second that begins at {eighth} s"
            );
        }
    }
}
