//! [`CpuTime`]: the processor time of each piece of work.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use zkflow_core::service::catalog::Usage;

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

/// Divides the processor time of this process between the pieces of work that run at the same time.
///
/// # Behaviour
/// - No thread belongs to one piece: provers and setups share their threads. So pieces that run at the same time have equal parts
///   of the time of the whole process, which includes its answers to requests meanwhile.
/// - The parts together are the time of the process while a piece runs: no time counts twice.
/// - Builds also have equal parts of the time of tools that are processes of their own, such as a native circom, when these end.
/// - Time of a GPU is no processor time.
/// - Results are whole milliseconds. The rest is added to the next result of the stage, so that many short pieces lose nothing.
#[derive(Debug, Clone, Default)]
pub struct CpuTime(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    process: Division,
    tools: Division,
    rests: [Duration; STAGES],
}

impl CpuTime {
    /// Begins a piece of work.
    pub(crate) fn begin(&self, stage: CpuStage) -> Piece {
        let mut state = self.lock();
        let process = state.process.begin(process_time());
        let tools = (stage == CpuStage::Build).then(|| state.tools.begin(ended_children_time()));
        drop(state);
        Piece { all: self.clone(), stage, began: Some((process, tools)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of work that runs until [`end`](Self::end), or until it is dropped.
#[derive(Debug)]
pub(crate) struct Piece {
    all: CpuTime,
    stage: CpuStage,
    /// `None`: it has ended.
    began: Option<(Begin, Option<Begin>)>,
}

impl Piece {
    /// Ends the piece and returns its processor time.
    pub(crate) fn end(mut self) -> Usage {
        self.stop()
    }

    fn stop(&mut self) -> Usage {
        let Some((process, tools)) = self.began.take() else { return Usage::default() };
        let mut state = self.all.lock();
        let own = state.process.end(process_time(), process);
        let own = own + tools.map_or(Duration::ZERO, |began| state.tools.end(ended_children_time(), began));
        self.stage.usage(whole_ms(&mut state.rests[self.stage as usize], own))
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The reading of a [`Division`] at the begin of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Begin(Duration);

/// Divides a growing time equally between those that share it, in constant time for each begin and end.
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
        self.read = now;
    }
}

/// Whole milliseconds of `time` and the rest of earlier times. Keeps the new rest.
fn whole_ms(rest: &mut Duration, time: Duration) -> u64 {
    let time = time + *rest;
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    *rest = time - Duration::from_millis(ms);
    ms
}

/// Processor time of all threads of this process.
fn process_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}

/// Processor time of the child processes that have ended, in steps of 10 ms; zero where the system does not tell.
fn ended_children_time() -> Duration {
    /// The tick that Linux shows to programs on every architecture.
    const TICK: Duration = Duration::from_millis(10);
    let ticks = || -> Option<u32> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name, in parentheses, may contain any character. Fields 16 and 17: user and system time.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
        fields.next()?.parse::<u32>().ok()?.checked_add(fields.next()?.parse().ok()?)
    };
    TICK * ticks().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }

    #[test]
    fn many_short_pieces_lose_nothing() {
        let mut rest = Duration::ZERO;
        let counted: u64 = (0..1000).map(|_| whole_ms(&mut rest, Duration::from_micros(300))).sum();
        assert_eq!((counted, rest), (300, Duration::ZERO));
    }

    #[test]
    fn work_has_its_time_and_an_aborted_piece_shares_no_more() {
        let cpu = CpuTime::default();
        drop(cpu.begin(CpuStage::Proving));
        let piece = cpu.begin(CpuStage::Witness);
        assert_eq!(cpu.lock().process.sharing, 1);
        let began = process_time();
        while process_time() < began + Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        let used = piece.end();
        assert!(used.witness_cpu_ms >= 5 && used.proving_cpu_ms == 0 && used.build_cpu_ms == 0, "{used:?}");
        assert_eq!(cpu.lock().process.sharing, 0);
    }
}
