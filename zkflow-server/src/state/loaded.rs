//! What a process keeps to be quick: [`LoadedCircuits`], and folders.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::OnceCell;
use zkflow_core::circuit::LoadedCircuit;
use zkflow_core::digest::Digest;

/// Loaded circuits by the digest of their files. The size in bytes is bounded; the least recently
/// used circuit is evicted first.
#[derive(Debug)]
pub struct LoadedCircuits {
    limit: u64,
    entries: Mutex<HashMap<Digest, Entry>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Folders of data that can be computed or fetched again. `None`: not cached on disk.
#[derive(Debug, Clone)]
pub struct CacheFolders {
    /// Artifacts of the bucket.
    pub artifacts: Option<PathBuf>,
    /// Translated modules of circuits.
    pub modules: Option<PathBuf>,
    /// Prepared proving keys.
    pub keys: Option<PathBuf>,
}

/// Use of [`LoadedCircuits`] since the start of the process.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct CircuitUse {
    pub bytes: u64,
    pub limit: u64,
    pub hits: u64,
    pub misses: u64,
}

#[derive(Debug)]
struct Entry {
    cell: Arc<OnceCell<Arc<LoadedCircuit>>>,
    used: Instant,
}

impl Entry {
    /// Memory of the circuit; zero while it is loaded.
    fn bytes(&self) -> u64 {
        self.cell.get().map_or(0, |circuit| circuit.memory_bytes())
    }
}

impl LoadedCircuits {
    /// `limit` is in bytes and approximate; the most recently used circuit always stays.
    pub fn new(limit: u64) -> Self {
        Self { limit, entries: Mutex::default(), hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// Memory of the loaded circuits, and how often a circuit was there.
    pub fn usage(&self) -> CircuitUse {
        CircuitUse {
            bytes: self.lock().values().map(Entry::bytes).sum(),
            limit: self.limit,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// Returns the circuit with these files; concurrent calls share one `load`.
    ///
    /// # Errors
    /// See `load`; the next call tries again.
    pub async fn get<E>(
        &self,
        files: Digest,
        load: impl AsyncFnOnce() -> Result<LoadedCircuit, E>,
    ) -> Result<Arc<LoadedCircuit>, E> {
        let cell = {
            let mut entries = self.lock();
            let entry =
                entries.entry(files).or_insert_with(|| Entry { cell: Arc::default(), used: Instant::now() });
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
        if loaded { &self.misses } else { &self.hits }.fetch_add(1, Ordering::Relaxed);
        self.shrink(&files);
        circuit
    }

    /// Evicts the least recently used circuits until the rest fits, and drops failed loads.
    fn shrink(&self, keep: &Digest) {
        let mut entries = self.lock();
        entries.retain(|_, entry| entry.cell.initialized() || Arc::strong_count(&entry.cell) > 1);
        let mut total: u64 = entries.values().map(Entry::bytes).sum();
        while total > self.limit {
            let oldest = entries
                .iter()
                .filter(|(files, entry)| *files != keep && entry.cell.initialized())
                .min_by_key(|(_, entry)| entry.used)
                .map(|(files, entry)| (*files, entry.bytes()));
            let Some((files, bytes)) = oldest else { return };
            entries.remove(&files);
            total -= bytes;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
