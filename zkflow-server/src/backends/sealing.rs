//! The keys that inputs are sealed to, and the check of the processes that must open them.

use std::sync::Weak;

use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{ArtifactPath, ArtifactStore, PutMode, StoreError};
use zkflow_store::Vault;
use zkflow_store::vault::CLAIM_EVERY;
use zkflow_store::vault::sealing::{Sealing, SealingRing};

use super::{OpenError, failed};
use crate::config::Storage;
use crate::state::App;

/// Gives the vault the keys of the settings. Without any, they follow from its own key.
///
/// # Errors
/// The file of private keys cannot be used.
pub(super) fn keys(storage: &Storage, vault: Vault) -> Result<Vault, OpenError> {
    if let Some(path) = &storage.sealing_keys {
        let action = format!("use the file of storage.sealing_keys, {}", path.display());
        let ring = SealingRing::load(path).map_err(failed(action))?;
        let sealing = Sealing::with_ring(ring).opens_too(vault.own_ring());
        return Ok(vault.with_sealing(sealing));
    }
    Ok(match Sealing::public_only(storage.sealing_public_keys.clone()) {
        Some(sealing) => vault.with_sealing(sealing),
        None => vault,
    })
}

/// Refuses a process that makes proofs and cannot open inputs: its own ones, or those that the last API sealed. Otherwise they
/// would fail one by one. An API without workers records its key.
///
/// # Errors
/// A private key is missing, or the store fails.
pub(super) async fn agree(
    store: &dyn ArtifactStore,
    sealing: &Sealing,
    queues: &[QueueName],
) -> Result<(), OpenError> {
    let key = ArtifactPath::SealingKeyId.key();
    let id = sealing.current().id();
    if queues.is_empty() {
        let put = store.put(&key, hex::encode(id).into_bytes().into(), PutMode::Overwrite).await;
        put.map_err(failed("record the key that inputs are sealed to"))?;
        return Ok(());
    }
    if !queues.contains(&QueueName::ProofGeneration) {
        return Ok(());
    }
    let recorded = match store.get(&key).await {
        Ok(found) => <[u8; 8]>::try_from(hex::decode(&found.body).unwrap_or_default()).ok(),
        Err(StoreError::NotFound(_)) => None,
        Err(error) => return Err(failed("read the key that inputs are sealed to")(error)),
    };
    match [Some(id), recorded].into_iter().flatten().find(|id| !sealing.opens(id)) {
        None => Ok(()),
        Some(missing) => Err(failed("open the inputs of proof requests")(format!(
            "inputs are sealed to the key {}, whose private half this process does not have: set \
             storage.sealing_keys to the file with it, or remove the artifact {key} when no proof is pending",
            hex::encode(missing)
        ))),
    }
}

/// Records the key of the vault again, as long as the process uses it: the earlier key of a process that was not restarted is
/// still needed.
pub(super) async fn repeat_claim(app: Weak<App>) {
    loop {
        tokio::time::sleep(CLAIM_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        if let Err(error) = app.vault.repeat_claim().await {
            tracing::warn!(%error, "the key that seals is not recorded; the next minute tries again");
        }
    }
}
