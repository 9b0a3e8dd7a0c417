//! Thread pools of a prover.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::prove::ProveError;
use crate::threads::Threads;

/// Sharing of a prover's threads between proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Parallelism {
    /// Each proof uses all threads: shortest time from witness to proof.
    Latency,
    /// Each proof uses one thread: most proofs per hour, because threads do not wait for each other.
    Throughput,
    /// A proof uses all threads if no other proof is running or [announced](crate::prove::Prover::announce)
    /// when it starts; otherwise it uses one.
    #[default]
    Adaptive,
}

/// One pool with all threads, and pools with a single thread; all are created once.
#[derive(Debug)]
pub(super) struct Pools {
    parallelism: Parallelism,
    wide: Threads,
    /// The idle single-threaded pools.
    narrow: Mutex<Vec<Threads>>,
    running: AtomicUsize,
    /// Number of further proofs announced.
    announced: AtomicUsize,
}

impl Pools {
    pub(super) fn new(threads: usize, parallelism: Parallelism) -> Result<Self, ProveError> {
        let single = match parallelism {
            Parallelism::Latency => 0,
            Parallelism::Throughput | Parallelism::Adaptive => threads,
        };
        Ok(Self {
            parallelism,
            wide: pool(threads)?,
            narrow: Mutex::new((0..single).map(|_| pool(1)).collect::<Result<_, _>>()?),
            running: AtomicUsize::new(0),
            announced: AtomicUsize::new(0),
        })
    }

    /// See [`Prover::announce`](crate::prove::Prover::announce).
    pub(super) fn announce(&self, proofs: usize) {
        self.announced.store(proofs, Ordering::Relaxed);
    }

    /// Runs `work` on all threads.
    pub(super) fn wide<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.wide.run(work)
    }

    /// Runs a proof on all threads or on one, depending on [`Parallelism`] and load.
    pub(super) fn proof<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let running = Running::one_more(&self.running);
        let alone = running.before + self.announced.load(Ordering::Relaxed) == 0;
        let narrow = match self.parallelism {
            Parallelism::Latency => None,
            Parallelism::Adaptive if alone => None,
            // With more proofs than threads, a proof gets a thread of its own: it must not wait for the tasks of another one.
            Parallelism::Throughput | Parallelism::Adaptive => self.free().pop().or_else(|| pool(1).ok()),
        };
        match narrow {
            Some(pool) => {
                let pool = Borrowed { pool: Some(pool), home: &self.narrow };
                pool.run(work)
            }
            None => self.wide.run(work),
        }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Threads>> {
        self.narrow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a proof while it runs, also if it panics.
struct Running<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Running<'a> {
    fn one_more(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A single-threaded pool; returned when the proof ends, also if it panics.
struct Borrowed<'a> {
    pool: Option<Threads>,
    home: &'a Mutex<Vec<Threads>>,
}

impl Borrowed<'_> {
    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.as_ref().expect("the pool is taken out only on drop").run(work)
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut free = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.pool.take());
    }
}

/// A pool with this number of threads.
pub(super) fn pool(threads: usize) -> Result<Threads, ProveError> {
    Threads::new(threads, "prove").map_err(|error| ProveError::Threads(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn width(pools: &Pools) -> usize {
        pools.proof(rayon::current_num_threads)
    }

    #[test]
    fn a_proof_alone_gets_all_threads_and_one_beside_it_a_single_one() {
        let pools = Pools::new(3, Parallelism::Adaptive).unwrap();
        assert_eq!(width(&pools), 3);
        let (begun, done) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                pools.proof(|| {
                    begun.wait();
                    done.wait();
                });
            });
            begun.wait();
            assert_eq!(width(&pools), 1);
            done.wait();
        });
        assert_eq!(width(&pools), 3, "the first proof is no longer counted");
    }

    #[test]
    fn a_proof_alone_gets_a_single_thread_while_others_are_announced() {
        let pools = Pools::new(3, Parallelism::Adaptive).unwrap();
        pools.announce(2);
        assert_eq!(width(&pools), 1);
        pools.announce(0);
        assert_eq!(width(&pools), 3);
    }

    #[test]
    fn the_setting_decides_how_wide_a_proof_is() {
        assert_eq!(width(&Pools::new(2, Parallelism::Latency).unwrap()), 2);
        assert_eq!(width(&Pools::new(2, Parallelism::Throughput).unwrap()), 1);
    }

    #[test]
    fn a_thread_comes_back_from_a_proof_that_panicked() {
        let pools = Pools::new(1, Parallelism::Throughput).unwrap();
        for _ in 0..3 {
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pools.proof(|| std::panic::resume_unwind(Box::new("stop")));
            }));
            assert!(panicked.is_err());
        }
        assert_eq!(pools.free().len(), 1);
        assert_eq!(pools.running.load(Ordering::Relaxed), 0);
    }
}
