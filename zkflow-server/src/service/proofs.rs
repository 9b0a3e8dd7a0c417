//! Creates, reads and cancels proof requests.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use zkflow_core::calldata::calldata;
use zkflow_core::format::json::{proof_from_json, public_from_json};
use zkflow_core::id::CircuitId;
use zkflow_core::proof::PublicSignals;
use zkflow_core::service::catalog::{
    CatalogError, Circuit, Document as _, ProofKey, ProofRequest, ProofStatus, RequestOrigin, Subject,
};
use zkflow_core::service::id::{ProofId, UserId};
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::tenant::TenantId;
use zkflow_queue::ended::{log_deleted, log_end};

use super::document::Repeatable;
use super::{CircuitName, ProofInputs, RequestError, Room, callbacks, circuits, plan, verify};
use crate::state::App;

/// A request for a proof. It has no `Debug`, because it contains private inputs.
pub struct NewProof {
    /// Must be ready.
    pub circuit: CircuitName,
    /// Private and public inputs.
    pub inputs: ProofInputs,
    /// Owner of the request.
    pub tenant: TenantId,
    /// User of the tenant; `None`: anonymous.
    pub user_id: Option<UserId>,
    /// Identifies repeats of one request of the user.
    pub idempotency_key: Option<String>,
    /// Address that the end of the request is sent to; `None`: the tenant's, if any.
    pub callback: Option<SecretString>,
    /// Ids of the request, for the log.
    pub origin: Option<RequestOrigin>,
}

/// Largest sealed inputs that are part of the document of their request. Larger ones are artifacts.
const SMALL: usize = 16 * 1024;

/// Creates a proof request; see [`request_all`].
///
/// # Errors
/// The circuit is not ready; the inputs have wrong names or shapes; the key was used for a different
/// request; too many proof requests are pending.
pub async fn request(app: &App, new: NewProof) -> Result<ProofRequest, RequestError> {
    let result = request_all(app, vec![new]).await.pop();
    result.unwrap_or_else(|| Err(RequestError::Internal("a request without a result".to_owned())))
}

/// Creates proof requests: seals their inputs, inserts them as pending and pushes their jobs. Returns one result per
/// request, in order, with the errors of [`request`].
///
/// # Behaviour
/// - All are written together, in one transaction if documents and jobs share a database.
/// - Sealed inputs are part of the document, or are stored before it. After a crash, the cleanup removes stored inputs
///   without a document, and the reconciler pushes the missing job of a pending request.
/// - A repeated idempotency key of the user returns the existing proof request, even when the server is
///   overloaded or the circuit is deleted.
pub async fn request_all(app: &App, all: Vec<NewProof>) -> Vec<Result<ProofRequest, RequestError>> {
    let mut intake = Intake { app, circuits: HashMap::new(), room: HashMap::new() };
    let mut results = Vec::with_capacity(all.len());
    let (mut places, mut documents) = (Vec::new(), Vec::new());
    for (place, new) in all.into_iter().enumerate() {
        results.push(match intake.take(new).await {
            Ok(Taken::Before(present)) => Ok(present),
            Ok(Taken::New(document, wanted)) => {
                places.push((place, document.id.clone(), wanted));
                documents.push(document);
                // Replaced below.
                Err(RequestError::Internal("a request that was not written".to_owned()))
            }
            Err(error) => Err(error),
        });
    }
    if documents.is_empty() {
        return results;
    }
    let submitted = app.ledger.proofs().submit(documents, app.config.workers.job_attempts).await;
    intake.circuits.clear();
    for ((place, id, wanted), submitted) in places.into_iter().zip(submitted) {
        results[place] = match submitted {
            Ok((proof, added)) => intake.settle(&id, wanted, proof, added).await,
            Err(error) => Err(error.into()),
        };
    }
    results
}

/// What several requests share.
struct Intake<'a> {
    app: &'a App,
    /// Circuits that are ready, and that the tenant may use.
    circuits: HashMap<(TenantId, CircuitId), Circuit>,
    /// Requests of a tenant that the queue still takes, once asked.
    room: HashMap<TenantId, Room>,
}

enum Taken {
    /// An earlier request with the same idempotency key.
    Before(ProofRequest),
    /// To be written.
    New(ProofRequest, Option<Repeatable>),
}

