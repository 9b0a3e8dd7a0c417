//! The settings of the real program.

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
