//! Inputs against the template, before anything is sealed: names, shapes, and that values are numbers.
//!
//! The witness calculator checks again, against the circuit itself. This check answers at once and
//! names what is wrong; it never says a value.

use serde_json::{Map, Value};
use zeroize::Zeroizing;
use zkflow_core::inputs::InputError;
use zkflow_core::secret::{CircuitInputs, zeroize_json};
use zkflow_core::service::catalog::Circuit;

use super::{InputFault, RequestError};
use crate::state::App;

/// Faults that are named at most.
const MOST_FAULTS: usize = 16;

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

    fn faults(&self, app: &App, circuit: &Circuit) -> Vec<InputFault> {
        let twice = self.private.keys().filter(|name| self.public.contains_key(*name));
        let mut faults: Vec<InputFault> = twice
            .map(|name| InputFault {
                path: format!("publicInputs.{}", shown(name)),
                message: "given in privateInputs too".to_owned(),
            })
            .collect();
        // Without the template the circuit itself is the only judge; so it is of shapes when the template has
        // other parameters now.
        if let Ok(template) = app.library.get(&circuit.template) {
            let params = template.parse_params(&circuit.params).ok();
            let given = [("privateInputs", &self.private), ("publicInputs", &self.public)];
            faults.extend(template.check_inputs(params.as_ref(), &given).into_iter().map(InputFault::from));
        }
        faults.truncate(MOST_FAULTS);
        faults
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

/// A name from a stranger, of modest length.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
