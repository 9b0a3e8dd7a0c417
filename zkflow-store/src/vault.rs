//! [`Vault`]: encrypted storage of private inputs, signing keys, callbacks and their secrets.

mod derived;
mod hmac;
mod key;

pub use derived::DerivedKey;
pub use key::{KeyError, VaultKey};

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use futures::TryStreamExt as _;
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::secret::CircuitInputs;
use zkflow_core::service::catalog::{Deployment, ProofRequest, Sealed, Subject};
use zkflow_core::service::id::{DeploymentId, ProofId};
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, ArtifactStore, PutMode, StoreError};
use zkflow_core::service::tenant::TenantId;

/// Stores the inputs of proof requests and the secrets of deployments, readable only with its key.
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
/// Cipher key, fingerprint key, key id and the parent of [derived keys](Self::derived_key) are
/// `HMAC-SHA256(key, name)`, each with its own name. The key has no other use.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn ArtifactStore>,
    keys: Arc<Keys>,
}

struct Keys {
    cipher: XChaCha20Poly1305,
    fingerprint: Zeroizing<[u8; 32]>,
    parent: Zeroizing<[u8; 32]>,
    id: [u8; KEY_ID],
}

impl Vault {
    /// A vault with `key`, whose blobs are in `store`.
    pub fn new(key: VaultKey, store: Arc<dyn ArtifactStore>) -> Self {
        let derive = |name: &str| Zeroizing::new(hmac::hmac_sha256(key.bytes(), name.as_bytes()));
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&derive("zkflow vault: key id")[..KEY_ID]);
        let keys = Keys {
            cipher: XChaCha20Poly1305::new((&*derive("zkflow vault: cipher")).into()),
            fingerprint: derive("zkflow vault: fingerprint"),
            parent: derive("zkflow vault: derived keys"),
            id,
        };
        Self { store, keys: Arc::new(keys) }
    }

    /// Id of the key, in hexadecimal; it does not reveal the key.
    pub fn key_id(&self) -> String {
        hex::encode(self.keys.id)
    }

    /// Checks that the store was not used with another key, without recording anything.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`].
    pub async fn check(&self) -> Result<(), VaultError> {
        let key = ArtifactPath::VaultKeyId.key();
        match self.store.get(&key).await {
            Ok(found) if found.body != self.key_id().as_bytes() => Err(VaultError::OtherKey(key)),
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Records the id of the key in the store, so that a wrong key is detected at the start.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`] if the store was used with another key before.
    pub async fn claim(&self) -> Result<(), VaultError> {
        let key = ArtifactPath::VaultKeyId.key();
        let id = Bytes::from(self.key_id());
        match self.store.put(&key, id.clone(), PutMode::Create).await {
            Err(StoreError::Exists(_)) if self.store.get(&key).await?.body != id => {
                Err(VaultError::OtherKey(key))
            }
            Ok(_) | Err(StoreError::Exists(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Seals the inputs of a request, durably. Replaces inputs that were sealed for it before.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn seal(&self, request: &ProofRequest, inputs: &CircuitInputs) -> Result<(), VaultError> {
        self.put(inputs_of(&request.id), &Owner::of_request(request), inputs.expose()).await
    }

    /// Seals the inputs of a request, for the document of the request itself.
    pub fn enclose(&self, request: &ProofRequest, inputs: &CircuitInputs) -> Sealed {
        Sealed(self.encrypt(&Owner::of_request(request), inputs.expose()).into())
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
        loop {
            let Some(version) = self.webhook_versions(tenant).await?.into_iter().max() else {
                return Ok((0, SecretString::from(String::new())));
            };
            match self.get(webhooks_of(tenant, version), &Owner::of_webhooks(tenant)).await {
                // A later version has just replaced it.
                Err(VaultError::NotFound(_)) => {}
                opened => return opened.map(|text| (version, SecretString::from(text))),
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
        hex::encode(hmac::hmac_sha256(&self.keys.fingerprint, bytes.as_ref()))
    }

    /// A key for one purpose. Purposes with different names have independent keys; the same name gives the same key
    /// in every process with the vault's key.
    pub fn derived_key(&self, purpose: &'static str) -> DerivedKey {
        DerivedKey::new(&self.keys.parent, purpose)
    }

    fn encrypt(&self, owner: &Owner<'_>, text: &str) -> Bytes {
        let mut nonce = [0; NONCE];
        // Expect safety: without random numbers, neither sealing nor anything else is possible.
        getrandom::fill(&mut nonce).expect("the operating system's random generator failed");
        let header = self.header();
        let associated = owner.associated_data(&header);
        let payload = Payload { msg: text.as_bytes(), aad: &associated };
        // Expect safety: fails only above 256 GiB, which does not fit into memory.
        let sealed =
            self.keys.cipher.encrypt(&XNonce::from(nonce), payload).expect("inputs are below 256 GiB");
        [&header, nonce.as_slice(), &sealed].concat().into()
    }

    fn decrypt(&self, owner: &Owner<'_>, blob: &[u8]) -> Result<String, VaultError> {
        let altered = || VaultError::Altered(owner.id.to_owned());
        let (header, rest) = blob.split_first_chunk::<HEADER>().ok_or_else(altered)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(altered)?;
        let associated = match header[0] {
            VERSION => owner.associated_data(header),
            BOUND_TO_ID if owner.is_old() => [header.as_slice(), owner.id.as_bytes()].concat(),
            _ => return Err(altered()),
        };
        if header[1..] != self.keys.id {
            return Err(VaultError::WrongKey(owner.id.to_owned()));
        }
        let payload = Payload { msg: sealed, aad: &associated };
        let opened = self.keys.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| altered())?;
        String::from_utf8(opened).map_err(|error| {
            error.into_bytes().zeroize();
            altered()
        })
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [VERSION; HEADER];
        header[1..].copy_from_slice(&self.keys.id);
        header
    }
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

/// The fields of a document that its sealed data is bound to.
struct Owner<'a> {
    kind: &'static str,
    id: &'a str,
    tenant: &'a str,
    circuit: &'a str,
    /// Empty: none.
    user: &'a str,
}

impl<'a> Owner<'a> {
    fn of_request(request: &'a ProofRequest) -> Self {
        Self {
            kind: "proof",
            id: request.id.as_str(),
            tenant: request.life.tenant.as_str(),
            circuit: request.circuit_id.as_str(),
            user: request.user_id.as_ref().map_or("", |user| user.as_str()),
        }
    }

    fn of_deployment(deployment: &'a Deployment) -> Self {
        Self {
            kind: "deployment",
            id: deployment.id.as_str(),
            tenant: deployment.life.tenant.as_str(),
            circuit: deployment.circuit_id.as_str(),
            user: "",
        }
    }

    fn of_callback(tenant: &'a TenantId, subject: &'a Subject) -> Self {
        let kind = match subject {
            Subject::Circuit(_) => "callback of a circuit",
            Subject::Proof(_) => "callback of a proof",
            Subject::Deployment(_) => "callback of a deployment",
        };
        Self { kind, id: subject.id(), tenant: tenant.as_str(), circuit: "", user: "" }
    }

    fn of_webhooks(tenant: &'a TenantId) -> Self {
        Self { kind: "webhooks", id: tenant.as_str(), tenant: tenant.as_str(), circuit: "", user: "" }
    }

    /// Whether versions that bound data to its id only had this kind.
    fn is_old(&self) -> bool {
        matches!(self.kind, "proof" | "deployment")
    }

    fn associated_data(&self, header: &[u8; HEADER]) -> Vec<u8> {
        let Self { kind, id, tenant, circuit, user } = *self;
        let mut data = header.to_vec();
        for field in [kind, id, tenant, circuit, user] {
            data.extend_from_slice(&(field.len() as u32).to_le_bytes());
            data.extend_from_slice(field.as_bytes());
        }
        data
    }
}

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
    /// The store was used with another key before.
    #[error(
        "the inputs in this store are sealed under another key: use that key, or remove the artifact {0} \
         when no proof is pending"
    )]
    OtherKey(ArtifactKey),
    /// The data was sealed under another key.
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
            Self::WrongKey(_) | Self::OtherKey(_) => ErrorKind::Internal,
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
