//! The sandbox and the compiler as the command line sets them up.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{CircomNative, CircomWasm, CircuitCompiler, CompileLimits};
use zkflow_core::sandbox::{Sandbox, SandboxConfig};

use super::{Error, cache_dir};

/// Which compiler to use.
#[derive(Debug, Args)]
pub(super) struct CompilerArgs {
    /// A native circom; without it circom runs as WebAssembly, in a sandbox
    #[arg(long, env = "CIRCOM_PATH")]
    circom: Option<PathBuf>,
    /// A folder that includes are looked for in, before circomlib; may be given several times
    #[arg(short = 'l', long = "include")]
    include: Vec<PathBuf>,
}

/// A compiler with the folders that it includes from.
pub(super) struct Toolbox {
    pub(super) compiler: Arc<dyn CircuitCompiler>,
    pub(super) include_roots: Vec<PathBuf>,
}

impl Toolbox {
    pub(super) fn open(args: &CompilerArgs) -> Result<Self, Error> {
        let tools = CircomTools::discover()?;
        let limits = CompileLimits::default();
        let compiler: Arc<dyn CircuitCompiler> = match &args.circom {
            Some(path) => Arc::new(CircomNative::new(path, limits)?),
            None => Arc::new(CircomWasm::new(sandbox()?, &tools.circom_wasm, limits)?),
        };
        let include_roots = args.include.iter().cloned().chain(tools.include_roots).collect();
        Ok(Self { compiler, include_roots })
    }
}

/// A sandbox that remembers compiled modules between runs.
pub(super) fn sandbox() -> Result<Arc<Sandbox>, Error> {
    Ok(Sandbox::new(SandboxConfig { cache_dir: cache_dir("modules"), ..SandboxConfig::default() })?)
}
