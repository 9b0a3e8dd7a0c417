//! Circuits that are not used.

use zkflow_core::service::catalog::{
    Circuit, CircuitFilter, CircuitStatus, Document as _, Page, ProofFilter,
};
use zkflow_core::service::clock::Timestamp;

use super::{RequestError, audit, removal};
use crate::state::App;

/// Circuits read at a time.
const PAGE: usize = 200;

/// Deletes the ready circuits that have not changed since `before`, have no proof request, no contract on a chain and no
/// key of a ceremony. Returns their number. `go_on` is asked before each.
///
/// # Errors
/// A backend fails.
pub async fn delete_unused(
    app: &App,
    before: Timestamp,
    go_on: impl Fn() -> bool,
) -> Result<u64, RequestError> {
    let filter = CircuitFilter { status: Some(CircuitStatus::Ready), ..CircuitFilter::default() };
    let (mut page, mut deleted) = (Page::first(PAGE), 0);
    loop {
        let circuits = app.catalog.circuits().list(&filter, &page).await?;
        let Some(last) = circuits.last() else { return Ok(deleted) };
        page.after = Some(last.cursor());
        for circuit in circuits {
            if !go_on() {
                return Ok(deleted);
            }
            if circuit.life.updated_at < before && !has_proofs(app, &circuit).await? {
                deleted += u64::from(delete(app, &circuit).await?);
            }
        }
    }
}

async fn has_proofs(app: &App, circuit: &Circuit) -> Result<bool, RequestError> {
    let filter = ProofFilter { circuit_id: Some(circuit.id.clone()), ..ProofFilter::default() };
    Ok(!app.catalog.proofs().list(&filter, &Page::first(1)).await?.is_empty())
}

/// Deletes the circuit, unless it is used or was deleted meanwhile.
async fn delete(app: &App, circuit: &Circuit) -> Result<bool, RequestError> {
    let tenant = &circuit.life.tenant;
    match removal::delete(app, tenant, (tenant, audit::SERVICE), &circuit.id, false).await {
        Ok(()) => {
            tracing::info!(circuit = %circuit.id, tenant = %circuit.life.tenant, "deleted a circuit that was not used");
            Ok(true)
        }
        Err(
            RequestError::CircuitBusy(_) | RequestError::CircuitInUse(_) | RequestError::UnknownCircuit(_),
        ) => Ok(false),
        Err(error) => Err(error),
    }
}
