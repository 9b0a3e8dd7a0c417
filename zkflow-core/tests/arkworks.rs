//! Compares with ark-circom: its witness calculator on another WebAssembly runtime, and its constraint
//! parser.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;

use ark_bn254::Fr;
use ark_circom::CircomConfig;
use num_bigint::BigInt;
use serde_json::{Map, Value};
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::rng::os_rng;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::template::{HandlebarsEngine, TemplateEngine, TemplateLibrary};
use zkflow_core::witness::tape::{RecordLimits, Tape};
use zkflow_core::witness::{Way, WitnessCalculator, WitnessCheck, WitnessLimits};

#[path = "../../zkflow-circom/tests/support/mod.rs"]
mod support;

/// The values of an input in the order of circom; numbers are decimal or JSON numbers.
fn flatten(value: &Value) -> Vec<BigInt> {
    match value {
        Value::Array(items) => items.iter().flat_map(flatten).collect(),
        Value::String(text) => vec![text.parse().unwrap()],
        other => vec![other.as_u64().unwrap().into()],
    }
}

fn by_ark_circom(wasm: &[u8], r1cs: &[u8], inputs: &Map<String, Value>) -> Vec<Fr> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut circuit = CircomConfig::<Fr>::new(file("c.wasm", wasm), file("c.r1cs", r1cs)).unwrap();
    let ours = R1cs::read(r1cs).unwrap();
    assert_eq!(circuit.r1cs.num_inputs, 1 + ours.n_public() as usize);
    assert_eq!(circuit.r1cs.num_variables, ours.n_wires as usize);
    assert_eq!(circuit.r1cs.constraints.len(), ours.constraints.len());
    let inputs = inputs.iter().map(|(name, value)| (name.clone(), flatten(value)));
    circuit.wtns.calculate_witness_element(&mut circuit.store, inputs, true).unwrap()
}

#[test]
fn the_witnesses_of_every_template_are_those_of_ark_circom() {
    for template in TemplateLibrary::builtin().iter() {
        let name = &template.name;
        let example = &template.manifest.example;
        let params = template.parse_params(&example.params).unwrap();
        let compiled = support::compile(&HandlebarsEngine.render(template, &params).unwrap());
        let expected = by_ark_circom(&compiled.wasm, &compiled.r1cs, &example.inputs);

        let inputs = CircuitInputs::from_map(example.inputs.clone());
        let module =
            || WitnessCalculator::new(&support::sandbox(), &compiled.wasm, WitnessLimits::default()).unwrap();
        assert_eq!(module().calculate(&inputs).unwrap().values(), expected, "{name}, by the module");

        let check =
            WitnessCheck::new(&R1cs::read(&compiled.r1cs).unwrap(), None, &compiled.wasm, &mut os_rng())
                .unwrap();
        let tape = Tape::record(&compiled.wasm, RecordLimits::default()).unwrap();
        let (witness, way) = module().with_check(check).with_tape(tape).calculate_by(&inputs).unwrap();
        assert_eq!(way, Way::Tape, "{name}");
        assert_eq!(witness.values(), expected, "{name}, by the tape");
    }
}
