//! Compares the trusted setup of large circuits with hashes of files by snarkjs 0.7.6.
//!
//! The powers of tau have 25 MB and are not part of the project. `ZKFLOW_GOLDEN` is the folder with
//! `pot16_contributed.ptau` and the sources of the circuits. The tests run for minutes.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use zkflow_core::compile::{CircuitCompiler, CompileOptions, Simplification};
use zkflow_core::digest::Digest;
use zkflow_core::format::ptau::{ContributionName, Ptau};
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::ZKeyFile;
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{Beacon, StepOptions, phase2, ptau};

#[path = "../../zkflow-circom/tests/support/mod.rs"]
mod support;
use support::{circom, limits, tree};

const CONTRIBUTED: &str = "55ef2b044112742a1e55549944a4641739bed59afbadf54d87d9851804569881";
const PREPARED: &str = "bb1d9c707d1bd794aabcbb487dcf16d505229efee3a4f7659388099546ac8021";
/// `snarkjs powersoftau truncate` of the prepared file.
const TRUNCATED: [(u32, &str); 2] = [
    (15, "f882df4f41048b38116ec31c94bfb793899571e6455e8cd2f222193a55e4a427"),
    (14, "168c1cdd721d7abe54ee301dca7d48f1474b57411fecff5d0bf8abb5bfe1a680"),
];

/// Source, hash of the constraint system, power of the powers of tau, hash of the initial key.
const KEYS: [(&str, &str, u32, &str); 6] = [
    ("sha256_block", SHA256, 16, "915d8dcbb7cded9e53afebec165b4c9d2a3f2173f1f5dc25b92ca19f6f452f59"),
    ("poseidon250", POSEIDON[2], 16, "b26432d0c0a6f5af5ca3e070f571e19d7e14b43607d8242fdc40847f4e3ab7fb"),
    ("poseidon120", POSEIDON[1], 15, "3e66ab61f90b1b6f6cea1e8ea6dda5e804e4a83eebef2a6c03409adad0386e99"),
    // The circuit hash depends on the power of the powers of tau.
    ("poseidon120", POSEIDON[1], 16, "26e4f10715c876c8473c7d7a1e4578f2adfd6b403663578637702ce229edd968"),
    ("poseidon60", POSEIDON[0], 14, INITIAL_60),
    ("poseidon60", POSEIDON[0], 16, INITIAL_60),
];
const SHA256: &str = "ff853ee2ea8cc6e7901c161d6bbbe879b77b91e0d98278a7a3e99c8245d19abd";
const POSEIDON: [&str; 3] = [
    "69753a211f3ee333e4f8f479bbdc001fb627d2e57f7631da48f518e5fcc3a80b",
    "45d1b9b7a3d3db42da72be3043f6dd22eabfe7c9f820c9fc26b368f1727a97b5",
    "f20eb2f6f00146291839e3a766d1818976cbc00da93b33a136c0ace0b041981d",
];
const INITIAL_60: &str = "7fe8d2918a62ff353dfd81fa6eb28a561ca65269042595abb7f2ab5d66f89c20";
/// The key of poseidon60 after the beacon `0102..20 10` named "final".
const BEACON_60: &str = "6905ad3317b7b423bc6d60fb3502769f72362d22b9b1ce6882a75e2431af12bf";

#[test]
fn large_files_are_those_of_snarkjs_byte_for_byte() {
    let Some(golden) = std::env::var_os("ZKFLOW_GOLDEN").map(PathBuf::from) else {
        eprintln!("LEFT OUT: large files are not compared, since ZKFLOW_GOLDEN names no folder with them");
        return;
    };
    let contributed = golden.join("pot16_contributed.ptau");
    assert_eq!(digest(&contributed), CONTRIBUTED, "the file to start from");
    let folder = tempfile::tempdir().unwrap();
    let path = |power: u32| folder.path().join(format!("pot{power}.ptau"));
    ptau::prepare(&mut open(&contributed), create(&path(16)), &mut os_rng(), StepOptions::default()).unwrap();
    assert_eq!(digest(&path(16)), PREPARED, "prepare");
    for (power, expected) in TRUNCATED {
        ptau::truncate(&mut open(&path(16)), power, create(&path(power))).unwrap();
        assert_eq!(digest(&path(power)), expected, "truncate to {power}");
    }
    ptau::verify(&mut open(&path(14)), &mut os_rng(), StepOptions::default()).unwrap();

    let mut circuit = (String::new(), None);
    for (name, system, power, expected) in KEYS {
        if circuit.0 != name {
            circuit = (name.to_owned(), Some(compiled(&golden, name, system)));
        }
        let r1cs = circuit.1.as_ref().unwrap();
        let options = StepOptions::default();
        let mut initial = Vec::new();
        phase2::create(r1cs, &mut open(&path(power)), &mut initial, options).unwrap();
        assert_eq!(Digest::of(&initial).to_string(), expected, "{name} with 2^{power}");
        if name == "poseidon60" {
            let beacon = Beacon::new(&(1..=32).collect::<Vec<u8>>(), 10).unwrap();
            let mut initial = ZKeyFile::open(Cursor::new(initial)).unwrap();
            let mut ended = Vec::new();
            phase2::beacon(&mut initial, &mut ended, ContributionName::new("final"), &beacon, options)
                .unwrap();
            assert_eq!(Digest::of(&ended).to_string(), BEACON_60, "beacon");
            let mut ended = ZKeyFile::open(Cursor::new(ended)).unwrap();
            phase2::verify(r1cs, &mut open(&path(power)), &mut ended, &mut os_rng(), options).unwrap();
        }
    }
}

fn compiled(golden: &Path, name: &str, expected: &str) -> R1cs {
    let source = fs::read_to_string(golden.join(name).with_extension("circom")).unwrap();
    let mut options = CompileOptions::default();
    if name.starts_with("poseidon") {
        options.simplification = Simplification::Full;
    }
    let compiled = circom(limits()).compile(&tree(&source).unwrap(), &options).unwrap();
    assert_eq!(Digest::of(&compiled.r1cs).to_string(), expected, "{name}: another constraint system");
    R1cs::read(&compiled.r1cs).unwrap()
}

fn digest(path: &Path) -> String {
    Digest::of(fs::read(path).unwrap()).to_string()
}

fn open(path: &Path) -> Ptau<BufReader<File>> {
    Ptau::open(BufReader::new(File::open(path).unwrap())).unwrap()
}

fn create(path: &Path) -> File {
    File::options().read(true).write(true).create_new(true).open(path).unwrap()
}