impl Intake<'_> {
    /// Checks a request and seals its inputs.
    async fn take(&mut self, new: NewProof) -> Result<Taken, RequestError> {
        let app = self.app;
        let NewProof { circuit, inputs, tenant, user_id, idempotency_key, callback, origin } = new;
        let circuit_id = circuit.resolve(app, &tenant).await?;
        let wanted = idempotency_key.map(|key| {
            let text = text(&circuit_id, user_id.as_ref(), callback.as_ref(), &inputs);
            Repeatable::new(app, key, text.as_bytes())
        });
        if let Some(wanted) = &wanted {
            let key = wanted.idempotency.key.clone();
            let key = ProofKey { tenant: tenant.clone(), user_id: user_id.clone(), key };
            if let Some(present) = app.catalog.proofs().by_key(&key).await? {
                wanted.check(present.idempotency.as_ref())?;
                return Ok(Taken::Before(present));
            }
        }
        let inputs = inputs.checked(app, self.usable(&tenant, &circuit_id).await?)?;
        let now = app.now();
        let id = ProofId::generate(now);
        let subject = Subject::Proof(id.clone());
        let callback = callbacks::chosen(app, &tenant, &subject, callback.as_ref()).await?;
        // A request counts from here on: one that is refused for its content takes no place of others.
        plan::admit_proof(app, &tenant, origin.as_ref()).await?;
        self.make_room(&tenant).await?;

        let keep = app.config.limits.proof_ttl();
        let idempotency = wanted.as_ref().map(|wanted| wanted.idempotency.clone());
        let mut asked = ProofRequest::new(id, circuit_id, user_id, idempotency, now, keep);
        asked.life.origin = origin;
        asked.life.tenant = tenant;
        asked.life.callback = callback.as_ref().map(callbacks::Callback::address).cloned();
        let small = inputs.len() <= SMALL;
        let sealed = inputs.enclose(&app.vault, &asked);
        match small {
            true => asked.inputs = Some(sealed),
            false => app.vault.keep(&asked, sealed).await?,
        }
        Ok(Taken::New(asked, wanted))
    }

    /// The result of a request that was submitted under `id`.
    async fn settle(
        &mut self,
        id: &ProofId,
        wanted: Option<Repeatable>,
        proof: ProofRequest,
        added: bool,
    ) -> Result<ProofRequest, RequestError> {
        let app = self.app;
        // A retried insert may return this request as not added: compare the id.
        if let (false, Some(wanted)) = (added || proof.id == *id, wanted) {
            app.vault.destroy(id).await?;
            wanted.check(proof.idempotency.as_ref())?;
            return Ok(proof);
        }
        // If the circuit was deleted meanwhile, the request is deleted before its id is returned.
        if let Err(error) = self.usable(&proof.life.tenant, &proof.circuit_id).await {
            app.erase(proof).await?;
            app.vault.destroy(id).await?;
            return Err(error);
        }
        Ok(proof)
    }

    async fn usable(&mut self, tenant: &TenantId, id: &CircuitId) -> Result<&Circuit, RequestError> {
        match self.circuits.entry((tenant.clone(), id.clone())) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(circuits::usable(self.app, tenant, id).await?)),
        }
    }

    /// Refuses a request when the queue is full. Concurrent requests may exceed the limit slightly.
    async fn make_room(&mut self, tenant: &TenantId) -> Result<(), RequestError> {
        let most = self.app.config.limits.max_pending_proofs;
        let room = match self.room.entry(tenant.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                unknown.insert(super::room(self.app, tenant, QueueName::ProofGeneration, most).await?)
            }
        };
        room.take()
    }
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
            Ok(saved) => {
                log_end(&saved, None);
                break saved;
            }
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
    app.erase(proof.clone()).await?;
    app.changes.notify(id.as_str());
    if !proof.is_final() {
        log_deleted(&proof);
    }
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

/// The text of a request, for its fingerprint.
fn text(
    circuit: &CircuitId,
    user: Option<&UserId>,
    callback: Option<&SecretString>,
    inputs: &ProofInputs,
) -> zeroize::Zeroizing<String> {
    let user = user.map_or("", UserId::as_str);
    // Neither id can contain a line break, and the inputs are JSON in one line.
    let mut text = zeroize::Zeroizing::new(format!("{circuit}\n{user}\n{}", *inputs.text()));
    if let Some(callback) = callback {
        text.push('\n');
        text.push_str(callback.expose_secret());
    }
    text
}
