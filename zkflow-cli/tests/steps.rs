//! Errors of the steps of a trusted setup name the file that they are about.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn zkflow(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zkflow")).args(args).current_dir(folder).output().unwrap()
}

/// Runs a command that fails, and writes no file `out`. Returns the last line of its error.
#[track_caller]
fn refused(folder: &Path, args: &[&str]) -> String {
    let output = zkflow(folder, args);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
    assert!(!folder.join("out").exists(), "{args:?}");
    message.lines().last().unwrap().to_owned()
}

/// The offset of the content of a section.
fn section(file: &[u8], id: u32) -> usize {
    let mut at = 12;
    loop {
        let found = u32::from_le_bytes(*file[at..].first_chunk().unwrap());
        let length = u64::from_le_bytes(*file[at + 4..].first_chunk().unwrap());
        at += 12;
        if found == id {
            return at;
        }
        at += length as usize;
    }
}

#[test]
fn an_error_of_an_input_names_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for args in [
        &["ptau", "new", "3", "new.ptau"][..],
        &["ptau", "export-challenge", "new.ptau", "challenge"],
        &["ptau", "answer-challenge", "challenge", "response"],
        &["ptau", "development", "3", "prepared.ptau"],
        &["ptau", "truncate", "prepared.ptau", "small.ptau", "2"],
    ] {
        assert!(zkflow(folder, args).status.success(), "{args:?}");
    }
    // The second point of the powers in G1, and the first points of a challenge and of a response.
    let mut powers = fs::read(folder.join("new.ptau")).unwrap();
    let point = section(&powers, 2) + 64;
    powers[point] ^= 1;
    fs::write(folder.join("bad.ptau"), &powers).unwrap();
    for name in ["challenge", "response"] {
        let mut bytes = fs::read(folder.join(name)).unwrap();
        bytes[64..128].fill(0x3f);
        fs::write(folder.join(format!("bad-{name}")), &bytes).unwrap();
    }
    fs::create_dir(folder.join("folder")).unwrap();

    let beacon = "00".repeat(32);
    for (file, args) in [
        ("bad.ptau", &["ptau", "contribute", "bad.ptau", "out"][..]),
        ("bad.ptau", &["ptau", "beacon", "bad.ptau", "out", &beacon, "10"]),
        ("bad.ptau", &["ptau", "prepare", "bad.ptau", "out"]),
        ("bad.ptau", &["ptau", "export-challenge", "bad.ptau", "out"]),
        ("small.ptau", &["ptau", "contribute", "small.ptau", "out"]),
        ("small.ptau", &["ptau", "import-response", "small.ptau", "response", "out"]),
        ("small.ptau", &["ptau", "truncate", "small.ptau", "out", "2"]),
        ("prepared.ptau", &["ptau", "truncate", "prepared.ptau", "out", "3"]),
        ("bad.ptau", &["ptau", "verify", "bad.ptau"]),
        ("bad-challenge", &["ptau", "answer-challenge", "bad-challenge", "out"]),
        ("response", &["ptau", "answer-challenge", "response", "out"]),
        ("bad-response", &["ptau", "import-response", "new.ptau", "bad-response", "out"]),
        ("challenge", &["ptau", "import-response", "new.ptau", "challenge", "out"]),
    ] {
        let line = refused(folder, args);
        assert!(line.starts_with(&format!("zkflow: {file}: ")), "{args:?}: {line}");
        assert!(!line.contains("writing failed"), "{args:?}: {line}");
    }
    assert_eq!(
        refused(folder, &["ptau", "truncate", "small.ptau", "out", "2"]),
        "zkflow: small.ptau: power 2 is out of range (1..=1)"
    );
    for args in [
        &["ptau", "answer-challenge", "folder", "out"][..],
        &["ptau", "import-response", "new.ptau", "folder", "out"],
    ] {
        assert_eq!(refused(folder, args), "zkflow: cannot read folder: Is a directory (os error 21)");
    }
    // An error of an argument is about no file.
    for args in [["ptau", "new", "40", "out"], ["ptau", "development", "40", "out"]] {
        assert_eq!(refused(folder, &args), "zkflow: power 40 is out of range (1..=27)");
    }
}

#[test]
fn an_error_of_the_output_names_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(zkflow(folder, &["ptau", "new", "6", "new.ptau"]).status.success());
    for step in ["new 6", "contribute new.ptau", "prepare new.ptau", "export-challenge new.ptau"] {
        // Files of at most a KiB or two; a write beyond is an error, not a signal.
        let script = format!("trap '' XFSZ; ulimit -f 2; exec \"$0\" ptau {step} out");
        let output = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_zkflow")])
            .current_dir(folder)
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{step}: {message}");
        assert!(
            message.ends_with("zkflow: out: writing failed: File too large (os error 27)\n"),
            "{message}"
        );
        assert!(!folder.join("out").exists(), "{step}");
    }
}
