//! [`Vault`]: encrypted storage of private inputs, signing keys, callbacks and their secrets.

mod derived;
mod hmac;
mod key;
mod keys;
mod owner;
mod private;
mod reseal;
mod ring;
pub mod sealing;

pub use derived::DerivedKey;
pub use key::{KeyError, VaultKey};
pub use ring::KeyRing;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use futures::TryStreamExt as _;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroize;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::id::CircuitId;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::service::catalog::{Deployment, ProofRequest, Sealed, Subject};
use zkflow_core::service::id::{DeploymentId, ProofId, SealKeyId, UserId};
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, ArtifactStore, PutMode, StoreError};
use zkflow_core::service::tenant::TenantId;

use self::sealing::{OpenError, PublicSealingKey, Sealing, SealingRing};
use keys::Keys;
use owner::Owner;

/// Stores the inputs of proof requests and the secrets of deployments, readable only with its keys.
///
/// The first key of its [ring](KeyRing) seals. The others open what they have sealed, and accept their own MACs, until
/// everything is sealed again; see [`claim`](Self::claim) for the keys that a store needs.
///
/// # Format
/// ```text
/// version (1 byte, 2) ‖ key id (8) ‖ nonce (24) ‖ XChaCha20-Poly1305 ciphertext and tag
/// ```
/// This is the artifact [`SealedInputs`](ArtifactPath::SealedInputs) or [`SealedSecrets`](ArtifactPath::SealedSecrets). The nonce is random. The
/// associated data is everything before the nonce, then the kind of the document, its id, its tenant, its circuit and
/// its user, each after its length in bytes (4, little-endian). A blob opens only for its own request, with its own
/// circuit: a writer of the database cannot have inputs published by another circuit. Blobs of version 1, which are
/// bound to the id only, are opened too. The key id distinguishes a wrong key from altered bytes.
///
/// Inputs are sealed by [`Sealing`], with versions and formats of its own and the same associated data; inputs of earlier
/// versions are opened with the cipher key.
///
/// Cipher key, fingerprint key, key id and the parent of [derived keys](Self::derived_key) are
/// `HMAC-SHA256(key, name)`, each with its own name. The key has no other use.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn ArtifactStore>,
    /// The current key first.
    keys: Arc<[Keys]>,
    sealing: Arc<Sealing>,
}

impl Vault {
    /// A vault with the keys of `ring`, whose blobs are in `store`.
    pub fn new(ring: impl Into<KeyRing>, store: Arc<dyn ArtifactStore>) -> Self {
        let ring: KeyRing = ring.into();
        let keys: Arc<[Keys]> = ring.keys().iter().map(Keys::of).collect();
        let sealing = Arc::new(Sealing::with_ring(SealingRing::of_keys(&keys)));
        Self { store, keys, sealing }
    }

    /// Seals inputs to other keys than those that follow from the vault's keys.
    pub fn with_sealing(self, sealing: Sealing) -> Self {
        Self { sealing: Arc::new(sealing), ..self }
    }

    /// The private keys that follow from the vault's keys: they open what was sealed before other keys were set.
    pub fn own_ring(&self) -> SealingRing {
        SealingRing::of_keys(&self.keys)
    }

    /// The keys that inputs are sealed to.
    pub fn sealing(&self) -> &Sealing {
        &self.sealing
    }

    /// The key that seals. A ring is never empty.
    fn current(&self) -> &Keys {
        &self.keys[0]
    }

    /// The earlier keys.
    fn older(&self) -> &[Keys] {
        &self.keys[1..]
    }

    /// Id of the key that seals; it does not reveal the key.
    pub fn key_id(&self) -> SealKeyId {
        self.current().name()
    }

    /// Whether one of the keys has this id.
    pub fn knows(&self, id: &SealKeyId) -> bool {
        self.keys.iter().any(|keys| keys.name() == *id)
    }

    /// Checks that the vault has every key that the store needs, without recording anything.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`].
    pub async fn check(&self) -> Result<(), VaultError> {
        let needed = self.needed().await?;
        match needed.into_iter().find(|(id, _)| !id.as_ref().is_some_and(|id| self.knows(id))) {
            Some((_, place)) => Err(VaultError::OtherKey(place)),
            None => Ok(()),
        }
    }

