//! [`Origin`]: what a circuit is made from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::life::named;
use crate::circuit::ClaimedPart;
use crate::service::chain::{Address, TransactionHash};
use crate::service::id::{ObjectId, UploadId};
use zkflow_circom::compile::Simplification;
use zkflow_circom::inputs::Shape;
use zkflow_circom::template::TemplateName;
use zkflow_groth16::digest::Digest;

/// What a circuit is made from.
///
/// As JSON: `{"template": …, "params": {…}}`, or `{"template": "", "params": {}, "import": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub enum Origin {
    /// A template with parameters.
    Template {
        /// Template that the circuit is rendered from.
        template: TemplateName,
        /// All parameters, defaults included, in canonical form.
        params: Map<String, Value>,
    },
    /// Files that were uploaded.
    Import(Box<Import>),
}

impl Import {
    /// An import that was not checked yet.
    pub fn new(upload: UploadId, given: Given) -> Self {
        Self { upload, given, inputs: Vec::new(), compiler: None, claimed: None, node: None }
    }
}

impl Origin {
    /// The template; `None` for an import.
    pub fn template(&self) -> Option<&TemplateName> {
        match self {
            Self::Template { template, .. } => Some(template),
            Self::Import(_) => None,
        }
    }

    /// Name for people: the template; of an import, its template at the Node service or the path of its main file. Empty
    /// if it has none of them.
    pub fn name(&self) -> &str {
        match self {
            Self::Template { template, .. } => template.as_str(),
            Self::Import(import) => match (&import.node, &import.given.main) {
                (Some(node), _) => node.template.as_str(),
                (None, main) => main.as_deref().unwrap_or_default(),
            },
        }
    }

    /// The import; `None` for a template.
    pub fn import(&self) -> Option<&Import> {
        match self {
            Self::Template { .. } => None,
            Self::Import(import) => Some(import),
        }
    }
}

/// A circuit from files of its owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// The upload that contains the files until the circuit is ready or has failed.
    pub upload: UploadId,
    /// What was given, and how it is used.
    pub given: Given,
    /// Names and shapes of the inputs, public ones first; empty until the circuit is ready, and if there are too many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputSignal>,
    /// Version and options of the compiler that made the circuit's files; `None` until it is ready, and if they are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// The given part that was not compared with the others; `None` until the circuit is ready, and if all were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<ClaimedPart>,
    /// The circuit of the Node service that this one was; `None` for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeCircuit>,
}

/// What a document of the Node service says about a circuit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeCircuit {
    /// Its id there.
    pub id: ObjectId,
    /// Template that it was rendered from there.
    pub template: TemplateName,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// Its verifier contract; `None` if none is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<NodeContract>,
}

/// A verifier contract as the Node service recorded it. It was not compared with a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeContract {
    /// EIP-155 id of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<u64>,
    /// Address of the contract.
    pub address: Address,
    /// Transaction that created the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionHash>,
}

/// What was given for an import: it determines the circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// SHA-256 of each file; of all names and files for the source.
    pub files: BTreeMap<FileRole, Digest>,
    /// Path of the main file in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<String>,
    /// Versions and options of the compilers that could make the files; `None` without a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// Simplification of the constraints.
    #[serde(default)]
    pub simplification: Simplification,
    /// Powers of tau to verify the given key with.
    pub powers: GivenPowers,
}

named! {
    /// Purpose of an uploaded file.
    FileRole {
        /// A file of the circom source; there can be several.
        Source = "source",
        /// The circom source as an archive: a zip, a tar, or a tar with gzip.
        SourceArchive = "source_archive",
        /// Constraint system (.r1cs).
        R1cs = "r1cs",
        /// Witness calculator (.wasm).
        Wasm = "wasm",
        /// Names of the signals (.sym).
        Sym = "sym",
        /// Proving key (.zkey).
        ProvingKey = "zkey",
        /// Verification key (.json).
        VerificationKey = "verification_key",
        /// Prepared powers of tau (.ptau).
        Ptau = "ptau",
        /// Record of the key's ceremony (ceremony.json).
        Transcript = "transcript",
    }

    /// Powers of tau that a given key is verified with.
    GivenPowers {
        /// None: the label of the key is claimed.
        None = "none",
        /// The uploaded file.
        Uploaded = "uploaded",
        /// Those of the server.
        Configured = "configured",
        /// Those of the server, which must be published ones.
        Published = "published",
    }
}

/// An input of a circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSignal {
    /// Name, without indices.
    pub name: String,
    /// Shape of its values.
    pub shape: Shape,
    /// Whether the proof discloses it.
    pub public: bool,
}

/// The fields in a document. Every circuit has `template`, which the indexes of catalogs need.
#[derive(Serialize, Deserialize)]
struct Form {
    template: String,
    params: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    import: Option<Box<Import>>,
}

/// Template of an import: no name of a template.
pub(super) const NO_TEMPLATE: &str = "";

impl From<Origin> for Form {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Template { template, params } => {
                Self { template: template.to_string(), params, import: None }
            }
            Origin::Import(import) => {
                Self { template: NO_TEMPLATE.to_owned(), params: Map::new(), import: Some(import) }
            }
        }
    }
}

impl TryFrom<Form> for Origin {
    type Error = zkflow_groth16::name::InvalidName;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        Ok(match form.import {
            Some(import) => Self::Import(import),
            None => Self::Template { template: form.template.parse()?, params: form.params },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::circuit::Part;
    use crate::service::clock::Timestamp;

    #[test]
    fn a_template_has_the_form_of_earlier_versions() {
        let form = json!({"template": "rangeCheck", "params": {"min": 18}});
        let origin: Origin = serde_json::from_value(form.clone()).unwrap();
        assert_eq!(origin.template().unwrap().as_str(), "rangeCheck");
        assert_eq!(serde_json::to_value(origin).unwrap(), form);
        assert!(serde_json::from_value::<Origin>(json!({"template": "", "params": {}})).is_err());
    }

    #[test]
    fn an_import_survives_as_it_was_written() {
        let given = Given {
            files: BTreeMap::from([(FileRole::R1cs, Digest::of("r1cs"))]),
            main: None,
            compiler: None,
            simplification: Simplification::Full,
            powers: GivenPowers::None,
        };
        let shape = Shape::Array(2, Box::new(Shape::Fields(vec![("x".to_owned(), Shape::Value)])));
        let inputs = vec![InputSignal { name: "points".to_owned(), shape, public: true }];
        let upload = UploadId::generate(Timestamp::from_millis(1));
        let node = NodeCircuit {
            id: "65f1a2b3c4d5e6f708192a3b".parse().unwrap(),
            template: "ageCheck".parse().unwrap(),
            params: Map::from_iter([("min".to_owned(), json!("18"))]),
            contract: Some(NodeContract {
                chain_id: Some(1),
                address: format!("0x{}", "ab".repeat(20)).parse().unwrap(),
                transaction: None,
            }),
        };
        let origin = Origin::Import(Box::new(Import {
            upload,
            given,
            inputs,
            compiler: Some("circom 2.1.9 --O1".to_owned()),
            claimed: Some(ClaimedPart {
                part: Part::Wasm,
                circom: "2.1.5".to_owned(),
                compilers: vec!["circom 2.2.3".to_owned()],
            }),
            node: Some(node),
        }));
        let text = serde_json::to_string(&origin).unwrap();
        assert_eq!(serde_json::from_str::<Origin>(&text).unwrap(), origin);
        assert_eq!((origin.template(), origin.import().is_some()), (None, true));
        assert_eq!(origin.name(), "ageCheck");
    }
}
