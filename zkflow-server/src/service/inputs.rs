//! Checks inputs against the template before they are sealed: names, shapes and number format.
//!
//! The witness calculator checks them again, against the circuit. This check answers at once and names
//! each fault; its messages never contain a value.

use serde_json::{Map, Value};
use zeroize::Zeroizing;
use zkflow_core::inputs::InputError;
use zkflow_core::secret::{CircuitInputs, zeroize_json};
use zkflow_core::service::catalog::Circuit;

use super::{InputFault, RequestError};
use crate::state::App;

/// Upper limit of reported faults.
const MOST_FAULTS: usize = 16;

/// Inputs as they were sent. Zeroised when dropped; it has no `Debug`.
pub struct GivenInputs {
    private: Map<String, Value>,
    public: Map<String, Value>,
}

impl GivenInputs {
    /// Takes the request's `privateInputs` and `publicInputs`. The split is for readers only: the circuit
    /// decides which inputs are public.
    pub fn new(private: Map<String, Value>, public: Map<String, Value>) -> Self {
        Self { private, public }
    }

    /// Returns the inputs for the circuit if they fit its template.
    ///
    /// # Errors
    /// [`RequestError::Inputs`] when a name is given twice, unknown or missing, or a value has a wrong
    /// shape or is not a number.
    pub(super) fn checked(mut self, app: &App, circuit: &Circuit) -> Result<CircuitInputs, RequestError> {
        let faults = self.faults(app, circuit);
        if !faults.is_empty() {
            return Err(RequestError::Inputs(faults));
        }
        let mut all = std::mem::take(&mut self.private);
        all.append(&mut self.public);
        Ok(CircuitInputs::from_map(all))
    }

    /// Text for the fingerprint of a request.
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
                message: "also given in privateInputs".to_owned(),
            })
            .collect();
        // Without the template, only the witness calculator checks. Shapes are not checked here if the
        // template's parameters have changed.
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

/// A name from the request, shortened for messages.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
