//! Processor time of work that threads share.
//!
//! A piece of work that runs on one thread, such as the calculation of a witness, has the clock of this thread. Other work runs on the
//! threads of a pool, together with further pieces. [`processor_time`] is a clock for both: it adds to the clock of the thread what
//! its work took of [`SharedTime`]s.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

mod clock;

use clock::ThreadClock;

thread_local! {
    /// The time of other threads that worked for this one.
    static OTHERS: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Processor time of this thread until now, and of others that worked for it: the parts of [`SharedTime`]s that ended, and what [`add_time`] added.
///
/// The difference of two readings on one thread is the cost of the work between them. Work of other threads is zero where the system
/// does not report the time of a thread.
///
/// ```
/// use zkflow_groth16::threads::{Threads, processor_time};
///
/// let threads = Threads::new(2, "work")?;
/// let before = processor_time();
/// let sum: u64 = threads.run(|| (0..1 << 20).map(std::hint::black_box).sum());
/// println!("{sum} in {:?}", processor_time() - before);
/// # Ok::<_, rayon::ThreadPoolBuildError>(())
/// ```
pub fn processor_time() -> Duration {
    clock::own_time() + OTHERS.get()
}

/// Adds the processor time of a process, or of another thread, that worked for this thread.
pub fn add_time(of_others: Duration) {
    OTHERS.set(OTHERS.get() + of_others);
}

/// Threads for work in parallel, with a clock.
#[derive(Debug)]
pub struct Threads {
    pool: ThreadPool,
    time: SharedTime,
}

impl Threads {
    /// Starts threads with the names `NAME-0`, `NAME-1`, ….
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn new(threads: usize, name: &'static str) -> Result<Self, ThreadPoolBuildError> {
        let clocks = Arc::<Mutex<Vec<ThreadClock>>>::default();
        let started = Arc::clone(&clocks);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |index| format!("{name}-{index}"))
            .start_handler(move |_| lock(&started).extend(ThreadClock::of_this_thread()))
            .build()?;
        Ok(Self { pool, time: SharedTime::new(move || lock(&clocks).iter().map(|clock| clock.time()).sum()) })
    }

    /// Runs `work` on the threads. Its part of their time is added to the [`processor_time`] of the caller.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let _part = self.time.part();
        self.pool.install(work)
    }
}

/// A growing processor time, such as that of the threads of a pool, in which several pieces of work share.
///
/// Pieces that run at the same time have equal parts, since no thread belongs to one piece. The parts together are the time that passes
/// while a piece runs: no time counts twice. Time in which no piece runs belongs to none.
pub struct SharedTime {
    read: Box<dyn Fn() -> Duration + Send + Sync>,
    division: Mutex<Division>,
}

impl SharedTime {
    /// The time that `read` returns. It must not decrease.
    pub fn new(read: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { read: Box::new(read), division: Mutex::default() }
    }

    /// The time of the threads of rayon's global pool, which start if they do not run yet.
    pub fn of_global_threads() -> Self {
        let clocks: Vec<_> =
            rayon::broadcast(|_| ThreadClock::of_this_thread()).into_iter().flatten().collect();
        Self::new(move || clocks.iter().map(|clock| clock.time()).sum())
    }

    /// Begins a piece of work of this thread. When the result is dropped, on this thread, the part of the piece is added to the
    /// [`processor_time`] of the thread.
    #[must_use]
    pub fn part(&self) -> Part<'_> {
        let mut division = lock(&self.division);
        let began = division.begin((self.read)());
        Part { time: self, began, of_this_thread: std::marker::PhantomData }
    }
}

impl std::fmt::Debug for SharedTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedTime").field("division", &self.division).finish_non_exhaustive()
    }
}

