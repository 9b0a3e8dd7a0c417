//! Backends that forget everything with the process; for tests and for embedding.

mod catalog;
mod store;

pub use catalog::MemoryCatalog;
pub use store::MemoryStore;

use std::sync::{Mutex, MutexGuard};

/// Locks `mutex`. What these backends change under a lock is never left half done, so a panic of
/// another holder does no harm.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
