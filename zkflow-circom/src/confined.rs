//! Native programs under limits: the circom and solc of the machine.
//!
//! | what | limit | enforced by |
//! |---|---|---|
//! | time | [`ProcessLimits::wall`] | this process, which kills the process group |
//! | memory, processor time, size of a file, open files | [`ProcessLimits`] | `setrlimit` |
//! | bytes printed, bytes and number of files | [`ProcessLimits`] | this process |
//! | environment | `PATH` | |
//! | files | reads the system's programs and libraries, itself and [named folders](ConfinedCommand::reads); writes [one folder](ConfinedCommand::writes) | landlock |
//! | network, further processes, signals to others, debugging, memory that `setrlimit` does not count | none | seccomp, landlock |
//!
//! All limits are set between fork and exec. The last two rows need Linux; [`Kernel`] is what this machine has.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(not(target_os = "linux"))]
#[path = "confined/no_kernel.rs"]
mod kernel;
mod process;

pub use kernel::Kernel;

use process::Running;

/// Folders in which programs are searched, and the only variable of the environment.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Maximum number of files and folders below the folder that a program writes.
const MAX_FILES: usize = 1000;

/// Limits of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Wall-clock time. All threads together may use twice as much processor time.
    pub wall: Duration,
    /// Writable memory in bytes, without files. Reserved addresses do not count: Node.js reserves many.
    pub memory_bytes: u64,
    /// Bytes of all files that the program writes.
    pub written_bytes: u64,
    /// Bytes of standard output and standard error, each.
    pub printed_bytes: usize,
}

/// A program to run under limits; see the [module](self).
#[derive(Debug, Clone)]
pub struct ConfinedCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    working_folder: PathBuf,
    reads: Vec<PathBuf>,
    writes: Option<PathBuf>,
    input: Vec<u8>,
    kernel: Kernel,
}

/// A program that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub errors: Vec<u8>,
}

/// A program did not end by itself, or did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfinedError {
    /// The program is not found, or cannot be started.
    #[error("cannot start {}: {source}", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The program was killed at its limit on time.
    #[error("the program reached its limit of {} s", .0.as_secs_f64())]
    Time(Duration),
    /// The program was killed at its limit on printed bytes.
    #[error("the program reached its limit of {0} bytes of printed output")]
    Printed(usize),
    /// The program was killed at its limit on files.
    #[error("the program reached its limit of {0} bytes of output, or of {MAX_FILES} files")]
    Written(u64),
    /// A pipe, or the folder that the program writes, cannot be read.
    #[error("cannot read what the program writes: {0}")]
    Io(#[from] io::Error),
}

impl ConfinedCommand {
    /// Runs `program`: a path, or a name that is searched in the system's folders and in the absolute folders of
    /// `PATH`.
    ///
    /// # Errors
    /// [`ConfinedError::Start`] if there is no such file.
    pub fn new(program: impl AsRef<Path>) -> Result<Self, ConfinedError> {
        let program = program.as_ref();
        let found =
            find(program).map_err(|source| ConfinedError::Start { program: program.to_owned(), source })?;
        Ok(Self {
            program: found,
            arguments: Vec::new(),
            working_folder: PathBuf::from("/"),
            reads: Vec::new(),
            writes: None,
            input: Vec::new(),
            kernel: Kernel::current(),
        })
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Working folder; default: `/`. It can only be read if it is also [named](Self::reads).
    #[must_use]
    pub fn working_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.working_folder = folder.into();
        self
    }

    /// Allows reading below a folder.
    #[must_use]
    pub fn reads(mut self, folder: impl Into<PathBuf>) -> Self {
        self.reads.push(folder.into());
        self
    }

    /// Allows reading and writing below a folder. The folder must be empty before the run: all files below it count
    /// towards the limits.
    #[must_use]
    pub fn writes(mut self, folder: impl Into<PathBuf>) -> Self {
        self.writes = Some(folder.into());
        self
    }

    /// Standard input; default: empty.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// As on a kernel that can do no more than this.
    #[cfg(test)]
    fn on(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// Runs the program and waits for its end. Blocks.
    ///
    /// # Errors
    /// The program does not start, or reaches a limit. It is killed then, with its process group.
    pub fn run(&self, limits: &ProcessLimits) -> Result<Finished, ConfinedError> {
        let mut running = Running::start(self, limits)?;
        let finished = loop {
            let ended = running.step()?;
            if let Some(folder) = &self.writes {
                within(folder, limits.written_bytes)?;
            }
            if let Some(finished) = ended {
                break finished;
            }
        };
        match finished.status.signal() {
            Some(signal) if signal == rustix::process::Signal::XCPU.as_raw() => {
                Err(ConfinedError::Time(limits.wall))
            }
            Some(signal) if signal == rustix::process::Signal::XFSZ.as_raw() => {
                Err(ConfinedError::Written(limits.written_bytes))
            }
            _ => Ok(finished),
        }
    }
}

/// Reads a regular file below a folder that a program wrote. Follows no symbolic link out of the folder.
///
/// # Errors
/// There is no such file, or it is no regular file of the folder.
pub(crate) fn read_below(folder: &Path, path: &str) -> io::Result<Vec<u8>> {
    let file = folder.join(path).canonicalize()?;
    if !file.starts_with(folder.canonicalize()?) || !file.is_file() {
        return Err(io::Error::other("not a regular file of this folder"));
    }
    fs::read(file)
}

/// The canonical path of a program.
fn find(program: &Path) -> io::Result<PathBuf> {
    if program.components().count() > 1 || program.is_absolute() {
        return program.canonicalize();
    }
    let own = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(PATH).chain(std::env::split_paths(&own));
    let mut paths = folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(program));
    paths.find(|path| path.is_file()).ok_or(io::ErrorKind::NotFound)?.canonicalize()
}

/// Checks the number and the bytes of all files below a folder.
fn within(folder: &Path, bytes: u64) -> Result<(), ConfinedError> {
    let (mut folders, mut files, mut sum) = (vec![folder.to_owned()], 0, 0);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(folder) {
            // Removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            files += 1;
            sum += if metadata.is_file() { metadata.len().max(512 * metadata.blocks()) } else { 0 };
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            if files > MAX_FILES || sum > bytes {
                return Err(ConfinedError::Written(bytes));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
