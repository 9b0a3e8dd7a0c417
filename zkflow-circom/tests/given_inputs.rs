//! A witness of other inputs than the given ones is refused, whatever swaps them: a tape, a module or the names.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::time::Duration;

use zkflow_circom::compile::Compiled;
use zkflow_circom::sandbox::{Sandbox, SandboxConfig};
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::witness::tape::{RecordLimits, Tape, TapeError};
use zkflow_circom::witness::{
    CalculatorFiles, OpenError, Way, WitnessCalculator, WitnessCheck, WitnessError, WitnessLimits,
};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::field::Scalar;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::format::zkey::ZKey;
use zkflow_groth16::proof::PublicSignals;
use zkflow_groth16::rng::os_rng;
use zkflow_groth16::setup::circuit_specific;

mod support;
use support::{compile, sandbox};

/// Symmetric in its inputs, so that a witness of swapped inputs satisfies every constraint.
const SYMMETRIC: &str = "pragma circom 2.1.6;
    template Symmetric() { signal input age; signal input nonce; signal s <== age * nonce; }
    component main {public [nonce]} = Symmetric();";

/// The same with arrays and a bus; the sum of the squares hides every exchange within an input.
const ARRAYS: &str = "pragma circom 2.1.6;
    bus Point() { signal x; signal y; }
    template Arrays() {
        signal input m[2][2];
        input Point() p;
        signal output o;
        signal q[6];
        for (var i = 0; i < 4; i++) { q[i] <== m[i \\ 2][i % 2] * m[i \\ 2][i % 2]; }
        q[4] <== p.x * p.x;
        q[5] <== p.y * p.y;
        o <== q[0] + q[1] + q[2] + q[3] + q[4] + q[5];
    }
    component main = Arrays();";

const GIVEN: &str = r#"{"age": 42, "nonce": 7}"#;

fn inputs(json: &str) -> CircuitInputs {
    CircuitInputs::from_json(json.to_owned())
}

fn limits() -> WitnessLimits {
    WitnessLimits { wall: Duration::from_secs(20), ..WitnessLimits::default() }
}

/// Opens a calculator with the files of a circuit, of which some are replaced.
fn open(
    wasm: &[u8],
    compiled: &Compiled,
    sym: Option<&[u8]>,
    tape: Option<&[u8]>,
) -> Result<(WitnessCalculator, Option<TapeError>), OpenError> {
    let files = CalculatorFiles { wasm, r1cs: Some(&compiled.r1cs), sym, tape };
    WitnessCalculator::open(&sandbox(), files, limits())
}

fn tape(wasm: &[u8]) -> Vec<u8> {
    Tape::record(wasm, RecordLimits::default()).unwrap().to_bytes(&Digest::of(wasm))
}

/// Exchanges the places of the two inputs, each with one value, at the end of a tape.
fn with_swapped_inputs(mut tape: Vec<u8>) -> Vec<u8> {
    // The seal and the checksum follow the inputs. The place is the end of an input.
    let end = tape.len() - 64;
    let second = end - 16;
    let (head, tail) = tape.split_at_mut(second);
    head[second - 4..].swap_with_slice(&mut tail[12..16]);
    let sum = Digest::of(&tape[..end]);
    tape[end..end + 32].copy_from_slice(sum.as_bytes());
    tape
}

/// Exchanges two wires in the module's list that maps wires to signals.
fn with_swapped_wires(compiled: &Compiled, one: usize, other: usize) -> Vec<u8> {
    let labels = R1cs::read(&compiled.r1cs).unwrap().labels;
    let list: Vec<u8> = labels.iter().flat_map(|label| (*label as u32).to_le_bytes()).collect();
    let mut wasm = compiled.wasm.clone();
    let places: Vec<usize> =
        wasm.windows(list.len()).enumerate().filter(|(_, part)| *part == list).map(|(at, _)| at).collect();
    let [place] = places[..] else { panic!("the list of signals occurs {} times", places.len()) };
    for byte in 0..4 {
        wasm.swap(place + 4 * one + byte, place + 4 * other + byte);
    }
    wasm
}

#[test]
fn a_tape_that_swaps_two_inputs_is_caught_and_the_module_steps_in() {
    let compiled = compile(SYMMETRIC);
    let honest = tape(&compiled.wasm);
    for sym in [Some(&*compiled.sym), None] {
        let (calculator, unused) = open(&compiled.wasm, &compiled, sym, Some(&honest)).unwrap();
        assert_eq!(unused, None);
        let (expected, way) = calculator.calculate_by(&inputs(GIVEN)).unwrap();
        assert_eq!(way, Way::Tape);
        assert_eq!(expected.values()[1], Scalar::from(7u64));

        let swapped = with_swapped_inputs(honest.clone());
        let (calculator, unused) = open(&compiled.wasm, &compiled, sym, Some(&swapped)).unwrap();
        assert_eq!(unused, None);
        let (witness, way) = calculator.calculate_by(&inputs(GIVEN)).unwrap();
        assert_eq!(way, Way::ModuleAfterMismatch);
        assert!(witness == expected, "a private input is in the place of a public one");
    }
}

