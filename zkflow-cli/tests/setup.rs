//! `zkflow setup`, and the tools that it installs.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A home folder without tools.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Runs `zkflow` in an empty folder, outside the repository and without its tools.
    fn run(&self, args: &[&str]) -> Output {
        let working = self.0.path().join("working");
        fs::create_dir_all(&working).unwrap();
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(args)
            .current_dir(working)
            .env_remove("ZKFLOW_TOOLS")
            .env_remove("CIRCOM_WASM")
            .env_remove("CIRCOM_LIBS")
            .env("XDG_DATA_HOME", self.0.path().join("data"))
            .output()
            .unwrap()
    }

    fn installs(&self) -> String {
        let output = self.run(&["setup", "--from", modules().to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn installed(&self, path: &str) -> PathBuf {
        self.0.path().join("data/zkflow/tools/node_modules").join(path)
    }
}

/// The packages that npm installed.
fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/node_modules")
}

#[test]
fn setup_installs_once_and_circuits_compile_outside_the_clone() {
    let home = Home::new();
    let missing = home.run(&["setup", "--check"]);
    assert!(!missing.status.success());
    assert!(String::from_utf8(missing.stdout).unwrap().contains("missing"));
    let circuit = "pragma circom 2.0.0; include \"circomlib/circuits/comparators.circom\"; \
                   component main = IsZero();";
    fs::write(home.0.path().join("working/zero.circom"), circuit).unwrap();
    let compile = ["compile", "zero.circom", "--out", "out"];
    let without = home.run(&compile);
    assert!(!without.status.success());
    assert!(String::from_utf8(without.stderr).unwrap().contains("zkflow setup"));

    assert_eq!(home.installs().matches("installed").count(), 3);
    assert_eq!(home.installs().matches("present").count(), 3);
    assert!(home.run(&["setup", "--check"]).status.success());
    let with = home.run(&compile);
    assert!(with.status.success(), "{with:?}");
    let doctor = String::from_utf8(home.run(&["doctor"]).stdout).unwrap();
    assert_eq!(doctor.matches("(zkflow setup)").count(), 3, "{doctor}");
}

#[test]
fn an_altered_tool_is_not_run_until_setup_has_installed_it_again() {
    let home = Home::new();
    home.installs();
    for path in ["circom2/circom.wasm", "circomlib/circuits/poseidon.circom", "solc/soljson.js"] {
        let file = home.installed(path);
        let mut bytes = fs::read(&file).unwrap();
        bytes[100] ^= 1;
        fs::write(&file, bytes).unwrap();
        let check = home.run(&["setup", "--check"]);
        assert!(!check.status.success(), "{path}");
        assert!(String::from_utf8(check.stdout).unwrap().contains("altered"), "{path}");
        let doctor = home.run(&["doctor"]);
        assert!(!doctor.status.success(), "{path}");
        assert!(String::from_utf8(doctor.stdout).unwrap().contains("run `zkflow setup`"), "{path}");
        assert_eq!(home.installs().matches("installed").count(), 1, "{path}");
        assert!(home.run(&["setup", "--check"]).status.success(), "{path}");
    }
}

#[test]
fn packages_in_the_working_folder_and_above_it_are_not_used() {
    let home = Home::new();
    let working = home.0.path().join("working");
    fs::create_dir_all(&working).unwrap();
    for folder in [&*working, home.0.path()] {
        for strange in [folder.to_owned(), folder.join("tools")] {
            fs::create_dir_all(&strange).unwrap();
            std::os::unix::fs::symlink(modules(), strange.join("node_modules")).unwrap();
        }
    }
    let circuit = "pragma circom 2.0.0; template T() { signal input a; } component main = T();";
    fs::write(working.join("t.circom"), circuit).unwrap();
    let output = home.run(&["compile", "t.circom", "--out", "out"]);
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("circom is not installed"));

    let doctor = String::from_utf8(home.run(&["doctor"]).stdout).unwrap();
    for tool in ["circom (WebAssembly)", "circomlib", "solc"] {
        let line = doctor.lines().find(|line| line.split("  ").any(|part| part == tool)).unwrap();
        assert!(!line.starts_with("ok") && line.contains("zkflow setup"), "{doctor}");
    }
}

#[test]
fn packages_that_were_altered_before_setup_are_refused_and_leave_nothing() {
    let home = Home::new();
    let source = home.0.path().join("source");
    fs::create_dir_all(source.join("circom2")).unwrap();
    fs::write(source.join("circom2/package.json"), "{}").unwrap();
    fs::write(source.join("circom2/circom.wasm"), "hostile").unwrap();
    let output = home.run(&["setup", "--from", source.to_str().unwrap()]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("has SHA-256") && error.contains("circom2 0.2.23"), "{error}");
    assert_eq!(fs::read_dir(home.installed("")).unwrap().count(), 0);
}
