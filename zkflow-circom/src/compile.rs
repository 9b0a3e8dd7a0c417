//! Compiles circom source to an R1CS and a WebAssembly witness calculator.

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

/// A circom compiler.
///
/// # Behaviour
/// - Reads the files of the [`SourceTree`] and nothing else on the machine.
/// - Ends within its time and memory limits, for any source.
/// - Equal trees and options give equal bytes, across all implementations of the same version.
pub trait CircuitCompiler: fmt::Debug + Send + Sync + 'static {
    /// The version, such as `circom 2.2.3`; part of a circuit's identity.
    fn version(&self) -> &str;

    /// Compiles the main component of `tree`.
    fn compile(&self, tree: &SourceTree, options: &CompileOptions) -> Result<Compiled, CompileError>;
}

/// Compiler options; part of a circuit's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompileOptions {
    /// Simplification of the constraints; default: `--O1`.
    pub simplification: Simplification,
}

impl CompileOptions {
    /// The options as command line flags of circom.
    pub fn flags(&self) -> &'static [&'static str] {
        match self.simplification {
            Simplification::None => &["--O0"],
            Simplification::Signals => &["--O1"],
            Simplification::Full => &["--O2"],
        }
    }
}

/// Simplification level of circom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Simplification {
    /// `--O0`: no simplification.
    None,
    /// `--O1`: substitutes equalities between signals and constants.
    #[default]
    Signals,
    /// `--O2`: substitutes all linear constraints.
    Full,
}

/// Limits of one compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall-clock time.
    pub wall: Duration,
    /// Memory of the compiler in bytes.
    pub memory_bytes: usize,
    /// Total bytes of all files that the compiler writes.
    pub output_bytes: usize,
}

impl Default for CompileLimits {
    /// Five minutes, 4 GiB of memory, 1 GiB of output.
    fn default() -> Self {
        Self { wall: Duration::from_secs(300), memory_bytes: 4 << 30, output_bytes: 1 << 30 }
    }
}

/// Output of a compilation.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The constraint system, an `.r1cs` file.
    pub r1cs: Vec<u8>,
    /// The witness calculator, a WebAssembly module.
    pub wasm: Vec<u8>,
    /// The names of the signals, a `.sym` file.
    pub sym: Vec<u8>,
    /// Size of the constraint system, and warnings about it.
    pub report: CircuitReport,
    /// Warnings printed by circom.
    pub warnings: Vec<Diagnostic>,
}

/// An error or a warning printed by circom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// circom's code, such as `T2021` or `P1012`; `None` when circom printed none.
    pub code: Option<String>,
    /// Path within the source tree; `None` when circom printed no place.
    pub file: Option<String>,
    /// Line in `file`, from 1.
    pub line: Option<u32>,
    /// Text of the message, with its labels and notes.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    /// `file:line: message [code]`, without the absent parts.
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

/// A compilation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// circom refused the source; the first diagnostic gives the reason.
    #[error("circom: {}", summary(.0))]
    Rejected(Vec<Diagnostic>),
    /// An included file is in none of the include roots.
    #[error("{file}:{line}: include {include:?} was not found in any include root")]
    IncludeNotFound {
        /// Path of the including file within the source tree.
        file: String,
        /// The line of the include, from 1.
        line: u32,
        /// The path as written in the source.
        include: String,
    },
    /// An include points outside the include roots.
    #[error("{file}:{line}: include {include:?} points outside the include roots")]
    IncludeOutsideRoots {
        /// Path of the including file within the source tree.
        file: String,
        /// The line of the include, from 1.
        line: u32,
        /// The path as written in the source.
        include: String,
    },
    /// The name of the main file is not a plain name that ends in `.circom`.
    #[error("invalid file name {0:?}: expected letters, digits, '.', '_' and '-', ending in .circom")]
    InvalidFileName(String),
    /// A limit on time, memory, recursion, source or output was reached.
    #[error("the compiler reached its limit of {0}")]
    Limit(String),
    /// A source file or a working folder could not be read or written.
    #[error("{0}")]
    Io(String),
    /// The compiler is not installed, crashed, or wrote unusable output.
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
