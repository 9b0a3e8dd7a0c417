//! Circuits and helpers shared by the Criterion targets in `benches/`.
#![allow(dead_code, unreachable_pub, reason = "each target uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Map, Value};
use zkflow_core::circuit::{Blueprint, CircuitFiles, FileName, LoadedCircuit};
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{CircomWasm, CircuitCompiler, CompileLimits};
use zkflow_core::prove::native::{NativeOptions, NativeProver};
use zkflow_core::rng::os_rng;
use zkflow_core::sandbox::{Sandbox, SandboxConfig};
use zkflow_core::secret::CircuitInputs;
use zkflow_core::setup::{DevelopmentPowers, KeyOptions};
use zkflow_core::template::TemplateLibrary;

/// Templates of the measured circuits, from tiny to large; most wires of `sha256Preimage` are bits.
pub const TEMPLATES: [&str; 4] = ["rangeCheck", "poseidonPreimage", "merkleMembership", "sha256Preimage"];

/// A circuit with the example inputs of its template.
pub struct Fixture {
    /// Name of the template.
    pub name: &'static str,
    /// Compiled circuit, keys and tape.
    pub files: CircuitFiles,
    /// The loaded circuit, ready to prove.
    pub circuit: LoadedCircuit,
    /// Example inputs of the template, which satisfy the circuit.
    pub inputs: Map<String, Value>,
}

impl Fixture {
    /// Compiles the template with its example parameters and makes keys.
    ///
    /// # Panics
    /// Panics if the tools are missing or any step fails.
    pub fn new(name: &'static str) -> Self {
        let library = TemplateLibrary::builtin();
        let template = library.get(&name.parse().expect("a template name")).expect("a built-in template");
        let example = &template.manifest.example;
        let params = template.parse_params(&example.params).expect("example parameters fit");
        let tools = CircomTools::discover().expect("`make setup` installs the tools");
        let sandbox = sandbox();
        let compiler = CircomWasm::new(Arc::clone(&sandbox), &tools.circom_wasm, CompileLimits::default())
            .expect("the compiler loads");
        let blueprint = Blueprint::builder(template)
            .params(params)
            .compiler(&compiler)
            .include_roots(&tools.include_roots)
            .build()
            .expect("the template renders");
        let compiled =
            compiler.compile(&blueprint.source, &blueprint.options).expect("the template compiles");
        let options = KeyOptions::default();
        let files = CircuitFiles::generate(&blueprint, compiled, &sandbox, &powers(), options, &mut os_rng())
            .expect("keys are made");
        let prover = NativeProver::new(NativeOptions::default()).expect("the prover starts");
        let circuit = LoadedCircuit::open(&files, &prover, &sandbox).expect("the circuit loads");
        assert!(circuit.unused_tape().is_none(), "the tape is the one just recorded");
        Self { name, circuit, inputs: example.inputs.clone(), files }
    }

    /// Content of a file.
    ///
    /// # Panics
    /// Panics if the circuit does not have the file.
    pub fn file(&self, name: FileName) -> &[u8] {
        self.files.get(name).expect("every circuit has this file")
    }

    /// The example inputs, for the witness calculator.
    pub fn circuit_inputs(&self) -> CircuitInputs {
        CircuitInputs::from_map(self.inputs.clone())
    }
}

/// Development powers of tau, cached in the temporary folder between runs.
pub fn powers() -> DevelopmentPowers {
    DevelopmentPowers::in_folder(std::env::temp_dir().join("zkflow-bench-ptau"))
}

/// A sandbox that stores compiled modules in the temporary folder between runs.
///
/// # Panics
/// Panics if the sandbox does not start.
pub fn sandbox() -> Arc<Sandbox> {
    let cache_dir = Some(std::env::temp_dir().join("zkflow-bench-modules"));
    Sandbox::new(SandboxConfig { cache_dir, ..SandboxConfig::default() }).expect("the sandbox starts")
}

/// Makes a key of the API in the data of a server.
///
/// # Panics
/// Panics if the command fails.
pub fn api_key(binary: &Path, data: &Path, tenant: &str, scopes: &str) -> String {
    let mut command = Command::new(binary);
    command.args(["keys", "create", "--name", "bench", "--tenant", tenant, "--scopes", scopes, "--data-dir"]);
    let output = command.arg(data).output().expect("the command starts");
    let printed = String::from_utf8(output.stdout).expect("text");
    let line = printed.lines().find_map(|line| line.strip_prefix("key ")).expect("the key is printed");
    line.trim().to_owned()
}

/// Path of the release binary that `make bench` builds next to the benches.
///
/// # Panics
/// Panics if the binary is missing.
pub fn binary() -> PathBuf {
    let bench = std::env::current_exe().expect("a running bench has a path");
    let binary = bench.ancestors().nth(2).expect("target/release/deps/bench").join("zkflow");
    assert!(binary.is_file(), "{} is missing: run `make bench`", binary.display());
    binary
}
