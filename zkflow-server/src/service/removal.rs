//! Deletes circuits.

use futures::TryStreamExt as _;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    CatalogError, Circuit, CircuitStatus, DeploymentFilter, DeploymentStatus, Failure, Page, ProofFilter,
    ProofStatus,
};
use zkflow_core::service::store::{ArtifactKey, ArtifactPath};

use super::{RequestError, circuits};
use crate::state::App;

/// Deletes a circuit with its artifacts and deployments.
///
/// # Behaviour
/// - The circuit is marked first and its document is deleted last. An interrupted deletion can be
///   repeated, and a new circuit with the same id never loses artifacts to it.
///
/// # Errors
/// [`RequestError::UnknownCircuit`]; [`RequestError::CircuitBusy`] while the circuit has pending work.
pub async fn delete(app: &App, id: &CircuitId) -> Result<(), RequestError> {
    loop {
        let mut circuit: Circuit = super::get(app, id).await?;
        if circuits::is_being_deleted(&circuit) {
            break;
        }
        let busy = circuit.life.status == CircuitStatus::Pending
            || has_owed_proofs(app, id).await?
            || has_owed_deployments(app, id).await?;
        if busy {
            return Err(RequestError::CircuitBusy(id.clone()));
        }
        circuit.life.status = CircuitStatus::Failed;
        circuit.life.error = Some(Failure {
            code: circuits::DELETING.to_owned(),
            message: "the circuit is being deleted".to_owned(),
        });
        circuit.life.updated_at = app.now();
        match app.save(circuit).await {
            Ok(_) => break,
            Err(CatalogError::Stale(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let keys: Vec<ArtifactKey> = app.store.list(&ArtifactPath::files_of(id)).try_collect().await?;
    for key in &keys {
        app.store.delete(key).await?;
    }
    forget_deployments(app, id).await?;
    app.catalog.circuits().delete(id).await?;
    app.changes.notify(id.as_str());
    Ok(())
}

async fn has_owed_proofs(app: &App, id: &CircuitId) -> Result<bool, RequestError> {
    let owed = ProofFilter {
        circuit_id: Some(id.clone()),
        status: Some(ProofStatus::Pending),
        ..ProofFilter::default()
    };
    Ok(!app.catalog.proofs().list(&owed, &Page::first(1)).await?.is_empty())
}

/// Whether the circuit has a pending deployment.
async fn has_owed_deployments(app: &App, circuit: &CircuitId) -> Result<bool, RequestError> {
    let owed =
        DeploymentFilter { circuit_id: Some(circuit.clone()), status: Some(DeploymentStatus::Pending) };
    Ok(!app.catalog.deployments().list(&owed, &Page::first(1)).await?.is_empty())
}

/// Deletes the deployments of a circuit. Contracts on a chain remain.
async fn forget_deployments(app: &App, circuit: &CircuitId) -> Result<(), RequestError> {
    let all = DeploymentFilter { circuit_id: Some(circuit.clone()), status: None };
    loop {
        let page = app.catalog.deployments().list(&all, &Page::first(100)).await?;
        if page.is_empty() {
            break;
        }
        for deployment in page {
            app.vault.destroy_deployment(&deployment.id).await?;
            app.catalog.deployments().delete(&deployment.id).await?;
        }
    }
    Ok(())
}