#[test]
fn a_module_that_swaps_two_inputs_is_refused_and_the_error_names_the_input_without_values() {
    let compiled = compile(SYMMETRIC);
    let wasm = with_swapped_wires(&compiled, 1, 2);
    let unchecked = WitnessCalculator::new(&sandbox(), &wasm, limits()).unwrap();
    let witness = unchecked.calculate(&inputs(GIVEN)).unwrap();
    assert_eq!(witness.values()[1], Scalar::from(42u64), "the attack works without a check");

    for sym in [Some(&*compiled.sym), None] {
        for tape in [None, Some(&*tape(&wasm))] {
            let (calculator, _) = open(&wasm, &compiled, sym, tape).unwrap();
            let error = calculator.calculate(&inputs(GIVEN)).unwrap_err();
            assert_eq!(error.to_string(), "input `nonce`: the witness contains another value");
            assert_eq!((error.code(), error.kind()), ("input_mismatch", ErrorKind::Internal));
            // Equal values cannot be told apart, and need not be.
            assert!(calculator.calculate(&inputs(r#"{"age": 5, "nonce": 5}"#)).is_ok());
        }
    }
}

#[test]
fn every_exchange_of_two_values_is_named_by_its_place() {
    let compiled = compile(ARRAYS);
    let given = inputs(r#"{"m": [[1, 2], [3, 4]], "p": {"x": 5, "y": 6}}"#);
    let flat = inputs(r#"{"m": [[1, 2], [3, 4]], "p": [5, 6]}"#);
    let names = ["m[0][0]", "m[0][1]", "m[1][0]", "m[1][1]", "p.x", "p.y"];
    let flat_names = ["m[0]", "m[1]", "m[2]", "m[3]", "p[0]", "p[1]"];
    // The output is wire 1.
    for one in 0..6 {
        for other in one + 1..6 {
            let wasm = with_swapped_wires(&compiled, one + 2, other + 2);
            for (sym, given, names) in [(Some(&*compiled.sym), &given, names), (None, &flat, flat_names)] {
                let (calculator, _) = open(&wasm, &compiled, sym, None).unwrap();
                let error = calculator.calculate(given).unwrap_err();
                assert_eq!(error, WitnessError::InputMismatch(names[one].to_owned()), "{one} and {other}");
            }
        }
    }
}

#[test]
fn a_tape_of_a_circuit_with_a_bus_is_compared_with_its_fields() {
    let compiled = compile(ARRAYS);
    let given = inputs(r#"{"p": {"y": 6, "x": 5}, "m": [[1, 2], [3, 4]]}"#);
    let (calculator, unused) =
        open(&compiled.wasm, &compiled, Some(&compiled.sym), Some(&tape(&compiled.wasm))).unwrap();
    assert_eq!(unused, None);
    let (witness, way) = calculator.calculate_by(&given).unwrap();
    assert_eq!(way, Way::Tape);
    // Without the names of the signals, those of the module are compared, also the ones of fields.
    let (calculator, _) = open(&compiled.wasm, &compiled, None, Some(&tape(&compiled.wasm))).unwrap();
    let flat = inputs(r#"{"m": [[1, 2], [3, 4]], "p": [5, 6]}"#);
    let parts = inputs(r#"{"p.y": 6, "m": [[1, 2], [3, 4]], "p.x": 5}"#);
    for given in [flat, given, parts] {
        assert_eq!(calculator.calculate_by(&given).as_ref(), Ok(&(witness.clone(), Way::Tape)));
    }
    let twice = inputs(r#"{"p.y": 6, "m": [[1, 2], [3, 4]], "p": [5, 6]}"#);
    assert!(calculator.calculate(&twice).is_err());
}

/// The module has two names for the only field of a bus, and does not tell which is which.
#[test]
fn a_bus_with_a_single_field_has_a_tape_and_both_names() {
    let compiled = compile(
        "pragma circom 2.2.0;
        bus Inner() { signal x; }
        bus Outer() { Inner() i; }
        template T() {
            signal input a;
            input Inner() p;
            input Outer() q;
            signal output o;
            signal s <== a * p.x;
            o <== s * q.i.x;
        }
        component main {public [q]} = T();",
    );
    let tape = tape(&compiled.wasm);
    for sym in [Some(&*compiled.sym), None] {
        let (calculator, unused) = open(&compiled.wasm, &compiled, sym, Some(&tape)).unwrap();
        assert_eq!(unused, None);
        for json in [
            r#"{"a": 2, "p": {"x": 3}, "q": {"i": {"x": 5}}}"#,
            r#"{"q": [5], "p": [3], "a": 2}"#,
            r#"{"q.i.x": 5, "p.x": 3, "a": 2}"#,
            r#"{"p.x": 3, "a": 2, "q": [5]}"#,
        ] {
            let (witness, way) = calculator.calculate_by(&inputs(json)).unwrap();
            assert_eq!((&witness.values()[..3], way), (&[1u64, 30, 5].map(Scalar::from)[..], Way::Tape));
        }
        for json in [r#"{"a": 2, "p": [3]}"#, r#"{"a": 2, "p": [3], "p.x": 3, "q": [5]}"#] {
            assert!(calculator.calculate(&inputs(json)).is_err(), "{json}");
        }
    }
    // Without constraints, the names are compared with those of the module too.
    let files = CalculatorFiles { wasm: &compiled.wasm, r1cs: None, sym: Some(&compiled.sym), tape: None };
    let (calculator, _) = WitnessCalculator::open(&sandbox(), files, limits()).unwrap();
    let witness = calculator.calculate(&inputs(r#"{"a": 2, "p": {"x": 3}, "q": [5]}"#)).unwrap();
    assert_eq!(witness.values()[1], Scalar::from(30u64));
}

#[test]
fn names_that_do_not_fit_the_module_or_the_wires_are_refused() {
    let compiled = compile(SYMMETRIC);
    let text = String::from_utf8(compiled.sym.clone()).unwrap();
    let swapped = text.replace("age", "x").replace("nonce", "age").replace(".x", ".nonce");
    assert_ne!(swapped, text);
    let other_wire = text.replacen("1,1,", "1,2,", 1);
    let no_wire = text.replacen("2,2,", "2,-1,", 1);
    let one_name_twice = text.replace("nonce", "age");
    let renamed = text.replace("nonce", "other");
    let fewer = text.lines().next().unwrap().to_owned() + "\n";
    for sym in [swapped, other_wire, no_wire, one_name_twice, renamed, fewer, String::new()] {
        for tape in [None, Some(&*with_swapped_inputs(tape(&compiled.wasm)))] {
            let opened = open(&compiled.wasm, &compiled, Some(sym.as_bytes()), tape);
            let Err(OpenError::Mismatch(error)) = opened else { panic!("{sym}: {opened:?}") };
            assert_eq!(error.code(), "signals_mismatch", "{sym}");
        }
    }
}

#[test]
fn constraints_whose_wires_are_not_those_of_the_header_are_refused() {
    let compiled = compile(SYMMETRIC);
    let honest = R1cs::read(&compiled.r1cs).unwrap();
    let sym = Sym::read(&compiled.sym).unwrap();
    let alterations: [&dyn Fn(&mut R1cs); 5] = [
        &|r1cs| r1cs.labels.swap(1, 2),
        &|r1cs| r1cs.labels.swap(2, 3),
        &|r1cs| (r1cs.n_public_inputs, r1cs.n_private_inputs) = (0, 1),
        &|r1cs| (r1cs.n_outputs, r1cs.n_public_inputs) = (1, 0),
        &|r1cs| r1cs.n_private_inputs = u32::MAX,
    ];
    for (number, alter) in alterations.into_iter().enumerate() {
        let mut r1cs = honest.clone();
        alter(&mut r1cs);
        for sym in [Some(&sym), None] {
            let refused = WitnessCheck::new(&r1cs, sym, &compiled.wasm, &mut os_rng());
            assert!(matches!(refused, Err(WitnessError::SignalsMismatch(_))), "alteration {number}");
        }
    }
}

/// circom removes the wire of `x`, because the output is equal to it. A tape could put any value there.
#[test]
fn a_circuit_with_an_input_without_a_wire_uses_no_tape() {
    let compiled = compile(
        "pragma circom 2.1.6;
        template Linear() { signal input x; signal input y; signal output o; o <== x; signal s <== y * y; }
        component main = Linear();",
    );
    let tape = tape(&compiled.wasm);
    for sym in [Some(&*compiled.sym), None] {
        let (calculator, unused) = open(&compiled.wasm, &compiled, sym, Some(&tape)).unwrap();
        assert_eq!(unused, Some(TapeError::Unchecked));
        let (witness, way) = calculator.calculate_by(&inputs(r#"{"x": 3, "y": 4}"#)).unwrap();
        assert_eq!((witness.values()[1], way), (Scalar::from(3u64), Way::Module));
    }
}

#[test]
fn a_module_without_a_table_of_inputs_needs_names() {
    let compiled = compile(SYMMETRIC);
    // Without its names of functions, the table is not found.
    let name = b"getInputSignalMapPosition";
    let mut wasm = compiled.wasm.clone();
    while let Some(at) = wasm.windows(name.len()).position(|part| part == name) {
        wasm[at] = b'x';
    }
    let refused = open(&wasm, &compiled, None, None).unwrap_err();
    assert!(refused.to_string().contains(".sym"), "{refused}");
    let (calculator, unused) =
        open(&wasm, &compiled, Some(&compiled.sym), Some(&tape_of(&compiled, &wasm))).unwrap();
    assert_eq!(unused, Some(TapeError::Unchecked));
    assert!(calculator.calculate(&inputs(GIVEN)).is_ok());
}

/// The tape of one module, bound to another.
fn tape_of(compiled: &Compiled, wasm: &[u8]) -> Vec<u8> {
    Tape::record(&compiled.wasm, RecordLimits::default()).unwrap().to_bytes(&Digest::of(wasm))
}

#[test]
fn public_signals_that_are_not_the_public_inputs_are_refused() {
    let compiled = compile(SYMMETRIC);
    let r1cs = R1cs::read(&compiled.r1cs).unwrap();
    let ZKey { head, .. } = circuit_specific(&r1cs, &mut os_rng()).unwrap();
    let signals = |value: u64| PublicSignals::for_key(&head.vk, vec![Scalar::from(value)]).unwrap();
    for sym in [Some(&*compiled.sym), None] {
        let (calculator, _) = open(&compiled.wasm, &compiled, sym, None).unwrap();
        let check = |json, value| calculator.check_public(&inputs(json), &signals(value));
        assert_eq!(check(r#"{"nonce": 7}"#, 7), Ok(()));
        let other = Err(WitnessError::InputMismatch("nonce".to_owned()));
        assert_eq!(check(r#"{"nonce": 7}"#, 42), other);
        for public in ["{}", r#"{"age": 42}"#, r#"{"age": 42, "nonce": 42}"#] {
            assert_eq!(check(public, 42).unwrap_err().code(), "signals_mismatch", "{public}");
        }
    }
    let unchecked = WitnessCalculator::new(&sandbox(), &compiled.wasm, limits()).unwrap();
    assert!(unchecked.check_public(&inputs(r#"{"nonce": 7}"#), &signals(7)).is_err());
}

#[test]
fn a_module_is_compiled_only_if_the_tape_cannot_be_used() {
    let compiled = compile(ARRAYS);
    let tape = tape(&compiled.wasm);
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("modules");
    let config = SandboxConfig { cache_dir: Some(cache.clone()), ..SandboxConfig::default() };
    let sandbox = Sandbox::new(config).unwrap();
    let modules = || std::fs::read_dir(&cache).unwrap().count();
    let files = CalculatorFiles {
        wasm: &compiled.wasm,
        r1cs: Some(&compiled.r1cs),
        sym: Some(&compiled.sym),
        tape: Some(&tape),
    };
    let given = inputs(r#"{"m": [[1, 2], [3, 4]], "p": {"x": 5, "y": 6}}"#);
    let (calculator, unused) = WitnessCalculator::open(&sandbox, files, limits()).unwrap();
    let (by_tape, way) = calculator.calculate_by(&given).unwrap();
    assert_eq!((unused, way, modules()), (None, Way::Tape, 0));

    // A tape of another module is not used.
    let other = self::tape(&compile(SYMMETRIC).wasm);
    let files = CalculatorFiles { tape: Some(&other), ..files };
    let (calculator, unused) = WitnessCalculator::open(&sandbox, files, limits()).unwrap();
    assert_eq!((unused, modules()), (Some(TapeError::Module), 1));
    assert_eq!(calculator.calculate_by(&given).unwrap(), (by_tape.clone(), Way::Module));

    // A tape that needs more memory than is allowed is not used either: the module is compiled for its calculation.
    let files = CalculatorFiles { tape: Some(&tape), ..files };
    let small = WitnessLimits { memory_bytes: 64, ..limits() };
    let fresh = Sandbox::new(SandboxConfig::default()).unwrap();
    let (calculator, unused) = WitnessCalculator::open(&fresh, files, small).unwrap();
    assert_eq!(unused, None);
    assert_eq!(calculator.calculate_by(&given).unwrap_err().code(), "witness_limit");
}
