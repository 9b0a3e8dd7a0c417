//! Cache of loaded circuits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::OnceCell;
use zkflow_core::circuit::LoadedCircuit;
use zkflow_core::digest::Digest;

use crate::telemetry::circuit_used;

/// Loaded circuits by the digest of their proving key. The size in bytes is bounded; the least recently
/// used circuit is evicted first.
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
    /// `limit` is in bytes and approximate; the most recently used circuit always stays.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, entries: Mutex::default() }
    }

    /// Returns the circuit with this key; concurrent calls share one `load`.
    ///
    /// # Errors
    /// See `load`; the next call tries again.
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
        let mut loaded = false;
        let circuit = cell
            .get_or_try_init(async || {
                loaded = true;
                load().await.map(Arc::new)
            })
            .await
            .cloned();
        circuit_used(loaded);
        self.shrink(&key);
        circuit
    }

    /// Evicts the least recently used circuits until the rest fits, and drops failed loads.
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
