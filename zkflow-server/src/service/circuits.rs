//! Creates and reads circuits.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    AuditAction, CatalogError, Circuit, CircuitStatus, Document as _, Origin, RequestOrigin, Subject,
    Visibility,
};
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{Artifact, ArtifactMeta};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::template::TemplateName;

use super::callbacks::{self, Callback};
use super::{RequestError, audit, plan, quota};
use crate::maintenance::{manifest, tombstone};
use crate::state::App;

/// Failure code of a circuit that is being deleted.
pub(super) const DELETING: &str = "deleting";

/// Returns the tenant's circuit for a template and parameters. Creates it as pending if it does not exist.
///
/// # Behaviour
/// - The same template, parameters, compiler and options always give the same circuit, and one job.
/// - Each tenant has circuits of its own.
/// - A `visibility` is recorded, also of a circuit that exists.
/// - A `callback` is recorded, also of a pending circuit without one. A circuit that is ready causes no event. The callback of a
///   pending circuit stays if the request names none.
/// - A failed circuit becomes pending again.
/// - A circuit that was deleted before gets new keys, and [says so](Circuit::replaces).
///
/// # Errors
/// The template is unknown, a parameter is wrong or an include is missing; [`RequestError::TooManyRenderings`];
/// [`RequestError::Overloaded`]; [`RequestError::CircuitQuota`]; [`RequestError::OtherCallback`].
pub async fn request(
    app: &Arc<App>,
    tenant: &TenantId,
    visibility: Option<Visibility>,
    name: TemplateName,
    params: Map<String, Value>,
    callback: Option<SecretString>,
    origin: Option<RequestOrigin>,
) -> Result<Circuit, RequestError> {
    // The id of the circuit is only known then, and a circuit that exists is returned by an overloaded server too.
    let turn = app.renderings.turn_of(tenant).await.ok_or(RequestError::TooManyRenderings)?;
    let blueprint = {
        let (app, tenant) = (app.clone(), tenant.clone());
        turn.run(move || app.blueprint(&tenant, &name, &params))
            .await
            .map_err(|error| RequestError::Internal(format!("rendering the template: {error}")))??
    };
    let (hash, template) = (blueprint.circuit_hash, blueprint.template.clone());
    let wanted = Circuit::new(hash, template, blueprint.params.to_json(), app.now());
    obtain(app, tenant, visibility, callback, origin, wanted).await
}

/// Returns the circuit with the id of `wanted`, which is pending. Inserts `wanted` if there is none.
pub(super) async fn obtain(
    app: &App,
    tenant: &TenantId,
    visibility: Option<Visibility>,
    callback: Option<SecretString>,
    origin: Option<RequestOrigin>,
    wanted: Circuit,
) -> Result<Circuit, RequestError> {
    let id = wanted.id.clone();
    let callback = callbacks::chosen(app, tenant, &Subject::Circuit(id.clone()), callback.as_ref()).await?;
    let address = callback.as_ref().map(Callback::address);
    loop {
        let found = app.catalog.circuits().get(&id).await?;
        let circuit = match found {
            Some(circuit) if circuit.life.status != CircuitStatus::Failed => {
                match share(app, circuit, visibility, callback.as_ref(), origin.as_ref()).await {
                    Err(RequestError::Catalog(CatalogError::Stale(_))) => continue,
                    shared => return shared,
                }
            }
            Some(circuit) if is_being_deleted(&circuit) => return Err(RequestError::CircuitDeleting(id)),
            Some(mut circuit) => {
                quota::refuse_costly(app, tenant).await?;
                plan::admit_circuit(app, tenant, origin.as_ref()).await?;
                let most = app.config.limits.max_pending_circuits;
                super::refuse_overload(app, tenant, QueueName::KeyGeneration, most).await?;
                circuit.restart(app.now()).map_err(|error| RequestError::Internal(error.to_string()))?;
                circuit.origin.clone_from(&wanted.origin);
                circuit.life.origin.clone_from(&origin);
                circuit.life.callback = address.cloned();
                circuit.visibility = visibility.unwrap_or(circuit.visibility);
                audit::record(app, tenant, audit::actor(origin.as_ref()), action(&circuit), id.as_str())
                    .await?;
                match app.save(circuit).await {
                    Err(CatalogError::Stale(_)) => continue,
                    saved => saved?,
                }
            }
            None => {
                quota::refuse_excess(app, tenant, origin.as_ref()).await?;
                plan::admit_circuit(app, tenant, origin.as_ref()).await?;
                let most = app.config.limits.max_pending_circuits;
                super::refuse_overload(app, tenant, QueueName::KeyGeneration, most).await?;
                let mut circuit = wanted.clone();
                circuit.replaces = tombstone::removed(&*app.store, &id).await?;
                circuit.life.origin.clone_from(&origin);
                circuit.life.tenant = tenant.clone();
                circuit.life.callback = address.cloned();
                circuit.visibility = visibility.unwrap_or_default();
                audit::record(app, tenant, audit::actor(origin.as_ref()), action(&circuit), id.as_str())
                    .await?;
                match app.catalog.circuits().insert(circuit).await? {
                    (circuit, true) => circuit,
                    // A concurrent request has inserted the circuit, and pushes its job.
                    (_, false) => continue,
                }
            }
        };
        super::push(app, circuit.job()).await;
        return Ok(circuit);
    }
}

