//! [`Slots`]: the number of jobs that a worker runs at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::crowd::Crowd;

/// Jobs per slot that may write their results at the same time, beside the jobs that work. Their results are in memory.
const WRITING: usize = 8;

/// The slots of a worker.
pub(super) struct Slots {
    working: Arc<Semaphore>,
    writing: Arc<Semaphore>,
    /// For the one slot that is kept for the jobs of some users; no permits if there is one slot only.
    kept: Arc<Semaphore>,
}

impl Slots {
    pub(super) fn new(concurrency: usize) -> Self {
        let slots = concurrency.max(1);
        let writing = slots.saturating_mul(WRITING).min(Semaphore::MAX_PERMITS);
        let [working, writing, kept] =
            [slots, writing, usize::from(slots > 1)].map(|permits| Arc::new(Semaphore::new(permits)));
        Self { working, writing, kept }
    }

    /// Waits for a free slot, then takes all free slots. `None` after the shutdown. While several users are active, a job keeps
    /// its slot until its result is written: the processor time of a user's jobs is then that of its slots.
    pub(super) async fn take(&self, crowd: &Crowd, shutdown: &CancellationToken) -> Option<Vec<Arc<Slot>>> {
        let first = shutdown.run_until_cancelled(self.working.clone().acquire_owned()).await?.ok()?;
        let crowded = crowd.busiest_of_several(Instant::now()).is_some();
        let rest = std::iter::from_fn(|| self.working.clone().try_acquire_owned().ok());
        let slot = |working| {
            let held = Held { _place: working, kept: None };
            let writing = (!crowded).then(|| Arc::clone(&self.writing));
            Arc::new(Slot { held: Mutex::new(Some(held)), writing })
        };
        Some(std::iter::once(first).chain(rest).map(slot).collect())
    }

    /// Takes one of the slots as the one that is kept for the jobs of some users, unless one is kept already.
    pub(super) fn keep(&self, free: &mut Vec<Arc<Slot>>) -> Option<Arc<Slot>> {
        let kept = self.kept.clone().try_acquire_owned().ok()?;
        let slot = free.pop()?;
        if let Some(held) = slot.held().as_mut() {
            held.kept = Some(kept);
        }
        Some(slot)
    }
}

/// The slot of one job.
#[derive(Debug)]
pub(super) struct Slot {
    /// `None` when the job has ended.
    held: Mutex<Option<Held>>,
    /// `None`: the job keeps its slot while it writes.
    writing: Option<Arc<Semaphore>>,
}

/// Permits of a job. They return when this is dropped.
#[derive(Debug)]
struct Held {
    /// To work or to write.
    _place: OwnedSemaphorePermit,
    /// Of the slot that is kept.
    kept: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// Frees the slot for another job, if fewer than [`WRITING`] jobs per slot write their results.
    pub(super) fn write(&self) {
        if let Some(writing) = &self.writing
            && let Ok(writing) = writing.clone().try_acquire_owned()
        {
            *self.held() = Some(Held { _place: writing, kept: None });
        }
    }

    /// The job has ended.
    pub(super) fn leave(&self) {
        *self.held() = None;
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
