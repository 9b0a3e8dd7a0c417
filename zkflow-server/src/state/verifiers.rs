//! Bounds concurrent verifications and caches prepared keys.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zkflow_core::digest::Digest;
use zkflow_core::verify::Verifier;

/// Waiting verifications per running one.
const WAITING: usize = 32;

/// Number of cached prepared keys.
const KEPT: usize = 64;

/// Turns for verifications, and prepared verification keys by the SHA-256 of their file.
#[derive(Debug)]
pub struct Verifiers {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// Most recently used last.
    kept: Mutex<VecDeque<(Digest, Arc<Verifier>)>>,
}

/// Permission to verify, until dropped.
#[derive(Debug)]
pub struct Turn {
    _permits: [OwnedSemaphorePermit; 2],
}

impl Verifiers {
    /// Allows `at_once` running verifications, and 32 times as many waiting ones.
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.clamp(1, 1024);
        Self {
            places: Arc::new(Semaphore::new(at_once * (1 + WAITING))),
            running: Arc::new(Semaphore::new(at_once)),
            kept: Mutex::default(),
        }
    }

    /// Waits for a turn; `None` if too many verifications wait already.
    pub async fn turn(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let run = Arc::clone(&self.running).acquire_owned().await.ok()?;
        Some(Turn { _permits: [place, run] })
    }

    /// The prepared key with this digest, if cached.
    pub fn get(&self, key: &Digest) -> Option<Arc<Verifier>> {
        let mut kept = self.lock();
        let found = kept.iter().position(|(digest, _)| digest == key)?;
        let entry = kept.remove(found)?;
        let verifier = Arc::clone(&entry.1);
        kept.push_back(entry);
        Some(verifier)
    }

    /// Caches a prepared key; evicts the least recently used one if the cache is full.
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
