//! Sandbox and compiler of the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use zkflow_core::circuit::BlueprintBuilder;
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{CircomNative, CircomWasm, CircuitCompiler, CompileLimits, SourceLimits};
use zkflow_core::sandbox::{Sandbox, SandboxConfig};

use super::compile_errors::{explain, half_used};
use super::output::tell;
use super::{Error, cache_dir};

/// Options of the compiler.
#[derive(Debug, Args)]
pub(super) struct CompilerArgs {
    /// Path of a native circom (default: circom as WebAssembly in a sandbox)
    #[arg(long, env = "CIRCOM_PATH")]
    circom: Option<PathBuf>,
    /// Folder of include files, searched before circomlib; can be repeated
    #[arg(short = 'l', long = "include", value_name = "DIR")]
    include: Vec<PathBuf>,
    /// Time limit of a compilation in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600)]
    compile_time: u64,
    /// Memory limit of the compiler in MiB (default: none for a native circom; circom as WebAssembly has 4096 at
    /// most)
    #[arg(long, value_name = "MIB")]
    compile_memory: Option<usize>,
    /// Limit of all source files together in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    source_size: usize,
}

impl CompilerArgs {
    fn limits(&self) -> CompileLimits {
        let memory = self.compile_memory.map_or(usize::MAX, |mebibytes| mebibytes.saturating_mul(1 << 20));
        CompileLimits {
            wall: Duration::from_secs(self.compile_time),
            memory_bytes: memory,
            output_bytes: 64 << 30,
        }
    }

    /// Warnings about the options.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        ignored_folders(&self.include)
    }

    pub(super) fn source_limits(&self) -> SourceLimits {
        SourceLimits { files: 1 << 16, bytes: self.source_size.saturating_mul(1 << 20) }
    }
}

/// The folders of `--include` that exist. circom ignores the others.
pub(super) fn include_folders(given: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    given.iter().filter(|folder| folder.is_dir()).cloned()
}

/// A warning for each folder of `--include` that is ignored.
pub(super) fn ignored_folders(given: &[PathBuf]) -> impl Iterator<Item = String> {
    given.iter().filter_map(|folder| {
        let problem = problem_of(folder)?;
        Some(format!("warning: --include {}: {problem}; ignored, as circom does", folder.display()))
    })
}

/// The reason that a path is not a folder; `None` if it is one.
fn problem_of(folder: &Path) -> Option<String> {
    match folder.metadata() {
        Ok(meta) if meta.is_dir() => None,
        Ok(_) => Some("not a folder".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Refuses folders of `--include-root` that do not exist.
pub(super) fn check_include_roots(given: &[PathBuf]) -> Result<(), Error> {
    match given.iter().find_map(|folder| Some((folder, problem_of(folder)?))) {
        Some((folder, problem)) => Err(format!("--include-root {}: {problem}", folder.display()).into()),
        None => Ok(()),
    }
}

/// A compiler with its include folders.
pub(super) struct Toolbox {
    pub(super) compiler: Arc<dyn CircuitCompiler>,
    pub(super) include_roots: Vec<PathBuf>,
    pub(super) sandbox: Arc<Sandbox>,
}

impl Toolbox {
    pub(super) fn open(args: &CompilerArgs) -> Result<Self, Error> {
        let (limits, sandbox) = (args.limits(), sandbox()?);
        let (compiler, roots): (Arc<dyn CircuitCompiler>, _) = match &args.circom {
            // A native circom needs nothing else. circomlib is searched if it is installed.
            Some(path) => {
                let circom = CircomNative::new(path, limits).map_err(explain)?;
                (Arc::new(circom), CircomTools::include_roots()?)
            }
            None => {
                let tools = CircomTools::discover()?;
                let circom = CircomWasm::new(sandbox.clone(), &tools.circom_wasm, limits)
                    .map_err(explain)?
                    .when_half_used(|bytes| tell(format_args!("{}", half_used(bytes))));
                (Arc::new(circom), tools.include_roots)
            }
        };
        let include_roots = include_folders(&args.include).chain(roots).collect();
        Ok(Self { compiler, include_roots, sandbox })
    }
}

/// A sandbox with a cache of compiled modules on disk.
pub(super) fn sandbox() -> Result<Arc<Sandbox>, Error> {
    let config = SandboxConfig { cache_dir: cache_dir("modules"), ..SandboxConfig::default() };
    Ok(Sandbox::new(config)?)
}

/// Lets a key that a template names have a transcript, if this build reads them.
#[cfg(feature = "remote")]
pub(super) fn with_transcripts(builder: BlueprintBuilder<'_>) -> BlueprintBuilder<'_> {
    builder.transcripts(zkflow_core::service::ceremony::CeremonyRecord::transcript)
}

/// Lets a key that a template names have a transcript, if this build reads them.
#[cfg(not(feature = "remote"))]
pub(super) fn with_transcripts(builder: BlueprintBuilder<'_>) -> BlueprintBuilder<'_> {
    builder
}
