//! Circuits kept in memory between proofs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::OnceCell;
use zkflow_core::circuit::LoadedCircuit;
use zkflow_core::digest::Digest;

/// Loaded circuits by the digest of their proving key, bounded in bytes; the one used longest ago
/// goes first.
#[derive(Debug)]
pub(super) struct CircuitCache {
    limit: u64,
    entries: Mutex<HashMap<Digest, Entry>>,
}

#[derive(Debug)]
struct Entry {
    cell: Arc<OnceCell<Arc<LoadedCircuit>>>,
    used: Instant,
}

impl CircuitCache {
    /// Keeps circuits up to about `limit` bytes, and always the one used last.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, entries: Mutex::default() }
    }

    /// The circuit with this key; `load` runs once, however many ask at the same time.
    ///
    /// # Errors
    /// Those of `load`; the next call tries again.
    pub(super) async fn get<E>(
        &self,
        key: Digest,
        load: impl AsyncFnOnce() -> Result<LoadedCircuit, E>,
    ) -> Result<Arc<LoadedCircuit>, E> {
        let cell = {
            let mut entries = self.lock();
            let entry =
                entries.entry(key).or_insert_with(|| Entry { cell: Arc::default(), used: Instant::now() });
            entry.used = Instant::now();
            Arc::clone(&entry.cell)
        };
        let circuit = cell.get_or_try_init(async || load().await.map(Arc::new)).await.cloned();
        self.shrink(&key);
        circuit
    }

    /// Drops what was used longest ago until the rest fits, and cells whose loading failed.
    fn shrink(&self, keep: &Digest) {
        let mut entries = self.lock();
        entries.retain(|_, entry| entry.cell.initialized() || Arc::strong_count(&entry.cell) > 1);
        let size = |entry: &Entry| entry.cell.get().map_or(0, |circuit| circuit.memory_bytes());
        let mut total: u64 = entries.values().map(size).sum();
        while total > self.limit {
            let oldest = entries
                .iter()
                .filter(|(key, entry)| *key != keep && entry.cell.initialized())
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, entry)| (*key, size(entry)));
            let Some((key, bytes)) = oldest else { return };
            entries.remove(&key);
            total -= bytes;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
