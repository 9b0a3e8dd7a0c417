//! Circuits: asked for, looked at.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{CatalogError, Circuit, CircuitStatus, Document as _};
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{Artifact, ArtifactMeta};
use zkflow_core::template::TemplateName;

use super::RequestError;
use crate::state::App;

/// The code of the failure that marks a circuit whose removal has begun.
pub(super) const DELETING: &str = "deleting";

/// The circuit of a template with parameters: the one there is, or a new one that is owed.
///
/// # Behaviour
/// - The same template, parameters, compiler and options always give the same circuit, and one job.
/// - A circuit that has failed is owed again.
///
/// # Errors
/// Unknown template, wrong parameters, an include that is not there; [`RequestError::Overloaded`].
pub async fn request(
    app: &Arc<App>,
    name: TemplateName,
    params: Map<String, Value>,
) -> Result<Circuit, RequestError> {
    let blueprint = {
        let app = app.clone();
        tokio::task::spawn_blocking(move || app.blueprint(&name, &params))
            .await
            .map_err(|error| RequestError::Internal(format!("rendering the template: {error}")))??
    };
    let id = CircuitId::from_hash(&blueprint.circuit_hash);
    loop {
        let found = app.catalog.circuits().get(&id).await?;
        let circuit = match found {
            Some(circuit) if circuit.life.status != CircuitStatus::Failed => return Ok(circuit),
            Some(circuit) if is_being_deleted(&circuit) => return Err(RequestError::CircuitDeleting(id)),
            Some(mut circuit) => {
                super::refuse_overload(app, QueueName::KeyGeneration, app.config.limits.max_pending_circuits)
                    .await?;
                circuit.restart(app.now()).map_err(|error| RequestError::Internal(error.to_string()))?;
                match app.save(circuit).await {
                    Err(CatalogError::Stale(_)) => continue,
                    saved => saved?,
                }
            }
            None => {
                super::refuse_overload(app, QueueName::KeyGeneration, app.config.limits.max_pending_circuits)
                    .await?;
                let (hash, template) = (blueprint.circuit_hash, blueprint.template.clone());
                let circuit = Circuit::new(hash, template, blueprint.params.to_json(), app.now());
                match app.catalog.circuits().insert(circuit).await? {
                    (circuit, true) => circuit,
                    // Somebody else was faster, and pushes.
                    (_, false) => continue,
                }
            }
        };
        super::push(app, circuit.job()).await;
        return Ok(circuit);
    }
}

/// The circuit, if it can be used.
///
/// # Errors
/// [`RequestError::UnknownCircuit`], [`RequestError::CircuitPending`], [`RequestError::CircuitFailed`].
pub async fn get_ready(app: &App, id: &CircuitId) -> Result<Circuit, RequestError> {
    let circuit: Circuit = super::get(app, id).await?;
    match circuit.life.status {
        CircuitStatus::Ready => Ok(circuit),
        CircuitStatus::Pending => Err(RequestError::CircuitPending(id.clone())),
        CircuitStatus::Failed => Err(RequestError::CircuitFailed(id.clone())),
    }
}

/// Describes an artifact of a circuit.
///
/// # Errors
/// [`RequestError::UnknownArtifact`].
pub fn artifact_meta<'a>(circuit: &'a Circuit, name: &str) -> Result<&'a ArtifactMeta, RequestError> {
    circuit.artifacts.get(name).ok_or_else(|| unknown_artifact(circuit, name))
}

/// Reads an artifact of a circuit.
///
/// # Errors
/// [`RequestError::UnknownArtifact`]; the store's `Corrupt` when the bytes are not those that the
/// catalog names.
pub async fn artifact(app: &App, circuit: &Circuit, name: &str) -> Result<Artifact, RequestError> {
    match app.artifact(circuit, name).await? {
        Some(artifact) => Ok(artifact),
        None => Err(unknown_artifact(circuit, name)),
    }
}

fn unknown_artifact(circuit: &Circuit, name: &str) -> RequestError {
    RequestError::UnknownArtifact { circuit: circuit.id.clone(), name: name.chars().take(128).collect() }
}

/// The address at which the store itself offers an artifact, if the settings let callers be sent there.
///
/// # Errors
/// The address cannot be signed.
pub async fn download_url(app: &App, meta: &ArtifactMeta) -> Result<Option<String>, RequestError> {
    match app.config.storage.s3_redirect_s {
        0 => Ok(None),
        valid => Ok(app.store.download_url(&meta.key, Duration::from_secs(valid)).await?),
    }
}

/// Whether the removal of a circuit has begun.
pub(super) fn is_being_deleted(circuit: &Circuit) -> bool {
    circuit.life.error.as_ref().is_some_and(|error| error.code == DELETING)
}
