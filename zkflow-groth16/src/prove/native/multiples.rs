//! Multiples of the points of a key, computed beside its proofs once the key has been used often enough.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::engine::Later;
use super::points::Points;
use super::pools::pool;

/// The points of a key with multiples, as soon as there are any. Clones share them.
#[derive(Clone)]
pub(super) struct Multiples {
    later: Option<Later>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    proofs: AtomicU32,
    points: OnceLock<Points>,
}

impl Multiples {
    pub(super) fn new(later: Option<Later>) -> Self {
        Self { later, state: Arc::default() }
    }

    /// The points with multiples if there are any, `plain` otherwise.
    pub(super) fn or<'a>(&'a self, plain: &'a Points) -> &'a Points {
        self.state.points.get().unwrap_or(plain)
    }

    /// Size in bytes of the points with multiples; 0 if there are none.
    pub(super) fn bytes(&self) -> usize {
        self.state.points.get().map_or(0, Points::bytes)
    }

    /// Counts a proof. The last one that is waited for starts a thread that computes the multiples of `plain`. If the
    /// thread cannot be started, the key stays without.
    pub(super) fn count(&self, plain: &Points) {
        let Some(Later { bytes, after }) = self.later else { return };
        // The count starts again after 2^32 proofs; `OnceLock` then keeps the points that it has.
        if self.state.proofs.fetch_add(1, Ordering::Relaxed).wrapping_add(1) != after.get() {
            return;
        }
        let (state, plain) = (Arc::clone(&self.state), plain.clone());
        let compute = move || {
            // A pool of one thread: the other processors make proofs.
            let Ok(pool) = pool(1) else { return };
            if let Some(points) = pool.run(|| plain.with_multiples(bytes)) {
                let _ = state.points.set(points);
            }
        };
        let _ = thread::Builder::new().name("multiples".to_owned()).spawn(compute);
    }
}
