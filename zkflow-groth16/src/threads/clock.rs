//! [`ThreadClock`]: the processor time of a thread, for all threads of the process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this thread.
pub(super) fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    duration(time.tv_sec, time.tv_nsec)
}

/// The processor time of one thread. Any thread can read it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreadClock(#[cfg(target_os = "linux")] libc::clockid_t);

#[cfg(target_os = "linux")]
impl ThreadClock {
    /// The clock of the thread that calls.
    pub(super) fn of_this_thread() -> Option<Self> {
        let mut id = 0;
        // SAFETY: this thread runs, and `id` is valid for a write.
        let error = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut id) };
        (error == 0).then_some(Self(id))
    }

    /// Processor time of the thread until now. After its end: zero, or the time of a thread that has its number now.
    pub(super) fn time(self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is valid for a write. The clock of a thread that has ended is an error, which leaves `time` as it is.
        unsafe { libc::clock_gettime(self.0, &raw mut time) };
        duration(time.tv_sec, time.tv_nsec)
    }
}

#[cfg(not(target_os = "linux"))]
impl ThreadClock {
    /// The system has no clock of a thread for other threads.
    pub(super) fn of_this_thread() -> Option<Self> {
        None
    }

    pub(super) fn time(self) -> Duration {
        Duration::ZERO
    }
}

/// The types of the fields differ between systems.
fn duration(seconds: impl TryInto<u64>, nanoseconds: impl TryInto<u32>) -> Duration {
    Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0))
}
