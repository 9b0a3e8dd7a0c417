//! Test vectors of a template.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::manifest::Manifest;
use super::params::Params;

/// Inputs whose outcome is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What is special about the inputs.
    pub name: String,
    /// The parameters; defaults may be left out.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The inputs. Those to be refused may have a wrong shape.
    pub inputs: Map<String, Value>,
    /// What must come of them.
    pub outcome: Outcome,
    /// The outputs that must come of them, computed elsewhere; empty where none are known.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
}

/// What must come of a [`Vector`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A witness that satisfies all constraints.
    Prove,
    /// An error.
    Refuse,
}

/// Reads a file of vectors, a JSON array.
pub(super) fn parse(text: &str, manifest: &Manifest) -> Result<Vec<Vector>, String> {
    let vectors: Vec<Vector> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for vector in &vectors {
        let context = |reason: String| format!("{:?}: {reason}", vector.name);
        let params = Params::parse(manifest, &vector.params).map_err(|error| context(error.to_string()))?;
        if vector.outcome == Outcome::Prove {
            manifest.check_inputs(&params, &vector.inputs).map_err(context)?;
        }
        if let Some(name) =
            vector.outputs.keys().find(|name| manifest.outputs.iter().all(|o| o.name != **name))
        {
            return Err(context(format!("outputs.{name}: there is no such output")));
        }
    }
    Ok(vectors)
}
