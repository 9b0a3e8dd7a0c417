//! Keys and contracts that several versions of snarkjs write while the test runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use zkflow_core::format::json;
use zkflow_core::proof::VerifyingKey;

/// A version of snarkjs, from its npm package. The templates of the contracts are the same bytes in 0.4.5 to 0.6.11, in 0.7.0 to
/// 0.7.2, and in the present version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V04,
    V06,
    /// Compares public signals with the wrong number.
    V072,
    Present,
}

pub(crate) const VERSIONS: [Version; 4] = [Version::V04, Version::V06, Version::V072, Version::Present];

impl Version {
    /// Folder of the package.
    pub(crate) fn home(self) -> PathBuf {
        let compat = |name: &str| project("compat/node_modules").join(name);
        match self {
            Self::V04 => compat("snarkjs-0.4"),
            Self::V06 => compat("snarkjs-0.6"),
            Self::V072 => compat("@unirep/circuits/node_modules/snarkjs"),
            Self::Present => tools().join("snarkjs"),
        }
    }

    /// The begin of its number.
    pub(crate) fn number(self) -> &'static str {
        match self {
            Self::V04 => "0.4.",
            Self::V06 => "0.6.",
            Self::V072 => "0.7.2",
            Self::Present => "0.7.6",
        }
    }

    /// The contracts of keys, by its template.
    pub(crate) fn contracts(self, keys: &[&VerifyingKey]) -> Vec<String> {
        let keys: Vec<String> = keys.iter().map(|key| json::vkey_text(key)).collect();
        let written = node("contracts.cjs", &[self.home(), tools()], &format!("[{}]", keys.join(",")));
        serde_json::from_slice(&written).unwrap()
    }

    /// Writes keys of a circuit to a folder, `NAME.zkey`, `NAME.vkey.json` and `NAME.sol`: `initial`, `contributed`, and `beacon`
    /// with a beacon alone.
    pub(crate) fn keys(self, folder: &Path) {
        let data = project("zkflow-groth16/tests/data");
        let powers = data.join("powersOfTau28_hez_final_08.ptau");
        node("keys.cjs", &[self.home(), data.join("tiny.r1cs"), powers, folder.to_owned()], "");
    }
}

fn node(script: &str, args: &[PathBuf], input: &str) -> Vec<u8> {
    let script = project("zkflow-cli/tests/audit").join(script);
    let input_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input_file.path(), input).unwrap();
    let stdin = std::fs::File::open(input_file.path()).unwrap();
    let output = Command::new("node").arg(script).args(args).stdin(stdin).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path).canonicalize().unwrap()
}

fn tools() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
    std::env::var_os("ZKFLOW_TOOLS").map_or(own, PathBuf::from).join("node_modules").canonicalize().unwrap()
}
