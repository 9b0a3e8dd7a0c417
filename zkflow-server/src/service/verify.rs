//! Verifies proofs from any source with the key of a circuit.

use std::sync::Arc;

use serde_json::Value;
use zkflow_core::circuit::FileName;
use zkflow_core::format::json::{proof_from_json, public_from_json, vkey_from_json};
use zkflow_core::id::CircuitId;
use zkflow_core::proof::{Proof, PublicSignals, VerifyingKey};
use zkflow_core::service::catalog::Circuit;
use zkflow_core::service::id::DeploymentId;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::verify::Verifier;

#[cfg(feature = "evm")]
use super::deployments;
use super::{RequestError, circuits};
use crate::state::App;
#[cfg(feature = "evm")]
use zkflow_evm::deploy::Statement;

/// Outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The proof is valid for these public signals.
    Verified,
    /// The proof is invalid or malformed.
    Refused {
        /// Explanation for the caller.
        reason: String,
    },
}

/// Verifies a proof (as in `proof.json`) with its signals (as in `public.json`); see [`verify_all`].
///
/// # Errors
/// Those of [`verify_all`].
pub async fn verify(
    app: &App,
    tenant: &TenantId,
    id: &CircuitId,
    proof: Value,
    signals: Value,
) -> Result<Verdict, RequestError> {
    let verdict = verify_all(app, tenant, id, vec![(proof, signals)]).await?.pop();
    verdict.ok_or_else(|| internal("a proof without a verdict"))
}

/// Verifies proofs, each with its signals. Returns one verdict per proof, in order. Many proofs cost little more than a
/// pairing each, if all of them are valid.
///
/// # Errors
/// The circuit is not ready, its key cannot be read, or too many verifications wait already. A malformed
/// proof is not an error: the verdict is [`Verdict::Refused`].
pub async fn verify_all(
    app: &App,
    tenant: &TenantId,
    id: &CircuitId,
    proofs: Vec<(Value, Value)>,
) -> Result<Vec<Verdict>, RequestError> {
    let circuit = circuits::usable(app, tenant, id).await?;
    let digest = circuits::artifact_meta(&circuit, FileName::VerificationKey.as_str())?.sha256;
    let turn = app.verifiers.turn_of(tenant).await.ok_or(RequestError::TooManyVerifications)?;
    let known = app.verifiers.get(&digest);
    let key = if known.is_none() { Some(verifying_key(app, &circuit).await?) } else { None };
    let work = move || {
        let verifier = match (known, key) {
            (Some(verifier), _) => verifier,
            (None, Some(key)) => Arc::new(Verifier::new(key).map_err(internal)?),
            (None, None) => return Err(internal("missing verification key")),
        };
        let verdicts = judge(&verifier, &proofs);
        Ok((verifier, verdicts))
    };
    let (verifier, verdicts) = turn.run(work).await.map_err(internal)??;
    app.verifiers.keep(digest, verifier);
    Ok(verdicts)
}

/// Like [`verify`], but calls the contract of a deployment.
///
/// # Errors
/// The circuit has no such deployment, or it has no contract; the operator has no node of its chain, or
/// the node fails; too many requests wait for a node already.
#[cfg(feature = "evm")]
pub async fn verify_on_chain(
    app: &App,
    tenant: &TenantId,
    id: &CircuitId,
    deployment: &DeploymentId,
    proof: Value,
    signals: Value,
) -> Result<Verdict, RequestError> {
    let circuit = circuits::usable(app, tenant, id).await?;
    let contract = deployments::contract(app, tenant, id, deployment).await?;
    let key = verifying_key(app, &circuit).await?;
    let (proof, signals) = match read(&key, &proof, &signals) {
        Ok(read) => read,
        Err(reason) => return Ok(Verdict::Refused { reason }),
    };
    let client = app.chains.client(contract.chain_id)?;
    let _turn = app.node_calls.turn_of(tenant).await.ok_or(RequestError::TooManyVerifications)?;
    let holds = Statement::new(&proof, &signals).ask(&client, &contract.address).await?;
    if holds {
        return Ok(Verdict::Verified);
    }
    Ok(Verdict::Refused { reason: format!("the contract at {} rejects the proof", contract.address) })
}

/// Refuses: this build does not contain the feature `evm`.
///
/// # Errors
/// Always [`RequestError::Forbidden`].
#[cfg(not(feature = "evm"))]
pub async fn verify_on_chain(
    _: &App,
    _: &TenantId,
    _: &CircuitId,
    _: &DeploymentId,
    _: Value,
    _: Value,
) -> Result<Verdict, RequestError> {
    Err(RequestError::Forbidden("this server is built without the feature evm: omit onChain"))
}

fn internal(reason: impl std::fmt::Display) -> RequestError {
    RequestError::Internal(format!("verifying: {reason}"))
}

/// Reads the verification key of a circuit.
pub(crate) async fn verifying_key(app: &App, circuit: &Circuit) -> Result<VerifyingKey, RequestError> {
    let artifact = circuits::artifact(app, circuit, FileName::VerificationKey.as_str()).await?;
    serde_json::from_slice(&artifact.body).ok().and_then(|json: Value| vkey_from_json(&json).ok()).ok_or_else(
        || RequestError::Internal(format!("the verification key of {} cannot be read", circuit.id)),
    )
}

fn judge(verifier: &Verifier, proofs: &[(Value, Value)]) -> Vec<Verdict> {
    let read = proofs.iter().map(|(proof, signals)| read(verifier.key(), proof, signals));
    let mut malformed = Vec::with_capacity(proofs.len());
    let mut well_formed = Vec::with_capacity(proofs.len());
    for result in read {
        malformed.push(match result {
            Ok((proof, signals)) => {
                well_formed.push((signals, proof));
                None
            }
            Err(reason) => Some(reason),
        });
    }
    let mut verified = verifier.verify_batch(&well_formed).into_iter();
    let verdict = |malformed: Option<String>| {
        let reason = match malformed {
            Some(reason) => reason,
            None => match verified.next() {
                Some(Ok(true)) => return Verdict::Verified,
                Some(Err(error)) => error.to_string(),
                Some(Ok(false)) | None => "the proof is not valid for these public signals".to_owned(),
            },
        };
        Verdict::Refused { reason }
    };
    malformed.into_iter().map(verdict).collect()
}

/// Parses proof and signals; the error names the malformed part.
fn read(key: &VerifyingKey, proof: &Value, signals: &Value) -> Result<(Proof, PublicSignals), String> {
    let proof = proof_from_json(proof).map_err(|error| format!("proof: {error}"))?;
    let signals = public_from_json(signals).map_err(|error| format!("publicSignals: {error}"))?;
    let signals = PublicSignals::for_key(key, signals).map_err(|error| format!("publicSignals: {error}"))?;
    Ok((proof, signals))
}
