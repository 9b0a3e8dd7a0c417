//! Other processes: how long they run, on how much processor time and memory.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::Error;

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub(super) wall: Duration,
    /// Of all its threads, in steps of 10 ms.
    pub(super) cpu: Duration,
    /// The largest resident set, shared pages included.
    pub(super) peak_bytes: u64,
}

/// Runs a process to its end.
pub(super) fn run(command: &mut Command) -> Result<Spent, Error> {
    let shown = format!("{command:?}");
    let failed = |error: std::io::Error| format!("{shown}: {error}");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let child = command.spawn().map_err(failed)?;
    let (wall, peak_bytes) = watch(&child, began).map_err(failed)?;
    // It has ended and was not waited for: its times can still be read.
    let cpu = cpu_time(child.id());
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        return Err(format!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(Spent { wall, cpu, peak_bytes })
}

/// Waits for the end, looking at the memory meanwhile: the mark is gone with the process.
fn watch(child: &Child, began: Instant) -> std::io::Result<(Duration, u64)> {
    let (ended, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let pid = Pid::from_child(child);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                peak.fetch_max(high_water_mark(child.id()).unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let waited = loop {
            match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other,
            }
        };
        let wall = began.elapsed();
        ended.store(true, Ordering::Relaxed);
        waited.map(|_| wall)
    })
    .map(|wall| (wall, peak.into_inner()))
    .map_err(std::io::Error::from)
}

/// `VmHWM` of a process, in bytes.
fn high_water_mark(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// User and system time of a process, from the 14th and 15th field of its `stat`.
fn cpu_time(pid: u32) -> Duration {
    /// What Linux counts in on every architecture that it shows to user space.
    const TICK: Duration = Duration::from_millis(10);
    let ticks = || -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        Some(fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?)
    };
    ticks().map_or(Duration::ZERO, |ticks| TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_timed_and_its_memory_seen() {
        let spent = run(Command::new("sleep").arg("0.05")).unwrap();
        assert!(spent.wall >= Duration::from_millis(50));
        assert!(spent.peak_bytes > 0);
    }

    #[test]
    fn a_failing_process_is_an_error_with_what_it_said() {
        let error = run(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("why") && error.contains('3'), "{error}");
        assert!(run(&mut Command::new("/no/such/program")).is_err());
    }
}
