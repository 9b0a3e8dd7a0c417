//! [`Vault`]: encrypted storage of private inputs and signing keys.

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
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::secret::CircuitInputs;
use zkflow_core::service::catalog::Sealed;
use zkflow_core::service::id::{DeploymentId, ProofId};
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, ArtifactStore, PutMode, StoreError};

/// Stores the inputs of proof requests and the secrets of deployments, readable only with its key.
///
/// # Format
/// ```text
/// version (1 byte, 1) ‖ key id (8) ‖ nonce (24) ‖ XChaCha20-Poly1305 ciphertext and tag
/// ```
/// This is the artifact [`SealedInputs`](ArtifactPath::SealedInputs) or [`SealedSecrets`](ArtifactPath::SealedSecrets). The nonce is random. The
/// associated data is everything before the nonce, then the id, so a blob opens only for its own request. The
/// key id distinguishes a wrong key from altered bytes.
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
    pub async fn seal(&self, id: &ProofId, inputs: &CircuitInputs) -> Result<(), VaultError> {
        self.put(inputs_of(id), id.as_str(), inputs.expose()).await
    }

    /// Seals the inputs of a request, for the document of the request itself.
    pub fn enclose(&self, id: &ProofId, inputs: &CircuitInputs) -> Sealed {
        Sealed(self.encrypt(id.as_str(), inputs.expose()).into())
    }

    /// Opens inputs that [`enclose`](Self::enclose) sealed for this request.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] or [`VaultError::Altered`].
    pub fn disclose(&self, id: &ProofId, sealed: &Sealed) -> Result<CircuitInputs, VaultError> {
        self.decrypt(id.as_str(), &sealed.0).map(CircuitInputs::from_json)
    }

    /// Opens the inputs of a request.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if there are none; [`VaultError::WrongKey`] or [`VaultError::Altered`] if
    /// they cannot be opened.
    pub async fn open(&self, id: &ProofId) -> Result<CircuitInputs, VaultError> {
        self.get(inputs_of(id), id.as_str()).await.map(CircuitInputs::from_json)
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
    pub async fn seal_deployment(&self, id: &DeploymentId, secret: &SecretString) -> Result<(), VaultError> {
        self.put(secrets_of(id), id.as_str(), secret.expose_secret()).await
    }

    /// Opens the secret of a deployment.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub async fn open_deployment(&self, id: &DeploymentId) -> Result<SecretString, VaultError> {
        self.get(secrets_of(id), id.as_str()).await.map(SecretString::from)
    }

    /// Destroys the secret of a deployment. Succeeds if there is none.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn destroy_deployment(&self, id: &DeploymentId) -> Result<(), VaultError> {
        Ok(self.store.delete(&secrets_of(id)).await?)
    }

    async fn put(&self, key: ArtifactKey, id: &str, text: &str) -> Result<(), VaultError> {
        self.store.put(&key, self.encrypt(id, text), PutMode::Overwrite).await?;
        Ok(())
    }

    async fn get(&self, key: ArtifactKey, id: &str) -> Result<String, VaultError> {
        match self.store.get(&key).await {
            Ok(artifact) => self.decrypt(id, &artifact.body),
            Err(StoreError::NotFound(_)) => Err(VaultError::NotFound(id.to_owned())),
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

    fn encrypt(&self, id: &str, text: &str) -> Bytes {
        let mut nonce = [0; NONCE];
        // Expect safety: without random numbers, neither sealing nor anything else is possible.
        getrandom::fill(&mut nonce).expect("the operating system's random generator failed");
        let header = self.header();
        let associated = associated_data(&header, id);
        let payload = Payload { msg: text.as_bytes(), aad: &associated };
        // Expect safety: fails only above 256 GiB, which does not fit into memory.
        let sealed =
            self.keys.cipher.encrypt(&XNonce::from(nonce), payload).expect("inputs are below 256 GiB");
        [&header, nonce.as_slice(), &sealed].concat().into()
    }

    fn decrypt(&self, id: &str, blob: &[u8]) -> Result<String, VaultError> {
        let altered = || VaultError::Altered(id.to_owned());
        let (header, rest) = blob.split_first_chunk::<HEADER>().ok_or_else(altered)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(altered)?;
        if header[0] != VERSION {
            return Err(altered());
        }
        if header[1..] != self.keys.id {
            return Err(VaultError::WrongKey(id.to_owned()));
        }
        let associated = associated_data(header, id);
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

fn associated_data(header: &[u8; HEADER], id: &str) -> Vec<u8> {
    [header.as_slice(), id.as_bytes()].concat()
}

const VERSION: u8 = 1;
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
