//! `zkflow inspect` knows every file of a circuit's folder, and says what its keys are worth.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn zkflow(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zkflow")).args(args).current_dir(folder).output().unwrap()
}

fn inspect(folder: &Path, file: &str) -> Value {
    let output = zkflow(folder, &["inspect", file, "--json"]);
    assert!(output.status.success(), "{file}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_file_of_a_circuit_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let params = ["--param", "min=18", "--param", "max=120"];
    let built = zkflow(folder, &[&["circuit", "build", "rangeCheck", "--out", "."][..], &params].concat());
    assert!(built.status.success(), "{built:?}");
    assert!(zkflow(folder, &["ptau", "new", "2", "new.ptau"]).status.success());
    std::fs::write(
        folder.join("deployment-1.json"),
        r#"{"transaction": {"hash": "0x01"}, "contract": {"address": "0x02"}, "standard_json_input": {}, "keys": "x"}"#,
    )
    .unwrap();
    for (file, format, facts) in [
        ("circuit.r1cs", "r1cs", &["/publicInputs"][..]),
        ("circuit.sym", "sym", &["/signals"]),
        ("circuit.wasm", "wasm", &["/operations"]),
        ("circuit.tape", "tape", &["/operations", "/module"]),
        ("proving_key.zkey", "zkey", &["/keys"]),
        ("verification_key.json", "verification key", &["/publicSignals"]),
        ("verifier.sol", "verifier contract", &["/circuit", "/key/publicSignals"]),
        ("setup.json", "record of a setup", &["/provenance"]),
        ("new.ptau", "ptau", &["/power", "/secrets"]),
        ("deployment-1.json", "deployment", &["/contract/address", "/transaction"]),
    ] {
        let shown = inspect(folder, file);
        assert_eq!(shown["format"], format, "{file}");
        for fact in facts {
            assert!(
                shown.pointer(fact).is_some_and(|value| !value.is_null()),
                "{file} has no {fact}: {shown}"
            );
        }
    }
    assert!(inspect(folder, "new.ptau")["secrets"].as_str().unwrap().contains("forgeable"));
    assert!(inspect(folder, "proving_key.zkey")["keys"].as_str().unwrap().contains("development"));
    for (content, file) in [(&b"zktape"[..], "short.tape"), (b"{}", "empty.json"), (b"\xff\xfe", "noise")] {
        std::fs::write(folder.join(file), content).unwrap();
        let refused = zkflow(folder, &["inspect", file]);
        let message = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && message.contains(file), "{message}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_an_error_in_words() {
    let folder = tempfile::tempdir().unwrap();
    assert!(zkflow(folder.path(), &["ptau", "new", "2", "new.ptau"]).status.success());
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    let output =
        command.args(["inspect", "new.ptau"]).current_dir(folder.path()).stdout(full).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert_eq!(message, "zkflow: cannot write stdout: No space left on device (os error 28)\n");
}

#[test]
fn a_standard_error_that_cannot_be_written_changes_neither_result_nor_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        command.args(arguments).current_dir(folder.path()).stderr(full).status().unwrap().code()
    };
    assert_eq!(run(&["ptau", "new", "2", "new.ptau"]), Some(0));
    assert!(folder.path().join("new.ptau").exists());
    assert_eq!(run(&["inspect", "missing.ptau"]), Some(1));
}

#[test]
fn a_command_does_not_replace_the_file_that_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(zkflow(folder, &["ptau", "new", "2", "new.ptau"]).status.success());
    let before = std::fs::read(folder.join("new.ptau")).unwrap();
    let refused = zkflow(folder, &["ptau", "contribute", "new.ptau", "./new.ptau", "--name", "one"]);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{message}");
    assert!(message.ends_with("cannot write ./new.ptau: the command reads this file\n"), "{message}");
    assert_eq!(std::fs::read(folder.join("new.ptau")).unwrap(), before);
}
