//! Sandbox and compiler of the command line.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{CircomNative, CircomWasm, CircuitCompiler, CompileLimits};
use zkflow_core::sandbox::{Sandbox, SandboxConfig};

use super::{Error, cache_dir};

/// Options of the compiler.
#[derive(Debug, Args)]
pub(super) struct CompilerArgs {
    /// Path of a native circom (default: circom as WebAssembly in a sandbox)
    #[arg(long, env = "CIRCOM_PATH")]
    circom: Option<PathBuf>,
    /// Folder of include files, searched before circomlib; can be repeated
    #[arg(short = 'l', long = "include")]
    include: Vec<PathBuf>,
}

/// A compiler with its include folders.
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

/// A sandbox with a cache of compiled modules on disk.
pub(super) fn sandbox() -> Result<Arc<Sandbox>, Error> {
    Ok(Sandbox::new(SandboxConfig { cache_dir: cache_dir("modules"), ..SandboxConfig::default() })?)
}
