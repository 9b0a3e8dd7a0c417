//! Values that are never printed, serialised or left in memory.

use secrecy::{ExposeSecret, SecretBox};
use serde_json::{Map, Value};
use zeroize::Zeroize;

/// The inputs of a circuit as JSON: signal names to decimal strings, numbers or nested arrays.
///
/// Has no `Debug` of its content and no `Serialize`; the text is zeroised when dropped.
pub struct CircuitInputs(SecretBox<String>);

impl CircuitInputs {
    /// Takes the JSON text of an object.
    pub fn from_json(text: String) -> Self {
        Self(SecretBox::new(Box::new(text)))
    }

    /// Takes a parsed object. The caller's `map` is consumed and its strings zeroised.
    pub fn from_map(map: Map<String, Value>) -> Self {
        let mut value = Value::Object(map);
        let text = value.to_string();
        zeroize_json(&mut value);
        Self::from_json(text)
    }

    /// The JSON text, for the witness calculator and the vault alone.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for CircuitInputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CircuitInputs([redacted])")
    }
}

/// Overwrites every string in a JSON value and empties it.
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
