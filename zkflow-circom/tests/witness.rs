//! Calculates witnesses of real circuits and compares them with the witnesses of snarkjs.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use zkflow_circom::compile::Compiled;
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::witness::{Witness, WitnessCalculator, WitnessCheck, WitnessError, WitnessLimits};
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::field::Scalar;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::format::wtns;
use zkflow_groth16::rng::os_rng;

mod support;
use support::{compile, sandbox};

const RANGE: &str = "pragma circom 2.1.6;
    include \"circomlib/circuits/comparators.circom\";
    include \"circomlib/circuits/bitify.circom\";
    template Range(min, max) {
        signal input age;
        signal output ok;
        component bits = Num2Bits(8);
        bits.in <== age;
        component low = GreaterEqThan(8);
        low.in <== [age, min];
        component high = LessEqThan(8);
        high.in <== [age, max];
        log(\"the age is\", age);
        low.out === 1;
        high.out === 1;
        ok <== low.out * high.out;
    }
    component main = Range(18, 120);";

const SHAPES: &str = "pragma circom 2.1.6;
    bus Point(n) { signal x; signal y[n]; }
    template Shapes() {
        signal input a;
        signal input m[3][2];
        signal input c;
        input Point(2) p;
        input Point(2) q[2];
        signal output o[2];
        signal t <== a * m[0][1];
        o[0] <== t + m[2][0] + p.y[1];
        o[1] <== c * q[1].y[0] + q[0].x;
    }
    component main {public [c, a]} = Shapes();";

const SHAPES_INPUT: &str = r#"{"c": "7", "m": [[1, 2], ["3", 4], [5, 6]], "a": 3,
    "p": {"x": 1, "y": [2, 30]}, "q": [{"x": 11, "y": [12, 13]}, {"x": 21, "y": [22, 23]}]}"#;

fn limits() -> WitnessLimits {
    WitnessLimits { wall: Duration::from_secs(20), ..WitnessLimits::default() }
}

fn calculator(compiled: &Compiled) -> WitnessCalculator {
    WitnessCalculator::new(&sandbox(), &compiled.wasm, limits()).unwrap()
}

fn calculate(calculator: &WitnessCalculator, json: &str) -> Result<Witness, WitnessError> {
    calculator.calculate(&CircuitInputs::from_json(json.to_owned()))
}

/// A calculator with the names and shapes of the inputs.
fn named(compiled: &Compiled) -> WitnessCalculator {
    calculator(compiled).with_check(check(compiled, compiled).unwrap())
}

/// A check with the constraints and names of one circuit, for the module of another.
fn check(circuit: &Compiled, module: &Compiled) -> Result<WitnessCheck, WitnessError> {
    let (r1cs, sym) = (R1cs::read(&circuit.r1cs).unwrap(), Sym::read(&circuit.sym).unwrap());
    WitnessCheck::new(&r1cs, Some(&sym), &module.wasm, &mut os_rng())
}

