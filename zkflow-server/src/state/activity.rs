//! [`ActivityLog`]: throughput and latencies of proofs, read from their documents.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use zkflow_core::service::catalog::{
    Catalog, CatalogError, Document as _, Named as _, Page, ProofFilter, ProofRequest, ProofStage,
    ProofStatus, Status as _,
};
use zkflow_core::service::clock::Timestamp;

/// Age from which the documents are read again.
const FRESH: Duration = Duration::from_secs(15);

/// Most documents that are read for one [`Activity`].
const MOST: usize = 2000;

/// Documents read per page.
const PAGE: usize = 200;

/// Name, length and number of buckets of each window, shortest first.
const WINDOWS: [(&str, Duration, usize); 3] = [
    ("hour", Duration::from_secs(3600), 12),
    ("day", Duration::from_secs(24 * 3600), 24),
    ("week", Duration::from_secs(7 * 24 * 3600), 28),
];

/// The last [`Activity`], so that frequent questions cost one pass over the documents in 15 seconds.
#[derive(Debug, Default)]
pub struct ActivityLog(Mutex<Option<(Instant, Activity)>>);

/// Throughput and latencies of proofs, by window.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The last hour, day and week.
    pub windows: Vec<Window>,
}

/// The proof requests that ended in a span of time before now. Deleted and expired ones do not count.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// `hour`, `day` or `week`.
    pub name: &'static str,
    /// Length of the window.
    pub length: Duration,
    /// Whether all documents of the window were read. If not, the older ones are missing.
    pub whole: bool,
    /// Completed requests.
    pub completed: u64,
    /// Failed requests.
    pub failed: u64,
    /// Time of completed requests that is in no stage: waiting for a worker, and loading the circuit.
    pub wait: Option<Quantiles>,
    /// Time of the stage `witness`.
    pub witness: Option<Quantiles>,
    /// Time of the stage `prove`, which includes the verification.
    pub prove: Option<Quantiles>,
    /// Time from the request to the proof.
    pub total: Option<Quantiles>,
    /// Equal parts of the window, oldest first.
    pub buckets: Vec<Bucket>,
}

/// Half and 95 % of the values are at most this, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Quantiles {
    pub p50: u64,
    pub p95: u64,
}

/// Requests that ended in a part of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Bucket {
    pub completed: u64,
    pub failed: u64,
}

impl ActivityLog {
    /// The activity of all tenants, at most 15 seconds old.
    ///
    /// # Errors
    /// The catalog fails.
    pub async fn read(&self, catalog: &dyn Catalog, now: Timestamp) -> Result<Activity, CatalogError> {
        let mut last = self.0.lock().await;
        if let Some((at, activity)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(activity.clone());
        }
        let activity = Activity::of(&Ended::newest(catalog, now).await?, now);
        *last = Some((Instant::now(), activity.clone()));
        Ok(activity)
    }
}

/// Final requests that were created within the longest window.
struct Ended {
    requests: Vec<Times>,
    /// Creation time from which on all of them were read.
    since: Timestamp,
}

/// Times of a request in milliseconds.
struct Times {
    ended: Timestamp,
    completed: bool,
    total: u64,
    witness: Option<u64>,
    prove: Option<u64>,
}

impl Ended {
    async fn newest(catalog: &dyn Catalog, now: Timestamp) -> Result<Self, CatalogError> {
        let [.., (_, longest, _)] = WINDOWS;
        let begin = now - longest;
        let mut page = Page::first(PAGE);
        let mut ended = Self { requests: Vec::new(), since: begin };
        let mut read = 0;
        loop {
            let requests = catalog.proofs().list(&ProofFilter::default(), &page).await?;
            let Some(last) = requests.last() else { return Ok(ended) };
            let oldest = last.life.created_at;
            page.after = Some(last.cursor());
            read += requests.len();
            let young = requests.iter().filter(|request| request.life.created_at >= begin);
            ended.requests.extend(young.filter_map(Times::of));
            if oldest < begin {
                return Ok(ended);
            }
            if read >= MOST {
                ended.since = oldest;
                return Ok(ended);
            }
        }
    }
}

