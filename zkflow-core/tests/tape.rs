//! Tapes give the same witnesses as snarkjs. A wrong tape only shows in the metrics, never in a witness.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use num_bigint::BigUint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use zkflow_core::circuit::{FileName, LoadedCircuit};
use zkflow_core::compile::Compiled;
use zkflow_core::digest::Digest;
use zkflow_core::field::MODULUS_DECIMAL;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::wtns;
use zkflow_core::prove::native::{NativeOptions, NativeProver};
use zkflow_core::rng::os_rng;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::setup::{DevelopmentPowers, KeyOptions, make_key};
use zkflow_core::witness::tape::{RecordLimits, Stop, Tape, TapeError};
use zkflow_core::witness::{Way, WitnessCalculator, WitnessCheck, WitnessError, WitnessLimits};

#[path = "../../zkflow-circom/tests/support/mod.rs"]
mod support;
use support::{compile, sandbox};

/// A circuit, a generator of random inputs for it, and the number of rounds.
struct Case {
    name: &'static str,
    source: &'static str,
    inputs: fn(&mut StdRng) -> Value,
    rounds: usize,
}

macro_rules! case {
    ($name:literal, $inputs:expr, $rounds:literal) => {
        Case {
            name: $name,
            source: include_str!(concat!("tape/", $name, ".circom")),
            inputs: $inputs,
            rounds: $rounds,
        }
    };
}

/// Slow circuits have fewer rounds.
const CASES: [Case; 7] = [
    case!("operators", |rng| json!({"a": operand(rng), "b": operand(rng)}), 1000),
    case!("control", control_inputs, 1000),
    case!("comparisons", |rng| json!({"in": many(16, || number(rng, 32))}), 1000),
    case!("walk", |rng| json!({"table": many(16, || number(rng, 4)), "start": number(rng, 4)}), 1000),
    case!(
        "merkle",
        |rng| json!({"leaf": element(rng), "siblings": many(4, || element(rng)), "sides": many(4, || number(rng, 1))}),
        1000
    ),
    case!("curve", |rng| json!({"secret": number(rng, 250)}), 200),
    case!("sha", |rng| json!({"bits": many(8, || number(rng, 1))}), 30),
];

fn many(count: usize, mut one: impl FnMut() -> String) -> Vec<String> {
    (0..count).map(|_| one()).collect()
}

fn number(rng: &mut StdRng, bits: u32) -> String {
    random(rng, bits).to_string()
}