    /// Records the id of the current key in the store. A process without a key that was recorded there does not start.
    ///
    /// The first key of an installation is recorded as its key, and each later one beside it, until
    /// [`settle`](Self::settle).
    ///
    /// # Errors
    /// [`VaultError::OtherKey`] if the store needs a key that the vault does not have.
    pub async fn claim(&self) -> Result<(), VaultError> {
        let id = self.key_id();
        let first = ArtifactPath::VaultKeyId.key();
        match self.store.put(&first, id_body(&id), PutMode::Create).await {
            Ok(_) => {}
            Err(StoreError::Exists(_)) => {
                self.check().await?;
                if self.store.get(&first).await?.body != id.as_str().as_bytes() {
                    self.note(&id).await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Records the current key again if it is not the key of the installation: the store may have been
    /// [settled](Self::settle) without this process. Each process repeats this after [`CLAIM_EVERY`].
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn repeat_claim(&self) -> Result<(), VaultError> {
        let id = self.key_id();
        match self.store.get(&ArtifactPath::VaultKeyId.key()).await {
            Ok(first) if first.body == id.as_str().as_bytes() => Ok(()),
            Ok(_) | Err(StoreError::NotFound(_)) => self.note(&id).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Ids of the earlier keys.
    pub fn older_key_ids(&self) -> Vec<SealKeyId> {
        self.older().iter().map(Keys::name).collect()
    }

    /// Records that something in the store may be sealed with this key.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn note(&self, id: &SealKeyId) -> Result<(), VaultError> {
        let key = ArtifactPath::VaultKey(id.clone()).key();
        self.store.put(&key, id_body(id), PutMode::Overwrite).await?;
        Ok(())
    }

    /// Whether a process has recorded the current key.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn is_claimed(&self) -> Result<bool, VaultError> {
        let id = self.key_id();
        Ok(self.needed().await?.into_iter().any(|(needed, _)| needed.as_ref() == Some(&id)))
    }

    /// Whether the store needs no key but the current one.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn is_settled(&self) -> Result<bool, VaultError> {
        let id = self.key_id();
        Ok(self.needed().await?.into_iter().all(|(needed, _)| needed.as_ref() == Some(&id)))
    }

    /// Whether the store needs no key but the current one, now and after `wait`. A process that still seals with an earlier
    /// key records it within [`CLAIM_EVERY`].
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn stays_settled(&self, wait: Duration) -> Result<bool, VaultError> {
        if !self.is_settled().await? {
            return Ok(false);
        }
        tokio::time::sleep(wait).await;
        self.is_settled().await
    }

    /// Records that the store needs no key but the current one.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn settle(&self) -> Result<(), VaultError> {
        let id = self.key_id();
        self.store.put(&ArtifactPath::VaultKeyId.key(), id_body(&id), PutMode::Overwrite).await?;
        let marks: Vec<_> = self.store.list(ArtifactPath::VAULT_KEYS).try_collect().await?;
        for mark in marks {
            self.store.delete(&mark).await?;
        }
        Ok(())
    }

    /// The keys that the store needs, each with the artifact that says so; `None`: not the id of a key.
    async fn needed(&self) -> Result<Vec<(Option<SealKeyId>, ArtifactKey)>, StoreError> {
        let first = ArtifactPath::VaultKeyId.key();
        let mut needed = match self.store.get(&first).await {
            Ok(found) => vec![(id_of(&found.body), first)],
            Err(StoreError::NotFound(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut marks = self.store.list(ArtifactPath::VAULT_KEYS);
        while let Some(mark) = marks.try_next().await? {
            let id = match mark.as_str().parse() {
                Ok(ArtifactPath::VaultKey(id)) => Some(id),
                _ => None,
            };
            needed.push((id, mark));
        }
        Ok(needed)
    }

    /// Seals the inputs of a request, durably. Replaces inputs that were sealed for it before.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn seal(&self, request: &ProofRequest, inputs: &CircuitInputs) -> Result<(), VaultError> {
        self.keep(request, self.enclose(request, inputs)).await
    }

    /// Stores inputs that are sealed already; otherwise like [`seal`](Self::seal).
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn keep(&self, request: &ProofRequest, sealed: Sealed) -> Result<(), VaultError> {
        self.store.put(&inputs_of(&request.id), sealed.0.into(), PutMode::Overwrite).await?;
        Ok(())
    }

    /// Seals the inputs of a request, for the document of the request itself.
    pub fn enclose(&self, request: &ProofRequest, inputs: &CircuitInputs) -> Sealed {
        let owner = Owner::of_request(request);
        Sealed(self.sealing.seal(inputs.expose(), |header| owner.associated_data(header)).into())
    }

    /// Opens inputs that [`enclose`](Self::enclose) sealed for this request.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] or [`VaultError::Altered`].
    pub fn disclose(&self, request: &ProofRequest, sealed: &Sealed) -> Result<CircuitInputs, VaultError> {
        self.decrypt(&Owner::of_request(request), &sealed.0).map(CircuitInputs::from_json)
    }

    /// Opens the inputs of a request.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if there are none; [`VaultError::WrongKey`] or [`VaultError::Altered`] if
    /// they cannot be opened.
    pub async fn open(&self, request: &ProofRequest) -> Result<CircuitInputs, VaultError> {
        self.get(inputs_of(&request.id), &Owner::of_request(request)).await.map(CircuitInputs::from_json)
    }

    /// Destroys the inputs of a request. Succeeds if there are none.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn destroy(&self, id: &ProofId) -> Result<(), VaultError> {
        Ok(self.store.delete(&inputs_of(id)).await?)
    }

    /// Seals the secret of a deployment, such as a signing key; otherwise like [`seal`](Self::seal).
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn seal_deployment(
        &self,
        deployment: &Deployment,
        secret: &SecretString,
    ) -> Result<(), VaultError> {
        self.put(secrets_of(&deployment.id), &Owner::of_deployment(deployment), secret.expose_secret()).await
    }

    /// Opens the secret of a deployment.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub async fn open_deployment(&self, deployment: &Deployment) -> Result<SecretString, VaultError> {
        self.get(secrets_of(&deployment.id), &Owner::of_deployment(deployment)).await.map(SecretString::from)
    }

    /// Destroys the secret of a deployment. Succeeds if there is none.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn destroy_deployment(&self, id: &DeploymentId) -> Result<(), VaultError> {
        Ok(self.store.delete(&secrets_of(id)).await?)
    }

    /// Seals the callback of a tenant's document.
    pub fn enclose_callback(&self, tenant: &TenantId, subject: &Subject, address: &SecretString) -> Sealed {
        Sealed(self.encrypt(&Owner::of_callback(tenant, subject), address.expose_secret()).into())
    }

    /// Opens a callback that [`enclose_callback`](Self::enclose_callback) sealed for this tenant and document.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] or [`VaultError::Altered`].
    pub fn disclose_callback(
        &self,
        tenant: &TenantId,
        subject: &Subject,
        sealed: &Sealed,
    ) -> Result<SecretString, VaultError> {
        self.decrypt(&Owner::of_callback(tenant, subject), &sealed.0).map(SecretString::from)
    }

    /// Seals the callback and secrets of a tenant as the version after `before`, and destroys the versions up to it. An empty
    /// text means that there are none. Returns `false`, without a change, if there is a later version.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn seal_webhooks(
        &self,
        tenant: &TenantId,
        before: u64,
        text: &SecretString,
    ) -> Result<bool, VaultError> {
        let sealed = self.encrypt(&Owner::of_webhooks(tenant), text.expose_secret());
        match self.store.put(&webhooks_of(tenant, before + 1), sealed, PutMode::Create).await {
            Err(StoreError::Exists(_)) => return Ok(false),
            put => drop(put?),
        }
        let versions = self.webhook_versions(tenant).await?;
        if versions.iter().any(|version| *version > before + 1) {
            // The version was there before, and was destroyed.
            self.store.delete(&webhooks_of(tenant, before + 1)).await?;
            return Ok(false);
        }
        for version in versions.into_iter().filter(|version| *version <= before) {
            self.store.delete(&webhooks_of(tenant, version)).await?;
        }
        Ok(true)
    }

