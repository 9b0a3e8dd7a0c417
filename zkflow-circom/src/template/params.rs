//! Typed parameters.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde_json::{Map, Value};

use super::TemplateError;
use super::manifest::{Check, Dim, Manifest, ParamKind, ParamSpec};
use super::natural::{Natural, describe};
use zkflow_groth16::field;
use zkflow_groth16::field::json::{MAX_EXACT, read_number, type_name};

/// The parameters of one circuit: typed, complete, in range and consistent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params(BTreeMap<String, ParamValue>);

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamValue {
    /// An unsigned integer.
    Uint(u64),
    /// A field element.
    Field(Fr),
    /// A boolean.
    Bool(bool),
    /// Several values of the same type.
    Array(Vec<ParamValue>),
}

impl Params {
    /// Converts `given` to typed values, fills in defaults and evaluates the manifest's checks.
    pub(super) fn parse(manifest: &Manifest, given: &Map<String, Value>) -> Result<Self, TemplateError> {
        if let Some(name) = given.keys().find(|name| manifest.parameter(name).is_none()) {
            let known = manifest.parameters.iter().map(|spec| spec.name.clone()).collect();
            return Err(TemplateError::UnknownParam { path: format!("params.{}", shorten(name)), known });
        }
        let mut values = BTreeMap::new();
        for spec in &manifest.parameters {
            let path = format!("params.{}", spec.name);
            let Some(value) = given.get(&spec.name).or(spec.default.as_ref()) else {
                return Err(TemplateError::MissingParam { path, expected: expectation(spec) });
            };
            values.insert(spec.name.clone(), ParamValue::parse(spec, &path, value)?);
        }
        let params = Self(values);
        manifest.checks.iter().try_for_each(|check| params.check(check))?;
        Ok(params)
    }

    /// The value of a parameter; `None` if the template has no such parameter.
    pub fn get(&self, name: &str) -> Option<&ParamValue> {
        self.0.get(name)
    }

    /// All values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Canonical JSON, defaults included: equal parameters give equal JSON, however they were written.
    ///
    /// Unsigned integers are numbers up to 2^53 - 1 and decimal strings above. Field elements are always
    /// decimal strings.
    pub fn to_json(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
    }

    /// The value of a dimension; 0 for an unknown parameter, which [`Manifest`] rules out.
    pub fn size(&self, dim: &Dim) -> u64 {
        match dim {
            Dim::Size(size) => u64::from(*size),
            Dim::Param(name) => match self.0.get(name) {
                Some(ParamValue::Uint(value)) => *value,
                Some(ParamValue::Array(items)) => items.len() as u64,
                _ => 0,
            },
        }
    }

    fn check(&self, check: &Check) -> Result<(), TemplateError> {
        let fail = |param: &str, expected: String| {
            Err(TemplateError::Inconsistent { path: format!("params.{param}"), expected })
        };
        let number = |name: &String| self.0.get(name).map(|value| value.numbers());
        match check {
            Check::LessThan([low, high]) if number(low) >= number(high) => {
                fail(low, format!("less than params.{high}"))
            }
            Check::AtMost([low, high]) if number(low) > number(high) => {
                fail(low, format!("at most params.{high}"))
            }
            Check::FitsBits { param, bits } => {
                let width = self.size(bits);
                let fits = |value: &Natural| u64::from(field::bit_length(&value.0)) <= width;
                if number(param).is_some_and(|values| values.iter().all(fits)) {
                    return Ok(());
                }
                let given = match bits {
                    Dim::Size(_) => String::new(),
                    Dim::Param(name) => format!(", given by params.{name}"),
                };
                fail(param, format!("a value of at most {width} bits{given}"))
            }
            Check::SameLength([first, second])
                if number(first).map(|n| n.len()) != number(second).map(|n| n.len()) =>
            {
                fail(first, format!("as many elements as params.{second}"))
            }
            Check::LessThan(_) | Check::AtMost(_) | Check::SameLength(_) => Ok(()),
        }
    }
}