fn random(rng: &mut StdRng, bits: u32) -> BigUint {
    let bytes: [u8; 40] = std::array::from_fn(|_| rng.r#gen());
    BigUint::from_bytes_le(&bytes) % (BigUint::from(1u32) << bits)
}

fn modulus() -> BigUint {
    MODULUS_DECIMAL.parse().unwrap()
}

fn element(rng: &mut StdRng) -> String {
    (random(rng, 320) % modulus()).to_string()
}

/// Values at which circom's operators change their behaviour: near 0, powers of two and r / 2, and their
/// negatives.
fn operand(rng: &mut StdRng) -> String {
    let modulus = modulus();
    let bits = rng.gen_range(0..=254);
    let base = match rng.gen_range(0..4) {
        0 => BigUint::from(rng.gen_range(0u32..300)),
        1 => BigUint::from(1u32) << bits,
        2 => &modulus / 2u32,
        _ => random(rng, bits),
    };
    let offset = BigUint::from(rng.gen_range(0u32..3));
    let value = if rng.r#gen() { base + offset } else { &modulus * 2u32 - base - offset };
    (value % modulus).to_string()
}

fn control_inputs(rng: &mut StdRng) -> Value {
    let bits = [1, 4, 30, 200][rng.gen_range(0..4)];
    let a = many(4, || number(rng, bits));
    let b = if rng.gen_bool(0.3) { a.clone() } else { many(4, || number(rng, bits)) };
    json!({"a": a, "b": b, "place": number(rng, 2)})
}

fn check(compiled: &Compiled) -> WitnessCheck {
    WitnessCheck::new(&R1cs::read(&compiled.r1cs).unwrap(), None, &compiled.wasm, &mut os_rng()).unwrap()
}

fn record(compiled: &Compiled) -> Tape {
    Tape::record(&compiled.wasm, RecordLimits::default()).unwrap()
}

fn module(compiled: &Compiled) -> WitnessCalculator {
    WitnessCalculator::new(&sandbox(), &compiled.wasm, WitnessLimits::default()).unwrap()
}

fn with_tape(compiled: &Compiled, tape: Tape) -> WitnessCalculator {
    module(compiled).with_check(check(compiled)).with_tape(tape)
}

fn inputs(value: &Value) -> CircuitInputs {
    CircuitInputs::from_json(value.to_string())
}

/// SHA-256 of the witness files of snarkjs.
fn snarkjs_hashes(compiled: &Compiled, inputs: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name| folder.path().join(name);
    fs::write(file("hashes.mjs"), include_str!("tape/hashes.mjs")).unwrap();
    fs::write(file("c.wasm"), &compiled.wasm).unwrap();
    fs::write(file("inputs.json"), json!(inputs).to_string()).unwrap();
    let tools = support::snarkjs().ancestors().nth(4).unwrap().to_owned();
    let mut node = Command::new("node");
    node.arg(file("hashes.mjs")).arg(tools).args([file("c.wasm"), file("inputs.json")]);
    let output = node.output().expect("node is needed: install Node.js");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn witnesses_are_those_of_snarkjs(Case { name, source, inputs: draw, rounds }: &Case) {
    let compiled = compile(source);
    let (tape, module) = (with_tape(&compiled, record(&compiled)), module(&compiled));
    let mut rng = StdRng::seed_from_u64(6);
    let drawn: Vec<Value> = (0..*rounds).map(|_| draw(&mut rng)).collect();
    for (number, (value, expected)) in drawn.iter().zip(snarkjs_hashes(&compiled, &drawn)).enumerate() {
        let (witness, way) = tape.calculate_by(&inputs(value)).unwrap();
        assert_eq!(way, Way::Tape, "{name}: {value}");
        assert_eq!(Digest::of(wtns::write(&witness)).to_string(), expected, "{name}: {value}");
        // Only some inputs: the module is many times slower.
        if number < 50 {
            assert_eq!(module.calculate(&inputs(value)).unwrap(), witness, "{name}: {value}");
        }
    }
}

#[test]
fn tapes_of_operators_are_those_of_snarkjs() {
    witnesses_are_those_of_snarkjs(&CASES[0]);
}

#[test]
fn tapes_of_control_flow_are_those_of_snarkjs() {
    witnesses_are_those_of_snarkjs(&CASES[1]);
}

#[test]
fn tapes_of_comparisons_are_those_of_snarkjs() {
    witnesses_are_those_of_snarkjs(&CASES[2]);
}

#[test]
fn tapes_of_indices_are_those_of_snarkjs() {
    witnesses_are_those_of_snarkjs(&CASES[3]);
}

#[test]
fn tapes_of_hashes_are_those_of_snarkjs() {
    witnesses_are_those_of_snarkjs(&CASES[4]);
    witnesses_are_those_of_snarkjs(&CASES[6]);
}

#[test]
fn tapes_of_curves_are_those_of_snarkjs() {
    witnesses_are_those_of_snarkjs(&CASES[5]);
}

/// Position of the instructions in a tape's bytes; see the file format.
fn instructions(bytes: &[u8]) -> std::ops::Range<usize> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (constants, tables) = (number(80), number(84));
    let begin = 100 + 32 * constants + 4 * tables;
    begin..begin + 16 * number(88)
}

/// The bytes with the checksum of what is before it.
fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.len().checked_sub(64) {
        let sum = Digest::of(&bytes[..end]);
        bytes[end..end + 32].copy_from_slice(sum.as_bytes());
    }
    bytes
}

