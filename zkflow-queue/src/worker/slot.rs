//! [`Slots`]: the number of jobs that a worker runs at once.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Jobs per slot that may write their results at the same time, beside the jobs that work. Their results are in memory.
const WRITING: usize = 8;

/// The slots of a worker.
pub(super) struct Slots {
    working: Arc<Semaphore>,
    writing: Arc<Semaphore>,
}

impl Slots {
    pub(super) fn new(concurrency: usize) -> Self {
        let slots = concurrency.max(1);
        let writing = slots.saturating_mul(WRITING).min(Semaphore::MAX_PERMITS);
        Self { working: Arc::new(Semaphore::new(slots)), writing: Arc::new(Semaphore::new(writing)) }
    }

    /// Waits for a free slot, then takes all free slots. `None` after the shutdown.
    pub(super) async fn take(&self, shutdown: &CancellationToken) -> Option<Vec<Arc<Slot>>> {
        let first = shutdown.run_until_cancelled(self.working.clone().acquire_owned()).await?.ok()?;
        let rest = std::iter::from_fn(|| self.working.clone().try_acquire_owned().ok());
        let slot =
            |permit| Arc::new(Slot { permit: Mutex::new(Some(permit)), writing: Arc::clone(&self.writing) });
        Some(std::iter::once(first).chain(rest).map(slot).collect())
    }
}

/// The slot of one job.
#[derive(Debug)]
pub(super) struct Slot {
    /// Of one of the two kinds; `None` when the job has ended.
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    writing: Arc<Semaphore>,
}

impl Slot {
    /// Frees the slot for another job, if fewer than [`WRITING`] jobs per slot write their results.
    pub(super) fn write(&self) {
        if let Ok(writing) = self.writing.clone().try_acquire_owned() {
            self.replace(Some(writing));
        }
    }

    /// The job has ended.
    pub(super) fn leave(&self) {
        self.replace(None);
    }

    fn replace(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}
