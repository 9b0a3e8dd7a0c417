//! Checks inputs before they are sealed: names, shapes, number format, and whether each is in its place.
//!
//! The witness calculator checks them again, against the circuit. This check answers at once and names
//! each fault; its messages never contain a value.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value};
use zeroize::Zeroizing;
use zkflow_core::inputs::{ExpectedInput, InputError, NumberRule, check_expected, given_twice, input_of};
use zkflow_core::secret::{CircuitInputs, zeroize_json};
use zkflow_core::service::catalog::{Circuit, Origin};
use zkflow_core::template::Template;

use super::{InputFault, RequestError};
use crate::state::App;

/// Upper limit of reported faults.
const MOST_FAULTS: usize = 16;

const PRIVATE: &str = "privateInputs";
const PUBLIC: &str = "publicInputs";
const NUMBERS: &str = "inputs";

/// Inputs as they were sent, private and public ones apart. Zeroised when dropped; it has no `Debug`.
pub struct GivenInputs {
    private: Map<String, Value>,
    public: Map<String, Value>,
    numbers: NumberRule,
}

impl GivenInputs {
    /// Takes the request's `privateInputs`, `publicInputs` and `inputs`.
    pub fn new(private: Map<String, Value>, public: Map<String, Value>, numbers: NumberRule) -> Self {
        Self { private, public, numbers }
    }

    /// Returns the inputs if they fit the circuit and its template.
    ///
    /// # Errors
    /// - [`RequestError::Inputs`] when a name is given twice, unknown or missing, or a value has a wrong
    ///   shape or is not a number.
    /// - [`RequestError::WrongPlace`] when a public input is among the private ones, or a private one among the
    ///   public ones.
    pub(crate) fn checked(mut self, app: &App, circuit: &Circuit) -> Result<Self, RequestError> {
        // The template can be gone, or its parameters can have changed.
        let template = circuit.origin.template().and_then(|name| app.library.get(name).ok());
        if template.is_some_and(|template| template.manifest.numbers == NumberRule::Lenient) {
            self.numbers = NumberRule::Lenient;
        }
        let mut faults = self.faults(template, circuit);
        let misplaced = self.misplaced(template, circuit);
        match (faults.is_empty(), misplaced.is_empty()) {
            (true, true) => Ok(self),
            (true, false) => Err(RequestError::WrongPlace(first(misplaced))),
            (false, _) => {
                faults.extend(misplaced);
                Err(RequestError::Inputs(first(faults)))
            }
        }
    }

    /// All inputs, for the witness.
    pub(crate) fn all(&self) -> CircuitInputs {
        let both = self.private.iter().chain(&self.public);
        let both = both.map(|(name, value)| (name.clone(), value.clone())).collect();
        CircuitInputs::from_map(both).with_numbers(self.numbers)
    }

    /// The public inputs.
    pub(crate) fn public(&self) -> CircuitInputs {
        CircuitInputs::from_map(self.public.clone()).with_numbers(self.numbers)
    }

    /// The text to seal. It keeps private and public inputs apart, so that a worker can compare the public signals
    /// of the proof with what was sent as public.
    pub(super) fn sealed(&self) -> CircuitInputs {
        let parts = [(PRIVATE, &self.private), (PUBLIC, &self.public)];
        let parts = parts.map(|(name, part)| (name.to_owned(), Value::Object(part.clone())));
        let lenient = (NUMBERS.to_owned(), Value::from("lenient"));
        let lenient = (self.numbers == NumberRule::Lenient).then_some(lenient);
        CircuitInputs::from_map(parts.into_iter().chain(lenient).collect())
    }

    /// The inputs of a [sealed](Self::sealed) text; `None` if an earlier version sealed it.
    pub(crate) fn opened(text: &CircuitInputs) -> Option<Self> {
        let Ok(Value::Object(mut parts)) = serde_json::from_str(text.expose()) else { return None };
        let (private, public) = (parts.remove(PRIVATE), parts.remove(PUBLIC));
        let numbers = match parts.remove(NUMBERS) {
            None => Some(NumberRule::Exact),
            Some(rule) => serde_json::from_value(rule).ok(),
        };
        match (private, public, numbers) {
            (Some(Value::Object(private)), Some(Value::Object(public)), Some(numbers))
                if parts.is_empty() =>
            {
                Some(Self { private, public, numbers })
            }
            (private, public, _) => {
                let rest = parts.into_iter().map(|(_, value)| value);
                rest.chain(private).chain(public).for_each(|mut value| zeroize_json(&mut value));
                None
            }
        }
    }

    /// Text for the fingerprint of a request.
    pub(super) fn json(&self) -> Zeroizing<String> {
        let text = |map: &Map<String, Value>| serde_json::to_string(map).map(Zeroizing::new);
        let (private, public) = (text(&self.private), text(&self.public));
        let (private, public) = (private.unwrap_or_default(), public.unwrap_or_default());
        let rule = if self.numbers == NumberRule::Lenient { "\nlenient" } else { "" };
        Zeroizing::new(format!("{}\n{}{rule}", *private, *public))
    }

