//! [`ProofInputs`]: inputs in the open, or sealed by the client to the workers' key.

use bytes::Bytes;
use zeroize::Zeroizing;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::service::catalog::{Circuit, ProofRequest, Sealed};
use zkflow_store::Vault;
use zkflow_store::vault::sealing::client_header;

use super::{GivenInputs, InputFault, RequestError};
use crate::state::App;

/// The inputs of a request. It has no `Debug`.
pub enum ProofInputs {
    /// The server seals them.
    Open(GivenInputs),
    /// The client sealed them: only a worker can read and check them.
    Sealed(Bytes),
}

impl ProofInputs {
    /// Returns the inputs if they fit the circuit, as far as this process can know, in the form that is stored.
    ///
    /// # Errors
    /// Those of [`GivenInputs::checked`]; [`RequestError::Fields`] if sealed inputs have another form, or are sealed to a key
    /// that this server does not name.
    pub(super) fn checked(self, app: &App, circuit: &Circuit) -> Result<Checked, RequestError> {
        match self {
            Self::Open(inputs) => inputs.checked(app, circuit).map(|inputs| Checked::Open(inputs.sealed())),
            Self::Sealed(blob) => match client_header(&blob) {
                Some(id) if app.vault.sealing().accepts(&id) => Ok(Checked::Sealed(blob)),
                Some(id) => Err(fault(&format!(
                    "sealed to the key {}: seal to the key of GET /v1/sealing-key",
                    hex::encode(id)
                ))),
                None => Err(fault("not in the format of sealed inputs: see docs/sealed-inputs.md")),
            },
        }
    }

    /// Text for the fingerprint of a request. Two seals of the same inputs differ.
    pub(super) fn text(&self) -> Zeroizing<String> {
        match self {
            Self::Open(inputs) => inputs.json(),
            Self::Sealed(blob) => Zeroizing::new(format!("sealed\n{}", hex::encode(blob))),
        }
    }
}

/// Inputs that passed the checks.
pub(super) enum Checked {
    /// The text to seal.
    Open(CircuitInputs),
    /// Sealed already.
    Sealed(Bytes),
}

impl Checked {
    /// Length of what is stored, without the overhead of sealing.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Open(text) => text.expose().len(),
            Self::Sealed(blob) => blob.len(),
        }
    }

    /// Seals the inputs for a request, unless they are sealed.
    pub(super) fn enclose(self, vault: &Vault, request: &ProofRequest) -> Sealed {
        match self {
            Self::Open(text) => vault.enclose(request, &text),
            Self::Sealed(blob) => Sealed(blob.into()),
        }
    }
}

fn fault(message: &str) -> RequestError {
    RequestError::Fields(vec![InputFault { path: "sealedInputs".to_owned(), message: message.to_owned() }])
}