/// A piece of work that shares in a [`SharedTime`] until it is dropped.
#[derive(Debug)]
pub struct Part<'a> {
    time: &'a SharedTime,
    began: Begin,
    /// Makes the type `!Send`: the part is added to the thread that began it.
    of_this_thread: std::marker::PhantomData<*const ()>,
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        let part = {
            let mut division = lock(&self.time.division);
            division.end((self.time.read)(), self.began)
        };
        add_time(part);
    }
}

/// The reading of a [`Division`] at the start of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Begin(Duration);

/// Divides a growing time equally between the pieces that share it, in constant time for each begin and end.
#[derive(Debug, Default)]
struct Division {
    sharing: u32,
    /// The time when it was last divided.
    read: Duration,
    /// The part of a piece that runs from time zero.
    each: Duration,
}

impl Division {
    fn begin(&mut self, now: Duration) -> Begin {
        self.divide(now);
        self.sharing += 1;
        Begin(self.each)
    }

    /// The part of a piece that began at `began`.
    fn end(&mut self, now: Duration, Begin(began): Begin) -> Duration {
        self.divide(now);
        self.sharing = self.sharing.saturating_sub(1);
        self.each - began
    }

    fn divide(&mut self, now: Duration) {
        if let Some(part) = now.saturating_sub(self.read).checked_div(self.sharing) {
            self.each += part;
        }
        // A reading that failed, and is lower, must not count the time before it again.
        self.read = self.read.max(now);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    const WORK: Duration = Duration::from_millis(20);

    /// Uses processor time on this thread.
    fn spin(time: Duration) {
        let began = clock::own_time();
        while clock::own_time() < began + time {
            std::hint::spin_loop();
        }
    }

    fn cost(work: impl FnOnce()) -> Duration {
        let before = processor_time();
        work();
        processor_time() - before
    }

    #[test]
    fn pieces_share_the_time_in_which_they_run() {
        let at = Duration::from_secs;
        let mut division = Division::default();
        // Time before the first piece, and between pieces, belongs to none.
        let one = division.begin(at(100));
        let two = division.begin(at(110));
        let three = division.begin(at(112));
        assert_eq!(division.end(at(115), two), at(2));
        assert_eq!(division.end(at(115), one), at(10 + 1 + 1));
        assert_eq!(division.end(at(120), three), at(1 + 5));
        let four = division.begin(at(200));
        assert_eq!(division.end(at(201), four), at(1));
        // A reading that is too low counts nothing, and neither does the next one.
        let five = division.begin(at(0));
        assert_eq!(division.end(at(202), five), at(1));
    }

    #[test]
    fn work_costs_the_time_of_all_threads_that_do_it_and_of_no_others() {
        let threads = Threads::new(2, "test").unwrap();
        let both = cost(|| {
            threads.run(|| rayon::join(|| spin(WORK), || spin(WORK)));
        });
        assert!(both >= 2 * WORK, "{both:?}");
        // A thread of the process, and threads of another pool, that work meanwhile.
        let other = Threads::new(1, "other").unwrap();
        let met = Barrier::new(3);
        let long = || {
            met.wait();
            spin(20 * WORK);
        };
        let alone = std::thread::scope(|scope| {
            let beside = [scope.spawn(long), scope.spawn(|| other.run(long))];
            cost(|| {
                met.wait();
                threads.run(|| spin(WORK));
                beside.into_iter().for_each(|thread| thread.join().unwrap());
            })
        });
        assert!((WORK..20 * WORK).contains(&alone), "{alone:?}");
    }

    #[test]
    fn threads_of_the_global_pool_have_a_clock_too() {
        let time = SharedTime::of_global_threads();
        let spent = cost(|| {
            let _part = time.part();
            rayon::scope(|scope| scope.spawn(|_| spin(WORK)));
        });
        assert!(spent >= WORK, "{spent:?}");
    }

    #[test]
    fn work_that_panics_shares_no_more() {
        let threads = Threads::new(1, "test").unwrap();
        let panics =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| threads.run(|| panic!("a test"))));
        assert!(panics.is_err());
        assert_eq!(lock(&threads.time.division).sharing, 0);
    }
}
