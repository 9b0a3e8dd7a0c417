//! Deletes circuits.

use zkflow_core::id::CircuitId;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::catalog::{
    AuditAction, CatalogError, Circuit, CircuitStatus, DeploymentFilter, DeploymentStatus, Document as _,
    Failure, Page, ProofFilter, ProofStatus,
};
use zkflow_core::service::store::ArtifactPath;
use zkflow_core::service::tenant::TenantId;

use super::{RequestError, audit, circuits};
use crate::maintenance::{manifest, tombstone};
use crate::state::App;

/// Deletes a circuit of `owner` with its artifacts and deployments. A [tombstone] remains. `by` is the caller, with its tenant.
///
/// # Behaviour
/// - A circuit with a contract on a chain, or with keys of a ceremony, is only deleted with `force`: its keys cannot be
///   made again.
/// - The circuit is marked first and its document is deleted last. An interrupted deletion can be repeated.
/// - What is deleted belongs to the marked document. A circuit that is requested meanwhile keeps its document, its
///   artifacts and its deployments.
///
/// # Errors
/// [`RequestError::UnknownCircuit`]; [`RequestError::NotOwner`]; [`RequestError::CircuitBusy`] while the circuit has pending work;
/// [`RequestError::CircuitInUse`] without `force`.
pub async fn delete(
    app: &App,
    owner: &TenantId,
    by: (&TenantId, &str),
    id: &CircuitId,
    force: bool,
) -> Result<(), RequestError> {
    let marked = mark(app, owner, by, id, force).await?;
    tombstone::write(&*app.store, &marked, marked.life.updated_at).await?;
    if let Some(generation) = manifest::generation(&marked) {
        // The manifest goes first: a catalog that is made again does not find half a circuit.
        app.store.delete(&ArtifactPath::Manifest(generation).key()).await?;
    }
    for meta in marked.artifacts.values() {
        app.store.delete(&meta.key).await?;
    }
    forget_deployments(app, &marked).await?;
    match app.catalog.circuits().delete(&marked).await {
        // Another call has deleted it, and the circuit was requested again.
        Err(CatalogError::Stale(_)) => {}
        deleted => deleted?,
    }
    app.changes.notify(id.as_str());
    Ok(())
}

/// Marks the circuit as being deleted, unless it is.
async fn mark(
    app: &App,
    owner: &TenantId,
    (tenant, actor): (&TenantId, &str),
    id: &CircuitId,
    force: bool,
) -> Result<Circuit, RequestError> {
    loop {
        let mut circuit: Circuit = super::owned(app, owner, id).await?;
        if circuits::is_being_deleted(&circuit) {
            return Ok(circuit);
        }
        let busy = circuit.life.status == CircuitStatus::Pending
            || has_owed_proofs(app, id).await?
            || has_deployments(app, id, DeploymentStatus::Pending).await?;
        if busy {
            return Err(RequestError::CircuitBusy(id.clone()));
        }
        if !force && is_irreplaceable(app, &circuit).await? {
            return Err(RequestError::CircuitInUse(id.clone()));
        }
        audit::record(app, tenant, actor, AuditAction::CircuitDelete, id.as_str()).await?;
        circuit.life.status = CircuitStatus::Failed;
        circuit.life.error = Some(Failure {
            code: circuits::DELETING.to_owned(),
            message: "the circuit is being deleted".to_owned(),
        });
        circuit.life.updated_at = app.now();
        match app.save(circuit).await {
            Err(CatalogError::Stale(_)) => {}
            saved => return Ok(saved?),
        }
    }
}

/// Whether a contract on a chain, or a ceremony, depends on the circuit's keys.
async fn is_irreplaceable(app: &App, circuit: &Circuit) -> Result<bool, RequestError> {
    let of_node = circuit.origin.import().and_then(|import| import.node.as_ref());
    Ok(circuit.deployment.is_some()
        || of_node.is_some_and(|node| node.contract.is_some())
        || matches!(circuit.provenance.or(circuit.claimed), Some(Provenance::Ceremony(_)))
        || has_deployments(app, &circuit.id, DeploymentStatus::Confirmed).await?)
}

async fn has_owed_proofs(app: &App, id: &CircuitId) -> Result<bool, RequestError> {
    let owed = ProofFilter {
        circuit_id: Some(id.clone()),
        status: Some(ProofStatus::Pending),
        ..ProofFilter::default()
    };
    Ok(!app.catalog.proofs().list(&owed, &Page::first(1)).await?.is_empty())
}

/// Whether the circuit has a deployment with this status.
async fn has_deployments(
    app: &App,
    circuit: &CircuitId,
    status: DeploymentStatus,
) -> Result<bool, RequestError> {
    let filter = DeploymentFilter {
        circuit_id: Some(circuit.clone()),
        status: Some(status),
        ..DeploymentFilter::default()
    };
    Ok(!app.catalog.deployments().list(&filter, &Page::first(1)).await?.is_empty())
}

/// Deletes the deployments that the circuit had when it was marked. Contracts on a chain remain.
async fn forget_deployments(app: &App, marked: &Circuit) -> Result<(), RequestError> {
    let all = DeploymentFilter { circuit_id: Some(marked.id.clone()), ..DeploymentFilter::default() };
    let mut page = Page::first(100);
    loop {
        let deployments = app.catalog.deployments().list(&all, &page).await?;
        let Some(last) = deployments.last() else { return Ok(()) };
        page.after = Some(last.cursor());
        for deployment in deployments {
            if deployment.life.created_at <= marked.life.updated_at {
                app.vault.destroy_deployment(&deployment.id).await?;
                app.erase(deployment).await?;
            }
        }
    }
}
