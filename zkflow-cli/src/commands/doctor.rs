//! `zkflow doctor`: checks the requirements and shows how to install missing ones.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{CircomNative, CircomWasm, CircuitCompiler, CompileLimits};
use zkflow_core::service::chain::SolidityCompiler as _;

use super::Error;
use super::toolbox::sandbox;
use zkflow_evm::Solc;
use zkflow_server::client::LocalChain;

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
    let findings = [
        ("circom (WebAssembly)", circom_wasm()),
        ("circomlib", circomlib()),
        ("circom (native)", circom_native(args.circom.as_deref())),
        ("data folder", data_folder(&args.data_dir)),
        ("module cache", module_cache()),
        ("processor", Finding::Good(processor())),
        (
            "node",
            version(
                "node",
                "required to install circom, to compile contracts without SOLC_PATH, and for the tests",
            ),
        ),
        ("solc", solc()),
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
        Ok(format!("{} in {}", compiler.version(), tools.circom_wasm.display()))
    };
    found().map_or_else(|error| Finding::Missing(error.to_string()), Finding::Good)
}

fn solc() -> Finding {
    match Solc::find(std::env::var_os("SOLC_PATH").map(PathBuf::from).as_deref()) {
        Ok(solc) => Finding::Good(format!("{}, for contracts", solc.version())),
        Err(error) => Finding::Absent(format!("required only for deployments: {error}")),
    }
}

fn anvil() -> Finding {
    match LocalChain::find() {
        Some(path) => Finding::Good(path.display().to_string()),
        None => Finding::Absent("required only for tests and the demo: run `make setup`".to_owned()),
    }
}

fn circomlib() -> Finding {
    let Ok(tools) = CircomTools::discover() else {
        return Finding::Missing("installed together with circom".to_owned());
    };
    let found =
        tools.include_roots.iter().find(|root| root.join("circomlib/circuits/poseidon.circom").is_file());
    match found {
        Some(root) => Finding::Good(root.join("circomlib").display().to_string()),
        None => Finding::Missing(
            "not in any include folder: run `make setup`, or add its folder to CIRCOM_LIBS".to_owned(),
        ),
    }
}

fn circom_native(path: Option<&Path>) -> Finding {
    let Some(path) = path else {
        return Finding::Absent(
            "CIRCOM_PATH is not set; circom as WebAssembly gives the same bytes".to_owned(),
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
    match super::cache_dir("modules") {
        Some(path) => Finding::Good(path.display().to_string()),
        None => Finding::Absent(
            "neither XDG_CACHE_HOME nor HOME is set: WebAssembly is compiled at each run".to_owned(),
        ),
    }
}

fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {}", std::env::consts::ARCH)
}

fn version(program: &str, why: &str) -> Finding {
    match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => {
            Finding::Good(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => Finding::Absent(format!("not found; {why}")),
    }
}
