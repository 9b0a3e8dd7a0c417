//! Measures the calculation of a witness from JSON inputs by module and by tape, and the recording of the
//! tape.
//!
//! `module` is circom's WebAssembly in wasmtime. `tape` is the recorded calculation, including the check of
//! its witness against the constraints.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use support::{powers, sandbox};
use zkflow_core::circuit::{FileName, LoadedCircuit};
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{
    CircomWasm, CircuitCompiler, CompileLimits, CompileOptions, Compiled, SourceTree,
};
use zkflow_core::constraints::ConstraintCheck;
use zkflow_core::digest::Digest;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::prove::native::{NativeOptions, NativeProver};
use zkflow_core::rng::os_rng;
use zkflow_core::sandbox::Sandbox;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::setup::{KeyOptions, make_key};
use zkflow_core::template::TemplateLibrary;
use zkflow_core::witness::tape::{RecordLimits, Tape};
use zkflow_core::witness::{Way, WitnessCalculator, WitnessCheck, WitnessLimits};

mod support;

/// Name, source and inputs of each circuit.
fn circuits() -> [(&'static str, String, Value); 6] {
    macro_rules! test_circuit {
        ($file:literal, $small:literal, $large:literal) => {{
            let source = include_str!(concat!("../../zkflow-core/tests/tape/", $file));
            assert!(source.contains($small));
            source.replace($small, $large)
        }};
    }
    // Pseudorandom numbers.
    let number = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let numbers = |count, modulus| (0..count).map(|i| number(i) % modulus).collect::<Vec<u64>>();
    let library = TemplateLibrary::builtin();
    let eddsa =
        library.get(&"eddsaSignature".parse().expect("a template name")).expect("a built-in template");
    [
        (
            "sha256_block",
            include_str!("../circuits/sha256_block.circom").to_owned(),
            json!({"bits": numbers(512, 2)}),
        ),
        (
            "poseidon_chain",
            include_str!("../circuits/poseidon_chain.circom").to_owned(),
            json!({"in": [3, 4]}),
        ),
        (
            "merkle",
            test_circuit!("merkle.circom", "Root(4)", "Root(20)"),
            json!({"leaf": 11, "siblings": numbers(20, u64::MAX), "sides": numbers(20, 2)}),
        ),
        ("eddsa", eddsa.source.clone(), Value::Object(eddsa.manifest.example.inputs.clone())),
        (
            "comparisons",
            test_circuit!("comparisons.circom", "Comparisons(16)", "Comparisons(256)"),
            json!({"in": numbers(256, 1 << 32)}),
        ),
        (
            "walk",
            test_circuit!("walk.circom", "Walk(16, 8)", "Walk(64, 64)"),
            json!({"table": numbers(64, 64), "start": 5}),
        ),
    ]
}

fn witness(c: &mut Criterion) {
    let tools = CircomTools::discover().expect("`make setup` installs the tools");
    let sandbox = sandbox();
    let compiler = CircomWasm::new(Arc::clone(&sandbox), &tools.circom_wasm, CompileLimits::default())
        .expect("the compiler loads");
    for (name, source, inputs) in circuits() {
        let tree = SourceTree::resolve(&format!("{name}.circom"), &source, &tools.include_roots)
            .expect("the includes are there");
        let compiled = compiler.compile(&tree, &CompileOptions::default()).expect("the circuit compiles");
        let module = || {
            WitnessCalculator::new(&sandbox, &compiled.wasm, WitnessLimits::default())
                .expect("the module loads")
        };
        let record =
            || Tape::record(&compiled.wasm, RecordLimits::default()).expect("the circuit has a tape");
        let r1cs = R1cs::read(&compiled.r1cs).expect("the .r1cs file of circom is valid");
        let check = WitnessCheck::new(&r1cs, None, &compiled.wasm, &mut os_rng())
            .expect("the module and the constraints belong together");
        let (plain, fast) = (module(), module().with_check(check).with_tape(record()));
        let inputs = CircuitInputs::from_json(inputs.to_string());
        let (witness, way) = fast.calculate_by(&inputs).expect("the inputs fit");
        assert_eq!(way, Way::Tape);
        let check = ConstraintCheck::new(&r1cs, &mut os_rng());

        let mut group = c.benchmark_group("witness");
        group.sample_size(20);
        let named = |way| BenchmarkId::new(way, name);
        group.bench_function(named("module"), |b| b.iter(|| plain.calculate(black_box(&inputs))));
        group.bench_function(named("tape"), |b| b.iter(|| fast.calculate(black_box(&inputs))));
        group.bench_function(named("check alone"), |b| b.iter(|| check.holds(black_box(&witness))));
        group.sample_size(10);
        group.bench_function(named("record"), |b| b.iter(record));
        if name == "sha256_block" {
            let circuit = loaded(&sandbox, &compiled, &r1cs);
            group.bench_function(named("inputs to proof"), |b| {
                b.iter(|| circuit.full_prove(&inputs, &mut os_rng()))
            });
        }
        group.finish();
    }
}

/// The circuit with development keys and a tape.
fn loaded(sandbox: &Arc<Sandbox>, compiled: &Compiled, r1cs: &R1cs) -> LoadedCircuit {
    let mut zkey = Vec::new();
    make_key(r1cs, &powers(), &mut zkey, KeyOptions::default(), &mut os_rng()).expect("keys are made");
    let prover = NativeProver::new(NativeOptions::default()).expect("the prover starts");
    let tape = Tape::record(&compiled.wasm, RecordLimits::default()).expect("the circuit has a tape");
    let files = BTreeMap::from([
        (FileName::Wasm, compiled.wasm.clone()),
        (FileName::R1cs, compiled.r1cs.clone()),
        (FileName::Sym, compiled.sym.clone()),
        (FileName::Tape, tape.to_bytes(&Digest::of(&compiled.wasm))),
        (FileName::ProvingKey, zkey),
    ]);
    let circuit = LoadedCircuit::open(&files, &prover, sandbox).expect("the circuit loads");
    assert!(circuit.unused_tape().is_none(), "the tape is the one just recorded");
    circuit
}

criterion_group!(benches, witness);
criterion_main!(benches);
