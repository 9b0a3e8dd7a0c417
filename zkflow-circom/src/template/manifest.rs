//! `manifest.toml`: what a template proves, and what may be put into it.

use std::collections::BTreeSet;

use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::params::{ParamValue, Params};
use zkflow_groth16::field;

/// The content of `manifest.toml`. Serialises in camelCase for an API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct Manifest {
    /// A few words.
    pub title: String,
    /// What is proved.
    pub description: String,
    /// The placeholders of the source.
    #[serde(default)]
    pub parameters: Vec<ParamSpec>,
    /// Relations that must hold between parameters.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The input signals of the main component.
    pub inputs: Vec<SignalSpec>,
    /// The output signals of the main component, all of them public.
    #[serde(default)]
    pub outputs: Vec<OutputSpec>,
    /// Parameters and inputs that prove.
    pub example: Example,
}

/// A parameter: one value, or an array of values when `length` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct ParamSpec {
    /// The name, that of its placeholder.
    pub name: String,
    /// The type of the value, or of each element.
    #[serde(rename = "type")]
    pub kind: ParamKind,
    /// What it is for.
    pub description: String,
    /// The least value. Without it, zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Natural>,
    /// The greatest value. An unsigned integer must have one; a field element reaches p - 1 without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Natural>,
    /// The number of elements, when the parameter is an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<Length>,
    /// The value when none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    /// An unsigned integer of 64 bits.
    Uint,
    /// An element of the BN254 scalar field.
    Field,
    /// True or false, in the source `1` or `0`.
    Bool,
}

/// How many elements an array may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// The least number, at least 1.
    pub min: u32,
    /// The greatest number.
    pub max: u32,
}

/// A relation between parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"), deny_unknown_fields)]
pub enum Check {
    /// The first is less than the second.
    LessThan([String; 2]),
    /// The first is not greater than the second.
    AtMost([String; 2]),
    /// The parameter, or each of its elements, is below `2^bits`.
    FitsBits {
        /// The parameter.
        param: String,
        /// The width.
        bits: Dim,
    },
    /// Both arrays have the same number of elements.
    SameLength([String; 2]),
}

/// A size: a number, or the name of the parameter that gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// The number.
    Size(u32),
    /// The value of an unsigned integer parameter, or the length of an array parameter.
    Param(String),
}

/// An input signal of the main component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct SignalSpec {
    /// The name in the source.
    pub name: String,
    /// The dimensions, outermost first; none for a single signal.
    #[serde(default)]
    pub shape: Vec<Dim>,
    /// Whether it is a public signal of the proof.
    #[serde(default)]
    pub public: bool,
    /// What it is.
    pub description: String,
}

/// An output signal of the main component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"), deny_unknown_fields)]
pub struct OutputSpec {
    /// The name in the source.
    pub name: String,
    /// The dimensions, outermost first; none for a single signal.
    #[serde(default)]
    pub shape: Vec<Dim>,
    /// What it is.
    pub description: String,
}

/// Parameters and inputs that prove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Parameters; defaults may be left out.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// Inputs.
    pub inputs: Map<String, Value>,
}

impl Manifest {
    /// Reads and checks a manifest; the error is a text that names the field or line.
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

    /// The parameter of that name.
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
        self.check_inputs(&params, &self.example.inputs).map_err(|reason| format!("example.{reason}"))
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

    /// Whether `inputs` has the names and shapes that the inputs have under `params`.
    pub(super) fn check_inputs(&self, params: &Params, inputs: &Map<String, Value>) -> Result<(), String> {
        if let Some(name) = inputs.keys().find(|name| self.inputs.iter().all(|input| input.name != **name)) {
            return Err(format!("inputs.{name}: there is no such input"));
        }
        self.inputs.iter().try_for_each(|input| {
            let value = inputs.get(&input.name).ok_or(format!("inputs.{}: missing", input.name))?;
            let shape: Vec<u64> = input.shape.iter().map(|dim| params.size(dim)).collect();
            check_shape(value, &shape).map_err(|reason| format!("inputs.{}: {reason}", input.name))
        })
    }
}

impl ParamSpec {
    /// The values allowed, both ends included. A boolean is 0 or 1.
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
            return Err("not a name that a placeholder can have".to_owned());
        }
        if self.kind == ParamKind::Uint && self.max.is_none() {
            return Err("an unsigned integer needs a max".to_owned());
        }
        if self.kind == ParamKind::Bool && (self.min.is_some() || self.max.is_some()) {
            return Err("a boolean has no min or max".to_owned());
        }
        let (min, max) = self.range();
        if self.kind == ParamKind::Uint && max > Natural(Fr::from(u64::MAX)) {
            return Err("max is beyond 64 bits".to_owned());
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

/// A number from 0 to p - 1: in TOML and JSON a number, or from 2^53 on a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Natural(pub Fr);

impl Natural {
    /// The canonical JSON: a number up to 2^53 - 1, a decimal string from there on.
    pub fn to_json(self) -> Value {
        match u64::try_from(num_bigint::BigUint::from(self.0.into_bigint())) {
            Ok(number) if number <= MAX_SAFE_INTEGER => number.into(),
            _ => self.to_string().into(),
        }
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.into_bigint().cmp(&other.0.into_bigint())
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Natural {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&field::to_decimal(&self.0))
    }
}

impl Serialize for Natural {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Natural {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        super::params::natural(&value)
            .map(Self)
            .map_err(|found| serde::de::Error::custom(format!("expected a number below p, found {found}")))
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
            return Err(format!("{what}: {name:?} is not a name"));
        }
        if !seen.insert(name) {
            return Err(format!("{what}: {name} stands there twice"));
        }
    }
    Ok(())
}

fn check_shape(value: &Value, shape: &[u64]) -> Result<(), String> {
    match (shape.split_first(), value) {
        (None, Value::Number(_) | Value::String(_)) => Ok(()),
        (None, _) => Err("expected a number or a decimal string".to_owned()),
        (Some((length, inner)), Value::Array(items)) if items.len() as u64 == *length => {
            items.iter().try_for_each(|item| check_shape(item, inner))
        }
        (Some((length, _)), _) => Err(format!("expected an array of {length}")),
    }
}

/// The greatest integer up to which every JSON reader is exact.
pub(super) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The most elements that an array parameter may be allowed.
const MAX_LENGTH: u32 = 4096;

/// Words that mean something to Handlebars.
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