impl Times {
    /// `None` for pending and cancelled requests.
    fn of(request: &ProofRequest) -> Option<Self> {
        let life = &request.life;
        if !matches!(life.status, ProofStatus::Completed | ProofStatus::FAILED) {
            return None;
        }
        let stage = |stage: ProofStage| life.timings.get(stage.as_str()).copied();
        Some(Self {
            ended: life.updated_at,
            completed: life.status == ProofStatus::Completed,
            total: millis(life.updated_at.since(life.created_at)),
            witness: stage(ProofStage::Witness),
            prove: stage(ProofStage::Prove),
        })
    }

    fn wait(&self) -> u64 {
        self.total.saturating_sub(self.witness.unwrap_or(0)).saturating_sub(self.prove.unwrap_or(0))
    }
}

impl Activity {
    fn of(ended: &Ended, now: Timestamp) -> Self {
        Self {
            windows: WINDOWS.map(|(name, length, parts)| Window::of(name, length, parts, ended, now)).into(),
        }
    }
}

impl Window {
    fn of(name: &'static str, length: Duration, parts: usize, ended: &Ended, now: Timestamp) -> Self {
        let begin = now - length;
        let inside: Vec<&Times> = ended.requests.iter().filter(|times| times.ended >= begin).collect();
        let mut buckets = vec![Bucket::default(); parts];
        for times in &inside {
            let place = millis(times.ended.since(begin)) * parts as u64 / millis(length);
            // A request that ends while the documents are read is later than `now`.
            let bucket = &mut buckets[(place as usize).min(parts - 1)];
            if times.completed {
                bucket.completed += 1;
            } else {
                bucket.failed += 1;
            }
        }
        let done: Vec<&Times> = inside.iter().copied().filter(|times| times.completed).collect();
        let quantiles = |of: fn(&Times) -> Option<u64>| {
            Quantiles::of(done.iter().filter_map(|times| of(times)).collect())
        };
        Self {
            name,
            length,
            whole: ended.since <= begin,
            completed: done.len() as u64,
            failed: (inside.len() - done.len()) as u64,
            wait: quantiles(|times| Some(times.wait())),
            witness: quantiles(|times| times.witness),
            prove: quantiles(|times| times.prove),
            total: quantiles(|times| Some(times.total)),
            buckets,
        }
    }
}

impl Quantiles {
    fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let at = |percent: usize| values.get((values.len() * percent).div_ceil(100).max(1) - 1).copied();
        Some(Self { p50: at(50)?, p95: at(95)? })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_what_ended_in_it_and_says_whether_it_is_whole() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let ended = |ago_s, completed, total| Times {
            ended: now - Duration::from_secs(ago_s),
            completed,
            total,
            witness: Some(10),
            prove: Some(20),
        };
        let requests =
            vec![ended(0, true, 130), ended(3599, true, 230), ended(3601, true, 330), ended(60, false, 5)];
        let since = now - Duration::from_secs(7200);
        let activity = Activity::of(&Ended { requests, since }, now);
        let [hour, day, week] = &activity.windows[..] else { panic!("{activity:?}") };
        assert_eq!((hour.completed, hour.failed, hour.whole), (2, 1, true));
        assert_eq!((day.completed, day.failed, day.whole), (3, 1, false));
        assert!(!week.whole && week.completed == 3);
        assert_eq!(hour.wait, Some(Quantiles { p50: 100, p95: 200 }));
        assert_eq!(hour.witness, Some(Quantiles { p50: 10, p95: 10 }));
        assert_eq!(day.total, Some(Quantiles { p50: 230, p95: 330 }));
        assert_eq!(hour.buckets.len(), 12);
        assert_eq!(hour.buckets[0], Bucket { completed: 1, failed: 0 });
        assert_eq!(hour.buckets[11], Bucket { completed: 1, failed: 1 });
        assert_eq!(day.buckets.iter().map(|bucket| bucket.completed).sum::<u64>(), 3);
    }

    #[test]
    fn there_are_no_quantiles_of_nothing() {
        assert_eq!(Quantiles::of(Vec::new()), None);
        assert_eq!(Quantiles::of(vec![7]), Some(Quantiles { p50: 7, p95: 7 }));
        assert_eq!(Quantiles::of((1..=100).collect()), Some(Quantiles { p50: 50, p95: 95 }));
    }
}
