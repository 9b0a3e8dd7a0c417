//! Runs circom and snarkjs with node. Their results are cached in the target folder between runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use zkflow_groth16::digest::Hasher;

/// Name, source, and the inputs of the witness.
pub(crate) const CIRCUITS: [(&str, &str, &str); 6] = [
    ("product", include_str!("product.circom"), r#"{"a": "3", "b": "11"}"#),
    ("order", include_str!("order.circom"), r#"{"a": "3", "b": "5", "c": "11"}"#),
    ("all_private", include_str!("all_private.circom"), r#"{"a": "3", "b": "5", "c": "15"}"#),
    ("all_public", include_str!("all_public.circom"), r#"{"x": "9", "y": "4"}"#),
    ("bits", include_str!("bits.circom"), r#"{"value": "654321", "tag": "12345678901234567890"}"#),
    ("chain", include_str!("chain.circom"), r#"{"x": "2", "y": "3"}"#),
];

const SCRIPT: &str = include_str!("exchange.mjs");

/// Power of the powers of tau, enough for the largest circuit.
const POWER: u32 = 6;

/// A circuit compiled by circom, with a witness by snarkjs.
pub(crate) struct CircuitFiles {
    pub(crate) name: &'static str,
    pub(crate) r1cs: PathBuf,
    pub(crate) wtns: PathBuf,
}

/// Compiles all circuits, or uses the cached results.
pub(crate) fn circuit_files() -> Vec<CircuitFiles> {
    let folder = cached("circuits", |folder| {
        let tasks: Vec<Value> = CIRCUITS.iter().map(|circuit| compile(folder, circuit)).collect();
        snarkjs(&tasks);
    });
    let files = |(name, _, _): (&'static str, &str, &str)| CircuitFiles {
        name,
        r1cs: folder.join(name).with_extension("r1cs"),
        wtns: folder.join(name).with_extension("wtns"),
    };
    CIRCUITS.map(files).into()
}

/// Compiles one circuit. Returns the snarkjs task that calculates its witness.
fn compile(folder: &Path, (name, source, input): &(&str, &str, &str)) -> Value {
    let file = |extension| folder.join(name).with_extension(extension);
    fs::write(file("circom"), source).unwrap();
    fs::write(file("json"), input).unwrap();
    let compiler = tools_folder().join("node_modules/circom2/cli.js");
    let source = format!("{name}.circom");
    let mut circom = Command::new("node");
    circom.arg(compiler).args([&source, "--r1cs", "--wasm"]).current_dir(folder);
    run(circom);
    let wasm = folder.join(format!("{name}_js")).join(format!("{name}.wasm"));
    json!({"operation": "witness", "input": file("json"), "wasm": wasm, "out": file("wtns")})
}

/// Prepared powers of tau by snarkjs, with one contribution.
pub(crate) fn powers_of_tau() -> PathBuf {
    let folder = cached("ptau", |folder| {
        snarkjs(&[json!({"operation": "ptau", "power": POWER, "out": folder.join("pot.ptau")})]);
    });
    folder.join("pot.ptau")
}

/// Runs the tasks with snarkjs, in one process.
pub(crate) fn snarkjs(tasks: &[Value]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let (script, list) = (folder.path().join("exchange.mjs"), folder.path().join("tasks.json"));
    fs::write(&script, SCRIPT).unwrap();
    fs::write(&list, json!(tasks).to_string()).unwrap();
    let mut node = Command::new("node");
    node.arg(script).arg(tools_folder()).arg(list);
    let results: Vec<Value> = serde_json::from_slice(&run(node)).unwrap();
    assert_eq!(results.len(), tasks.len());
    results
}

fn run(mut command: Command) -> Vec<u8> {
    let output = command.output().expect("node is needed: install Node.js");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    output.stdout
}

/// A folder filled by `make` and cached until the sources change. Tests in other processes may fill it at the
/// same time; the first to finish wins.
fn cached(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let mut hasher = Hasher::default();
    hasher.field(SCRIPT);
    hasher.field(POWER.to_le_bytes());
    for (name, source, input) in CIRCUITS {
        [name, source, input].iter().for_each(|text| hasher.field(text));
    }
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = root.join(format!("interop-{name}-{}", hasher.finish()));
    if !folder.exists() {
        let unfinished = tempfile::tempdir_in(root).unwrap().keep();
        make(&unfinished);
        if fs::rename(&unfinished, &folder).is_err() {
            fs::remove_dir_all(&unfinished).unwrap();
        }
    }
    assert!(folder.exists());
    folder
}

/// The folder with `node_modules`: `ZKFLOW_TOOLS`, by default `tools` in the workspace.
fn tools_folder() -> PathBuf {
    let folder = std::env::var_os("ZKFLOW_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools"), PathBuf::from);
    assert!(
        folder.join("node_modules/snarkjs").is_dir(),
        "snarkjs is missing in {folder:?}: run `make setup`"
    );
    folder
}
