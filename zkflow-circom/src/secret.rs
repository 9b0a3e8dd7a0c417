//! Secret values: never printed, never serialised, erased from memory on drop.

use secrecy::{ExposeSecret, SecretBox};
use serde_json::{Map, Value};
use zeroize::Zeroize;
use zkflow_groth16::field::json::NumberRule;

/// Inputs of a circuit as JSON: an object from signal names to decimal strings, numbers or nested arrays.
///
/// `Debug` does not print the content, and there is no `Serialize`. The text is zeroised on drop.
pub struct CircuitInputs {
    text: SecretBox<String>,
    rule: NumberRule,
}

impl CircuitInputs {
    /// Inputs from the JSON text of an object; does not check the text.
    pub fn from_json(text: String) -> Self {
        Self { text: SecretBox::new(Box::new(text)), rule: NumberRule::Exact }
    }

    /// Sets the forms of numbers that are read (default: exact elements of the field in decimal).
    #[must_use]
    pub fn with_numbers(mut self, rule: NumberRule) -> Self {
        self.rule = rule;
        self
    }

    /// The forms of numbers that are read.
    pub fn numbers(&self) -> NumberRule {
        self.rule
    }

    /// Inputs from a parsed object. Consumes `map` and zeroises its strings.
    pub fn from_map(map: Map<String, Value>) -> Self {
        let mut value = Value::Object(map);
        let text = value.to_string();
        zeroize_json(&mut value);
        Self::from_json(text)
    }

    /// The JSON text; only for the witness calculator and the vault.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl std::fmt::Debug for CircuitInputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CircuitInputs([redacted])")
    }
}

/// Zeroises every string in a JSON value and sets the value to null.
pub fn zeroize_json(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(zeroize_json),
        Value::Object(map) => map.values_mut().for_each(zeroize_json),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    *value = Value::Null;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let inputs = CircuitInputs::from_json(r#"{"age":"31415926"}"#.to_owned());
        assert!(!format!("{inputs:?}").contains("31415926"));
    }
}
