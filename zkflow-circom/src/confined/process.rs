//! A running program: started with its limits, read without blocking, killed with its process group.

use std::fs::File;
use std::io::{self, PipeReader, Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getrlimit, kill_process_group, setrlimit, waitid,
};
use zkflow_groth16::threads::add_time;

use super::kernel::Confinement;
use super::{ConfinedCommand, ConfinedError, Finished, PATH, ProcessLimits};

/// Interval between two checks of a program that prints nothing.
const POLL: Duration = Duration::from_millis(20);
/// Maximum number of open files.
const OPEN_FILES: u64 = 256;
/// Maximum stack of the main thread in bytes, which no other limit counts.
const STACK: u64 = 64 << 20;

/// A running program; its process group is killed on drop.
pub(super) struct Running {
    child: Child,
    output: Stream,
    errors: Stream,
    wall: Duration,
    deadline: Instant,
    /// Whether the program has ended and its processor time is counted.
    counted: bool,
}

impl Running {
    pub(super) fn start(command: &ConfinedCommand, limits: &ProcessLimits) -> Result<Self, ConfinedError> {
        let deadline = Instant::now() + limits.wall;
        let (output, printed) = Stream::new(limits.printed_bytes)?;
        let (errors, reported) = Stream::new(limits.printed_bytes)?;
        let failed = |source| ConfinedError::Start { program: command.program.clone(), source };
        let mut confinement = Confinement::prepare(command).map_err(failed)?;
        let resources = resources(limits);
        let mut process = Command::new(&command.program);
        process
            .args(&command.arguments)
            .current_dir(&command.working_folder)
            .env_clear()
            .env("PATH", PATH)
            .stdin(input(&command.input)?)
            .stdout(printed)
            .stderr(reported)
            .process_group(0);
        let confine = move || {
            for (resource, bound) in resources {
                lower(resource, bound)?;
            }
            confinement.enter()
        };
        // SAFETY: between fork and exec the closure makes system calls only, on memory that was prepared before
        // the fork. It allocates nothing, takes no lock and does not unwind.
        unsafe { process.pre_exec(confine) };
        let child = process.spawn().map_err(failed)?;
        Ok(Self { child, output, errors, wall: limits.wall, deadline, counted: false })
    }

    /// Waits a moment and reads what the program printed. Returns its result if it has ended.
    pub(super) fn step(&mut self) -> Result<Option<Finished>, ConfinedError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        wait_for_any([&self.output, &self.errors], POLL.min(left))?;
        let ended = self.has_ended(WaitIdOptions::NOHANG)?.then(|| self.child.wait()).transpose()?;
        self.output.read()?;
        self.errors.read()?;
        if let Some(status) = ended {
            let [output, errors] = [&mut self.output, &mut self.errors].map(|stream| stream.take());
            return Ok(Some(Finished { status, output, errors }));
        }
        if left.is_zero() { Err(ConfinedError::Time(self.wall)) } else { Ok(None) }
    }

    /// Whether the program has ended. Its processor time is then counted for this thread, once: before its status is read, which
    /// is the end of its entry in the system.
    fn has_ended(&mut self, options: WaitIdOptions) -> io::Result<bool> {
        let pid = Pid::from_child(&self.child);
        let ended = self.counted
            || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | options)?.is_some();
        if ended && !std::mem::replace(&mut self.counted, true) {
            add_time(processor_time(pid));
        }
        Ok(ended)
    }
}

/// Processor time of a process and of its own that have ended, in steps of 10 ms; zero where the system does not report it.
fn processor_time(pid: Pid) -> Duration {
    /// The tick that Linux shows to programs on every architecture.
    const TICK_MS: u64 = 10;
    let ticks = || -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
        // The name, in parentheses, may contain any character. Fields 14 to 17: its user and system time, and those of its children.
        let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
        fields.map(|field| field.parse::<u64>().ok()).sum()
    };
    Duration::from_millis(ticks().unwrap_or(0).saturating_mul(TICK_MS))
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group may be gone already. A status that was read before is kept by `wait`.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.has_ended(WaitIdOptions::empty());
        let _ = self.child.wait();
    }
}

/// What a program prints: the end of a pipe, and the bytes read so far.
struct Stream {
    pipe: Option<PipeReader>,
    bytes: Vec<u8>,
    most: usize,
}

impl Stream {
    fn new(most: usize) -> io::Result<(Self, io::PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        Ok((Self { pipe: Some(reader), bytes: Vec::new(), most }, writer))
    }

    /// Reads what is in the pipe. Closes it at its end.
    fn read(&mut self) -> Result<(), ConfinedError> {
        let mut buffer = [0; 1 << 16];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => self.bytes.extend(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if self.bytes.len() > self.most {
                return Err(ConfinedError::Printed(self.most));
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// Waits until there is something to read, at most for `time`.
fn wait_for_any(streams: [&Stream; 2], time: Duration) -> io::Result<()> {
    let open = streams.into_iter().filter_map(|stream| stream.pipe.as_ref());
    let mut waiting: Vec<PollFd<'_>> = open.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
    // Expect safety: `time` is at most `POLL`.
    let time = Timespec::try_from(time).expect("a short time");
    match poll(&mut waiting, Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A file without a name, so that nothing has to feed a pipe.
fn input(bytes: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

fn resources(limits: &ProcessLimits) -> [(Resource, u64); 6] {
    let seconds = limits.wall.saturating_mul(2).as_secs() + 1;
    [
        (Resource::Data, limits.memory_bytes),
        (Resource::Stack, STACK),
        (Resource::Cpu, seconds),
        (Resource::Fsize, limits.written_bytes),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Core, 0),
    ]
}

/// Lowers a limit of this process to `bound`. A lower limit stays.
fn lower(resource: Resource, bound: u64) -> io::Result<()> {
    let before = getrlimit(resource);
    let lower = |limit: Option<u64>| Some(limit.map_or(bound, |limit| limit.min(bound)));
    Ok(setrlimit(resource, Rlimit { current: lower(before.current), maximum: lower(before.maximum) })?)
}
