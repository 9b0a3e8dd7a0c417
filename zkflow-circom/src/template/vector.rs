//! Test vectors of a template.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::manifest::Manifest;
use super::params::Params;
use super::tokens::line;
use super::{Finding, inputs};

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
    /// The file of this vector in the template's folder.
    #[serde(skip)]
    pub file: String,
    /// The line of its name, from 1; `None` if unknown.
    #[serde(skip)]
    pub line: Option<usize>,
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

/// Reads a JSON array of vectors and compares them with the manifest; without one, only their form is checked.
pub(super) fn read(file: &str, text: &str, manifest: Option<&Manifest>) -> (Vec<Vector>, Vec<Finding>) {
    let items: Vec<Value> = match serde_json::from_str(text) {
        Ok(items) => items,
        Err(error) => return (Vec::new(), vec![Finding::error(file, Some(error.line()), error.to_string())]),
    };
    let (mut vectors, mut findings) = (Vec::new(), Vec::new());
    for (index, item) in items.into_iter().enumerate() {
        let name = item.get("name").and_then(Value::as_str).map(str::to_owned);
        let line = name.as_ref().and_then(|name| line_of(text, name));
        let label = name.map_or_else(|| format!("vector {index}"), |name| format!("{name:?}"));
        let mut refuse = |problem: String| {
            findings.push(Finding::error(file, line, format!("{label}: {problem}")));
        };
        match serde_json::from_value::<Vector>(item) {
            Err(error) => refuse(error.to_string()),
            Ok(vector) => {
                manifest.iter().for_each(|manifest| vector.compare(manifest, &mut refuse));
                vectors.push(Vector { file: file.to_owned(), line, ..vector });
            }
        }
    }
    (vectors, findings)
}

/// The line of the first text `name` in a JSON document.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let at = text.find(&Value::from(name).to_string())?;
    Some(line(text, at))
}

impl Vector {
    fn compare(&self, manifest: &Manifest, refuse: &mut impl FnMut(String)) {
        match Params::parse(manifest, &self.params) {
            Err(error) => refuse(error.to_string()),
            Ok(params) if self.outcome == Outcome::Prove => {
                let errors =
                    inputs::check(manifest, Some(&params), &[("inputs", &self.inputs)], manifest.numbers);
                errors.iter().for_each(|error| refuse(error.to_string()));
            }
            Ok(_) => {}
        }
        for name in self.outputs.keys().filter(|name| manifest.outputs.iter().all(|one| one.name != **name)) {
            refuse(format!("outputs.{name}: there is no such output"));
        }
    }
}
