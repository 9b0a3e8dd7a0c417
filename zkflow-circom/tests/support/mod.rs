//! Helpers of the tests on real circuits.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use zkflow_circom::compile::tools::CircomTools;
use zkflow_circom::compile::{
    CircomWasm, CircuitCompiler, CompileError, CompileLimits, CompileOptions, Compiled, SourceTree,
};
use zkflow_circom::sandbox::{Sandbox, SandboxConfig};

/// A sandbox that stores compiled modules between test runs.
pub fn sandbox() -> Arc<Sandbox> {
    static SANDBOX: OnceLock<Arc<Sandbox>> = OnceLock::new();
    let make = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-modules");
        Sandbox::new(SandboxConfig { cache_dir: Some(folder), ..SandboxConfig::default() }).unwrap()
    };
    Arc::clone(SANDBOX.get_or_init(make))
}

pub fn tools() -> CircomTools {
    CircomTools::discover().unwrap()
}

pub fn circom(limits: CompileLimits) -> CircomWasm {
    CircomWasm::new(sandbox(), &tools().circom_wasm, limits).unwrap()
}

pub fn limits() -> CompileLimits {
    CompileLimits { wall: Duration::from_secs(120), ..CompileLimits::default() }
}

pub fn tree(source: &str) -> Result<SourceTree, CompileError> {
    SourceTree::resolve("circuit.circom", source, &tools().include_roots)
}

pub fn compile(source: &str) -> Compiled {
    circom(limits()).compile(&tree(source).unwrap(), &CompileOptions::default()).unwrap()
}

/// Path of the command line program of snarkjs, for `node`.
pub fn snarkjs() -> PathBuf {
    tools().circom_wasm.ancestors().nth(2).unwrap().join("snarkjs/build/cli.cjs")
}
