//! Proofs from anywhere against the key of a circuit.

use std::sync::Arc;

use serde_json::Value;
use zkflow_core::catalog::Circuit;
use zkflow_core::circuit::FileName;
use zkflow_core::format::json::{proof_from_json, public_from_json, vkey_from_json};
use zkflow_core::id::CircuitId;
use zkflow_core::verify::{PublicSignals, Verifier, VerifyingKey};

use super::{RequestError, circuits};
use crate::state::App;

/// Whether a proof holds, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It proves the statement.
    Verified,
    /// It does not.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Checks `proof` (as in `proof.json`) and `signals` (as in `public.json`).
///
/// # Errors
/// The circuit is not ready, its key cannot be read, or too many verifications wait already. A proof that cannot be read is refused, not
/// an error.
pub async fn verify(
    app: &App,
    id: &CircuitId,
    proof: Value,
    signals: Value,
) -> Result<Verdict, RequestError> {
    let circuit = circuits::get_ready(app, id).await?;
    let digest = circuits::artifact_meta(&circuit, FileName::VerificationKey.as_str())?.sha256;
    let turn = app.verifiers.turn().await.ok_or(RequestError::TooManyVerifications)?;
    let known = app.verifiers.get(&digest);
    let key = if known.is_none() { Some(verifying_key(app, &circuit).await?) } else { None };
    let (verifier, verdict) = tokio::task::spawn_blocking(move || {
        // Kept to the end of the work, also when nobody waits for it any more.
        let _turn = turn;
        let verifier = match (known, key) {
            (Some(verifier), _) => verifier,
            (None, Some(key)) => Arc::new(Verifier::new(key).map_err(internal)?),
            (None, None) => return Err(internal("no key was read")),
        };
        let verdict = judge(&verifier, &proof, &signals);
        Ok((verifier, verdict))
    })
    .await
    .map_err(internal)??;
    app.verifiers.keep(digest, verifier);
    Ok(verdict)
}

fn internal(reason: impl std::fmt::Display) -> RequestError {
    RequestError::Internal(format!("verifying: {reason}"))
}

/// The verification key of a circuit.
pub(super) async fn verifying_key(app: &App, circuit: &Circuit) -> Result<VerifyingKey, RequestError> {
    let artifact = circuits::artifact(app, circuit, FileName::VerificationKey.as_str()).await?;
    serde_json::from_slice(&artifact.body).ok().and_then(|json: Value| vkey_from_json(&json).ok()).ok_or_else(
        || RequestError::Internal(format!("the verification key of {} cannot be read", circuit.id)),
    )
}

fn judge(verifier: &Verifier, proof: &Value, signals: &Value) -> Verdict {
    let refused = |reason: String| Verdict::Refused { reason };
    let proof = match proof_from_json(proof) {
        Ok(proof) => proof,
        Err(error) => return refused(format!("proof: {error}")),
    };
    let signals = match public_from_json(signals) {
        Ok(signals) => signals,
        Err(error) => return refused(format!("publicSignals: {error}")),
    };
    let signals = match PublicSignals::for_key(verifier.key(), signals) {
        Ok(signals) => signals,
        Err(error) => return refused(format!("publicSignals: {error}")),
    };
    match verifier.verify(&signals, &proof) {
        Ok(true) => Verdict::Verified,
        Ok(false) => refused("the proof does not prove this statement".to_owned()),
        Err(error) => refused(error.to_string()),
    }
}
