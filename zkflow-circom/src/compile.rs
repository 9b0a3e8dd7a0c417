//! Circom source to R1CS and WebAssembly.

use std::fmt;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::report::CircuitReport;

mod circom_native;
mod circom_wasm;
mod diagnostics;
mod outcome;
pub mod source;
pub mod tools;
mod wasi;

pub use circom_native::CircomNative;
pub use circom_wasm::CircomWasm;

pub use source::SourceTree;

/// Compiles circom source.
///
/// # Behaviour
/// - Sees the files of the [`SourceTree`] and nothing else of the machine.
/// - Ends within its time and memory limits whatever the source says.
/// - The same tree and options give the same bytes, with every implementation of the same version.
pub trait CircuitCompiler: fmt::Debug + Send + Sync + 'static {
    /// The version, as in `circom 2.2.3`. Part of a circuit's identity.
    fn version(&self) -> &str;

    /// Compiles the main component of `tree`.
    fn compile(&self, tree: &SourceTree, options: &CompileOptions) -> Result<Compiled, CompileError>;
}

/// What the compiler is asked for. Part of a circuit's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompileOptions {
    /// How far constraints are simplified.
    pub simplification: Simplification,
}

impl CompileOptions {
    /// The flags as given to circom.
    pub fn flags(&self) -> &'static [&'static str] {
        match self.simplification {
            Simplification::None => &["--O0"],
            Simplification::Signals => &["--O1"],
            Simplification::Full => &["--O2"],
        }
    }
}

/// How far circom simplifies constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Simplification {
    /// `--O0`: not at all.
    None,
    /// `--O1`: equalities between signals and constants are substituted.
    #[default]
    Signals,
    /// `--O2`: all linear constraints are substituted.
    Full,
}

/// What one compilation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Time on the clock.
    pub wall: Duration,
    /// Memory of the compiler in bytes.
    pub memory_bytes: usize,
    /// Bytes of all files that it writes.
    pub output_bytes: usize,
}

impl Default for CompileLimits {
    /// Five minutes, 4 GiB of memory, 1 GiB of output.
    fn default() -> Self {
        Self { wall: Duration::from_secs(300), memory_bytes: 4 << 30, output_bytes: 1 << 30 }
    }
}

/// What a compilation gives.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The constraint system, an `.r1cs` file.
    pub r1cs: Vec<u8>,
    /// The witness calculator, a WebAssembly module.
    pub wasm: Vec<u8>,
    /// The names of the signals, a `.sym` file.
    pub sym: Vec<u8>,
    /// What was read off the constraint system.
    pub report: CircuitReport,
    /// Warnings of the compiler.
    pub warnings: Vec<Diagnostic>,
}

/// A message of the compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// circom's code, such as `T2021` or `P1012`.
    pub code: Option<String>,
    /// The file within the source tree.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    /// `file:line: message [code]`, without what is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.message)?;
        self.code.as_ref().map_or(Ok(()), |code| write!(f, " [{code}]"))
    }
}

/// A circuit was not compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// circom refused the source; the first diagnostic says why.
    #[error("circom: {}", summary(.0))]
    Rejected(Vec<Diagnostic>),
    /// An include names a file that is in none of the include roots.
    #[error("{file}:{line}: include {include:?} is in none of the include roots")]
    IncludeNotFound {
        /// The including file.
        file: String,
        /// The line of the include, from 1.
        line: u32,
        /// The path as written.
        include: String,
    },
    /// An include names a file outside the include roots.
    #[error("{file}:{line}: include {include:?} leaves the include roots")]
    IncludeOutsideRoots {
        /// The including file.
        file: String,
        /// The line of the include, from 1.
        line: u32,
        /// The path as written.
        include: String,
    },
    /// The name of the main file is not a plain name that ends in `.circom`.
    #[error("{0:?} is not a file name of letters, digits, '.', '_' and '-' that ends in .circom")]
    InvalidFileName(String),
    /// A limit was reached: of time, memory, recursion, source or output.
    #[error("the compiler reached its limit of {0}")]
    Limit(String),
    /// A source file or a working folder could not be read or written.
    #[error("{0}")]
    Io(String),
    /// The compiler is not installed, or it crashed.
    #[error("the circom compiler failed: {0}")]
    Compiler(String),
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    diagnostics.first().map_or_else(|| "refused the source".to_owned(), Diagnostic::to_string)
}

impl Classified for CompileError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Rejected(_)
            | Self::IncludeNotFound { .. }
            | Self::IncludeOutsideRoots { .. }
            | Self::InvalidFileName(_) => ErrorKind::Invalid,
            Self::Limit(_) => ErrorKind::Limit,
            Self::Io(_) => ErrorKind::Unavailable,
            Self::Compiler(_) => ErrorKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Rejected(_) => "circom_rejected",
            Self::IncludeNotFound { .. } => "include_not_found",
            Self::IncludeOutsideRoots { .. } => "include_outside_roots",
            Self::InvalidFileName(_) => "invalid_file_name",
            Self::Limit(_) => "compile_limit",
            Self::Io(_) => "compile_io",
            Self::Compiler(_) => "compiler_failed",
        }
    }
}
