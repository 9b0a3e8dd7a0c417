//! Reads documents and compares repeated requests.

use zkflow_core::service::catalog::{Circuit, Deployment, Idempotency, ProofRequest, Stored};

use super::RequestError;
use crate::state::App;

/// A kind of document that requests can read.
pub trait Requested: Stored {
    /// The error for an id without a document.
    fn unknown(id: Self::Id) -> RequestError;
}

impl Requested for Circuit {
    fn unknown(id: Self::Id) -> RequestError {
        RequestError::UnknownCircuit(id)
    }
}

impl Requested for ProofRequest {
    fn unknown(id: Self::Id) -> RequestError {
        RequestError::UnknownProof(id)
    }
}

impl Requested for Deployment {
    fn unknown(id: Self::Id) -> RequestError {
        RequestError::UnknownDeployment(id)
    }
}

/// Returns the document.
///
/// # Errors
/// [`Requested::unknown`]; the catalog fails.
pub async fn get<D: Requested>(app: &App, id: &D::Id) -> Result<D, RequestError> {
    app.documents().get(id).await?.ok_or_else(|| D::unknown(id.clone()))
}

/// Checks that a repeated request under one idempotency key equals the first one.
///
/// # Errors
/// [`RequestError::KeyReused`]: they differ.
pub(super) fn same_request(first: Option<&Idempotency>, later: &Idempotency) -> Result<(), RequestError> {
    if first == Some(later) { Ok(()) } else { Err(RequestError::KeyReused) }
}
