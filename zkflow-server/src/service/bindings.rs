//! Binds contracts that are on a chain already to circuits.

use zkflow_core::circuit::FileName;
use zkflow_core::id::CircuitId;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::catalog::{AuditAction, Deployment, DeploymentKey, Idempotency, RequestOrigin};
use zkflow_core::service::chain::Address;
use zkflow_core::service::id::DeploymentId;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::tenant::TenantId;
use zkflow_evm::deploy::{self, DeployError};

use super::{RequestError, audit, circuits, deployments, verify};
use crate::state::{App, Asker};

/// Binds the contract at an address to a circuit: reads its code through the operator's node, and compares its key with that
/// of the circuit. Signs nothing. Returns the deployment, and whether it is new.
///
/// # Behaviour
/// - The same contract is bound once to a key: a repeated request returns the first deployment.
/// - A document exists only if the keys are equal.
///
/// # Errors
/// - The circuit is not ready, its key is forgeable, or for development and the chain is none for such keys.
/// - The operator has no node of the chain; the node fails.
/// - Those of [`deploy::bind`].
pub async fn request(
    app: &App,
    tenant: &TenantId,
    circuit_id: &CircuitId,
    (chain_id, address): (u64, Address),
    origin: Option<RequestOrigin>,
) -> Result<(Deployment, bool), RequestError> {
    let circuit = circuits::ready(super::owned(app, tenant, circuit_id).await?)?;
    deployments::refuse_forgeable(&circuit)?;
    let client = app.chains.client(chain_id)?;
    let label = circuit.provenance.or(circuit.claimed);
    if label == Some(Provenance::Development) && !app.chains.development.contains(&chain_id) {
        return Err(DeployError::Development(chain_id).into());
    }
    let verification_key = circuits::artifact_meta(&circuit, FileName::VerificationKey.as_str())?.sha256;
    // A key of a client has no space. A circuit that is made again has another verification key, and is compared again.
    let key = format!("bound {chain_id} {address} {verification_key}");
    let lookup = DeploymentKey { circuit_id: circuit_id.clone(), key: key.clone() };
    if let Some(present) = app.catalog.deployments().by_key(&lookup).await? {
        return Ok((present, false));
    }
    let own = verify::verifying_key(app, &circuit).await?;
    let turn = app.verdicts.turn(Asker::Request, tenant).await;
    let turn = turn.ok_or(RequestError::Overloaded(QueueName::Deploy))?;
    let contract = deploy::bind(&client, (chain_id, address), (&own, verification_key), turn).await?;
    let now = app.now();
    let id = DeploymentId::generate(now);
    let fingerprint = app.vault.fingerprint(key.as_bytes());
    let idempotency = Idempotency { key, fingerprint };
    let mut deployment =
        Deployment::bound(id.clone(), circuit_id.clone(), contract.clone(), idempotency, now);
    deployment.life.tenant = tenant.clone();
    deployment.life.origin = origin;
    let actor = audit::actor(deployment.life.origin.as_ref()).to_owned();
    audit::record(app, tenant, &actor, AuditAction::Bind, id.as_str()).await?;
    // The circuit's document is written first: repeating this after a crash is harmless.
    deployments::note(app, circuit_id, &contract).await?;
    let (deployment, added) = app.catalog.deployments().insert(deployment).await?;
    Ok((deployment, added))
}
