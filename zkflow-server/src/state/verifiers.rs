//! Bounds concurrent verifications and caches prepared keys.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zkflow_core::digest::Digest;
use zkflow_core::verify::Verifier;

use super::turns::{Turn, Turns};

/// Waiting verifications per running one.
const WAITING: usize = 32;

/// Number of cached prepared keys.
const KEPT: usize = 64;

/// Turns for verifications, and prepared verification keys by the SHA-256 of their file.
#[derive(Debug)]
pub struct Verifiers {
    turns: Turns,
    /// Most recently used last.
    kept: Mutex<VecDeque<(Digest, Arc<Verifier>)>>,
}

impl Verifiers {
    /// Allows `at_once` running verifications, and 32 times as many waiting ones.
    pub fn new(at_once: usize) -> Self {
        Self { turns: Turns::new(at_once, at_once.saturating_mul(WAITING)), kept: Mutex::default() }
    }

    /// Waits for a turn; `None` if too many verifications wait already.
    pub async fn turn(&self) -> Option<Turn> {
        self.turns.turn().await
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
