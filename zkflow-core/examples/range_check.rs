//! From a template to a verified proof in one process. The proof does not disclose the age.
//!
//! `make setup && cargo run -p zkflow-core --example range_check`

#![allow(unreachable_pub, reason = "a test runs it too")]

use serde_json::json;
use zkflow_core::circuit::{Blueprint, CircuitFiles, LoadedCircuit};
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{CircomWasm, CircuitCompiler, CompileLimits};
use zkflow_core::prove::native::{NativeOptions, NativeProver};
use zkflow_core::rng::os_rng;
use zkflow_core::sandbox::{Sandbox, SandboxConfig};
use zkflow_core::secret::CircuitInputs;
use zkflow_core::setup::{DevelopmentPowers, KeyOptions};
use zkflow_core::template::TemplateLibrary;

/// Renders the template, compiles it, generates keys, proves and verifies.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let library = TemplateLibrary::builtin();
    let template = library.get(&"rangeCheck".parse()?)?;
    let params = template.parse_params(json!({"min": 18, "max": 120}).as_object().ok_or("an object")?)?;

    let tools = CircomTools::discover()?;
    let sandbox = Sandbox::new(SandboxConfig::default())?;
    let compiler = CircomWasm::new(sandbox.clone(), &tools.circom_wasm, CompileLimits::default())?;
    let blueprint = Blueprint::builder(template)
        .params(params)
        .compiler(&compiler)
        .include_roots(&tools.include_roots)
        .build()?;
    let compiled = compiler.compile(&blueprint.source, &blueprint.options)?;
    let powers = DevelopmentPowers::in_memory();
    let options = KeyOptions::default();
    let files = CircuitFiles::generate(&blueprint, compiled, &sandbox, &powers, options, &mut os_rng())?;

    let prover = NativeProver::new(NativeOptions::default())?;
    let circuit = LoadedCircuit::open(&files, &prover, &sandbox)?;
    let inputs = CircuitInputs::from_json(json!({"age": "42", "randomPublicSignal": "7"}).to_string());
    let (proof, public) = circuit.full_prove(&inputs, &mut os_rng())?;
    assert!(circuit.verifier().verify(&public, &proof)?);
    Ok(())
}
