//! [`QueueTime`]: the time of Redis, so that no process acts by a clock that is wrong.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

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

/// Largest difference at the start, and largest step of the clock of Redis later. A wrong clock of Redis would make every
/// process delete what has not expired.
const MOST: Duration = Duration::from_secs(300);

/// The clock of this machine, corrected by its difference from that of Redis.
///
/// Moments of documents and of jobs are compared with each other, by processes on many machines: when a job died, a
/// document was changed, or a request expires. All of them come from this clock.
pub(super) struct QueueTime<C = SystemClock> {
    local: C,
    /// Time since some moment, by a clock that is never set.
    steady: Box<dyn Fn() -> Duration + Send + Sync>,
    ahead_ms: AtomicI64,
    /// The last time of Redis that was accepted.
    accepted: Mutex<Option<Accepted>>,
}

/// A time of Redis, and when it was measured.
#[derive(Debug, Clone, Copy)]
struct Accepted {
    millis: i64,
    /// By the steady clock.
    at: Duration,
}

impl Accepted {
    /// The time of Redis at `at`, if its clock was not set meanwhile.
    fn expected(&self, at: Duration) -> i64 {
        let passed = i64::try_from(at.saturating_sub(self.at).as_millis()).unwrap_or(i64::MAX);
        self.millis.saturating_add(passed)
    }
}

impl QueueTime {
    /// Measures the difference now, and again as long as the queue and the clock are used.
    ///
    /// # Errors
    /// - Redis is unreachable.
    /// - The clocks differ by more than [`MOST`]: one of them is wrong.
    pub(super) async fn of(queue: &Arc<RedisQueue>) -> Result<Arc<Self>, QueueError> {
        let began = Instant::now();
        let own = Arc::new(Self::new(SystemClock, move || began.elapsed()));
        own.measure(queue.time()).await?;
        own.is_close()?;
        tokio::spawn(follow(Arc::downgrade(&own), Arc::downgrade(queue)));
        Ok(own)
    }
}

impl<C: Clock> QueueTime<C> {
    fn new(local: C, steady: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { local, steady: Box::new(steady), ahead_ms: AtomicI64::new(0), accepted: Mutex::default() }
    }

    fn is_close(&self) -> Result<(), QueueError> {
        let ahead = Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed).unsigned_abs());
        if ahead <= MOST {
            return Ok(());
        }
        let (ahead, most) = (ahead.as_secs(), MOST.as_secs());
        let reason = format!(
            "the clock of this machine and that of Redis differ by {ahead} s, and at most {most} s are corrected: set the wrong clock"
        );
        Err(QueueError::backend("comparing the clocks", reason))
    }

    /// Whether a time of Redis is accepted. It is not if the clock of Redis was set by more than [`MOST`]. A machine that slept,
    /// or whose own clock was set, does not look so.
    fn accept(&self, millis: i64, ahead: i64) -> bool {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Accepted { millis, at: (self.steady)() };
        let step = accepted.map_or(0, |last| last.expected(now.at).abs_diff(millis));
        let change = self.ahead_ms.load(Ordering::Relaxed).abs_diff(ahead);
        let is_set = Duration::from_millis(step.min(change)) > MOST;
        if !is_set {
            *accepted = Some(now);
        }
        !is_set
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
        if !self.accept(theirs, ahead) {
            tracing::error!(
                behind_ms = ahead,
                "the clock of Redis was set, and is not followed: set it right, or restart all processes if it is right now"
            );
            return Ok(());
        }
        let earlier = self.ahead_ms.swap(ahead, Ordering::Relaxed);
        gauge!("zkflow_clock_behind_seconds").set(ahead as f64 / 1000.0);
        if ahead.unsigned_abs() >= LARGE_MS && earlier.abs_diff(ahead) >= LARGE_MS {
            tracing::warn!(
                behind_ms = ahead,
                "the clock of this machine differs from that of Redis, which is used"
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
            let clock = QueueTime::new(ManualClock::new(at(1_767_225_600_000)), || Duration::ZERO);
            clock.measure(ready(Ok(theirs))).await.unwrap();
            assert_eq!(clock.now(), theirs);
            clock.local.advance(HOUR);
            assert_eq!(clock.now(), theirs + HOUR);
        }
    }

    #[tokio::test]
    async fn half_of_the_way_is_taken_off_and_a_slow_answer_is_ignored() {
        let clock = QueueTime::new(ManualClock::new(at(1_000_000)), || Duration::ZERO);
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

    #[test]
    fn clocks_that_differ_too_much_at_the_start_are_an_error() {
        let clock = QueueTime::new(ManualClock::new(at(0)), || Duration::ZERO);
        for (ahead, is_close) in
            [(0, true), (300_000, true), (-300_000, true), (300_001, false), (i64::MIN, false)]
        {
            clock.ahead_ms.store(ahead, Ordering::Relaxed);
            assert_eq!(clock.is_close().is_ok(), is_close, "{ahead}");
        }
        let error = clock.is_close().unwrap_err();
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert!(reason.contains("set the wrong clock"), "{reason}");
    }

    #[tokio::test]
    async fn a_clock_of_redis_that_is_set_is_not_followed_until_it_is_right_again() {
        let begun = at(1_767_225_600_000);
        let steady = Arc::new(Mutex::new(Duration::ZERO));
        let clock = QueueTime::new(ManualClock::new(begun), {
            let steady = Arc::clone(&steady);
            move || *steady.lock().unwrap()
        });
        let pass = |time| {
            clock.local.advance(time);
            *steady.lock().unwrap() += time;
        };
        let minute = Duration::from_secs(60);
        clock.measure(ready(Ok(begun))).await.unwrap();
        pass(minute);
        for wrong in [begun + HOUR, begun - HOUR, Timestamp::LATEST, at(0)] {
            clock.measure(ready(Ok(wrong))).await.unwrap();
            assert_eq!(clock.now(), begun + minute, "{wrong} is followed");
        }
        pass(HOUR);
        // It is right again, and drifts a little.
        let right = begun + minute + HOUR + Duration::from_secs(7);
        clock.measure(ready(Ok(right))).await.unwrap();
        assert_eq!(clock.now(), right);
    }

    #[tokio::test]
    async fn the_own_clock_may_be_set_and_the_machine_may_sleep() {
        let begun = at(1_767_225_600_000);
        let clock = QueueTime::new(ManualClock::new(begun), || Duration::ZERO);
        clock.measure(ready(Ok(begun))).await.unwrap();
        // The own clock is set forward: the steady clock and Redis say that no time has passed.
        clock.local.advance(HOUR);
        clock.measure(ready(Ok(begun))).await.unwrap();
        assert_eq!(clock.now(), begun);
        // The machine sleeps: the steady clock stands still.
        clock.local.advance(HOUR);
        clock.measure(ready(Ok(begun + HOUR))).await.unwrap();
        assert_eq!(clock.now(), begun + HOUR);
    }
}
