use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::*;

/// A program that answers `--version` like circom and otherwise runs `script`, which starts no process: the
/// confined shell can only `exec`.
fn misbehaving(script: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("circom");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'circom compiler 9.9.9'; exit; fi\n{script}\n"
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

fn compile(script: &str) -> CompileError {
    let (_folder, path) = misbehaving(script);
    let limits =
        CompileLimits { wall: Duration::from_secs(1), memory_bytes: 64 << 20, output_bytes: 1 << 20 };
    let circom = CircomNative::new(&path, limits).unwrap();
    assert_eq!(circom.version(), "circom 9.9.9");
    let tree = SourceTree::resolve("main.circom", "", &[]).unwrap();
    let start = Instant::now();
    let error = circom.compile(&tree, &CompileOptions::default()).unwrap_err();
    assert!(start.elapsed() < limits.wall + Duration::from_secs(30));
    error
}

#[test]
fn endless_run_is_killed() {
    assert_eq!(compile("exec sleep 600"), CompileError::Limit(CompileLimit::Time(Duration::from_secs(1))));
}

#[test]
fn endless_output_is_stopped() {
    for script in ["exec yes", "exec yes >&2", "exec yes > ../output/x"] {
        let error = compile(script);
        assert!(
            matches!(error, CompileError::Limit(CompileLimit::Output(_) | CompileLimit::Printed(_))),
            "{error:?}"
        );
    }
}

#[test]
fn program_that_compiles_nothing_is_an_error() {
    assert!(matches!(compile("true"), CompileError::Compiler(_)));
}

#[test]
fn environment_has_a_path_and_nothing_else() {
    let printed = compile("export -p; exit 1").to_string();
    assert!(printed.contains("PATH"), "{printed}");
    for (name, _) in
        std::env::vars().filter(|(name, _)| !["PATH", "PWD", "OLDPWD", "SHLVL"].contains(&&**name))
    {
        assert!(!printed.contains(&format!(" {name}=")), "{name}");
    }
}

#[test]
fn output_that_leads_out_of_its_folder_is_not_read() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("main.wasm")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("main_js")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("main.r1cs"), 0o600.into()).unwrap();
    for path in ["main.wasm", "main_js/secret", "main.r1cs", "../x"] {
        assert!(read_below(folder.path(), path).is_err(), "{path}");
    }
    fs::write(folder.path().join("main.sym"), "content").unwrap();
    assert_eq!(read_below(folder.path(), "main.sym").unwrap(), b"content");
}

#[test]
fn memory_and_stack_that_run_out_are_no_fault_of_the_source() {
    const ABORT: i32 = 6;
    let memory = killed(ABORT, "memory allocation of 64 bytes failed", 64 << 20);
    assert_eq!(memory, CompileError::Limit(CompileLimit::Memory(64 << 20)));
    let stack = killed(ABORT, "thread 'main' has overflowed its stack", 64 << 20);
    assert_eq!(stack, CompileError::Limit(CompileLimit::Recursion));
    let crash = killed(ABORT, "assertion failed", 64 << 20);
    assert!(matches!(&crash, CompileError::Compiler(what) if what.contains("signal 6")), "{crash:?}");
    let silent = killed(SEGV, "", 64 << 20);
    assert_eq!(silent, CompileError::Limit(CompileLimit::Recursion));
}