    /// Opens the newest version of the callback and secrets of a tenant. Returns its number and text; zero and an empty text
    /// if there never was one.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub async fn open_webhooks(&self, tenant: &TenantId) -> Result<(u64, SecretString), VaultError> {
        let Some((version, blob)) = self.newest_webhooks(tenant).await? else {
            return Ok((0, SecretString::from(String::new())));
        };
        Ok((version, SecretString::from(self.decrypt(&Owner::of_webhooks(tenant), &blob)?)))
    }

    async fn newest_webhooks(&self, tenant: &TenantId) -> Result<Option<(u64, Bytes)>, VaultError> {
        loop {
            let Some(version) = self.webhook_versions(tenant).await?.into_iter().max() else {
                return Ok(None);
            };
            match self.store.get(&webhooks_of(tenant, version)).await {
                // A later version has just replaced it.
                Err(StoreError::NotFound(_)) => {}
                found => return Ok(Some((version, found?.body))),
            }
        }
    }

    async fn webhook_versions(&self, tenant: &TenantId) -> Result<Vec<u64>, VaultError> {
        // Expect safety: the path of a version has a folder.
        let first = webhooks_of(tenant, 1);
        let folder = first.as_str().rsplit_once('/').expect("the folder of versions").0;
        let keys: Vec<ArtifactKey> = self.store.list(folder).try_collect().await?;
        let version = |key: &ArtifactKey| match key.as_str().parse() {
            Ok(ArtifactPath::Webhooks { version, .. }) => Some(version),
            _ => None,
        };
        Ok(keys.iter().filter_map(version).collect())
    }

    async fn put(&self, key: ArtifactKey, owner: &Owner<'_>, text: &str) -> Result<(), VaultError> {
        self.store.put(&key, self.encrypt(owner, text), PutMode::Overwrite).await?;
        Ok(())
    }

    async fn get(&self, key: ArtifactKey, owner: &Owner<'_>) -> Result<String, VaultError> {
        match self.store.get(&key).await {
            Ok(artifact) => self.decrypt(owner, &artifact.body),
            Err(StoreError::NotFound(_)) => Err(VaultError::NotFound(owner.id.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Keyed digest of `bytes`, as 64 hex digits. Equal bytes have equal fingerprints. Without the key, a
    /// fingerprint cannot be computed, so secret bytes cannot be guessed from it.
    pub fn fingerprint(&self, bytes: impl AsRef<[u8]>) -> String {
        self.current().fingerprint(bytes.as_ref())
    }

    /// The fingerprints of `bytes` under the earlier keys.
    pub fn older_fingerprints(&self, bytes: impl AsRef<[u8]>) -> Vec<String> {
        self.older().iter().map(|keys| keys.fingerprint(bytes.as_ref())).collect()
    }

    /// A key for one purpose. Purposes with different names have independent keys; the same name gives the same key
    /// in every process with the vault's keys.
    pub fn derived_key(&self, purpose: &'static str) -> DerivedKey {
        DerivedKey::new(self.keys.iter().map(|keys| keys.derived(purpose)))
    }

    fn encrypt(&self, owner: &Owner<'_>, text: &str) -> Bytes {
        let mut nonce = [0; NONCE];
        // Expect safety: without random numbers, neither sealing nor anything else is possible.
        getrandom::fill(&mut nonce).expect("the operating system's random generator failed");
        let header = self.header();
        let cipher = self.current().cipher();
        let associated = owner.associated_data(&header);
        let payload = Payload { msg: text.as_bytes(), aad: &associated };
        // Expect safety: fails only above 256 GiB, which does not fit into memory.
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).expect("inputs are below 256 GiB");
        [&header, nonce.as_slice(), &sealed].concat().into()
    }

    fn decrypt(&self, owner: &Owner<'_>, blob: &[u8]) -> Result<String, VaultError> {
        let altered = || VaultError::Altered(owner.id.to_owned());
        let (header, rest) = blob.split_first_chunk::<HEADER>().ok_or_else(altered)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(altered)?;
        if owner.is_request() && sealing::is_sealed(blob) {
            return unseal(&self.sealing, owner, blob);
        }
        let associated = match header[0] {
            VERSION => owner.associated_data(header),
            BOUND_TO_ID if owner.is_old() => [header.as_slice(), owner.id.as_bytes()].concat(),
            _ => return Err(altered()),
        };
        let Some(keys) = self.keys.iter().find(|keys| header[1..] == keys.id) else {
            return Err(VaultError::WrongKey(owner.id.to_owned()));
        };
        let payload = Payload { msg: sealed, aad: &associated };
        let opened = keys.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| altered())?;
        String::from_utf8(opened).map_err(|error| {
            error.into_bytes().zeroize();
            altered()
        })
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [VERSION; HEADER];
        header[1..].copy_from_slice(&self.current().id);
        header
    }
}

/// Opens inputs that are sealed to a public key of `sealing`.
fn unseal(sealing: &Sealing, owner: &Owner<'_>, blob: &[u8]) -> Result<String, VaultError> {
    let by_client = blob.first() == Some(&sealing::BY_CLIENT);
    let bound = if by_client { owner.of_client() } else { *owner };
    sealing.open(blob, |header| bound.associated_data(header)).map_err(|error| match error {
        OpenError::OtherKey => VaultError::WrongKey(owner.id.to_owned()),
        OpenError::Altered => VaultError::Altered(owner.id.to_owned()),
    })
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("store", &self.store).finish_non_exhaustive()
    }
}

