//! Settings of the binary.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::process::{Command, Output};

use zkflow_testbed::page;

/// `zkflow config` under `variables`.
fn config(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    command.arg("config").args(arguments).envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn the_help_of_serve_and_worker_is_up_to_date() {
    for name in ["serve", "worker"] {
        let output = Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args([name, "--help"])
            // Values of the environment do not appear.
            .env("REDIS_URL", "redis://canary")
            .env("PORT", "31415")
            .output()
            .unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines: String = lines.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        page::check(&format!("zkflow-cli/tests/help/{name}.txt"), &lines);
    }
}

#[test]
fn a_wrong_setting_is_refused_with_its_place() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[http]\nprot = 1").unwrap();
    let path = file.path().to_str().unwrap();
    for (arguments, variables, expected) in [
        (
            &["--port", "x"][..],
            &[][..],
            "zkflow: --port: expected a whole number from 0 to 65535, found \"x\"",
        ),
        (
            &[],
            &[("PORT", "70000")],
            "variable PORT: expected a whole number from 0 to 65535, found \"70000\"",
        ),
        (&[], &[("ZKFLOW_PROT", "canary")], "variable ZKFLOW_PROT is not a setting"),
        (&["--config", path], &[], ":2: unknown setting http.prot: expected one of bind, port"),
    ] {
        let output = config(arguments, variables);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(expected), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let names = [
        "REDIS_URL",
        "MONGODB_URI",
        "S3_BUCKET",
        "ZKFLOW_SECRET_KEY",
        "CIRCOM_PATH",
        "ZKFLOW_TEMPLATES",
        "PORT",
    ];
    let output = config(&[], &names.map(|name| (name, "")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["# redis_url =", "# secret_key =", "# circom_path =", "templates = []", "port = 3000"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
}

#[test]
fn a_worker_without_anything_to_share_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let worker = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(["worker", "--port", "0", "--data-dir"])
            .arg(folder.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    for (arguments, expected) in [
        (&[][..], "contains no data of another process: start `zkflow serve`"),
        (&["--queues", "deploy,prove"], "unknown queue \"prove\": expected one of key-generation"),
    ] {
        let output = worker(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(expected), "{text}");
    }
}

#[test]
fn an_unknown_prover_is_refused_with_the_known_ones() {
    for arguments in [&["config"][..], &["prove", "key.zkey", "w.wtns", "proof.json", "public.json"]] {
        let mut zkflow = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        let output = zkflow.args(arguments).args(["--prover", "arc"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let expected = "unknown prover \"arc\"; expected one of native";
        assert!(!output.status.success() && text.contains(expected), "{text}");
    }
}