/// Changes one operator or operand of the tape, so that later values are wrong.
#[test]
fn wrong_tapes_are_caught_and_the_module_steps_in() {
    let case = &CASES[4];
    let compiled = compile(case.source);
    let digest = Digest::of(&compiled.wasm);
    let bytes = record(&compiled).to_bytes(&digest);
    let code = instructions(&bytes);
    let mut rng = StdRng::seed_from_u64(7);
    let value = (case.inputs)(&mut rng);
    let right = module(&compiled).calculate(&inputs(&value)).unwrap();
    let mut calculator = module(&compiled).with_check(check(&compiled));
    let (mut caught, mut harmless) = (0, 0);
    while caught < 1000 {
        let mut changed = bytes.clone();
        let at = code.start + 16 * rng.gen_range(0..code.len() / 16);
        match rng.gen_range(0..3) {
            // Operators: addition, subtraction, multiplication.
            0 => changed[at + 3] = rng.gen_range(0..3),
            operand => changed[at + 4 * operand] ^= 1 << rng.gen_range(0..4),
        }
        assert_eq!(Tape::from_bytes(&changed, &digest).is_ok(), changed == bytes, "the checksum");
        let Ok(tape) = Tape::from_bytes(&summed(changed), &digest) else { continue };
        calculator = calculator.with_tape(tape);
        let (witness, way) = calculator.calculate_by(&inputs(&value)).unwrap();
        assert!(witness == right, "a wrong witness was accepted");
        match way {
            Way::ModuleAfterMismatch | Way::ModuleAfterGuard => caught += 1,
            _ => harmless += 1,
        }
    }
    // Harmless: the same operator, an unused operand, or an operand of the same value.
    assert!(harmless < caught, "{harmless} changes had no effect");
}

/// A wrong tape does not affect proofs.
#[test]
fn proofs_come_out_right_when_the_tape_is_wrong() {
    let case = &CASES[4];
    let compiled = compile(case.source);
    let r1cs = R1cs::read(&compiled.r1cs).unwrap();
    let powers = DevelopmentPowers::in_memory();
    let mut zkey = Vec::new();
    make_key(&r1cs, &powers, &mut zkey, KeyOptions::default(), &mut os_rng()).unwrap();
    let prover = NativeProver::new(NativeOptions::default()).unwrap();
    let mut files = BTreeMap::from([
        (FileName::Wasm, compiled.wasm.clone()),
        (FileName::R1cs, compiled.r1cs.clone()),
        (FileName::Sym, compiled.sym.clone()),
        (FileName::ProvingKey, zkey),
    ]);
    let bytes = record(&compiled).to_bytes(&Digest::of(&compiled.wasm));
    let code = instructions(&bytes);
    let mut rng = StdRng::seed_from_u64(9);
    let mut fallbacks = 0;
    while fallbacks < 20 {
        let mut changed = bytes.clone();
        changed[code.start + 16 * rng.gen_range(0..code.len() / 16) + 3] = rng.gen_range(0..3);
        files.insert(FileName::Tape, summed(changed));
        let circuit = LoadedCircuit::open(&files, &prover, &sandbox()).unwrap();
        assert_eq!(circuit.unused_tape().map(ToString::to_string), None);
        let inputs = inputs(&(case.inputs)(&mut rng));
        let (witness, way) = circuit.witness(&inputs).unwrap();
        let (proof, public) = circuit.prove(&witness, &mut os_rng()).unwrap();
        assert!(circuit.verifier().verify(&public, &proof).unwrap());
        fallbacks += usize::from(way != Way::Tape);
    }
}

#[test]
fn inputs_beyond_what_was_recorded_go_to_the_module() {
    let source = "pragma circom 2.1.6;
        function rounds(n) { var i = 0; while (i * i < n) { i++; } return i; }
        template Root() { signal input n; signal output o; o <-- rounds(n); signal s <== o * n; }
        component main = Root();";
    let compiled = compile(source);
    let calculator = with_tape(&compiled, record(&compiled));
    for (n, root, way) in
        [(0, 0, Way::Tape), (10_000, 100, Way::Tape), (1_000_000, 1000, Way::ModuleAfterGuard)]
    {
        let (witness, by) = calculator.calculate_by(&inputs(&json!({"n": n}))).unwrap();
        assert_eq!((witness.values()[1], by), (root.into(), way), "{n}");
    }
}

#[test]
fn errors_are_those_of_the_module() {
    let source = "pragma circom 2.1.6;
        template Small() { signal input a; signal output o; o <== a * a;
            assert(a < 5);
        }
        component main = Small();";
    let compiled = compile(source);
    let calculator = with_tape(&compiled, record(&compiled));
    assert_eq!(calculator.calculate_by(&inputs(&json!({"a": 4}))).unwrap().1, Way::Tape);
    let error = calculator.calculate(&inputs(&json!({"a": 5}))).unwrap_err();
    let WitnessError::ConstraintFailed { template, line, .. } = error else { panic!("{error}") };
    assert_eq!((template.as_deref(), line), (Some("Small"), Some(3)));
}

