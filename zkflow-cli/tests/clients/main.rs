//! The description of the API and the clients, judged by the tools of those who use them, against real servers.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod commands;
mod description;
mod judges;
mod pages;
mod rust;
mod rust_documents;
mod rust_imports;
mod rust_routes;
mod server;
mod typescript;

use std::path::{Path, PathBuf};
use std::process::Command;

/// A path in the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A command in the project's folder.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project(""));
    command
}

/// Runs a command to its end and returns its standard output; fails with all output if it fails.
#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: run `make setup`"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ends with {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// TypeScript's compiler.
fn tsc() -> Command {
    let mut node = command("node");
    node.arg(project("tools/node_modules/typescript/bin/tsc"));
    node
}
