//! Sealing with the current key again what an earlier key has sealed.

use secrecy::SecretString;
use zkflow_core::service::catalog::{Deployment, ProofRequest, Sealed, Subject};
use zkflow_core::service::store::{ArtifactKey, PutMode, StoreError};
use zkflow_core::service::tenant::TenantId;

use super::owner::Owner;
use super::sealing::{Sealing, SealingRing, is_sealed};
use super::{HEADER, Vault, VaultError, inputs_of, secrets_of, unseal};

impl Vault {
    /// The inputs of a request's document under the current key; `None` if they are sealed with it.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] or [`VaultError::Altered`].
    pub fn reenclose(&self, request: &ProofRequest, sealed: &Sealed) -> Result<Option<Sealed>, VaultError> {
        self.again(&Owner::of_request(request), &sealed.0)
    }

    /// The callback of a document under the current key; `None` if it is sealed with it.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] or [`VaultError::Altered`].
    pub fn reenclose_callback(
        &self,
        tenant: &TenantId,
        subject: &Subject,
        sealed: &Sealed,
    ) -> Result<Option<Sealed>, VaultError> {
        self.again(&Owner::of_callback(tenant, subject), &sealed.0)
    }

    /// Seals the inputs of a request with the current key, if they are an artifact. Returns whether it was an earlier key
    /// before.
    ///
    /// If the request has become final meanwhile, the caller must [destroy](Self::destroy) them again.
    ///
    /// # Errors
    /// They cannot be opened; the store fails.
    pub async fn reseal(&self, request: &ProofRequest) -> Result<bool, VaultError> {
        self.replace(inputs_of(&request.id), &Owner::of_request(request)).await
    }

    /// As [`reseal`](Self::reseal), for the secret of a deployment.
    ///
    /// # Errors
    /// It cannot be opened; the store fails.
    pub async fn reseal_deployment(&self, deployment: &Deployment) -> Result<bool, VaultError> {
        self.replace(secrets_of(&deployment.id), &Owner::of_deployment(deployment)).await
    }

    /// Seals the callback and secrets of a tenant with the current key. Returns whether it was an earlier key before.
    /// Concurrent changes of them are preserved.
    ///
    /// # Errors
    /// They cannot be opened; the store fails.
    pub async fn reseal_webhooks(&self, tenant: &TenantId) -> Result<bool, VaultError> {
        loop {
            let Some((version, blob)) = self.newest_webhooks(tenant).await? else { return Ok(false) };
            if self.is_current(&blob) {
                return Ok(false);
            }
            let text = SecretString::from(self.decrypt(&Owner::of_webhooks(tenant), &blob)?);
            if self.seal_webhooks(tenant, version, &text).await? {
                return Ok(true);
            }
        }
    }

    async fn replace(&self, key: ArtifactKey, owner: &Owner<'_>) -> Result<bool, VaultError> {
        let blob = match self.store.get(&key).await {
            Ok(artifact) => artifact.body,
            Err(StoreError::NotFound(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let Some(again) = self.again(owner, &blob)? else { return Ok(false) };
        self.store.put(&key, again.0.into(), PutMode::Overwrite).await?;
        Ok(true)
    }

    /// Whether none of the earlier keys is needed to open the blob.
    fn is_current(&self, blob: &[u8]) -> bool {
        let Some(id) = blob.get(1..HEADER) else { return false };
        match is_sealed(blob) {
            true => !SealingRing::of_keys(self.older()).public_keys().any(|key| key.id() == *id),
            false => id == self.current().id,
        }
    }

    fn again(&self, owner: &Owner<'_>, blob: &[u8]) -> Result<Option<Sealed>, VaultError> {
        if self.is_current(blob) {
            return Ok(None);
        }
        let text = zeroize::Zeroizing::new(match owner.is_request() && is_sealed(blob) {
            // The private key follows from an earlier key, also where this process seals to other keys.
            true => unseal(&Sealing::with_ring(SealingRing::of_keys(self.older())), owner, blob)?,
            false => self.decrypt(owner, blob)?,
        });
        Ok(Some(match owner.is_request() {
            true => Sealed(self.sealing.seal(&text, |header| owner.associated_data(header)).into()),
            false => Sealed(self.encrypt(owner, &text).into()),
        }))
    }
}
