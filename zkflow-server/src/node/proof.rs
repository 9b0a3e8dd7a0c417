//! One proof request of the Node service: its proof is verified and stored.

use std::time::Duration;

use zkflow_core::circuit::FileName;
use zkflow_core::format::json::{proof_from_json, proof_to_json, public_from_json, public_to_json};
use zkflow_core::service::catalog::{
    Document as _, Failure, InvalidTransition, ProofArtifacts, ProofRequest,
};
use zkflow_core::service::id::ProofId;

use super::document::OldProof;
use super::report::{Proofs, Refusal};
use super::{Import, Trouble};
use crate::service::verify::{Verdict, verify};
use crate::service::{circuits, names};

/// Name of the prover of the Node service.
const PROVER: &str = "snarkjs";

/// Imports a proof request, unless it is there or its time is over.
pub(super) async fn import(import: &Import<'_>, old: OldProof, proofs: &mut Proofs) -> Result<(), Trouble> {
    let (app, tenant, now) = (import.app, import.tenant, import.app.now());
    let expires_at = old.expires_at.unwrap_or(now + app.config.limits.proof_ttl());
    if expires_at <= now {
        proofs.expired += 1;
        return Ok(());
    }
    let id = ProofId::of_object(&old.id);
    if app.catalog.proofs().get(&id).await?.is_some() {
        proofs.present += 1;
        return Ok(());
    }
    let circuit = match import.known.get(&old.circuit) {
        Some(circuit) => Some(circuit.clone()),
        None => names::find(&*app.store, tenant, &old.circuit).await?,
    };
    let unknown = || Refusal::new("circuit_not_found", format!("its circuit {} did not come", old.circuit));
    let circuit = circuits::usable(app, tenant, &circuit.ok_or_else(unknown)?).await?;

    let created = old.id.created_at();
    let mut request = ProofRequest::new(id, circuit.id.clone(), old.user, None, created, Duration::ZERO);
    request.expires_at = expires_at;
    request.life.tenant = tenant.clone();
    match old.proof {
        None => {
            let failure = Failure {
                code: "failed_before_import".to_owned(),
                message: "the request had failed in the Node service: request the proof again".to_owned(),
            };
            request.fail(failure, created).map_err(invalid)?;
        }
        Some((proof, signals)) => {
            let malformed = |what: &str| Refusal::malformed(format!("artifacts: the {what} cannot be read"));
            let read = proof_from_json(&proof).map_err(|_| malformed("proof"))?;
            let read_signals = public_from_json(&signals).map_err(|_| malformed("public signals"))?;
            let verdict = verify(app, tenant, &circuit.id, proof, signals).await?;
            if let Verdict::Refused { reason } = verdict {
                return Err(Refusal::new("proof_invalid", reason).into());
            }
            let key = circuits::artifact_meta(&circuit, FileName::ProvingKey.as_str())?;
            let texts = public_to_json(&read_signals);
            let texts = texts.as_array().into_iter().flatten().filter_map(|text| text.as_str());
            let artifacts = ProofArtifacts {
                proof: proof_to_json(&read),
                public_signals: texts.map(str::to_owned).collect(),
                proving_key: key.sha256,
                prover: PROVER.to_owned(),
            };
            request.complete(artifacts, Duration::ZERO, created).map_err(invalid)?;
        }
    }
    app.catalog.proofs().insert(request).await?;
    proofs.imported += 1;
    Ok(())
}

fn invalid(error: InvalidTransition) -> Trouble {
    Refusal::new("invalid_transition", error.to_string()).into()
}
