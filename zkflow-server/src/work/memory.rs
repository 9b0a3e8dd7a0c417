//! [`Memory`]: the memory budget of all proofs of this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zkflow_core::prove::memory::of_machine;

/// Memory budget of proofs that run at the same time, in bytes.
#[derive(Debug)]
pub(super) struct Memory {
    budget: u64,
    taken: Mutex<u64>,
}

/// Reserved memory, released on drop.
#[derive(Debug)]
pub(super) struct Share {
    memory: Arc<Memory>,
    bytes: u64,
}

/// The memory of a proof exceeds what is left; sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the proof needs about {} MiB, but the limit for all proofs is {} MiB, of which {} MiB are in use",
    mebibytes(*.needed), mebibytes(*.budget), mebibytes(*.taken)
)]
pub(super) struct DoesNotFit {
    needed: u64,
    budget: u64,
    taken: u64,
}

impl Memory {
    /// `budget` is in bytes.
    pub(super) fn new(budget: u64) -> Arc<Self> {
        Arc::new(Self { budget, taken: Mutex::new(0) })
    }

    /// Reserves `bytes`, the peak memory of a proof.
    ///
    /// # Errors
    /// The rest of the budget, or the whole budget, is too small.
    pub(super) fn share(self: &Arc<Self>, bytes: u64) -> Result<Share, DoesNotFit> {
        let mut taken = self.lock();
        match taken.checked_add(bytes) {
            Some(total) if total <= self.budget => *taken = total,
            _ => return Err(DoesNotFit { needed: bytes, budget: self.budget, taken: *taken }),
        }
        Ok(Share { memory: Arc::clone(self), bytes })
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // A number is valid even after a panic under the lock.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        *self.memory.lock() -= self.bytes;
    }
}

/// Default budget: three quarters of the memory of the machine or of this process's control group,
/// whichever is smaller. `u64::MAX` if neither is known.
pub(super) fn most() -> u64 {
    of_machine().map_or(u64::MAX, |bytes| bytes / 4 * 3)
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1024 * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_that_does_not_fit_is_refused_until_another_is_over() {
        let memory = Memory::new(1000);
        let first = memory.share(492).unwrap();
        let second = memory.share(492).unwrap();
        let refused = memory.share(24).unwrap_err();
        assert_eq!(refused, DoesNotFit { needed: 24, budget: 1000, taken: 984 });
        drop(first);
        memory.share(24).unwrap();
        drop(second);
        assert_eq!(*memory.lock(), 0, "all memory is released");
    }

    #[test]
    fn a_proof_larger_than_the_budget_never_fits() {
        let memory = Memory::new(1000);
        assert_eq!(
            memory.share(1001).unwrap_err().to_string(),
            "the proof needs about 1 MiB, but the limit for all proofs is 1 MiB, of which 0 MiB are in use"
        );
        assert!(memory.share(u64::MAX).is_err());
        memory.share(1000).unwrap();
    }

    #[test]
    fn the_machine_says_how_much_it_has() {
        assert!(of_machine().unwrap() > 64 * 1024 * 1024);
    }
}