/// The constraints catch an error that the module does not check.
#[test]
fn a_witness_that_breaks_a_constraint_is_no_witness() {
    let honest = compile(
        "pragma circom 2.1.6;
        template Square() { signal input a; signal output o; o <-- a * a; o === a * a; }
        component main = Square();",
    );
    let careless = compile(
        "pragma circom 2.1.6;
        template Square() { signal input a; signal output o; o <-- a * a + 1; signal s <== o * a; }
        component main = Square();",
    );
    assert!(with_tape(&honest, record(&honest)).calculate(&inputs(&json!({"a": 3}))).is_ok());
    for calculator in [module(&careless), module(&careless).with_tape(record(&careless))] {
        let error = calculator.with_check(check(&honest)).calculate(&inputs(&json!({"a": 3}))).unwrap_err();
        assert_eq!(zkflow_core::error::Classified::code(&error), "constraint_failed", "{error}");
    }
}

#[test]
fn what_cannot_be_recorded_says_why() {
    let stop = |body: &str, limits| {
        let source = format!(
            "pragma circom 2.1.6;
            template T() {{ signal input a; signal output o; {body} }}
            component main = T();"
        );
        Tape::record(&compile(&source).wasm, limits).map(|tape| tape.len())
    };
    let limits = RecordLimits::default();
    assert!(stop("o <== a * a;", limits).is_ok());
    // A value that depends on the branch is a choice, so there is a tape.
    let body = "signal t[2]; var i = 0; if (a == 3) { i = 1; } t[0] <-- i; t[1] <-- a; o <== t[0] * t[1];";
    assert!(stop(body, limits).is_ok());

    let long = "var x = a; for (var i = 0; i < 20000; i++) { x = x * x + a; } o <-- x;";
    assert_eq!(stop(long, RecordLimits { work: 1 << 16, ..limits }), Err(Stop::Work));
    let few = RecordLimits { operations: 1000, ..limits };
    assert_eq!(stop(long, few), Err(Stop::TooLong));
    let small = RecordLimits { memory_bytes: 1 << 16, ..limits };
    assert_eq!(stop("o <== a * a;", small), Err(Stop::Memory));
    assert_eq!(Tape::record(b"no module", limits), Err(Stop::NotCircom));
    assert_eq!(Tape::record(b"\0asm\x01\0\0\0", limits), Err(Stop::NoNames));
}

#[test]
fn tapes_belong_to_their_module_and_come_back_as_they_were() {
    let compiled = compile(CASES[3].source);
    let (tape, digest) = (record(&compiled), Digest::of(&compiled.wasm));
    let bytes = tape.to_bytes(&digest);
    assert_eq!(Tape::from_bytes(&bytes, &digest), Ok(tape));
    assert_eq!(Tape::from_bytes(&bytes, &Digest::of("another")), Err(TapeError::Module));
    assert_eq!(Tape::from_bytes(&bytes[..bytes.len() - 1], &digest), Err(TapeError::Damaged));
    assert_eq!(Tape::from_bytes(b"", &digest), Err(TapeError::Version));
    let mut other = bytes;
    other[40] ^= 1;
    assert_eq!(Tape::from_bytes(&summed(other), &digest), Err(TapeError::Field));
}

/// Runs the first 500 accepted tapes: a tape cannot access places that do not exist.
#[test]
fn damaged_tapes_never_panic() {
    let compiled = compile(CASES[3].source);
    let digest = Digest::of(&compiled.wasm);
    let bytes = record(&compiled).to_bytes(&digest);
    let mut rng = StdRng::seed_from_u64(8);
    let value = inputs(&(CASES[3].inputs)(&mut rng));
    let mut calculator = module(&compiled).with_check(check(&compiled));
    let expected = calculator.calculate(&value).unwrap();
    let mut accepted = 0;
    for round in 0..10_000 {
        let mut damaged = bytes.clone();
        for _ in 0..rng.gen_range(1..4) {
            let at = rng.gen_range(0..damaged.len());
            damaged[at] = rng.r#gen();
        }
        if round % 10 == 0 {
            damaged.truncate(rng.gen_range(0..damaged.len()));
        }
        if let Ok(tape) = Tape::from_bytes(&summed(damaged), &digest) {
            accepted += 1;
            if accepted <= 500 {
                calculator = calculator.with_tape(tape);
                assert!(calculator.calculate(&value).unwrap() == expected);
            }
        }
    }
    assert!(accepted > 100, "only {accepted} damaged tapes were accepted");
}
