//! The npm tools that judge our files. A test that needs one fails without it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder that holds `node_modules`: `ZKFLOW_TOOLS`, or `tools` of the repository.
pub fn tools() -> PathBuf {
    let folder = std::env::var_os("ZKFLOW_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools"), PathBuf::from);
    assert!(
        folder.join("node_modules").is_dir(),
        "{} has no node_modules: run `make setup`",
        folder.display()
    );
    folder
}

/// Runs `snarkjs` or `circom2` in `folder` and returns what it printed.
///
/// # Panics
/// The tool is missing or ends with an error; the message holds its output.
pub fn node_tool(tool: &str, folder: &Path, args: &[&str]) -> String {
    let script = match tool {
        "snarkjs" => "snarkjs/build/cli.cjs",
        "circom2" => "circom2/cli.js",
        other => panic!("no tool {other}"),
    };
    let script = tools().join("node_modules").join(script);
    assert!(script.is_file(), "{} is missing: run `make setup`", script.display());
    let output = Command::new("node")
        .arg(script)
        .args(args)
        .current_dir(folder)
        .output()
        .expect("node starts: run `make setup`");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{tool} {args:?}:\n{text}");
    text
}
