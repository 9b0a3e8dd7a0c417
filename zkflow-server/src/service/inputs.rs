//! Inputs against the template, before anything is sealed: names, shapes, and that values are numbers.
//!
//! The witness calculator checks again, against the circuit itself. This check answers at once and
//! names what is wrong; it never says a value.

use serde_json::{Map, Value};
use zeroize::Zeroizing;
use zkflow_core::field::{Scalar, parse_decimal};
use zkflow_core::secret::{CircuitInputs, zeroize_json};
use zkflow_core::service::catalog::Circuit;

use super::{InputFault, RequestError};
use crate::state::App;

/// Faults that are named at most.
const MOST_FAULTS: usize = 16;
/// JSON numbers above this are not exact everywhere.
const MOST_EXACT: u64 = 1 << 53;

/// Inputs as they were sent. Zeroised when dropped; has no `Debug`.
pub struct GivenInputs {
    private: Map<String, Value>,
    public: Map<String, Value>,
}

impl GivenInputs {
    /// Takes the inputs that the proof hides and those that it shows. The circuit decides which are
    /// which: this is for reading.
    pub fn new(private: Map<String, Value>, public: Map<String, Value>) -> Self {
        Self { private, public }
    }

    /// The inputs for the circuit, if they fit its template.
    ///
    /// # Errors
    /// [`RequestError::Inputs`] when a name is given twice, or is none of the template's, or is
    /// missing, or its value has another shape or is no number.
    pub(super) fn checked(mut self, app: &App, circuit: &Circuit) -> Result<CircuitInputs, RequestError> {
        let faults = self.faults(app, circuit);
        if !faults.is_empty() {
            return Err(RequestError::Inputs(faults));
        }
        let mut all = std::mem::take(&mut self.private);
        all.append(&mut self.public);
        Ok(CircuitInputs::from_map(all))
    }

    /// The text that tells one request from another.
    pub(super) fn json(&self) -> Zeroizing<String> {
        let text = |map: &Map<String, Value>| serde_json::to_string(map).map(Zeroizing::new);
        let (private, public) = (text(&self.private), text(&self.public));
        let (private, public) = (private.unwrap_or_default(), public.unwrap_or_default());
        Zeroizing::new(format!("{}\n{}", *private, *public))
    }

    fn get(&self, name: &str) -> Option<(String, &Value)> {
        let private = self.private.get(name).map(|value| (format!("privateInputs.{name}"), value));
        private.or_else(|| self.public.get(name).map(|value| (format!("publicInputs.{name}"), value)))
    }

    fn faults(&self, app: &App, circuit: &Circuit) -> Vec<InputFault> {
        let mut faults = Vec::new();
        let mut fault =
            |path: String, message: &str| faults.push(InputFault { path, message: message.to_owned() });
        for name in self.private.keys().filter(|name| self.public.contains_key(*name)) {
            fault(format!("publicInputs.{}", shown(name)), "given in privateInputs too");
        }
        // Without the template the circuit itself is the only judge.
        if let Ok(template) = app.library.get(&circuit.template) {
            let known: Vec<&str> = template.manifest.inputs.iter().map(|input| input.name.as_str()).collect();
            for (place, names) in [("privateInputs", &self.private), ("publicInputs", &self.public)] {
                for name in names.keys().filter(|name| !known.contains(&name.as_str())) {
                    let message = format!("no input of this circuit; its inputs are {}", known.join(", "));
                    fault(format!("{place}.{}", shown(name)), &message);
                }
            }
            for input in &template.manifest.inputs {
                let Some((path, value)) = self.get(&input.name) else {
                    let place = if input.public { "publicInputs" } else { "privateInputs" };
                    fault(format!("{place}.{}", input.name), "missing");
                    continue;
                };
                // Parameters of a template that was changed since: the circuit itself is the only judge.
                let Ok(params) = template.parse_params(&circuit.params) else { continue };
                let lengths: Vec<u64> = input.shape.iter().map(|dim| params.size(dim)).collect();
                if let Err((path, message)) = fits(value, &lengths, path) {
                    fault(path, &message);
                }
            }
        }
        faults.truncate(MOST_FAULTS);
        faults
    }
}

impl Drop for GivenInputs {
    fn drop(&mut self) {
        for map in [&mut self.private, &mut self.public] {
            map.values_mut().for_each(zeroize_json);
        }
    }
}

/// Checks one value against the lengths of its dimensions, the outermost first.
fn fits(value: &Value, lengths: &[u64], path: String) -> Result<(), (String, String)> {
    let Some((length, inner)) = lengths.split_first() else {
        return number(value).map_err(|message| (path, message.to_owned()));
    };
    match value {
        Value::Array(items) if items.len() as u64 == *length => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| fits(item, inner, format!("{path}[{index}]"))),
        Value::Array(items) => {
            Err((path, format!("expected an array of {length}, found one of {}", items.len())))
        }
        _ => Err((path, format!("expected an array of {length}"))),
    }
}

fn number(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::String(text) => match parse_decimal::<Scalar>(text) {
            Ok(_) => Ok(()),
            Err(_) => Err("expected a decimal integer below the modulus of the field, without a sign"),
        },
        Value::Number(number) => match number.as_u64() {
            Some(number) if number <= MOST_EXACT => Ok(()),
            Some(_) => Err("integers above 2^53 must be given as decimal strings"),
            None => Err("expected an integer that is not negative; above 2^53 as a decimal string"),
        },
        _ => Err("expected a decimal string or an integer"),
    }
}

/// A name from a stranger, of modest length.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(value: Value, lengths: &[u64]) -> Result<(), (String, String)> {
        fits(&value, lengths, "in".to_owned())
    }

    #[test]
    fn shapes_are_exact() {
        assert_eq!(outcome(json!([[1, 2], ["3", 4]]), &[2, 2]), Ok(()));
        for (value, path) in [
            (json!([[1, 2], [3]]), "in[1]"),
            (json!([[1, 2], 3]), "in[1]"),
            (json!([[1, 2], [3, [4]]]), "in[1][1]"),
            (json!([[1, 2]]), "in"),
            (json!("1"), "in"),
        ] {
            assert_eq!(outcome(value, &[2, 2]).unwrap_err().0, path);
        }
    }

    #[test]
    fn nothing_is_rounded_reduced_or_echoed() {
        for value in [
            json!(-31415),
            json!(31415.0),
            json!(1e30),
            json!(true),
            json!(null),
            json!("31415 "),
            json!("0x31415"),
            json!(zkflow_core::field::MODULUS_DECIMAL),
            json!(9_007_199_254_740_993_u64),
        ] {
            let (_, message) = outcome(value.clone(), &[]).unwrap_err();
            assert!(!message.contains("31415"), "{value}: {message}");
        }
        assert_eq!(outcome(json!(MOST_EXACT), &[]), Ok(()));
        assert_eq!(outcome(json!("9007199254740993"), &[]), Ok(()));
    }
}
