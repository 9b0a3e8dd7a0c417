//! A native circom binary, confined.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::outcome::{self, Outputs, last_lines, refusal};
use super::source::SourceTree;
use super::{CircuitCompiler, CompileError, CompileLimit, CompileLimits, CompileOptions, Compiled};
use crate::confined::{ConfinedCommand, ConfinedError, Finished, ProcessLimits, read_below};

/// Maximum bytes of each of standard output and standard error.
const MAX_PRINTED: usize = 4 << 20;

/// Most time to print the version.
const VERSION_TIME: Duration = Duration::from_secs(20);

/// Beginning of the message of a Rust program that gets no memory.
const OUT_OF_MEMORY: &str = "memory allocation of ";
/// A part of the message of a Rust program whose stack is full.
const OUT_OF_STACK: &str = "has overflowed its stack";
/// The signal of an access to memory that the program does not have.
const SEGV: i32 = 11;

/// A native circom binary, such as the one that `CIRCOM_PATH` names.
///
/// # Behaviour
/// - Runs in its own working folder, which contains the source tree, as a [`ConfinedCommand`]: it reads that
///   folder and the system's libraries, and writes an output folder.
/// - Must be one program: it can start no other where the kernel has seccomp. A script may `exec` one of the system's folders, such
///   as `/usr/local/bin`.
#[derive(Debug, Clone)]
pub struct CircomNative {
    command: ConfinedCommand,
    version: String,
    limits: CompileLimits,
}

impl CircomNative {
    /// Reads the version of the binary by running it.
    ///
    /// # Errors
    /// [`CompileError::Compiler`] when it does not start or is not circom.
    pub fn new(program: &Path, limits: CompileLimits) -> Result<Self, CompileError> {
        let named =
            |error: &dyn std::fmt::Display| CompileError::Compiler(format!("{}: {error}", program.display()));
        // A name without a folder is a file of the working folder.
        let real = program.canonicalize().map_err(|error| named(&error))?;
        if real.is_dir() {
            return Err(named(&"it is a folder: give the path of the program"));
        }
        let command = ConfinedCommand::new(real).map_err(|error| named(&error))?;
        let mut circom = Self { command, version: String::new(), limits };
        let folder = Folder::new(&SourceTree::empty())?;
        let limits = CompileLimits { wall: limits.wall.min(VERSION_TIME), ..limits };
        let asked = Self { limits, ..circom.clone() };
        let asked = asked.run(&folder, vec!["--version".to_owned()]);
        let version = asked.and_then(|finished| outcome::version(&printed(&finished)));
        circom.version = version.map_err(|error| match error {
            CompileError::Compiler(reason) => named(&reason),
            error => named(&error),
        })?;
        Ok(circom)
    }

    fn run(&self, folder: &Folder, arguments: Vec<String>) -> Result<Finished, CompileError> {
        let limits = ProcessLimits {
            wall: self.limits.wall,
            memory_bytes: self.limits.memory_bytes as u64,
            written_bytes: self.limits.output_bytes as u64,
            printed_bytes: MAX_PRINTED,
        };
        let command = self.command.clone().arguments(arguments).working_folder(folder.sources());
        command.reads(folder.sources()).writes(folder.output()).run(&limits).map_err(failed)
    }
}

impl CircuitCompiler for CircomNative {
    fn version(&self) -> &str {
        &self.version
    }

    fn compile(&self, tree: &SourceTree, options: &CompileOptions) -> Result<Compiled, CompileError> {
        let folder = Folder::new(tree)?;
        let finished = self.run(&folder, outcome::arguments(tree, options, "../output", "."))?;
        // circom prints the real paths of the files that it includes.
        let printed = printed(&finished).replace(&format!("{}/", folder.real_sources().display()), "");
        if !finished.status.success() {
            return Err(match finished.status.signal() {
                Some(signal) => killed(signal, &printed, self.limits.memory_bytes),
                None => refusal(tree, &printed),
            });
        }
        Outputs::take(tree, options, |path| read_below(&folder.output(), path).ok())?.compiled(tree, &printed)
    }
}

/// The error of a compiler that a signal ended.
fn killed(signal: i32, printed: &str, memory_bytes: usize) -> CompileError {
    if printed.contains(OUT_OF_MEMORY) {
        CompileError::Limit(CompileLimit::Memory(memory_bytes))
    } else if signal == SEGV || printed.contains(OUT_OF_STACK) {
        CompileError::Limit(CompileLimit::Recursion)
    } else {
        CompileError::Compiler(format!("ended by signal {signal}: {}", last_lines(printed)))
    }
}

fn printed(finished: &Finished) -> String {
    [&finished.output, &finished.errors].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

fn failed(error: ConfinedError) -> CompileError {
    match error {
        ConfinedError::Start { .. } => CompileError::Compiler(error.to_string()),
        ConfinedError::Time(wall) => CompileError::Limit(CompileLimit::Time(wall)),
        ConfinedError::Printed(bytes) => CompileError::Limit(CompileLimit::Printed(bytes)),
        ConfinedError::Written(bytes) => CompileError::Limit(CompileLimit::Output(bytes as usize)),
        error => CompileError::Io(error.to_string()),
    }
}

/// A working folder; removed on drop.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(tree: &SourceTree) -> Result<Self, CompileError> {
        let folder = Self(tempfile::Builder::new().prefix("zkflow-circom-").tempdir().map_err(io)?);
        fs::create_dir(folder.sources()).map_err(io)?;
        fs::create_dir(folder.output()).map_err(io)?;
        for (path, content) in tree.files() {
            let path = folder.sources().join(path);
            fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(io)?;
            fs::write(path, content).map_err(io)?;
        }
        Ok(folder)
    }

    fn sources(&self) -> PathBuf {
        self.0.path().join("sources")
    }

    fn real_sources(&self) -> PathBuf {
        self.sources().canonicalize().unwrap_or_else(|_| self.sources())
    }

    fn output(&self) -> PathBuf {
        self.0.path().join("output")
    }
}

fn io(error: std::io::Error) -> CompileError {
    CompileError::Io(format!("working folder of the compiler: {error}"))
}

#[cfg(test)]
mod tests;
