//! `zkflow doctor`: checks the requirements and shows how to install missing ones.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
#[cfg(feature = "evm")]
use std::time::Duration;

use clap::Args;
use zkflow_core::compile::tools::{CircomTools, ToolFolders, package_version};
use zkflow_core::compile::{CircomNative, CircomWasm, CircuitCompiler, CompileLimits};
use zkflow_core::confined::Kernel;
#[cfg(feature = "evm")]
use zkflow_core::confined::{ConfinedCommand, ProcessLimits};
use zkflow_core::own_folder;

use super::Error;
use super::toolbox::sandbox;

/// Arguments of `zkflow doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Data folder of the server
    #[arg(long, env = "ZKFLOW_DATA_DIR", default_value = "./zkflow-data")]
    data_dir: PathBuf,
    /// Path of a native circom (default: none)
    #[arg(long, env = "CIRCOM_PATH")]
    circom: Option<PathBuf>,
}

/// Result of one check.
enum Finding {
    Good(String),
    /// Absent, but optional.
    Absent(String),
    /// Absent and required; the text explains how to install it.
    Missing(String),
}

pub(super) fn doctor(args: &DoctorArgs) -> Result<ExitCode, Error> {
    let native = circom_native(args.circom.as_deref());
    // A native circom needs nothing else; circomlib is needed by circuits that include it.
    let has_native = matches!(native, Finding::Good(_));
    let needed = |finding| match finding {
        Finding::Missing(text) if has_native => Finding::Absent(text),
        finding => finding,
    };
    let findings = [
        ("circom (WebAssembly)", needed(circom_wasm())),
        ("circomlib", needed(circomlib())),
        ("circom (native)", native),
        ("data folder", data_folder(&args.data_dir)),
        ("module cache", module_cache()),
        ("confinement", confinement()),
        ("processor", Finding::Good(processor())),
        #[cfg(feature = "evm")]
        ("solc", solc()),
        #[cfg(feature = "evm")]
        ("node", version("node", "required to run solc without SOLC_PATH, and for the tests")),
        #[cfg(feature = "server")]
        ("anvil", anvil()),
    ];
    let mut healthy = true;
    for (what, finding) in findings {
        let (mark, text) = match finding {
            Finding::Good(text) => ("ok     ", text),
            Finding::Absent(text) => ("-      ", text),
            Finding::Missing(text) => {
                healthy = false;
                ("MISSING", text)
            }
        };
        println!("{mark}  {what:<22} {text}");
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn circom_wasm() -> Finding {
    let found = || -> Result<String, Error> {
        let tools = CircomTools::discover()?;
        let compiler = CircomWasm::new(sandbox()?, &tools.circom_wasm, CompileLimits::default())?;
        Ok(place(compiler.version(), "circom2", &tools.circom_wasm))
    };
    found().map_or_else(|error| Finding::Missing(error.to_string()), Finding::Good)
}

/// A version, its path, and the kind of folder that contains it.
fn place(version: &str, package: &str, path: &Path) -> String {
    let shown = format!("{version} in {}", path.display());
    match ToolFolders::new().find(package) {
        Ok(Some(found)) if path.starts_with(&found.path) => format!("{shown} ({})", found.place),
        _ => format!("{shown} (set by its variable)"),
    }
}

#[cfg(feature = "evm")]
fn solc() -> Finding {
    if let Some(path) = std::env::var_os("SOLC_PATH").map(PathBuf::from) {
        return match output(&path) {
            // The version is in the last line.
            Some(text) => Finding::Good(format!(
                "{} in {} (SOLC_PATH)",
                text.lines().last().unwrap_or_default(),
                path.display()
            )),
            None => Finding::Missing(format!("SOLC_PATH: {} does not run", path.display())),
        };
    }
    match ToolFolders::new().find("solc") {
        Ok(Some(found)) => Finding::Good(place(&version_of(&found.path), "solc", &found.path)),
        Ok(None) => Finding::Absent(
            "required only for `GET …/contract` and --unsafe-custom-source: run `zkflow setup`".to_owned(),
        ),
        Err(error) => Finding::Missing(error.to_string()),
    }
}

#[cfg(feature = "server")]
fn anvil() -> Finding {
    match zkflow_server::client::LocalChain::find() {
        Some(path) => Finding::Good(path.display().to_string()),
        None => Finding::Absent("required only for tests and the demo: run `make setup`".to_owned()),
    }
}

fn circomlib() -> Finding {
    let roots = match CircomTools::include_roots() {
        Ok(roots) => roots,
        Err(error) => return Finding::Missing(error.to_string()),
    };
    let paths = roots.iter().map(|root| root.join("circomlib"));
    match paths.into_iter().find(|path| path.join("circuits/poseidon.circom").is_file()) {
        Some(path) => Finding::Good(place(&version_of(&path), "circomlib", &path)),
        None => Finding::Missing(
            "not in any include folder: run `zkflow setup`, or add its folder to CIRCOM_LIBS".to_owned(),
        ),
    }
}

fn version_of(package: &Path) -> String {
    package_version(package).unwrap_or_else(|| "an unknown version".to_owned())
}

fn circom_native(path: Option<&Path>) -> Finding {
    let Some(path) = path else {
        return Finding::Absent(
            "CIRCOM_PATH is not set; circom as WebAssembly produces the same files".to_owned(),
        );
    };
    match CircomNative::new(path, CompileLimits::default()) {
        Ok(compiler) => Finding::Good(format!("{} in {}", compiler.version(), path.display())),
        Err(error) => Finding::Missing(error.to_string()),
    }
}

fn data_folder(path: &Path) -> Finding {
    let existing = path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    match tempfile::tempfile_in(existing) {
        Ok(_) if existing == path => Finding::Good(format!("{} is writable", path.display())),
        Ok(_) => Finding::Good(format!("{} will be created", path.display())),
        Err(error) => Finding::Missing(format!("{} is not writable: {error}", existing.display())),
    }
}

fn module_cache() -> Finding {
    match super::cache_path("modules") {
        Some(path) => match own_folder::open(&path) {
            Ok(()) => Finding::Good(path.display().to_string()),
            Err(error) => {
                Finding::Absent(format!("{}: {error}: WebAssembly is compiled at each run", path.display()))
            }
        },
        None => Finding::Absent(format!("{}: WebAssembly is compiled at each run", super::NO_CACHE_PATH)),
    }
}

/// What the kernel has to confine native tools.
fn confinement() -> Finding {
    let kernel = Kernel::current();
    if kernel.confines() { Finding::Good(kernel.to_string()) } else { Finding::Absent(kernel.to_string()) }
}

fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {}", std::env::consts::ARCH)
}

#[cfg(feature = "evm")]
fn version(program: &str, why: &str) -> Finding {
    output(Path::new(program)).map_or_else(|| Finding::Absent(format!("not found; {why}")), Finding::Good)
}

/// Version that a program prints; `None` if it does not run.
#[cfg(feature = "evm")]
fn output(program: &Path) -> Option<String> {
    const LIMITS: ProcessLimits = ProcessLimits {
        wall: Duration::from_secs(10),
        memory_bytes: 1 << 30,
        written_bytes: 0,
        printed_bytes: 1 << 16,
    };
    let finished = ConfinedCommand::new(program).ok()?.arguments(["--version"]).run(&LIMITS).ok()?;
    finished.status.success().then(|| String::from_utf8_lossy(&finished.output).trim().to_owned())
}
