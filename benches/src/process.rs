//! Measures wall time, processor time and memory of other processes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::Error;

/// Resources that a process used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub(super) wall: Duration,
    /// Processor time of all threads, in steps of 10 ms.
    pub(super) cpu: Duration,
    /// Peak resident set in bytes, including shared pages.
    pub(super) peak_bytes: u64,
}

/// Runs a process to its end. A non-zero exit code is an error.
pub(super) fn run(command: &mut Command) -> Result<Spent, Error> {
    let shown = format!("{command:?}");
    let failed = |error: std::io::Error| format!("{shown}: {error}");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let child = command.spawn().map_err(failed)?;
    let (wall, peak_bytes) = watch(&child, began).map_err(failed)?;
    // The process has ended but is not reaped yet, so its times can still be read.
    let cpu = cpu_time(child.id());
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        return Err(format!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(Spent { wall, cpu, peak_bytes })
}

/// Waits for the end and polls the peak memory, which is not available after the end.
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

/// Peak resident set (`VmHWM`) of a process in bytes.
fn high_water_mark(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// User and system time of a process, from fields 14 and 15 of `/proc/PID/stat`.
fn cpu_time(pid: u32) -> Duration {
    /// The tick that Linux shows to user space on every architecture.
    const TICK: Duration = Duration::from_millis(10);
    let ticks = || -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may contain any character.
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