    fn faults(&self, template: Option<&Template>, circuit: &Circuit) -> Vec<InputFault> {
        let given = [(PRIVATE, &self.private), (PUBLIC, &self.public)];
        let errors = match (&circuit.origin, template) {
            (Origin::Template { params, .. }, Some(template)) => {
                let params = template.parse_params(params).ok();
                template.check_inputs(params.as_ref(), &given, self.numbers)
            }
            (Origin::Import(import), _) if !import.inputs.is_empty() => {
                let expected = import.inputs.iter().map(|input| ExpectedInput {
                    name: &input.name,
                    public: input.public,
                    shape: Some(Cow::Borrowed(&input.shape)),
                    is_bus: false,
                });
                check_expected(&expected.collect::<Vec<_>>(), &given, self.numbers)
            }
            // The inputs are not known: only the witness calculator checks their names and shapes.
            _ => given_twice(&given),
        };
        errors.into_iter().map(InputFault::from).collect()
    }

    /// The inputs that are in the wrong one of the two objects. The constraints of the circuit decide which inputs
    /// are public; the template does where their names are not recorded.
    fn misplaced(&self, template: Option<&Template>, circuit: &Circuit) -> Vec<InputFault> {
        let recorded = circuit.report.as_ref();
        let recorded =
            recorded.filter(|report| report.public_inputs == 0 || !report.public_input_names.is_empty());
        let public: HashSet<&str> = match (recorded, template) {
            (Some(report), _) => report.public_input_names.iter().map(String::as_str).collect(),
            (None, Some(template)) => {
                let inputs = template.manifest.inputs.iter().filter(|input| input.public);
                inputs.map(|input| input.name.as_str()).collect()
            }
            // Neither is known: the worker compares the public inputs with the circuit.
            (None, None) => return Vec::new(),
        };
        let is_public = |name: &&String| public.contains(input_of(name));
        // An unknown name is another fault. Without a template, all names can be known.
        let inputs: Option<HashSet<&str>> = match (&circuit.origin, template) {
            (_, Some(template)) => {
                Some(template.manifest.inputs.iter().map(|input| input.name.as_str()).collect())
            }
            (Origin::Import(import), None) => {
                Some(import.inputs.iter().map(|input| input.name.as_str()).collect())
            }
            (Origin::Template { .. }, None) => None,
        };
        let is_input = |name: &&String| inputs.as_ref().is_none_or(|inputs| inputs.contains(input_of(name)));
        let exposed = self.private.keys().filter(is_public);
        let hidden = self.public.keys().filter(|name| !is_public(name) && is_input(name));
        let exposed = exposed.map(|name| {
            fault(PRIVATE, name, "a public input, which the proof discloses: give it in publicInputs")
        });
        exposed
            .chain(hidden.map(|name| fault(PUBLIC, name, "a private input: give it in privateInputs")))
            .collect()
    }
}

impl From<InputError> for InputFault {
    fn from(InputError { path, problem }: InputError) -> Self {
        Self { path, message: problem.to_string() }
    }
}

impl Drop for GivenInputs {
    fn drop(&mut self) {
        for map in [&mut self.private, &mut self.public] {
            map.values_mut().for_each(zeroize_json);
        }
    }
}

/// A fault of an input; its name is shortened for messages.
fn fault(object: &str, name: &str, message: &str) -> InputFault {
    let name: String = name.chars().take(64).collect();
    InputFault { path: format!("{object}.{name}"), message: message.to_owned() }
}

fn first(mut faults: Vec<InputFault>) -> Vec<InputFault> {
    faults.truncate(MOST_FAULTS);
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn sealed_inputs_keep_private_and_public_apart() {
        let (private, public) = (object(json!({"age": "42", "m": [1, 2]})), object(json!({"signal": 7})));
        let given = GivenInputs::new(private, public, NumberRule::Exact);
        let opened = GivenInputs::opened(&given.sealed()).unwrap();
        assert_eq!((&opened.private, &opened.public), (&given.private, &given.public));
        assert_eq!(opened.public().expose(), r#"{"signal":7}"#);
        assert_eq!(opened.all().expose(), r#"{"age":"42","m":[1,2],"signal":7}"#);
        assert_eq!(opened.all().numbers(), NumberRule::Exact);
    }

    #[test]
    fn sealed_inputs_keep_the_rule_of_their_numbers() {
        let given = GivenInputs::new(object(json!({"age": "0x2a"})), Map::new(), NumberRule::Lenient);
        let opened = GivenInputs::opened(&given.sealed()).unwrap();
        assert_eq!(opened.all().numbers(), NumberRule::Lenient);
        assert_eq!(opened.public().numbers(), NumberRule::Lenient);
    }

    #[test]
    fn a_sealed_text_of_another_form_is_refused() {
        for text in [
            "",
            "[]",
            r#"{"age":"42"}"#,
            r#"{"privateInputs":{"age":"42"}}"#,
            r#"{"privateInputs":{},"publicInputs":[]}"#,
            r#"{"privateInputs":{},"publicInputs":{},"age":"42"}"#,
            r#"{"privateInputs":{},"publicInputs":{},"inputs":"loose"}"#,
        ] {
            assert!(GivenInputs::opened(&CircuitInputs::from_json(text.to_owned())).is_none(), "{text}");
        }
    }
}
