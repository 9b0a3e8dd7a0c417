//! Proof requests: asked for, looked at, cancelled.

use serde_json::Value;
use zkflow_core::calldata::calldata;
use zkflow_core::format::json::{proof_from_json, public_from_json};
use zkflow_core::id::CircuitId;
use zkflow_core::proof::PublicSignals;
use zkflow_core::service::catalog::{
    CatalogError, Circuit, Document as _, Idempotency, ProofKey, ProofRequest, ProofStatus,
};
use zkflow_core::service::id::{ProofId, UserId};
use zkflow_core::service::queue::QueueName;

use super::{GivenInputs, RequestError, circuits, verify};
use crate::state::App;

/// What is asked for. Has no `Debug`: it holds private inputs.
pub struct NewProof {
    /// The circuit.
    pub circuit_id: CircuitId,
    /// What is to be proved.
    pub inputs: GivenInputs,
    /// Whom it is accounted to.
    pub user_id: Option<UserId>,
    /// The caller's name for the request.
    pub idempotency_key: Option<String>,
}

/// Takes a request: seals its inputs, notes that the proof is owed, and wakes a worker.
///
/// # Behaviour
/// - Sealed inputs, then the document, then the job: a crash in between leaves either sealed inputs
///   that nothing names, which the cleanup removes, or an owed proof, which the reconciler pushes.
/// - With an idempotency key that the same user has used for the same request, returns that one,
///   also when the server is too busy for new ones or the circuit is gone.
///
/// # Errors
/// The circuit is not ready; the inputs have wrong names or shapes; the key was used for another
/// request; too many proofs are owed.
pub async fn request(app: &App, new: NewProof) -> Result<ProofRequest, RequestError> {
    let NewProof { circuit_id, inputs, user_id, idempotency_key } = new;
    let idempotency = idempotency_key.map(|key| Idempotency {
        key,
        fingerprint: fingerprint(app, &circuit_id, user_id.as_ref(), &inputs),
    });
    if let Some(wanted) = &idempotency {
        let key = ProofKey { user_id: user_id.clone(), key: wanted.key.clone() };
        if let Some(present) = app.catalog.proofs().by_key(&key).await? {
            super::same_request(present.idempotency.as_ref(), wanted)?;
            return Ok(present);
        }
    }
    let circuit = circuits::get_ready(app, &circuit_id).await?;
    let inputs = inputs.checked(app, &circuit)?;
    super::refuse_overload(app, QueueName::ProofGeneration, app.config.limits.max_pending_proofs).await?;

    let now = app.now();
    let id = ProofId::generate(now);
    app.vault.seal(&id, &inputs).await?;
    drop(inputs);
    let asked =
        ProofRequest::new(id.clone(), circuit_id, user_id, idempotency, now, app.config.limits.proof_ttl());
    let wanted = asked.idempotency.clone();
    let (proof, added) = app.catalog.proofs().insert(asked).await?;
    // Under its own id it is this request, whatever the catalog had to do to add it.
    if let (false, Some(wanted)) = (added || proof.id == id, wanted) {
        app.vault.destroy(&id).await?;
        super::same_request(proof.idempotency.as_ref(), &wanted)?;
        return Ok(proof);
    }
    // The circuit may have been removed in between: then nobody learns of the request.
    if let Err(error) = circuits::get_ready(app, &proof.circuit_id).await {
        app.catalog.proofs().delete(&id).await?;
        app.vault.destroy(&id).await?;
        return Err(error);
    }
    super::push(app, proof.job()).await;
    Ok(proof)
}

/// Ends a request that is not final, and destroys its inputs. A cancelled one stays cancelled.
///
/// # Errors
/// [`RequestError::ProofFinal`] when it was completed or has failed.
pub async fn cancel(app: &App, id: &ProofId) -> Result<ProofRequest, RequestError> {
    let cancelled = loop {
        let mut proof: ProofRequest = super::get(app, id).await?;
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

/// The arguments of the verifier contract, as `snarkjs generatecall` prints them.
///
/// # Errors
/// [`RequestError::NoProof`] unless it is completed; the circuit is gone.
pub async fn solidity_calldata(app: &App, id: &ProofId) -> Result<String, RequestError> {
    let request: ProofRequest = super::get(app, id).await?;
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
    // Neither id can hold a line break.
    let text = zeroize::Zeroizing::new(format!("{circuit}\n{user}\n{}", *inputs.json()));
    app.vault.fingerprint(text.as_bytes())
}
