//! Verification within bounds: of the processor, and of the keys kept in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zkflow_core::digest::Digest;
use zkflow_core::verify::Verifier;

/// How many may wait for each that runs.
const WAITING: usize = 32;

/// How many prepared keys are kept.
const KEPT: usize = 64;

/// Turns for verifications, and prepared verification keys by their digest.
#[derive(Debug)]
pub struct Verifiers {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// The one used last stands last.
    kept: Mutex<VecDeque<(Digest, Arc<Verifier>)>>,
}

/// The right to verify, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _permits: [OwnedSemaphorePermit; 2],
}

impl Verifiers {
    /// `at_once` verifications run at the same time, and 32 times as many wait.
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.clamp(1, 1024);
        Self {
            places: Arc::new(Semaphore::new(at_once * (1 + WAITING))),
            running: Arc::new(Semaphore::new(at_once)),
            kept: Mutex::default(),
        }
    }

    /// Waits for a turn; `None` if too many wait already.
    pub async fn turn(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let run = Arc::clone(&self.running).acquire_owned().await.ok()?;
        Some(Turn { _permits: [place, run] })
    }

    /// The prepared key with this digest, if it is kept.
    pub fn get(&self, key: &Digest) -> Option<Arc<Verifier>> {
        let mut kept = self.lock();
        let found = kept.iter().position(|(digest, _)| digest == key)?;
        let entry = kept.remove(found)?;
        let verifier = Arc::clone(&entry.1);
        kept.push_back(entry);
        Some(verifier)
    }

    /// Keeps a prepared key instead of the one used longest ago.
    pub fn keep(&self, key: Digest, verifier: Arc<Verifier>) {
        let mut kept = self.lock();
        kept.retain(|(digest, _)| *digest != key);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((key, verifier));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Digest, Arc<Verifier>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn turns_are_bounded_and_so_is_the_wait_for_them() {
        let verifiers = Verifiers::new(1);
        let turn = verifiers.turn().await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(verifiers.turn())).collect();
        assert!(waiting.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
        assert!(verifiers.turn().await.is_none());
        drop(turn);
        assert!(waiting.remove(0).await.is_some());
    }
}
