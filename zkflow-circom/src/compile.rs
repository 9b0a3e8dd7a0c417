//! Compiles circom source to an R1CS and a WebAssembly witness calculator.

use std::fmt;

use serde::{Deserialize, Serialize};

use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::report::CircuitReport;

mod circom_native;
mod circom_wasm;
mod compilers;
mod diagnostics;
mod limits;
mod outcome;
pub mod source;
pub mod tools;
mod wasi;

pub use circom_native::CircomNative;
pub use circom_wasm::CircomWasm;
pub use compilers::{Compilers, open};
pub use limits::{CompileLimit, CompileLimits};
pub use source::{SourceLimits, SourceSearch, SourceTree};

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

/// Compiler options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompileOptions {
    /// Simplification of the constraints; default: `--O1`.
    pub simplification: Simplification,
    /// Further checks of the constraints, which give warnings: circom's `--inspect`.
    pub inspect: bool,
    /// Also returns the constraints as JSON.
    pub json: bool,
    /// Also returns the module as text.
    pub wat: bool,
}

impl CompileOptions {
    /// The options that determine the circuit, as command line flags of circom; part of a circuit's identity.
    pub fn flags(&self) -> Vec<String> {
        match self.simplification {
            Simplification::None => vec!["--O0".to_owned()],
            Simplification::Signals => vec!["--O1".to_owned()],
            Simplification::Full => vec!["--O2".to_owned()],
            Simplification::Rounds(rounds) => vec!["--O2round".to_owned(), rounds.to_string()],
        }
    }

    /// The other options, as command line flags of circom.
    fn further_flags(&self) -> impl Iterator<Item = String> {
        let flags = [(self.inspect, "--inspect"), (self.json, "--json"), (self.wat, "--wat")];
        flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag.to_owned())
    }
}

/// Simplification level of circom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Simplification {
    /// `--O0`: no simplification.
    #[serde(alias = "O0")]
    None,
    /// `--O1`: substitutes equalities between signals and constants.
    #[default]
    #[serde(alias = "O1")]
    Signals,
    /// `--O2`: substitutes all linear constraints.
    #[serde(alias = "O2")]
    Full,
    /// `--O2round`: substitutes linear constraints in at most this many rounds.
    Rounds(u32),
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
    /// The constraints as JSON, if [requested](CompileOptions::json).
    pub json: Option<Vec<u8>>,
    /// The module as text, if [requested](CompileOptions::wat).
    pub wat: Option<Vec<u8>>,
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
    /// Path relative to the main file, or to an include root; `None` when circom printed no place.
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
    /// An included file is neither beside the including file nor in an include root.
    #[error(
        "{file}:{line}: include {include:?} was not found, neither beside this file nor in a folder of includes"
    )]
    IncludeNotFound {
        /// Path of the including file, relative to the main file or to an include root.
        file: String,
        /// The line of the include, from 1.
        line: u32,
        /// The path as written in the source.
        include: String,
    },
    /// An include leads to a file outside the folders that may be included from.
    #[error("{file}:{line}: include {include:?} leads out of the folders that may be included from")]
    IncludeOutsideRoots {
        /// Path of the including file, relative to the main file or to an include root.
        file: String,
        /// The line of the include, from 1.
        line: u32,
        /// The path as written in the source.
        include: String,
    },
    /// The name of the main file is not the name of a file.
    #[error("invalid file name {0:?}: expected 1 to 255 bytes without a slash")]
    InvalidFileName(String),
    /// A limit on time, memory, recursion, source or output was reached.
    #[error("the compiler reached its limit of {0}")]
    Limit(CompileLimit),
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
