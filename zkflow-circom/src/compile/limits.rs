//! Limits of a compilation.

use std::fmt;
use std::time::Duration;

/// Limits of one compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall-clock time.
    pub wall: Duration,
    /// Memory of the compiler in bytes. circom as WebAssembly has 4 GiB at most.
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

/// A limit that a compilation reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompileLimit {
    /// Wall-clock time.
    Time(Duration),
    /// Memory of a native compiler in bytes.
    Memory(usize),
    /// Memory of circom as WebAssembly in bytes.
    SandboxMemory(usize),
    /// All memory in bytes that WebAssembly can address, which no limit can raise.
    AddressSpace(usize),
    /// Bytes of all source files together.
    Source(usize),
    /// Number of source files.
    Files(usize),
    /// Bytes of all files that the compiler writes.
    Output(usize),
    /// Bytes that the compiler prints.
    Printed(usize),
    /// Depth of the compiler's recursion, which its stack bounds.
    Recursion,
}

impl fmt::Display for CompileLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(wall) => write!(f, "{} s", wall.as_secs_f64()),
            Self::Memory(bytes) | Self::SandboxMemory(bytes) => write!(f, "{} MiB of memory", bytes >> 20),
            Self::AddressSpace(bytes) => {
                write!(f, "{} MiB of memory, and WebAssembly can have no more", bytes >> 20)
            }
            Self::Source(bytes) => write!(f, "{} MiB of source", bytes >> 20),
            Self::Files(files) => write!(f, "{files} source files"),
            Self::Output(bytes) => write!(f, "{bytes} bytes of output"),
            Self::Printed(bytes) => write!(f, "{bytes} bytes of printed output"),
            Self::Recursion => f.write_str("recursion depth"),
        }
    }
}
