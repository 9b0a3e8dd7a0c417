//! `manifest.toml`: description, parameters, inputs and outputs of a template.

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::keys::KeySpec;
use super::natural::Natural;
use crate::compile::Simplification;
use crate::inputs::NumberRule;

/// The content of `manifest.toml`; serialised in camelCase for the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Title of a few words.
    pub title: String,
    /// The statement that a proof proves.
    pub description: String,
    /// One entry per placeholder of the source.
    pub parameters: Vec<ParamSpec>,
    /// Relations that the parameters must satisfy.
    pub checks: Vec<Check>,
    /// The input signals of the main component.
    pub inputs: Vec<SignalSpec>,
    /// How the source is compiled.
    #[serde(skip_serializing_if = "CompileSpec::is_default")]
    pub compile: CompileSpec,
    /// Keys of ceremonies, each for one choice of parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeySpec>,
    /// Forms of numbers that inputs may have.
    #[serde(skip_serializing_if = "is_exact")]
    pub numbers: NumberRule,
    /// The output signals of the main component, all of them public.
    pub outputs: Vec<OutputSpec>,
    /// Parameters and inputs that yield a proof; empty only in an inferred manifest.
    #[serde(skip_serializing_if = "Example::is_empty")]
    pub example: Example,
}

/// A parameter: one value, or an array of values if `length` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct ParamSpec {
    /// Name of its placeholder.
    pub name: String,
    /// The type of the value, or of each element.
    #[serde(rename = "type")]
    pub kind: ParamKind,
    /// Purpose of the parameter.
    pub description: String,
    /// Smallest value; `None`: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Natural>,
    /// Largest value. Required for an unsigned integer; `None` for a field element: p - 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Natural>,
    /// Allowed number of elements of an array; `None`: a single value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<Length>,
    /// Default value; `None`: the parameter is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    /// An unsigned 64-bit integer.
    Uint,
    /// An element of the BN254 scalar field.
    Field,
    /// A boolean; `1` or `0` in the source.
    Bool,
}

/// Allowed number of elements of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// Minimum, at least 1.
    pub min: u32,
    /// Maximum, at most 4096.
    pub max: u32,
}

/// A relation between parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"), deny_unknown_fields)]
pub enum Check {
    /// `first < second`.
    LessThan([String; 2]),
    /// `first <= second`.
    AtMost([String; 2]),
    /// The parameter, or each of its elements, is below `2^bits`.
    FitsBits {
        /// Name of the parameter.
        param: String,
        /// Width in bits.
        bits: Dim,
    },
    /// Both arrays have the same number of elements.
    SameLength([String; 2]),
}

/// A size: a number, or the name of a parameter that contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// A fixed size.
    Size(u32),
    /// The value of an unsigned integer parameter, or the length of an array parameter. In an inferred manifest
    /// any expression of the source, which is shown and not evaluated.
    Param(String),
}

/// An input signal of the main component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct SignalSpec {
    /// Name in the source.
    pub name: String,
    /// Dimensions, outermost first; empty for a single signal.
    #[serde(default)]
    pub shape: Vec<Dim>,
    /// Whether it is a public signal of the proof.
    #[serde(default)]
    pub public: bool,
    /// Meaning of the signal.
    pub description: String,
    /// Whether the main template, if it is in this source, declares a bus. The shape is then its number of values.
    #[serde(skip)]
    pub bus: bool,
}

/// An output signal of the main component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct OutputSpec {
    /// Name in the source.
    pub name: String,
    /// Dimensions, outermost first; empty for a single signal.
    #[serde(default)]
    pub shape: Vec<Dim>,
    /// Meaning of the signal.
    pub description: String,
}

/// Parameters and inputs that yield a proof.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Parameters; those with a default may be omitted.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// All inputs by name; those of `example.json` if the manifest has none.
    #[serde(default)]
    pub inputs: Map<String, Value>,
}

/// How the source of a template is compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct CompileSpec {
    /// Folders within the template's folder that are searched for includes, before the configured ones.
    #[serde(default)]
    pub include: Vec<String>,
    /// Simplification of the constraints; `None`: that of the server or command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simplification: Option<Simplification>,
}

impl CompileSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_exact(numbers: &NumberRule) -> bool {
    *numbers == NumberRule::Exact
}

impl Manifest {
    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&ParamSpec> {
        self.parameters.iter().find(|spec| spec.name == name)
    }
}

impl ParamSpec {
    /// Smallest and largest allowed value; 0 and 1 for a boolean.
    pub(super) fn range(&self) -> (Natural, Natural) {
        let greatest = match self.kind {
            ParamKind::Uint => Fr::from(u64::MAX),
            ParamKind::Field => -Fr::from(1u64),
            ParamKind::Bool => Fr::from(1u64),
        };
        (self.min.unwrap_or(Natural(Fr::from(0u64))), self.max.unwrap_or(Natural(greatest)))
    }
}

impl Example {
    /// Whether there is no example, as in an inferred manifest.
    pub fn is_empty(&self) -> bool {
        self.params.is_empty() && self.inputs.is_empty()
    }
}