impl ParamValue {
    /// Parses the value of `spec` at `path`.
    pub(super) fn parse(spec: &ParamSpec, path: &str, value: &Value) -> Result<Self, TemplateError> {
        let invalid = |path: String, expected, found| TemplateError::InvalidParam { path, expected, found };
        let Some(length) = spec.length else {
            return Self::parse_one(spec, value)
                .map_err(|found| invalid(path.to_owned(), expectation(spec), found));
        };
        let Value::Array(items) = value else {
            return Err(invalid(path.to_owned(), expectation(spec), type_name(value)));
        };
        if !(u64::from(length.min)..=u64::from(length.max)).contains(&(items.len() as u64)) {
            return Err(invalid(path.to_owned(), expectation(spec), "an array of another length"));
        }
        let element = |(index, item): (usize, &Value)| {
            Self::parse_one(spec, item)
                .map_err(|found| invalid(format!("{path}[{index}]"), element_expectation(spec), found))
        };
        items.iter().enumerate().map(element).collect::<Result<_, _>>().map(Self::Array)
    }

    fn parse_one(spec: &ParamSpec, value: &Value) -> Result<Self, &'static str> {
        if spec.kind == ParamKind::Bool {
            return value.as_bool().map(Self::Bool).ok_or_else(|| type_name(value));
        }
        let number = read_number(value).map_err(describe)?;
        let (min, max) = spec.range();
        if Natural(number) < min {
            return Err("a smaller number");
        }
        if Natural(number) > max {
            return Err("a greater number");
        }
        match spec.kind {
            ParamKind::Uint => Ok(Self::Uint(number.into_bigint().0[0])),
            ParamKind::Field | ParamKind::Bool => Ok(Self::Field(number)),
        }
    }

    /// Canonical JSON; see [`Params::to_json`].
    pub fn to_json(&self) -> Value {
        match self {
            Self::Uint(value) if *value <= MAX_EXACT => (*value).into(),
            Self::Uint(value) => value.to_string().into(),
            Self::Field(value) => field::to_decimal(value).into(),
            Self::Bool(value) => (*value).into(),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
        }
    }

    /// The value as a circom literal, such as `18` or `[1,2,3]`.
    pub fn to_literal(&self) -> String {
        match self {
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(Self::to_literal).collect();
                format!("[{}]", items.join(","))
            }
            Self::Uint(value) => value.to_string(),
            Self::Field(value) => field::to_decimal(value),
            Self::Bool(value) => u8::from(*value).to_string(),
        }
    }

    fn numbers(&self) -> Vec<Natural> {
        match self {
            Self::Uint(value) => vec![Natural(Fr::from(*value))],
            Self::Field(value) => vec![Natural(*value)],
            Self::Bool(value) => vec![Natural(Fr::from(*value))],
            Self::Array(items) => items.iter().flat_map(Self::numbers).collect(),
        }
    }
}

fn expectation(spec: &ParamSpec) -> String {
    match spec.length {
        None => element_expectation(spec),
        Some(length) if length.min == length.max => {
            format!("an array of {}, each {}", length.min, element_expectation(spec))
        }
        Some(length) => {
            format!("an array of {} to {}, each {}", length.min, length.max, element_expectation(spec))
        }
    }
}

fn element_expectation(spec: &ParamSpec) -> String {
    let (min, max) = spec.range();
    match spec.kind {
        ParamKind::Uint => format!("an unsigned integer from {min} to {max}"),
        ParamKind::Field if spec.min.is_none() && spec.max.is_none() => {
            "a field element, a number from 0 to p - 1".to_owned()
        }
        ParamKind::Field => format!("a field element from {min} to {max}"),
        ParamKind::Bool => "true or false".to_owned(),
    }
}

/// Shortens an unknown name for an error message.
fn shorten(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
