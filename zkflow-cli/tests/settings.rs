//! Settings of the binary.

use std::process::Command;

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
    let output = Command::new(env!("CARGO_BIN_EXE_zkflow"))
        .arg("config")
        .envs(names.map(|name| (name, "")))
        .output()
        .unwrap();
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
        (&[][..], "holds no data that another process serves: start `zkflow serve`"),
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
