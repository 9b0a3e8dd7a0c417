//! `manifest.toml`: description, parameters, inputs and outputs of a template.

use std::collections::BTreeSet;

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::inputs;
use super::natural::Natural;
use super::params::{ParamValue, Params};

/// The content of `manifest.toml`; serialised in camelCase for the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct Manifest {
    /// Title of a few words.
    pub title: String,
    /// The statement that a proof proves.
    pub description: String,
    /// One entry per placeholder of the source.
    #[serde(default)]
    pub parameters: Vec<ParamSpec>,
    /// Relations that the parameters must satisfy.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The input signals of the main component.
    pub inputs: Vec<SignalSpec>,
    /// The output signals of the main component, all of them public.
    #[serde(default)]
    pub outputs: Vec<OutputSpec>,
    /// Parameters and inputs that yield a proof.
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
    /// The value of an unsigned integer parameter, or the length of an array parameter.
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Parameters; those with a default may be omitted.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// All inputs by name.
    pub inputs: Map<String, Value>,
}

impl Manifest {
    /// Parses and checks a manifest; the error text names the field or line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            match line {
                Some(line) => format!("line {line}: {}", error.message()),
                None => error.message().to_owned(),
            }
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&ParamSpec> {
        self.parameters.iter().find(|spec| spec.name == name)
    }

    fn check(&self) -> Result<(), String> {
        unique("parameters", self.parameters.iter().map(|spec| &spec.name))?;
        for spec in &self.parameters {
            spec.check().map_err(|reason| format!("parameters.{}: {reason}", spec.name))?;
        }
        for check in &self.checks {
            self.check_check(check).map_err(|reason| format!("checks: {reason}"))?;
        }
        let inputs = self.inputs.iter().map(|input| (&input.name, &input.shape));
        let signals: Vec<_> =
            inputs.chain(self.outputs.iter().map(|output| (&output.name, &output.shape))).collect();
        unique("inputs and outputs", signals.iter().map(|(name, _)| *name))?;
        for (name, shape) in signals {
            for dim in shape {
                self.check_dim(dim).map_err(|reason| format!("{name}.shape: {reason}"))?;
            }
        }
        let params =
            Params::parse(self, &self.example.params).map_err(|error| format!("example: {error}"))?;
        let faults = inputs::check(self, Some(&params), &[("example.inputs", &self.example.inputs)]);
        faults.first().map_or(Ok(()), |fault| Err(fault.to_string()))
    }

    fn check_check(&self, check: &Check) -> Result<(), String> {
        let find = |name: &String| self.parameter(name).ok_or(format!("there is no parameter {name}"));
        let scalar = |name: &String| match find(name)? {
            ParamSpec { length: None, kind: ParamKind::Uint | ParamKind::Field, .. } => Ok(()),
            _ => Err(format!("{name} is not a single number")),
        };
        match check {
            Check::LessThan(names) | Check::AtMost(names) => names.iter().try_for_each(scalar),
            Check::FitsBits { param, bits } => {
                if find(param)?.kind == ParamKind::Bool {
                    return Err(format!("{param} is not a number"));
                }
                self.check_dim(bits)
            }
            Check::SameLength(names) => names
                .iter()
                .try_for_each(|name| find(name)?.length.map(|_| ()).ok_or(format!("{name} is not an array"))),
        }
    }

    fn check_dim(&self, dim: &Dim) -> Result<(), String> {
        let Dim::Param(name) = dim else { return Ok(()) };
        match self.parameter(name) {
            None => Err(format!("there is no parameter {name}")),
            Some(ParamSpec { length: Some(_), .. } | ParamSpec { kind: ParamKind::Uint, .. }) => Ok(()),
            Some(_) => Err(format!("{name} is neither an unsigned integer nor an array")),
        }
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

    fn check(&self) -> Result<(), String> {
        if !is_identifier(&self.name) || RESERVED.contains(&self.name.as_str()) {
            return Err("not a valid placeholder name".to_owned());
        }
        if self.kind == ParamKind::Uint && self.max.is_none() {
            return Err("an unsigned integer needs a max".to_owned());
        }
        if self.kind == ParamKind::Bool && (self.min.is_some() || self.max.is_some()) {
            return Err("a boolean has no min or max".to_owned());
        }
        let (min, max) = self.range();
        if self.kind == ParamKind::Uint && max > Natural(Fr::from(u64::MAX)) {
            return Err("max exceeds 64 bits".to_owned());
        }
        if min > max {
            return Err("min is greater than max".to_owned());
        }
        if self
            .length
            .is_some_and(|length| length.min == 0 || length.min > length.max || length.max > MAX_LENGTH)
        {
            return Err(format!("length must have 1 <= min <= max <= {MAX_LENGTH}"));
        }
        if let Some(default) = &self.default {
            ParamValue::parse(self, "default", default).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// A letter or `_`, then at most 63 letters, digits or `_`.
pub(super) fn is_identifier(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !is_identifier(name) {
            return Err(format!("{what}: invalid name {name:?}"));
        }
        if !seen.insert(name) {
            return Err(format!("{what}: duplicate name {name}"));
        }
    }
    Ok(())
}

/// Maximum length of an array parameter.
const MAX_LENGTH: u32 = 4096;

/// Reserved words of Handlebars.
const RESERVED: [&str; 24] = [
    "and",
    "as",
    "each",
    "else",
    "eq",
    "false",
    "gt",
    "gte",
    "if",
    "len",
    "log",
    "lookup",
    "lt",
    "lte",
    "ne",
    "not",
    "null",
    "or",
    "raw",
    "this",
    "true",
    "undefined",
    "unless",
    "with",
];

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
