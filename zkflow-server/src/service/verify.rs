//! Proofs from anywhere against the key of a circuit.

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
/// The circuit is not ready, or its key cannot be read. A proof that cannot be read is refused, not
/// an error.
pub async fn verify(
    app: &App,
    id: &CircuitId,
    proof: Value,
    signals: Value,
) -> Result<Verdict, RequestError> {
    let circuit = circuits::get_ready(app, id).await?;
    let key = verifying_key(app, &circuit).await?;
    tokio::task::spawn_blocking(move || judge(key, &proof, &signals))
        .await
        .map_err(|error| RequestError::Internal(format!("verifying: {error}")))?
}

/// The verification key of a circuit.
pub(super) async fn verifying_key(app: &App, circuit: &Circuit) -> Result<VerifyingKey, RequestError> {
    let artifact = circuits::artifact(app, circuit, FileName::VerificationKey.as_str()).await?;
    serde_json::from_slice(&artifact.body).ok().and_then(|json: Value| vkey_from_json(&json).ok()).ok_or_else(
        || RequestError::Internal(format!("the verification key of {} cannot be read", circuit.id)),
    )
}

fn judge(key: VerifyingKey, proof: &Value, signals: &Value) -> Result<Verdict, RequestError> {
    let refused = |reason: String| Ok(Verdict::Refused { reason });
    let proof = match proof_from_json(proof) {
        Ok(proof) => proof,
        Err(error) => return refused(format!("proof: {error}")),
    };
    let signals = match public_from_json(signals) {
        Ok(signals) => signals,
        Err(error) => return refused(format!("publicSignals: {error}")),
    };
    let signals = match PublicSignals::for_key(&key, signals) {
        Ok(signals) => signals,
        Err(error) => return refused(format!("publicSignals: {error}")),
    };
    let verifier = Verifier::new(key).map_err(|error| RequestError::Internal(error.to_string()))?;
    match verifier.verify(&signals, &proof) {
        Ok(true) => Ok(Verdict::Verified),
        Ok(false) => refused("the proof does not prove this statement".to_owned()),
        Err(error) => refused(error.to_string()),
    }
}
