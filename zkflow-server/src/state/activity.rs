//! [`ActivityLog`]: throughput and latencies of proofs, from the history in the catalog.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zkflow_core::service::catalog::{
    Catalog, CatalogError, ProofRequest, ProofStatus, ProofTime, Slot, SlotLength, Status as _, Tally,
    kept_beside,
};
use zkflow_core::service::clock::Timestamp;

/// Age from which the history is read again.
const FRESH: Duration = Duration::from_secs(15);

/// Name of each window, its slots, and the number of its parts, shortest first.
const WINDOWS: [(&str, SlotLength, u32, usize); 3] = [
    ("hour", SlotLength::FiveMinutes, 12, 12),
    ("day", SlotLength::Hour, 24, 24),
    ("week", SlotLength::Hour, 7 * 24, 28),
];

type Slots = BTreeMap<Slot, Tally>;

/// Counts what ends in this process, and reads what ended in all.
///
/// Counts are added to the catalog by [`flush`](Self::flush), so that a proof causes no write of its own. A process that
/// is killed loses those since the last flush.
#[derive(Debug, Default)]
pub struct ActivityLog {
    /// Counts that are not in the catalog yet.
    pending: Mutex<Slots>,
    /// What the catalog contained. The lock is held while counts move there, so that none is missed or seen twice.
    stored: tokio::sync::Mutex<Option<(Instant, Slots)>>,
}

/// The proof requests that ended in a span of time before now. It begins with a whole slot, so it is up to a slot shorter
/// than its length.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// `hour`, `day` or `week`.
    pub name: &'static str,
    /// Length of the window.
    pub length: Duration,
    /// Completed requests.
    pub completed: u64,
    /// Failed requests.
    pub failed: u64,
    /// Time of completed requests that is in no stage: waiting for a worker, and loading the circuit.
    pub wait: Option<Quantiles>,
    /// Time of the stage `witness`.
    pub witness: Option<Quantiles>,
    /// Time of the stage `prove` without the verification.
    pub prove: Option<Quantiles>,
    /// Time of the verification.
    pub verify: Option<Quantiles>,
    /// Time from the request to the proof.
    pub total: Option<Quantiles>,
    /// Equal parts of the window, oldest first.
    pub buckets: Vec<Bucket>,
}

/// Half and 95 % of the values are at most this, in milliseconds; up to a tenth too large.
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
    /// Counts a request that has ended; pending and cancelled ones are ignored.
    pub fn record(&self, request: &ProofRequest) {
        let Some(tally) = tally(request) else { return };
        let mut pending = self.pending();
        for length in SlotLength::ALL {
            pending.entry(Slot::of(request.life.updated_at, length)).or_default().add(&tally);
        }
    }

    /// Adds the counts of this process to the catalog. If that fails, they are kept for the next time.
    ///
    /// # Errors
    /// The catalog fails. It may have added some counts, which are then added twice.
    pub async fn flush(&self, catalog: &dyn Catalog) -> Result<(), CatalogError> {
        let mut stored = self.stored.lock().await;
        let more: Vec<(Slot, Tally)> = std::mem::take(&mut *self.pending()).into_iter().collect();
        if more.is_empty() {
            return Ok(());
        }
        *stored = None;
        let added = catalog.history().add(&more).await;
        if added.is_err() {
            let oldest = kept_beside(&more);
            let mut pending = self.pending();
            for (slot, tally) in more {
                pending.entry(slot).or_default().add(&tally);
            }
            pending.retain(|slot, _| oldest.iter().all(|one| one.length != slot.length || slot >= one));
        }
        added
    }

    /// The last hour, day and week of all processes. Counts of this process are new, those of others up to
    /// 75 seconds old.
    ///
    /// # Errors
    /// The catalog fails.
    pub async fn read(&self, catalog: &dyn Catalog, now: Timestamp) -> Result<Vec<Window>, CatalogError> {
        let mut stored = self.stored.lock().await;
        if stored.as_ref().is_none_or(|(at, _)| at.elapsed() >= FRESH) {
            let mut slots = Slots::new();
            for length in SlotLength::ALL {
                slots.extend(catalog.history().since(Slot::of(now, length).oldest_kept()).await?);
            }
            *stored = Some((Instant::now(), slots));
        }
        let mut slots = stored.as_ref().map(|(_, slots)| slots.clone()).unwrap_or_default();
        for (slot, tally) in &*self.pending() {
            slots.entry(*slot).or_default().add(tally);
        }
        drop(stored);
        Ok(windows(&slots, now))
    }

    fn pending(&self) -> MutexGuard<'_, Slots> {
        // Every change is one addition.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` for pending and cancelled requests.
fn tally(request: &ProofRequest) -> Option<Tally> {
    let life = &request.life;
    let mut tally = Tally::default();
    match life.status {
        ProofStatus::FAILED => tally.failed = 1,
        ProofStatus::Completed => {
            tally.completed = 1;
            let total = u64::try_from(life.updated_at.since(life.created_at).as_millis()).unwrap_or(u64::MAX);
            let mut wait = total;
            for time in [ProofTime::Witness, ProofTime::Prove, ProofTime::Verify] {
                if let Some(taken) = life.timings.get(time.as_str()).copied() {
                    wait = wait.saturating_sub(taken);
                    tally.count(time, taken);
                }
            }
            tally.count(ProofTime::Wait, wait);
            tally.count(ProofTime::Total, total);
        }
        _ => return None,
    }
    Some(tally)
}