/// Records the visibility of the circuit, and the callback of a pending one.
async fn share(
    app: &App,
    mut circuit: Circuit,
    visibility: Option<Visibility>,
    callback: Option<&Callback>,
    origin: Option<&RequestOrigin>,
) -> Result<Circuit, RequestError> {
    let visibility = visibility.filter(|wanted| *wanted != circuit.visibility);
    let callback = match (callback, &circuit.life.callback) {
        (Some(_), _) if circuit.is_final() => None,
        (Some(Callback::Usual(_)), Some(_)) => None,
        (Some(Callback::Asked(wanted)), Some(present)) => {
            let subject = Subject::Circuit(circuit.id.clone());
            if !callbacks::same(app, &circuit.life.tenant, &subject, [wanted, present])? {
                return Err(RequestError::OtherCallback(circuit.id));
            }
            None
        }
        (wanted, _) => wanted.map(Callback::address),
    };
    if visibility.is_none() && callback.is_none() {
        return Ok(circuit);
    }
    if visibility.is_some() {
        let (tenant, actor, id) = (&circuit.life.tenant, audit::actor(origin), circuit.id.as_str());
        audit::record(app, tenant, actor, AuditAction::CircuitShare, id).await?;
    }
    circuit.visibility = visibility.unwrap_or(circuit.visibility);
    if let Some(callback) = callback {
        circuit.life.callback = Some(callback.clone());
    }
    let saved = app.save(circuit).await?;
    if visibility.is_some() {
        manifest::write(&*app.store, &saved).await?;
    }
    Ok(saved)
}

/// What a request for a circuit does.
fn action(circuit: &Circuit) -> AuditAction {
    match circuit.origin {
        Origin::Template { .. } => AuditAction::CircuitBuild,
        Origin::Import(_) => AuditAction::CircuitImport,
    }
}

/// Returns the circuit of any tenant if it is ready.
///
/// # Errors
/// [`RequestError::UnknownCircuit`], and those of [`ready`].
pub async fn get_ready(app: &App, id: &CircuitId) -> Result<Circuit, RequestError> {
    ready(super::get(app, id).await?)
}

/// Returns the circuit if `tenant` may use it and it is ready.
///
/// # Errors
/// [`RequestError::UnknownCircuit`], and those of [`ready`].
pub async fn usable(app: &App, tenant: &TenantId, id: &CircuitId) -> Result<Circuit, RequestError> {
    ready(super::visible(app, tenant, id).await?)
}

/// Returns the circuit if it is ready.
///
/// # Errors
/// [`RequestError::CircuitPending`], [`RequestError::CircuitFailed`].
pub fn ready(circuit: Circuit) -> Result<Circuit, RequestError> {
    match circuit.life.status {
        CircuitStatus::Ready => Ok(circuit),
        CircuitStatus::Pending => Err(RequestError::CircuitPending(circuit.id)),
        CircuitStatus::Failed => Err(RequestError::CircuitFailed(circuit.id)),
    }
}

/// Returns the key, size and digest of a circuit's artifact.
///
/// # Errors
/// [`RequestError::UnknownArtifact`].
pub fn artifact_meta<'a>(circuit: &'a Circuit, name: &str) -> Result<&'a ArtifactMeta, RequestError> {
    circuit.artifacts.get(name).ok_or_else(|| unknown_artifact(circuit, name))
}

/// Reads an artifact of a circuit.
///
/// # Errors
/// [`RequestError::UnknownArtifact`]; the store's `Corrupt` when the bytes do not match the digest in the
/// catalog.
pub async fn artifact(app: &App, circuit: &Circuit, name: &str) -> Result<Artifact, RequestError> {
    match app.artifact(circuit, name).await? {
        Some(artifact) => Ok(artifact),
        None => Err(unknown_artifact(circuit, name)),
    }
}

fn unknown_artifact(circuit: &Circuit, name: &str) -> RequestError {
    RequestError::UnknownArtifact { circuit: circuit.id.clone(), name: name.chars().take(128).collect() }
}

/// Signed URL for downloading an artifact from the store. `None` if redirects are disabled or the store
/// has no URLs.
///
/// # Errors
/// The URL cannot be signed.
pub async fn download_url(app: &App, meta: &ArtifactMeta) -> Result<Option<String>, RequestError> {
    match app.config.storage.s3_redirect_s {
        0 => Ok(None),
        valid => Ok(app.store.download_url(&meta.key, Duration::from_secs(valid)).await?),
    }
}

/// Whether the circuit is being deleted.
pub(super) fn is_being_deleted(circuit: &Circuit) -> bool {
    circuit.life.error.as_ref().is_some_and(|error| error.code == DELETING)
}
