//! Tests the native prover on real circuits: its proofs match the reference prover and pass snarkjs.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "other tests need more of it")]
#[path = "../../../zkflow-groth16/tests/interop/tools.rs"]
mod tools;

#[path = "../../../zkflow-circom/tests/support/mod.rs"]
mod support;

mod circuits;
mod counts;

use std::fs;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};
use zkflow_core::format::json as files;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::wtns;
use zkflow_core::prove::Kernel;
use zkflow_core::prove::ark::ArkProver;
use zkflow_core::prove::native::{NativeOptions, NativeProver};
use zkflow_core::prove::{Prover, prove_verified};
use zkflow_core::rng::os_rng;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::setup::circuit_specific;
use zkflow_core::template::{HandlebarsEngine, TemplateEngine, TemplateLibrary};
use zkflow_core::verify::Verifier;
use zkflow_core::witness::{Witness, WitnessCalculator, WitnessLimits};

/// Both provers give the same proof of one witness from the same randomness.
fn agree(name: &str, r1cs: &R1cs, witness: &Witness) {
    let key = Arc::new(circuit_specific(r1cs, &mut os_rng()).unwrap());
    let rng = || ChaCha20Rng::seed_from_u64(7);
    let expected = ArkProver.prepare(Arc::clone(&key)).unwrap().prove(witness, &mut rng()).unwrap();
    for kernel in Kernel::available() {
        let native = NativeProver::new(NativeOptions { kernel, ..NativeOptions::default() }).unwrap();
        let prepared = native.prepare(Arc::clone(&key)).unwrap();
        assert_eq!(prepared.prove(witness, &mut rng()).unwrap(), expected, "{name}, {}", kernel.name());
    }
}

#[test]
fn proofs_of_every_template_are_those_of_the_reference() {
    let library = TemplateLibrary::builtin();
    for template in library.iter() {
        let example = &template.manifest.example;
        let params = template.parse_params(&example.params).unwrap();
        let compiled = support::compile(&HandlebarsEngine.render(template, &params).unwrap());
        let calculator =
            WitnessCalculator::new(&support::sandbox(), &compiled.wasm, WitnessLimits::default()).unwrap();
        let witness = calculator.calculate(&CircuitInputs::from_map(example.inputs.clone())).unwrap();
        agree(template.name.as_str(), &R1cs::read(&compiled.r1cs).unwrap(), &witness);
    }
}

/// Uses six circuits, including one without private inputs and one without public inputs.
#[test]
fn snarkjs_accepts_a_sample_of_fifty_proofs() {
    const EACH: usize = 9;
    let folder = tempfile::tempdir().unwrap();
    let native = NativeProver::new(NativeOptions::default()).unwrap();
    let mut tasks: Vec<Value> = Vec::new();
    for circuit in tools::circuit_files() {
        let r1cs = R1cs::read(&fs::read(&circuit.r1cs).unwrap()).unwrap();
        let witness = wtns::read(&fs::read(&circuit.wtns).unwrap()).unwrap();
        agree(circuit.name, &r1cs, &witness);
        let key = circuit_specific(&r1cs, &mut os_rng()).unwrap();
        let verifier = Verifier::new(key.head.vk.clone()).unwrap();
        let vkey = folder.path().join(format!("{}.vkey.json", circuit.name));
        fs::write(&vkey, files::vkey_text(&key.head.vk)).unwrap();
        let prepared = native.prepare(Arc::new(key)).unwrap();
        for i in 0..EACH {
            let (made, public) = prove_verified(&*prepared, &verifier, &witness, &mut os_rng()).unwrap();
            let [proof, signals] = ["proof", "public"]
                .map(|what| folder.path().join(format!("{}.{i}.{what}.json", circuit.name)));
            fs::write(&proof, files::proof_text(&made)).unwrap();
            fs::write(&signals, files::public_text(public.values())).unwrap();
            tasks.push(json!({
                "operation": "verify", "vkey": vkey, "publicSignals": signals, "proof": proof,
            }));
        }
    }
    assert!(tasks.len() >= 50);
    let verdicts = tools::snarkjs(&tasks);
    assert!(verdicts.iter().all(|verdict| *verdict == json!(true)), "{verdicts:?}");
}
