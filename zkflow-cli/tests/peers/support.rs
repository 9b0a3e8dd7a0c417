//! A folder in which the command runs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::wtns;

/// A circuit that squares its input.
pub(crate) const SQUARE: &str = "pragma circom 2.1.6;
    template X() { signal input a; signal output b; b <== a * a; }
    component main = X();";

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(path, content)| folder.write(path, content));
        folder
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        command.args(arguments).current_dir(self.0.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a successful command prints.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The message of a command that fails.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn constraints(&self, path: &str) -> usize {
        R1cs::read(&fs::read(self.at(path)).unwrap()).unwrap().constraints.len()
    }

    /// The value of a wire, in decimal.
    pub(crate) fn wire(&self, path: &str, wire: usize) -> String {
        let witness = wtns::read(&fs::read(self.at(path)).unwrap()).unwrap();
        zkflow_core::field::to_decimal(&witness.values()[wire])
    }
}

/// A file of the tests of `zkflow-groth16`.
pub(crate) fn data(name: &str) -> String {
    format!("{}/../zkflow-groth16/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}
