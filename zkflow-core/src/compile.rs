//! Circom source to R1CS and WebAssembly.

use std::fmt;

use serde::{Deserialize, Serialize};

pub mod report;
pub mod source;

pub use report::CircuitReport;
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

/// A circuit was not compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// circom refused the source; the first diagnostic says why.
    #[error("circom: {}", .0.first().map_or("refused the source", |first| first.message.as_str()))]
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
    /// A limit was reached.
    #[error("the compiler reached its limit of {0}")]
    Limit(String),
    /// The compiler is not installed, or it crashed.
    #[error("the circom compiler failed: {0}")]
    Compiler(String),
}