fn inputs_of(id: &ProofId) -> ArtifactKey {
    ArtifactPath::SealedInputs(id.clone()).key()
}

fn secrets_of(id: &DeploymentId) -> ArtifactKey {
    ArtifactPath::SealedSecrets(id.clone()).key()
}

fn webhooks_of(tenant: &TenantId, version: u64) -> ArtifactKey {
    ArtifactPath::Webhooks { tenant: tenant.clone(), version }.key()
}

fn id_body(id: &SealKeyId) -> Bytes {
    Bytes::copy_from_slice(id.as_str().as_bytes())
}

fn id_of(body: &[u8]) -> Option<SealKeyId> {
    std::str::from_utf8(body).ok()?.parse().ok()
}

/// Seals inputs as a client does: they open for every request of this tenant, circuit and user.
pub fn seal_as_client(
    key: &PublicSealingKey,
    of: (&TenantId, &CircuitId, Option<&UserId>),
    inputs: &CircuitInputs,
) -> Bytes {
    let owner = Owner::of_client_request(of);
    sealing::seal(key, sealing::BY_CLIENT, inputs.expose(), |header| owner.associated_data(header))
}

/// Time after which a process [records](Vault::repeat_claim) its key again.
pub const CLAIM_EVERY: Duration = Duration::from_secs(60);

