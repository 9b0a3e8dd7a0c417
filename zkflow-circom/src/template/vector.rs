//! Test vectors of a template.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::inputs;
use super::manifest::Manifest;
use super::params::Params;

/// Inputs with a known outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// The special case that these inputs test.
    pub name: String,
    /// Parameters; those with a default may be omitted.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The inputs; those to be refused may have a wrong shape.
    pub inputs: Map<String, Value>,
    /// The expected outcome.
    pub outcome: Outcome,
    /// The expected outputs, computed independently; empty if unknown.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
}

/// Expected outcome of a [`Vector`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The witness satisfies all constraints.
    Prove,
    /// The inputs are refused with an error.
    Refuse,
}

/// Parses a JSON array of vectors.
pub(super) fn parse(text: &str, manifest: &Manifest) -> Result<Vec<Vector>, String> {
    let vectors: Vec<Vector> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for vector in &vectors {
        let context = |reason: String| format!("{:?}: {reason}", vector.name);
        let params = Params::parse(manifest, &vector.params).map_err(|error| context(error.to_string()))?;
        if vector.outcome == Outcome::Prove {
            let faults = inputs::check(manifest, Some(&params), &[("inputs", &vector.inputs)]);
            faults.first().map_or(Ok(()), |fault| Err(context(fault.to_string())))?;
        }
        if let Some(name) =
            vector.outputs.keys().find(|name| manifest.outputs.iter().all(|o| o.name != **name))
        {
            return Err(context(format!("outputs.{name}: there is no such output")));
        }
    }
    Ok(vectors)
}
