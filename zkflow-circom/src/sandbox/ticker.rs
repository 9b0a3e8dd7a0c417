//! The thread that makes guests check the time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::Engine;

use super::lock;

/// Interval at which running guests check the time.
const TICK: Duration = Duration::from_millis(10);

/// A thread that advances the engine's epoch while guests run and sleeps otherwise. Stops on drop.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    stopped: bool,
}

impl Ticker {
    pub(super) fn new(engine: Engine) -> Self {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || theirs.tick(&engine));
        Self { shared, thread: Some(thread) }
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Arc<impl Sized + use<>> {
        &self.shared
    }

    /// Ticks until the returned guard is dropped.
    pub(super) fn run(&self) -> Ticking<'_> {
        lock(&self.shared.state).running += 1;
        self.shared.changed.notify_all();
        Ticking(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        lock(&self.shared.state).stopped = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // The thread does not panic.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn tick(&self, engine: &Engine) {
        let mut state = lock(&self.state);
        while !state.stopped {
            state = if state.running == 0 {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                engine.increment_epoch();
                self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }
}

/// Guard of a running guest: the ticker ticks until it is dropped.
pub(super) struct Ticking<'a>(&'a Shared);

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).running -= 1;
    }
}
