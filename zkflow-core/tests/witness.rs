//! Calculates witnesses of real circuits and compares them with snarkjs'.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use zkflow_core::compile::Compiled;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::field::to_le_bytes;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::witness::{Witness, WitnessCalculator, WitnessError, WitnessLimits};

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

/// The bytes of all values, as they stand at the end of a `.wtns` file.
fn bytes(witness: &Witness) -> Vec<u8> {
    witness.values().iter().flat_map(to_le_bytes).collect()
}

/// The `.wtns` file of snarkjs.
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
        assert!(snarkjs_wtns(&compiled, &json).ends_with(&bytes(&witness)), "{json}");
        assert!(witness.values().len() > 1);
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
        for (var i = 0; i < 2; i++) { o[i] <== a * m[i][0] + m[i + 1][1] * b; }
    }
    component main {public [b, a]} = Matrix();";

const CONSTANT: &str = "pragma circom 2.1.6;
    template Constant() { signal output o; o <== 42; }
    component main = Constant();";
