//! [`ClaimedPart`]: a given part of an import that was not compared with the others.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The setting of a server with further compilers.
pub(super) const SETTING: &str = "circom_versions (ZKFLOW_CIRCOM_VERSIONS)";

/// A given part that was not compared, because there is no compiler of the version that the given module says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedPart {
    /// The part.
    pub part: Part,
    /// Version of circom that the module says, such as `2.1.9`.
    pub circom: String,
    /// Versions of the compilers that there are, such as `circom 2.2.3`.
    pub compilers: Vec<String>,
}

/// A part of a [`ClaimedPart`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The module was not compared with the source. The circuit has the compiled one.
    Wasm,
    /// The source was not compared with the constraints, the module and the names. The circuit has the given ones.
    Source,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 2] = [Self::Wasm, Self::Source];

    /// The role of the part in an import.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Source => "source",
        }
    }
}

impl fmt::Display for ClaimedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (circom, compilers) = (&self.circom, self.compilers.join(", "));
        let effect = match self.part {
            Part::Wasm => "the wasm was not compared with the source, and is replaced",
            Part::Source => "the source was not compared with r1cs, wasm and sym, and is not kept",
        };
        write!(
            f,
            "the given wasm says circom {circom}, and there is only {compilers}: {effect}; to compare it, set {SETTING} to a \
             list with circom {circom}"
        )
    }
}
