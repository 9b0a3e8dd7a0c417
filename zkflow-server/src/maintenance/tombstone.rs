//! Tombstones: what a deleted circuit was. The same circuit, requested again, has other keys, and says so.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::catalog::{Circuit, DeployedContract, Origin, Removed};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::store::{ArtifactPath, ArtifactStore, PutMode, StoreError};

/// What a deleted circuit was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Id of the circuit.
    pub circuit: CircuitId,
    /// What it was made from.
    #[serde(flatten)]
    pub origin: Origin,
    /// SHA-256 of the deleted proving key.
    pub proving_key: Digest,
    /// SHA-256 of the verification key.
    pub verification_key: Option<Digest>,
    /// The label that the keys had.
    pub provenance: Option<Provenance>,
    /// The label that imported keys claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Provenance>,
    /// The contract that was deployed last.
    pub deployment: Option<DeployedContract>,
    /// When the circuit was deleted.
    pub removed_at: Timestamp,
}

/// Writes the tombstone of a circuit that has keys; replaces an earlier one.
///
/// # Errors
/// The store fails.
pub async fn write(store: &dyn ArtifactStore, circuit: &Circuit, now: Timestamp) -> Result<(), StoreError> {
    let digest = |file: FileName| circuit.artifacts.get(file.as_str()).map(|meta| meta.sha256);
    let Some(proving_key) = digest(FileName::ProvingKey) else { return Ok(()) };
    let tombstone = Tombstone {
        circuit: circuit.id.clone(),
        origin: circuit.origin.clone(),
        proving_key,
        verification_key: digest(FileName::VerificationKey),
        provenance: circuit.provenance,
        claimed: circuit.claimed,
        deployment: circuit.deployment.clone(),
        removed_at: now,
    };
    let key = ArtifactPath::Tombstone(circuit.id.clone()).key();
    let body = serde_json::to_vec_pretty(&tombstone)
        .map_err(|error| StoreError::backend(format!("writing {key}"), error))?;
    store.put(&key, Bytes::from(body), PutMode::Overwrite).await.map(drop)
}

/// The keys that a circuit had before it was deleted; `None` if it never was.
///
/// # Errors
/// The store fails, or the tombstone is unreadable.
pub async fn removed(store: &dyn ArtifactStore, circuit: &CircuitId) -> Result<Option<Removed>, StoreError> {
    let key = ArtifactPath::Tombstone(circuit.clone()).key();
    let body = match store.get(&key).await {
        Ok(artifact) => artifact.body,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let tombstone: Tombstone = serde_json::from_slice(&body)
        .map_err(|error| StoreError::Corrupt { key, detail: error.to_string() })?;
    Ok(Some(Removed { proving_key: tombstone.proving_key, removed_at: tombstone.removed_at }))
}
