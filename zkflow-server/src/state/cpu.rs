//! [`CpuTime`]: the processor time of each piece of work.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use zkflow_core::service::catalog::Usage;
use zkflow_core::threads::{SharedTime, processor_time};

/// A stage whose processor time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CpuStage {
    /// Calculation of a witness.
    Witness,
    /// A proof, and its check.
    Proving,
    /// Compilation and keys of a circuit, or the checks of an import.
    Build,
}

const STAGES: usize = 3;

impl CpuStage {
    fn usage(self, ms: u64) -> Usage {
        match self {
            Self::Witness => Usage { witness_cpu_ms: ms, ..Usage::default() },
            Self::Proving => Usage { proving_cpu_ms: ms, ..Usage::default() },
            Self::Build => Usage { build_cpu_ms: ms, ..Usage::default() },
        }
    }
}

/// Counts the processor time of pieces of work.
///
/// # Behaviour
/// - A piece has the time of the thread that it runs on, and the time that a prover's threads work for it. Requests, and pieces of
///   other stages, add nothing.
/// - A proof has the time of its own threads: one, or all of the prover if it began alone.
/// - Builds that run at the same time have equal parts of the time of rayon's global threads, which make keys. A build has the time of
///   its own tools, such as a native circom.
/// - Two parts of a witness run on rayon's global threads: the translation of a module, and the check of more than a thousand constraints.
///   They count for a build that runs at the same time, or for none.
/// - Time of a GPU is no processor time.
/// - Results are whole milliseconds. The rest is added to the next result of the stage, so that many short pieces lose nothing.
#[derive(Debug, Clone, Default)]
pub struct CpuTime(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Empty until the first build, since its reading starts the threads.
    global_threads: OnceLock<SharedTime>,
    rests: Mutex<[Duration; STAGES]>,
}

impl CpuTime {
    /// Runs `work` on this thread and adds its processor time to `used`, also if it panics.
    pub(crate) fn count<T>(&self, stage: CpuStage, used: &Mutex<Usage>, work: impl FnOnce() -> T) -> T {
        let Self(state) = self;
        // Dropped last: the part ends before.
        let _piece = Piece { state, stage, used, began: processor_time() };
        let _part = (stage == CpuStage::Build)
            .then(|| state.global_threads.get_or_init(SharedTime::of_global_threads).part());
        work()
    }
}

/// A piece of work of this thread. Its time is counted when it is dropped.
struct Piece<'a> {
    state: &'a State,
    stage: CpuStage,
    used: &'a Mutex<Usage>,
    began: Duration,
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        let own = processor_time().saturating_sub(self.began);
        let ms = whole_ms(&mut lock(&self.state.rests)[self.stage as usize], own);
        lock(self.used).add(&self.stage.usage(ms));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whole milliseconds of `time` and the rest of earlier times. Keeps the new rest.
fn whole_ms(rest: &mut Duration, time: Duration) -> u64 {
    let time = time + *rest;
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    *rest = time - Duration::from_millis(ms);
    ms
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses 5 ms of processor time on this thread.
    fn spin() {
        let began = processor_time();
        while processor_time() < began + Duration::from_millis(5) {
            std::hint::spin_loop();
        }
    }

    fn used(cpu: &CpuTime, stage: CpuStage, work: impl FnOnce()) -> Usage {
        let used = Mutex::default();
        cpu.count(stage, &used, work);
        used.into_inner().unwrap()
    }

    #[test]
    fn many_short_pieces_lose_nothing() {
        let mut rest = Duration::ZERO;
        let counted: u64 = (0..1000).map(|_| whole_ms(&mut rest, Duration::from_micros(300))).sum();
        assert_eq!((counted, rest), (300, Duration::ZERO));
    }

    #[test]
    fn work_has_its_own_time_in_its_own_stage() {
        let cpu = CpuTime::default();
        let witness = used(&cpu, CpuStage::Witness, || {
            // Other work of the process.
            std::thread::scope(|scope| {
                for _ in 0..20 {
                    scope.spawn(spin);
                }
            });
            spin();
        });
        assert!((5..50).contains(&witness.witness_cpu_ms), "{witness:?}");
        assert_eq!((witness.proving_cpu_ms, witness.build_cpu_ms), (0, 0));
    }

    #[test]
    fn a_build_has_the_time_of_the_threads_that_make_keys() {
        let cpu = CpuTime::default();
        let built = used(&cpu, CpuStage::Build, || rayon::scope(|scope| scope.spawn(|_| spin())));
        assert!(built.build_cpu_ms >= 5, "{built:?}");
    }

    #[test]
    fn work_that_panics_is_counted() {
        let (cpu, used) = (CpuTime::default(), Mutex::default());
        let panics = || {
            cpu.count(CpuStage::Proving, &used, || {
                spin();
                panic!("a test");
            });
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        assert!(lock(&used).proving_cpu_ms >= 5);
    }
}
