//! Backends in memory, for tests and embedding. The data is lost when the process ends.

mod catalog;
mod sessions;
mod store;
mod watch;

pub use catalog::MemoryCatalog;
pub use store::MemoryStore;

use std::sync::{Mutex, MutexGuard};

/// Locks `mutex`, even if it is poisoned: no change is half done when the lock is released.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
