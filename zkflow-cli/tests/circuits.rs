//! Circuits of others, and random ones, by zkflow, circom and snarkjs: short forms of `make compat` and `make differences`.
#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::path::Path;
use std::process::Command;

/// Runs a program in the folder `compat`, and returns what it prints. It must succeed.
fn printed(program: &str, arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("compat");
    let output = Command::new("python3")
        .arg(folder.join(program))
        .args(arguments)
        .env("ZKFLOW", env!("CARGO_BIN_EXE_zkflow"))
        .env_remove("CIRCOM_PATH")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[test]
fn public_circuits_have_the_files_of_circom_the_witness_of_snarkjs_and_a_proof_that_snarkjs_accepts() {
    let table = printed("circuits/table.py", &["--short"]);
    let rows = table.lines().filter(|line| line.ends_with("| yes |")).count();
    assert!(rows >= 6, "{table}");
}

#[test]
fn random_circuits_have_the_same_files_and_witnesses_by_every_program() {
    let told = printed("differential/fuzz.py", &["--seed", "1", "--circuits", "3", "--seconds", "300"]);
    assert!(told.contains(" compiled") && told.contains(" tape"), "{told}");
}