/// The `.wtns` file by snarkjs.
fn snarkjs_wtns(compiled: &Compiled, json: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.wasm"), &compiled.wasm).unwrap();
    fs::write(folder.path().join("i.json"), json).unwrap();
    let output = Command::new("node")
        .arg(support::snarkjs())
        .args(["wtns", "calculate", "c.wasm", "i.json", "w.wtns"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read(folder.path().join("w.wtns")).unwrap()
}

#[test]
fn witness_is_the_one_that_snarkjs_calculates() {
    let cases = [
        (RANGE, r#"{"age": 42}"#.to_owned()),
        (
            HASH,
            r#"{"in": ["21888242871839275222246405745257275088548364400416034343698204186575808495616", 1]}"#
                .to_owned(),
        ),
        (MATRIX, r#"{"m": [[1, 2], ["3", 4], [5, 6]], "b": 7, "a": "9007199254740993"}"#.to_owned()),
        (CONSTANT, "{}".to_owned()),
    ];
    for (source, json) in cases {
        let compiled = compile(source);
        let witness = calculate(&calculator(&compiled), &json).unwrap();
        assert!(snarkjs_wtns(&compiled, &json) == wtns::write(&witness), "{json}");
        assert_eq!(calculate(&named(&compiled), &json), Ok(witness));
    }
}

const HASH: &str = "pragma circom 2.1.6;
    include \"circomlib/circuits/poseidon.circom\";
    template Hash() {
        signal input in[2];
        signal output out;
        component poseidon = Poseidon(2);
        poseidon.inputs <== in;
        out <== poseidon.out;
    }
    component main = Hash();";

const MATRIX: &str = "pragma circom 2.1.6;
    template Matrix() {
        signal input a;
        signal input m[3][2];
        signal input b;
        signal output o[2];
        signal t[2];
        for (var i = 0; i < 2; i++) { t[i] <== a * m[i][0]; o[i] <== t[i] + m[i + 1][1] * b; }
    }
    component main {public [b, a]} = Matrix();";

const CONSTANT: &str = "pragma circom 2.1.6;
    template Constant() { signal output o; o <== 42; }
    component main = Constant();";

#[test]
fn every_constraint_holds_and_public_signals_come_first() {
    let compiled = compile(SHAPES);
    let r1cs = R1cs::read(&compiled.r1cs).unwrap();
    let witness = calculate(&named(&compiled), SHAPES_INPUT).unwrap();
    let dot = |terms: &[(u32, Scalar)]| -> Scalar {
        terms.iter().map(|(wire, factor)| witness.values()[*wire as usize] * factor).sum()
    };
    assert!(r1cs.constraints.iter().all(|row| dot(&row.a) * dot(&row.b) == dot(&row.c)));
    // Outputs, then the public inputs in order of declaration: o[0], o[1], a, c.
    let public = [3 * 2 + 5 + 30, 7 * 22 + 11, 3, 7].map(|value: u64| Scalar::from(value));
    assert_eq!(witness.values()[1..5], public);
    assert_eq!(witness.values().len(), r1cs.n_wires as usize);
}

#[test]
fn failed_constraint_names_template_and_line_and_no_value() {
    let compiled = compile(RANGE);
    for calculator in [calculator(&compiled), named(&compiled)] {
        assert!(calculate(&calculator, r#"{"age": 18}"#).is_ok());
        for (age, template, line) in [(17, "Range", 14), (121, "Range", 15), (256, "Num2Bits", 38)] {
            let error = calculate(&calculator, &format!("{{\"age\": {age}}}")).unwrap_err();
            let WitnessError::ConstraintFailed { template: found, line: at, message } = &error else {
                panic!("{error:?}")
            };
            assert_eq!((found.as_deref(), *at), (Some(template), Some(line)), "{message}");
            assert_eq!((error.code(), error.kind()), ("constraint_failed", ErrorKind::Invalid));
            assert!(!message.contains(&age.to_string()), "{message}");
        }
    }
}

#[test]
fn a_division_by_zero_is_a_fault_of_the_inputs() {
    let compiled = compile(
        "pragma circom 2.1.6;
        template Divide() {
            signal input a; signal input b; signal output q; signal output r;
            q <-- a \\ b; r <-- a % b; q * b + r === a;
        }
        component main = Divide();",
    );
    for calculator in [calculator(&compiled), named(&compiled)] {
        assert!(calculate(&calculator, r#"{"a": 7, "b": 2}"#).is_ok());
        let error = calculate(&calculator, r#"{"a": 7, "b": 0}"#).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("constraint_failed", ErrorKind::Invalid), "{error}");
        assert!(error.to_string().contains("divides by zero"), "{error}");
    }
}

#[test]
fn wrong_inputs_are_named_by_their_path_with_and_without_signals() {
    let compiled = compile(MATRIX);
    let m = r#""m": [[1, 2], [3, 4], [5, 6]]"#;
    let cases = [
        (format!("{{{m}, \"a\": 1, \"b\": 2, \"c\": 3}}"), "unknown_input", "inputs.c: "),
        (format!("{{{m}, \"a\": 1, \"b\": 2, \"a\": 3}}"), "duplicate_input", "inputs.a: "),
        (format!("{{{m}, \"a\": 1, \"b\": -2}}"), "not_in_field", "inputs.b: negative"),
        (format!("{{{m}, \"a\": [1, 2], \"b\": 2}}"), "wrong_shape", "inputs.a: expected "),
        (format!("{{{m}, \"a\": 1, \"b\": 1.5}}"), "unsafe_number", "inputs.b: "),
        (format!("{{{m}, \"a\": 1, \"b\": true}}"), "not_a_value", "inputs.b: "),
        (format!("{{{m}, \"a\": 1, \"b\": \"0xff\"}}"), "not_decimal", "inputs.b: "),
        (r#"{"m": [[1, 2], [3, 9007199254740993], [5, 6]]}"#.into(), "unsafe_number", "inputs.m[1][1]: "),
        (r#"{"m": [[1, 2], [3, 4], [5]], "a": 1, "b": 2}"#.into(), "wrong_shape", "inputs.m"),
        ("[1]".into(), "invalid_json", "the inputs are not a JSON object"),
    ];
    for calculator in [calculator(&compiled), named(&compiled)] {
        for (json, code, message) in &cases {
            let error = calculate(&calculator, json).unwrap_err();
            assert_eq!(error.code(), *code, "{json}: {error}");
            assert!(error.to_string().starts_with(message), "{json}: {error}");
        }
    }
}

#[test]
fn missing_input_is_named_when_the_signals_are_known() {
    let compiled = compile(MATRIX);
    let json = r#"{"m": [[1, 2], [3, 4], [5, 6]], "a": 1}"#;
    assert_eq!(calculate(&named(&compiled), json).unwrap_err().to_string(), "inputs.b: missing");
    let error = calculate(&calculator(&compiled), json).unwrap_err();
    assert_eq!(error.to_string(), "inputs (7 of 8 values given): missing");
}

#[test]
fn signals_of_another_circuit_are_refused() {
    let (matrix, range, constant) = (compile(MATRIX), compile(RANGE), compile(CONSTANT));
    // The module of another circuit, then one whose inputs only have other names.
    let renamed = compile(&RANGE.replace("age", "years"));
    for other in [&matrix, &constant, &renamed] {
        assert_eq!(check(&range, other).unwrap_err().code(), "signals_mismatch");
    }
    let calculator = calculator(&matrix).with_check(check(&range, &range).unwrap());
    assert_eq!(calculate(&calculator, r#"{"age": 42}"#).unwrap_err().code(), "signals_mismatch");
    let r1cs = R1cs::read(&range.r1cs).unwrap();
    let names = Sym::read(&constant.sym).unwrap();
    let error = WitnessCheck::new(&r1cs, Some(&names), &range.wasm, &mut os_rng()).unwrap_err();
    assert_eq!(error.code(), "signals_mismatch");
}

#[test]
fn endless_calculation_is_stopped_and_the_next_one_succeeds() {
    let endless = compile(
        "pragma circom 2.1.6;
        template Endless() { signal input a; signal output o;
            var i = 0; while (a + i != a - 1) { i += a; } o <-- i; o === a * a; }
        component main = Endless();",
    );
    let limits = WitnessLimits { wall: Duration::from_secs(2), ..WitnessLimits::default() };
    let calculator = WitnessCalculator::new(&sandbox(), &endless.wasm, limits).unwrap();
    let start = Instant::now();
    let error = calculate(&calculator, r#"{"a": 0}"#).unwrap_err();
    assert!(start.elapsed() < limits.wall + Duration::from_secs(30));
    assert_eq!(error, WitnessError::Limit("2 s".into()));
    assert!(calculate(&named(&compile(RANGE)), r#"{"age": 42}"#).is_ok());
}

#[test]
fn modules_that_are_no_witness_calculator_are_refused() {
    let new = |wasm: &[u8], limits| WitnessCalculator::new(&sandbox(), wasm, limits);
    assert_eq!(new(b"no module", limits()).unwrap_err().code(), "witness_calculator_failed");
    let empty = new(b"\0asm\x01\0\0\0", limits()).unwrap();
    assert_eq!(calculate(&empty, "{}").unwrap_err().code(), "witness_calculator_failed");
    let short = WitnessLimits { module_bytes: 100, ..limits() };
    assert_eq!(new(&[0; 101], short).unwrap_err().code(), "witness_limit");
    let small = WitnessLimits { memory_bytes: 1 << 16, ..limits() };
    let error = calculate(&new(&compile(RANGE).wasm, small).unwrap(), r#"{"age": 42}"#).unwrap_err();
    assert_eq!(error.code(), "witness_limit", "{error}");
}
