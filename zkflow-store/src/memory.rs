//! Backends in memory, whose data ends with the process; for tests and embedding.

mod catalog;
mod store;

pub use catalog::MemoryCatalog;
pub use store::MemoryStore;

use std::sync::{Mutex, MutexGuard};

/// Locks `mutex`, even if it is poisoned: these backends never leave a change half done under a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