const VERSION: u8 = 2;
/// Blobs of this version are bound to the id only.
const BOUND_TO_ID: u8 = 1;
const KEY_ID: usize = 8;
const HEADER: usize = 1 + KEY_ID;
const NONCE: usize = 24;

/// Failure to seal, open or destroy data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// There is no sealed data: it was never sealed, or is destroyed.
    #[error("request {0} has no sealed data")]
    NotFound(String),
    /// The store needs a key that the vault does not have.
    #[error(
        "the store contains data that are sealed under another key, see the artifact {0}: add that key behind the \
         present one, or run `zkflow vault rotate` with both before you remove it"
    )]
    OtherKey(ArtifactKey),
    /// The data was sealed under a key that the vault does not have.
    #[error("the data of request {0} is sealed under another key: use that key")]
    WrongKey(String),
    /// The data was changed, or was sealed for another request.
    #[error("the sealed data of request {0} was altered")]
    Altered(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classified for VaultError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            // Another process may have the key.
            Self::WrongKey(_) => ErrorKind::Unavailable,
            Self::OtherKey(_) => ErrorKind::Internal,
            Self::Altered(_) => ErrorKind::Corrupt,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "inputs_not_found",
            Self::WrongKey(_) => "inputs_wrong_key",
            Self::OtherKey(_) => "vault_other_key",
            Self::Altered(_) => "inputs_altered",
            Self::Store(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests;