fn windows(slots: &Slots, now: Timestamp) -> Vec<Window> {
    WINDOWS.map(|(name, length, number, parts)| Window::of(name, (length, number), parts, slots, now)).into()
}

impl Window {
    fn of(
        name: &'static str,
        (length, number): (SlotLength, u32),
        parts: usize,
        slots: &Slots,
        now: Timestamp,
    ) -> Self {
        let first = Slot::of(now, length).earlier(number - 1);
        let (mut sum, mut buckets) = (Tally::default(), vec![Bucket::default(); parts]);
        for (slot, tally) in slots.range(first..).filter(|(slot, _)| slot.length == length) {
            sum.add(tally);
            // The clock of another process may be ahead.
            let place = ((slot.number - first.number) as usize * parts / number as usize).min(parts - 1);
            buckets[place].completed += tally.completed;
            buckets[place].failed += tally.failed;
        }
        let quantiles = |time| {
            let at = |percent| sum.quantile(time, percent);
            Some(Quantiles { p50: at(50)?, p95: at(95)? })
        };
        Self {
            name,
            length: length.duration() * number,
            completed: sum.completed,
            failed: sum.failed,
            wait: quantiles(ProofTime::Wait),
            witness: quantiles(ProofTime::Witness),
            prove: quantiles(ProofTime::Prove),
            verify: quantiles(ProofTime::Verify),
            total: quantiles(ProofTime::Total),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use zkflow_core::digest::Digest;
    use zkflow_core::id::CircuitId;
    use zkflow_core::service::catalog::{Document as _, Failure, ProofArtifacts, ProofStage};
    use zkflow_core::service::id::ProofId;
    use zkflow_store::memory::MemoryCatalog;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000)
    }

    /// A request that ended before now, after it took `total` milliseconds; it failed without.
    fn ended(ago: Duration, total: Option<u64>) -> ProofRequest {
        let end = now() - ago;
        let begin = end - Duration::from_millis(total.unwrap_or(5));
        let circuit = CircuitId::from_hash(&Digest::of("c"));
        let (id, keep) = (ProofId::generate(begin), Duration::from_secs(60));
        let mut request = ProofRequest::new(id, circuit, None, None, begin, keep);
        request.begin(1, begin).unwrap();
        if total.is_none() {
            let failure = Failure { code: "c".to_owned(), message: "m".to_owned() };
            request.fail(failure, end).unwrap();
            return request;
        }
        request.advance(ProofStage::Prove, Duration::from_millis(10), end).unwrap();
        let artifacts = ProofArtifacts {
            proof: serde_json::Value::Null,
            public_signals: Vec::new(),
            proving_key: Digest::of("k"),
            prover: "native".to_owned(),
        };
        request.verified_in(Duration::from_millis(2));
        request.complete(artifacts, Duration::from_millis(20), end).unwrap();
        request
    }

    #[test]
    fn a_window_counts_what_ended_in_it() {
        let log = ActivityLog::default();
        for (minutes, total) in
            [(0, Some(130)), (54, Some(230)), (61, Some(330)), (1, None), (26 * 60, Some(50))]
        {
            log.record(&ended(Duration::from_secs(60 * minutes), total));
        }
        let mut pending = ended(Duration::ZERO, None);
        pending.life.status = ProofStatus::PENDING;
        log.record(&pending);
        let windows = windows(&log.pending(), now());
        let [hour, day, week] = &windows[..] else { panic!("{windows:?}") };
        assert_eq!((hour.completed, hour.failed, hour.length), (2, 1, Duration::from_secs(3600)));
        assert_eq!((day.completed, day.failed), (3, 1));
        assert_eq!((week.completed, week.failed, week.buckets.len()), (4, 1, 28));
        let wait = hour.wait.unwrap();
        assert!((100..=110).contains(&wait.p50) && (200..=220).contains(&wait.p95), "{wait:?}");
        assert_eq!(hour.witness, Some(Quantiles { p50: 10, p95: 10 }));
        assert_eq!(hour.verify, Some(Quantiles { p50: 2, p95: 2 }));
        assert_eq!(hour.buckets.len(), 12);
        assert_eq!(hour.buckets[0], Bucket { completed: 1, failed: 0 });
        assert_eq!(hour.buckets[1], Bucket { completed: 0, failed: 0 });
        assert_eq!(hour.buckets[10], Bucket { completed: 0, failed: 1 });
        assert_eq!(hour.buckets[11], Bucket { completed: 1, failed: 0 });
    }

    #[tokio::test]
    async fn counts_of_all_processes_are_read_and_survive_a_restart() {
        let catalog = MemoryCatalog::new();
        let (one, other) = (ActivityLog::default(), ActivityLog::default());
        let completed = async |log: &ActivityLog| log.read(&catalog, now()).await.unwrap()[0].completed;
        one.record(&ended(Duration::ZERO, Some(7)));
        assert_eq!((completed(&one).await, completed(&other).await), (1, 0));
        one.flush(&catalog).await.unwrap();
        other.record(&ended(Duration::ZERO, Some(7)));
        other.flush(&catalog).await.unwrap();
        other.flush(&catalog).await.unwrap();
        other.record(&ended(Duration::ZERO, Some(7)));
        assert_eq!(completed(&other).await, 3);
        assert_eq!(completed(&ActivityLog::default()).await, 2);
    }
}
