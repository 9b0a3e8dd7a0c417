//! A command among others: pipes, links, standard input and output, a home that cannot be written.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Folder, SQUARE, data};

#[test]
fn outputs_are_written_to_pipes_and_through_links() {
    let folder = Folder::new(&[("real.json", "old")]);
    assert!(Command::new("mkfifo").arg(folder.at("pipe")).status().unwrap().success());
    symlink("real.json", folder.at("link.json")).unwrap();
    let reader = std::thread::spawn({
        let pipe = folder.at("pipe");
        move || fs::read_to_string(pipe).unwrap()
    });
    folder.done(&["prove", &data("tiny.zkey"), &data("tiny.wtns"), "pipe", "link.json"]);
    assert!(reader.join().unwrap().contains("pi_a"));
    assert!(folder.at("pipe").symlink_metadata().unwrap().file_type().is_fifo());
    assert!(folder.at("link.json").is_symlink());
    assert_eq!(fs::read(folder.at("real.json")).unwrap(), fs::read(data("tiny.public.json")).unwrap());
}

#[test]
fn a_witness_from_a_pipe_is_never_stored() {
    let folder = Folder::new(&[]);
    symlink(env!("CARGO_BIN_EXE_zkflow"), folder.at("snarkjs")).unwrap();
    let (constraints, key) = (data("tiny.r1cs"), data("tiny.zkey"));
    for line in [
        &["wtns", "check", &constraints, "-"][..],
        &["wtns", "export", "json", "-", "witness.json"],
        &["file", "info", "-"],
        &["groth16", "prove", &key, "-", "proof.json", "public.json"],
    ] {
        let mut command = Command::new(folder.at("snarkjs"));
        // A file for the content of the pipe could not be made.
        command.args(line).current_dir(folder.at(".")).env("TMPDIR", folder.at("missing"));
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&fs::read(data("tiny.wtns")).unwrap()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_dash_is_standard_input_and_output() {
    let folder = Folder::new(&[("main.circom", SQUARE)]);
    let proof = folder.done(&["prove", &data("tiny.zkey"), &data("tiny.wtns"), "-", "public.json"]);
    let other = folder.done(&["prove", &data("tiny.zkey"), &data("tiny.wtns"), "/dev/stdout", "public.json"]);
    assert!(proof.starts_with('{') && other.starts_with('{'));
    let fed = |arguments: &[&str], input: &[u8]| {
        let mut command = folder.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        output.stdout
    };
    fed(&["verify", &data("tiny.vkey.json"), "public.json", "-"], proof.as_bytes());
    fed(
        &["prove", "-", &data("tiny.wtns"), "proof.json", "public.json"],
        &fs::read(data("tiny.zkey")).unwrap(),
    );
    fed(&["compile", "-", "--out", "out"], SQUARE.as_bytes());
    let witness = fed(&["witness", "out/circuit.wasm", "-", "-"], br#"{"a": 3}"#);
    assert!(witness.starts_with(b"wtns"));
    let shown = fed(&["inspect", "-"], &witness);
    assert!(String::from_utf8(shown).unwrap().contains("wtns"));
    let swapped =
        folder.command(&["prove", &data("tiny.wtns"), &data("tiny.zkey"), "p.json", "q.json"]).output();
    let error = String::from_utf8(swapped.unwrap().stderr).unwrap();
    assert!(error.contains("tiny.wtns: ") && error.contains("it begins with \"wtns\""), "{error}");
    let (key, witness) = (data("tiny.zkey"), data("tiny.wtns"));
    for (twice, words) in [
        (&["prove", "-", "-", "p.json", "q.json"][..], "standard input cannot be two files"),
        (&["verify", "-", "public.json", "-"], "standard input cannot be two files"),
        (&["prove", &key, &witness, "-", "-"], "standard output cannot have two files"),
    ] {
        let refused = folder.command(twice).stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(1) && error.contains(words), "{twice:?}: {error}");
        assert!(refused.stdout.is_empty(), "{twice:?}");
    }
}

#[test]
fn a_command_whose_reader_ends_first_ends_without_a_message() {
    let folder = Folder::new(&[]);
    let ptau = data("powersOfTau28_hez_final_08.ptau");
    for arguments in [&["ptau", "info", &ptau][..], &["inspect", &ptau], &["doctor"], &["--help"]] {
        let mut command = folder.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let status = child.wait().unwrap();
        assert!(!errors.contains("panicked") && status.code() != Some(101), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_cache_that_cannot_be_used_is_a_warning() {
    let folder = Folder::new(&[("main.circom", SQUARE), ("input.json", r#"{"a": 3}"#), ("file", "")]);
    let run = |arguments: &[&str]| {
        let output = folder.command(arguments).env("XDG_CACHE_HOME", folder.at("file")).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {text}");
        assert_eq!(text.matches("warning: there is no cache").count(), 1, "{text}");
    };
    folder.done(&["compile", "main.circom", "--out", "out"]);
    let mut homeless = folder.command(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
    let output = homeless.env("XDG_CACHE_HOME", "relative").env_remove("HOME").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && text.contains("warning: there is no cache: neither"), "{text}");
    assert!(!folder.at("relative").exists());
    run(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
    run(&["prove", &data("tiny.zkey"), &data("tiny.wtns"), "proof.json", "public.json"]);
    let output = folder.command(&["doctor"]).env("XDG_CACHE_HOME", folder.at("file")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let cache = text.lines().find(|line| line.contains("module cache")).unwrap();
    assert!(cache.starts_with('-') && !text.contains("MISSING  circom"), "{text}");
}

/// Lines as circom's documentation has them.
#[test]
fn lines_of_circom_compile_or_are_refused_with_the_reason() {
    let name = OsStr::from_bytes(b"caf\xe9");
    let folder = Folder::new(&[("main.circom", SQUARE), ("file", "")]);
    fs::copy(folder.at("main.circom"), folder.at("").join(name).with_extension("circom")).unwrap();
    folder.done(&["compile", "main.circom", "--r1cs", "--wasm", "--sym", "--verbose", "--sanity_check", "2"]);
    assert_eq!(folder.constraints("main.r1cs"), 1);
    let compiled =
        folder.command(&["compile"]).arg(Path::new(name).with_extension("circom")).output().unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    assert!(folder.at("").join(name).with_extension("r1cs").exists(), "a name that is not UTF-8");
    for (flags, reason) in [
        (&["-c"][..], "--c of circom is not supported: there is no calculator in C++"),
        (&["--r1cs", "--c", "--no_asm"], "--c of circom is not supported"),
        (&["--no_init"], "leave --no_init out"),
        (&["--sanity_check", "0"], "--sanity_check of circom is not supported"),
        (&["--use_old_simplification_heuristics"], "default heuristics"),
        (&["--simplification_substitution"], "are not written"),
        (&["-o", "file"], "cannot write to the folder file"),
        (&["-o", "-"], "give a folder in place of `-`"),
    ] {
        let error = folder.refused(&[&["compile", "main.circom"], flags].concat());
        assert!(error.contains(reason) && !error.contains("compile  "), "{flags:?}: {error}");
    }
}
