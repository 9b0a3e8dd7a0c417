//! The whole way in one process: a template becomes a circuit, an age a proof that does not tell it.
//!
//! `make setup && cargo run -p zkflow-core --example range_check`

#![allow(unreachable_pub, reason = "a test runs it too")]

use serde_json::json;
use zkflow_core::circuit::{Blueprint, CircuitFiles, FileName, LoadedCircuit};
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{CircomWasm, CircuitCompiler, CompileLimits, CompileOptions};
use zkflow_core::prove::native::{NativeOptions, NativeProver};
use zkflow_core::rng::os_rng;
use zkflow_core::sandbox::{Sandbox, SandboxConfig};
use zkflow_core::secret::CircuitInputs;
use zkflow_core::setup::{DevelopmentPowers, KeyOptions};
use zkflow_core::template::{HandlebarsEngine, TemplateLibrary};
use zkflow_core::witness::WitnessLimits;

/// Renders, compiles, sets up, proves and verifies.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let library = TemplateLibrary::builtin();
    let template = library.get(&"rangeCheck".parse()?)?;
    let params = template.parse_params(json!({"min": 18, "max": 120}).as_object().ok_or("an object")?)?;

    let tools = CircomTools::discover()?;
    let sandbox = Sandbox::new(SandboxConfig::default())?;
    let compiler = CircomWasm::new(sandbox.clone(), &tools.circom_wasm, CompileLimits::default())?;
    let (engine, options) = (HandlebarsEngine, CompileOptions::default());
    let blueprint = Blueprint::new(template, params, &engine, &tools.include_roots, &compiler, options)?;
    let compiled = compiler.compile(&blueprint.source, &options)?;
    let powers = DevelopmentPowers::in_memory();
    let files = CircuitFiles::generate(&blueprint, compiled, &powers, KeyOptions::default(), &mut os_rng())?;

    let file = |name| files.get(name).ok_or("every circuit has this file");
    let (wasm, zkey) = (file(FileName::Wasm)?, file(FileName::ProvingKey)?);
    let prover = NativeProver::new(NativeOptions::default())?;
    let circuit = LoadedCircuit::new(&sandbox, wasm, zkey, &prover, WitnessLimits::default())?;
    let inputs = CircuitInputs::from_json(json!({"age": "42", "randomPublicSignal": "7"}).to_string());
    let (proof, public) = circuit.full_prove(&inputs, &mut os_rng())?;
    assert!(circuit.verifier().verify(&public, &proof)?);
    Ok(())
}
