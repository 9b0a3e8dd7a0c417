//! Inputs of witnesses, and tapes.

use std::fs;

use crate::support::{Folder, SQUARE};

#[test]
fn circuits_of_many_inputs_have_a_tape() {
    for count in [256, 257, 700] {
        let names: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        let declared: String = names.iter().map(|name| format!("signal input {name}; ")).collect();
        // Every input is in a constraint that is not linear, so that its wire stays.
        let sum: String = names.iter().map(|name| format!("sum += {name}; ")).collect();
        let source = format!(
            "pragma circom 2.1.6; template T() {{ {declared} signal output o;
                signal p <== s0 * s1; var sum = 0; {sum} o <== p * sum; }}
             component main = T();"
        );
        let inputs: String = names.iter().map(|name| format!("\"{name}\": 1,")).collect();
        let folder = Folder::new(&[
            ("main.circom", &source),
            ("input.json", &format!("{{{}}}", inputs.trim_end_matches(','))),
        ]);
        let printed = folder.done(&["compile", "main.circom", "--O0", "--out", "out"]);
        assert!(printed.contains("by a tape"), "{printed}");
        let output = folder.run(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("by the tape"), "{text}");
        assert_eq!(folder.wire("w.wtns", 1), count.to_string());
    }
}

/// circom removes the wire of `x`, so that a tape's witness cannot be compared with it.
#[test]
fn the_way_that_is_shown_is_the_way_that_is_used() {
    let source = "pragma circom 2.1.6;
        template T() { signal input x; signal input y; signal input unused; signal output o; o <== x;
            signal s <== y * y; }
        component main = T();";
    let folder = Folder::new(&[("main.circom", source), ("input.json", r#"{"x": 3, "y": 4, "unused": 5}"#)]);
    for (level, way) in [("--O0", "tape"), ("--O1", "module")] {
        let printed = folder.done(&["compile", "main.circom", level, "--out", "out"]);
        assert!(
            printed.contains(&format!("by {}{way}", if way == "tape" { "a " } else { "circom's " })),
            "{printed}"
        );
        assert!(printed.contains("main.unused"), "an unused input is reported: {printed}");
        let shown = folder.done(&["inspect", "out/main.wasm"]);
        let shown = shown.lines().find(|line| line.starts_with("witness")).unwrap();
        assert!(shown.ends_with(way), "{shown}");
        let output = folder.run(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&format!("by the {way}")), "{text}");
    }
}

/// The module of circom 2.2.3 calculates `x ** x` wrongly under a comparison. The tape would be right.
#[test]
fn a_tape_that_differs_from_the_module_is_not_used() {
    let source = "pragma circom 2.1.6;
        template T() { signal input c; signal input e; signal output o; signal d; d <== c * e;
            o <-- ((c ** c) >= 65) ? 1 : 0; }
        component main = T();";
    let folder = Folder::new(&[("main.circom", source), ("input.json", r#"{"c": "3", "e": "3"}"#)]);
    let printed = folder.done(&["compile", "main.circom", "--out", "out"]);
    assert!(printed.contains("differs from the module"), "{printed}");
    folder.done(&["witness", "out/main.wasm", "input.json", "one.wtns"]);
    fs::create_dir(folder.at("alone")).unwrap();
    fs::copy(folder.at("out/main.wasm"), folder.at("alone/main.wasm")).unwrap();
    folder.done(&["witness", "alone/main.wasm", "input.json", "other.wtns"]);
    assert!(fs::read(folder.at("one.wtns")).unwrap() == fs::read(folder.at("other.wtns")).unwrap());
}

#[test]
fn a_module_of_another_field_has_no_tape_and_no_witness() {
    let folder = Folder::new(&[("main.circom", SQUARE), ("input.json", r#"{"a": 3}"#)]);
    folder.done(&["compile", "main.circom", "--out", "out"]);
    let wasm = fs::read(folder.at("out/main.wasm")).unwrap();
    // The prime in the module, little-endian. circom's own modules for other primes have them at the same places.
    let prime = hex::decode("010000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430").unwrap();
    let places = wasm.windows(32).enumerate().filter(|(_, bytes)| *bytes == prime);
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    let mut other = wasm;
    places.iter().for_each(|at| other[*at] = 3);
    folder.write("other.wasm", other);
    let shown = folder.done(&["inspect", "other.wasm"]);
    assert!(shown.contains("not for the field of BN254") && !shown.contains("tape"), "{shown}");
    let error = folder.refused(&["witness", "other.wasm", "input.json", "w.wtns"]);
    assert!(error.contains("not for the field of BN254"), "{error}");
    let error = folder.refused(&["compile", "main.circom", "--prime", "bls12381", "--out", "x"]);
    assert!(error.contains("bn128"), "{error}");
}

#[test]
fn a_missing_input_is_named_with_and_without_constraints() {
    let source =
        "pragma circom 2.1.6; template X() { signal input a; signal input b; signal output o; o <== a * b; }
        component main = X();";
    let folder = Folder::new(&[("main.circom", source), ("input.json", r#"{"a": 3}"#)]);
    folder.done(&["compile", "main.circom", "--out", "out"]);
    for removed in ["nothing", "out/main.tape", "out/main.r1cs"] {
        let _ = fs::remove_file(folder.at(removed));
        let error = folder.refused(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
        assert!(error.contains("inputs.b: missing"), "{removed}: {error}");
    }
    // Names of another circuit beside the module are not used, and are an error if they are requested.
    folder.write("out/main.sym", "1,1,0,main.q\n");
    let error = folder.refused(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
    assert!(error.contains("1 of 2 values"), "{error}");
    let error =
        folder.refused(&["witness", "out/main.wasm", "input.json", "w.wtns", "--sym", "out/main.sym"]);
    assert!(error.contains("label"), "{error}");
}

/// circom writes `out/main_js/main.wasm`, and the other files in `out`.
#[test]
fn the_files_of_a_circuit_are_found_where_circom_writes_them() {
    let folder = Folder::new(&[("main.circom", SQUARE), ("input.json", r#"{"a": 3}"#), ("none.json", "{}")]);
    folder.done(&["compile", "main.circom", "--out", "out"]);
    for (name, is_found) in [("main_js", true), ("other_js", false)] {
        let place = folder.at("out").join(name);
        fs::create_dir(&place).unwrap();
        fs::copy(folder.at("out/main.wasm"), place.join("main.wasm")).unwrap();
        let path = format!("out/{name}/main.wasm");
        let output = folder.run(&["witness", &path, "input.json", "w.wtns"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told.contains("by the tape, checked"), is_found, "{name}: {told}");
        let error = folder.refused(&["witness", &path, "none.json", "w.wtns"]);
        assert_eq!(error.contains("inputs.a: missing"), is_found, "{name}: {error}");
    }
    let mut inside = folder.command(&["witness", "main.wasm", "../../input.json", "w.wtns"]);
    let output = inside.current_dir(folder.at("out/main_js")).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("by the tape, checked"), "{told}");
}

#[test]
fn buses_are_objects_arrays_or_mixtures_with_and_without_names() {
    let source = "pragma circom 2.2.0;
        bus P() { signal x; signal y[2]; }
        template T() { input P() p; input P() q[2]; signal input none[0]; signal output o;
            signal s <== p.x * p.y[1]; o <== s + q[0].x * q[1].y[1]; }
        component main = T();";
    let folder = Folder::new(&[("main.circom", source)]);
    folder.done(&["compile", "main.circom", "--O0", "--out", "out"]);
    let forms = [
        r#"{"p": {"x": 2, "y": [3, 4]}, "q": [{"x": 5, "y": [6, 7]}, {"x": 8, "y": [9, 10]}], "none": []}"#,
        r#"{"p": [2, 3, 4], "q": [5, 6, 7, 8, 9, 10]}"#,
        r#"{"p": [2, [3, 4]], "q": [[5, 6, 7], [8, [9, 10]]], "none": [[], []]}"#,
    ];
    let mixed = r#"{"p": [2, 3, 4], "q": [{"x": 5, "y": [6, 7]}, [8, 9, 10]]}"#;
    for input in forms.iter().chain([&mixed]) {
        folder.write("input.json", input);
        folder.done(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
        assert_eq!(folder.wire("w.wtns", 1), "58", "{input}");
    }
    // Without names, the module knows the names of buses and of their fields.
    fs::create_dir(folder.at("alone")).unwrap();
    fs::copy(folder.at("out/main.wasm"), folder.at("alone/main.wasm")).unwrap();
    for input in forms {
        folder.write("input.json", input);
        folder.done(&["witness", "alone/main.wasm", "input.json", "w.wtns"]);
        assert_eq!(folder.wire("w.wtns", 1), "58", "{input}");
    }
    for (input, message) in [
        (r#"{"p": [2, 3], "q": [5, 6, 7, 8, 9, 10]}"#, "inputs.p"),
        (r#"{"p": [2, 3, 4], "q": [5, 6, 7, 8, 9, 10], "other": []}"#, "inputs.other: unknown"),
        (r#"{"p": [2, 3, 4], "q": [5, 6, 7, 8, 9, 10], "none": [1]}"#, "inputs.none"),
    ] {
        folder.write("input.json", input);
        let error = folder.refused(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn lenient_numbers_have_the_values_of_circom() {
    // The squares of the values of snarkjs 0.7.6 with Node.js 20.
    let folder = Folder::new(&[("main.circom", SQUARE)]);
    folder.done(&["compile", "main.circom", "--out", "out"]);
    let above = "21888242871839275222246405745257275088548364400416034343698204186575808495620";
    for (input, square) in [
        ("\"0x10\"", "256"),
        ("\"0b11\"", "9"),
        ("\"0o17\"", "225"),
        ("-5", "25"),
        ("\"-5\"", "25"),
        ("[\"7\"]", "49"),
        ("true", "1"),
        ("1e3", "1000000"),
        ("-1.0", "1"),
        ("\" 12\\t\"", "144"),
        ("\"\"", "0"),
        (&*format!("\"{above}\""), "9"),
    ] {
        folder.write("input.json", format!("{{\"a\": {input}}}"));
        let arguments = ["witness", "out/main.wasm", "input.json", "w.wtns"];
        let error = folder.refused(&arguments);
        let is_text = input.starts_with('"') || input == "-5";
        assert!(!is_text || error.contains("--inputs lenient"), "{input}: {error}");
        folder.done(&[&arguments[..], &["--inputs", "lenient"]].concat());
        assert_eq!(folder.wire("w.wtns", 1), square, "{input}");
    }
    // snarkjs calculates with the number that JavaScript keeps of these, or refuses them too.
    for input in ["1e30", "12345678901234567890", "9007199254740993", "1.5", "\"1e3\"", "null", "[]"] {
        folder.write("input.json", format!("{{\"a\": {input}}}"));
        let error =
            folder.refused(&["witness", "out/main.wasm", "input.json", "w.wtns", "--inputs", "lenient"]);
        assert!(error.contains("inputs.a: ") && !error.contains("--inputs"), "{input}: {error}");
    }
}

/// Modules of circom 2.0.0 to 2.0.3 do not export these functions.
#[test]
fn calculators_with_the_older_interface_are_used() {
    let folder = Folder::new(&[("main.circom", SQUARE), ("input.json", r#"{"a": 3}"#)]);
    folder.done(&["compile", "main.circom", "--out", "out"]);
    let mut wasm = fs::read(folder.at("out/main.wasm")).unwrap();
    for name in ["getInputSignalSize", "getInputSize"] {
        // The first occurrence is in the section of exports, which is before that of names.
        let at = wasm
            .windows(name.len() + 1)
            .position(|bytes| usize::from(bytes[0]) == name.len() && &bytes[1..] == name.as_bytes());
        wasm[at.unwrap() + 1] = b'x';
    }
    folder.write("old.wasm", &wasm);
    folder.done(&["witness", "old.wasm", "input.json", "w.wtns"]);
    assert_eq!(folder.wire("w.wtns", 1), "9");
    for (input, message) in [("{}", "missing"), (r#"{"a": [3, 4]}"#, ""), (r#"{"a": 3, "b": 1}"#, "")] {
        folder.write("input.json", input);
        let error = folder.refused(&["witness", "old.wasm", "input.json", "w.wtns"]);
        assert!(error.contains(message), "{error}");
    }
    // A module that exports a function which only calculators of circom 0.5 have.
    let mut oldest =
        b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x0c\x01\x08getFrLen\0\0".to_vec();
    oldest.extend(b"\x0a\x06\x01\x04\0\x41\x08\x0b");
    folder.write("oldest.wasm", oldest);
    let error = folder.refused(&["witness", "oldest.wasm", "input.json", "w.wtns"]);
    assert!(error.contains("circom 0.5"), "{error}");
}
