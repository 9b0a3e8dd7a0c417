//! [`QueueTime`]: the time of Redis, so that no process acts by a clock that is wrong.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use metrics::gauge;
use zkflow_core::service::clock::{Clock, SystemClock, Timestamp};
use zkflow_core::service::queue::QueueError;
use zkflow_queue::RedisQueue;

/// Time between two measurements.
const EVERY: Duration = Duration::from_secs(10);

/// An answer that took longer says too little about the time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Difference from which a warning is logged.
const LARGE_MS: u64 = 5_000;

/// The clock of this machine, corrected by its difference from that of Redis.
///
/// Moments of documents and of jobs are compared with each other, by processes on many machines: when a job died, a
/// document was changed, or a request expires. All of them come from this clock.
pub(super) struct QueueTime<C = SystemClock> {
    local: C,
    ahead_ms: AtomicI64,
}

impl QueueTime {
    /// Measures the difference now, and again as long as the queue and the clock are used.
    ///
    /// # Errors
    /// Redis is unreachable.
    pub(super) async fn of(queue: &Arc<RedisQueue>) -> Result<Arc<Self>, QueueError> {
        let own = Arc::new(Self::new(SystemClock));
        own.measure(queue.time()).await?;
        tokio::spawn(follow(Arc::downgrade(&own), Arc::downgrade(queue)));
        Ok(own)
    }
}

impl<C: Clock> QueueTime<C> {
    fn new(local: C) -> Self {
        Self { local, ahead_ms: AtomicI64::new(0) }
    }

    async fn measure(
        &self,
        time: impl Future<Output = Result<Timestamp, QueueError>>,
    ) -> Result<(), QueueError> {
        let before = self.local.now().as_millis();
        let theirs = time.await?.as_millis();
        let took = self.local.now().as_millis().saturating_sub(before);
        // The clock of this machine may have been set meanwhile.
        if !(0..=PATIENCE.as_millis() as i64).contains(&took) {
            return Ok(());
        }
        let ahead = theirs.saturating_sub(before.saturating_add(took / 2));
        let earlier = self.ahead_ms.swap(ahead, Ordering::Relaxed);
        gauge!("zkflow_clock_behind_seconds").set(ahead as f64 / 1000.0);
        if ahead.unsigned_abs() >= LARGE_MS && earlier.abs_diff(ahead) >= LARGE_MS {
            tracing::warn!(
                behind_ms = ahead,
                "the clock of this machine differs from that of Redis, which counts"
            );
        }
        Ok(())
    }
}

async fn follow(clock: Weak<QueueTime>, queue: Weak<RedisQueue>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let (Some(clock), Some(queue)) = (clock.upgrade(), queue.upgrade()) else { return };
        // Without an answer, the last difference remains.
        let _ = clock.measure(queue.time()).await;
    }
}

impl<C: Clock> Clock for QueueTime<C> {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead_ms.load(Ordering::Relaxed);
        Timestamp::from_millis(self.local.now().as_millis().saturating_add(ahead))
    }
}

impl<C> fmt::Debug for QueueTime<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueTime").field("ahead_ms", &self.ahead_ms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use zkflow_core::service::clock::ManualClock;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[tokio::test]
    async fn the_time_is_that_of_the_queue_whatever_the_own_clock_says() {
        for theirs in [at(0), at(1_767_225_600_000), at(1_767_225_600_000) + HOUR] {
            let clock = QueueTime::new(ManualClock::new(at(1_767_225_600_000)));
            clock.measure(ready(Ok(theirs))).await.unwrap();
            assert_eq!(clock.now(), theirs);
            clock.local.advance(HOUR);
            assert_eq!(clock.now(), theirs + HOUR);
        }
    }

    #[tokio::test]
    async fn half_of_the_way_is_taken_off_and_a_slow_answer_is_ignored() {
        let clock = QueueTime::new(ManualClock::new(at(1_000_000)));
        let slow = |took: u64, theirs: Timestamp| {
            let local = &clock.local;
            async move {
                local.advance(Duration::from_millis(took));
                Ok(theirs)
            }
        };
        clock.measure(slow(200, at(5_000_100))).await.unwrap();
        assert_eq!(clock.now(), at(5_000_200));
        clock.measure(slow(1_001, at(0))).await.unwrap();
        assert_eq!(clock.now(), at(5_001_201), "an answer that took too long counts");
        let failed = clock.measure(ready(Err(QueueError::backend("time", "gone")))).await;
        assert!(failed.is_err());
        assert_eq!(clock.now(), at(5_001_201), "the last difference is forgotten");
    }
}
