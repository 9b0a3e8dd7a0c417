//! Creates, reads and cancels proof requests.

use serde_json::Value;
use zkflow_core::calldata::calldata;
use zkflow_core::format::json::{proof_from_json, public_from_json};
use zkflow_core::id::CircuitId;
use zkflow_core::proof::PublicSignals;
use zkflow_core::service::catalog::{
    CatalogError, Circuit, Document as _, Idempotency, ProofKey, ProofRequest, ProofStatus, RequestOrigin,
};
use zkflow_core::service::id::{ProofId, UserId};
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::tenant::TenantId;

use super::{GivenInputs, RequestError, circuits, verify};
use crate::state::App;

/// A request for a proof. It has no `Debug`, because it contains private inputs.
pub struct NewProof {
    /// Must be ready.
    pub circuit_id: CircuitId,
    /// Private and public inputs.
    pub inputs: GivenInputs,
    /// Owner of the request.
    pub tenant: TenantId,
    /// User of the tenant; `None`: anonymous.
    pub user_id: Option<UserId>,
    /// Identifies repeats of one request of the user.
    pub idempotency_key: Option<String>,
    /// Ids of the request, for the log.
    pub origin: Option<RequestOrigin>,
}

/// Creates a proof request: seals its inputs, inserts it as pending and pushes its job.
///
/// # Behaviour
/// - The order is inputs, document, job. After a crash, the cleanup removes inputs without a document,
///   and the reconciler pushes the missing job of a pending request.
/// - A repeated idempotency key of the user returns the existing proof request, even when the server is
///   overloaded or the circuit is deleted.
///
/// # Errors
/// The circuit is not ready; the inputs have wrong names or shapes; the key was used for a different
/// request; too many proof requests are pending.
pub async fn request(app: &App, new: NewProof) -> Result<ProofRequest, RequestError> {
    let NewProof { circuit_id, inputs, tenant, user_id, idempotency_key, origin } = new;
    let idempotency = idempotency_key.map(|key| Idempotency {
        key,
        fingerprint: fingerprint(app, &circuit_id, user_id.as_ref(), &inputs),
    });
    if let Some(wanted) = &idempotency {
        let key = ProofKey { tenant: tenant.clone(), user_id: user_id.clone(), key: wanted.key.clone() };
        if let Some(present) = app.catalog.proofs().by_key(&key).await? {
            super::same_request(present.idempotency.as_ref(), wanted)?;
            return Ok(present);
        }
    }
    let circuit = circuits::usable(app, &tenant, &circuit_id).await?;
    let inputs = inputs.checked(app, &circuit)?;
    super::refuse_overload(app, QueueName::ProofGeneration, app.config.limits.max_pending_proofs).await?;

    let now = app.now();
    let id = ProofId::generate(now);
    app.vault.seal(&id, &inputs.sealed()).await?;
    drop(inputs);
    let mut asked =
        ProofRequest::new(id.clone(), circuit_id, user_id, idempotency, now, app.config.limits.proof_ttl());
    asked.life.origin = origin;
    asked.life.tenant = tenant;
    let wanted = asked.idempotency.clone();
    let (proof, added) = app.catalog.proofs().insert(asked).await?;
    // A retried insert may return this request as not added: compare the id.
    if let (false, Some(wanted)) = (added || proof.id == id, wanted) {
        app.vault.destroy(&id).await?;
        super::same_request(proof.idempotency.as_ref(), &wanted)?;
        return Ok(proof);
    }
    // If the circuit was deleted meanwhile, the request is deleted before its id is returned.
    if let Err(error) = circuits::get_ready(app, &proof.circuit_id).await {
        app.erase(proof).await?;
        app.vault.destroy(&id).await?;
        return Err(error);
    }
    super::push(app, proof.job()).await;
    Ok(proof)
}

/// Cancels a pending request and destroys its inputs. Repeating it has no effect.
///
/// # Errors
/// [`RequestError::ProofFinal`] when the request is completed or failed.
pub async fn cancel(app: &App, tenant: &TenantId, id: &ProofId) -> Result<ProofRequest, RequestError> {
    let cancelled = loop {
        let mut proof: ProofRequest = super::owned(app, tenant, id).await?;
        match proof.life.status {
            ProofStatus::Cancelled => break proof,
            ProofStatus::Pending => {}
            status => return Err(RequestError::ProofFinal { id: id.clone(), status }),
        }
        proof.cancel(app.now()).map_err(|error| RequestError::Internal(error.to_string()))?;
        match app.save(proof).await {
            Ok(saved) => break saved,
            Err(CatalogError::Stale(_)) => {}
            Err(error) => return Err(error.into()),
        }
    };
    app.vault.destroy(id).await?;
    Ok(cancelled)
}

/// Deletes a request in whatever state it is: its inputs, then its document with the proof. A worker's late result is
/// refused.
///
/// # Errors
/// [`RequestError::UnknownProof`].
pub async fn delete(app: &App, tenant: &TenantId, id: &ProofId) -> Result<(), RequestError> {
    let proof: ProofRequest = super::owned(app, tenant, id).await?;
    app.vault.destroy(id).await?;
    app.erase(proof).await?;
    app.changes.notify(id.as_str());
    Ok(())
}

/// The arguments of the verifier contract, as `snarkjs generatecall` prints them.
///
/// # Errors
/// [`RequestError::NoProof`] unless the request is completed; the circuit is deleted.
pub async fn solidity_calldata(app: &App, tenant: &TenantId, id: &ProofId) -> Result<String, RequestError> {
    let request: ProofRequest = super::owned(app, tenant, id).await?;
    let Some(artifacts) = &request.artifacts else {
        return Err(RequestError::NoProof { id: id.clone(), status: request.life.status });
    };
    let circuit: Circuit = super::get(app, &request.circuit_id).await?;
    let key = verify::verifying_key(app, &circuit).await?;
    let stored =
        |what: &str| RequestError::Internal(format!("the stored {what} of proof {id} cannot be read"));
    let proof = proof_from_json(&artifacts.proof).map_err(|_| stored("proof"))?;
    let signals =
        public_from_json(&Value::from(artifacts.public_signals.clone())).map_err(|_| stored("signals"))?;
    let signals = PublicSignals::for_key(&key, signals).map_err(|_| stored("signals"))?;
    Ok(calldata(&proof, &signals))
}

fn fingerprint(app: &App, circuit: &CircuitId, user: Option<&UserId>, inputs: &GivenInputs) -> String {
    let user = user.map_or("", UserId::as_str);
    // Neither id can contain a line break.
    let text = zeroize::Zeroizing::new(format!("{circuit}\n{user}\n{}", *inputs.json()));
    app.vault.fingerprint(text.as_bytes())
}
