//! Bounds concurrent verifications and caches prepared keys.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zkflow_core::digest::Digest;
use zkflow_core::service::tenant::TenantId;
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
    /// Allows `at_once` running verifications, and 32 times as many waiting ones, of which a tenant has at most `percent`.
    pub fn new(at_once: usize, percent: u64) -> Self {
        let turns = Turns::new(at_once, at_once.saturating_mul(WAITING)).with_share(percent);
        Self { turns, kept: Mutex::default() }
    }

    /// Waits for a turn of a tenant; `None` if too many verifications wait already, of all or of the tenant.
    pub async fn turn_of(&self, tenant: &TenantId) -> Option<Turn> {
        self.turns.turn_of(tenant).await
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
