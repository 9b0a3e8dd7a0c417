//! [`Vault`]: private inputs and signing keys, sealed until they are used.

mod hmac;
mod key;

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
use zkflow_core::service::id::{DeploymentId, ProofId};
use zkflow_core::service::store::{ArtifactKey, ArtifactStore, PutMode, StoreError};

/// Keeps the inputs of proof requests, and the secrets of deployments, readable with its key alone.
///
/// # Format
/// The artifact `sealed/<proof id>` or `sealed-deployments/<deployment id>` is
/// `version (1 byte, 1) ‖ key id (8) ‖ nonce (24) ‖ XChaCha20-Poly1305 ciphertext and tag`. The
/// nonce is random. The associated data is everything before the nonce, then the id: a blob
/// opens under its own request only. The key id tells a wrong key from altered bytes.
///
/// The key itself is never used: the keys of the cipher, of the fingerprint and the key id are
/// HMAC-SHA256 of a name of their own under it.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn ArtifactStore>,
    keys: Arc<Keys>,
}

struct Keys {
    cipher: XChaCha20Poly1305,
    fingerprint: Zeroizing<[u8; 32]>,
    id: [u8; KEY_ID],
}

impl Vault {
    /// Seals under `key` into `store`.
    pub fn new(key: VaultKey, store: Arc<dyn ArtifactStore>) -> Self {
        let derive = |name: &str| Zeroizing::new(hmac::hmac_sha256(key.bytes(), name.as_bytes()));
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&derive("zkflow vault: key id")[..KEY_ID]);
        let keys = Keys {
            cipher: XChaCha20Poly1305::new((&*derive("zkflow vault: cipher")).into()),
            fingerprint: derive("zkflow vault: fingerprint"),
            id,
        };
        Self { store, keys: Arc::new(keys) }
    }

    /// Notes in the store which key it is used with, so that a wrong one is noticed before it costs
    /// anything.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`] when the store was used with another key before.
    pub async fn claim(&self) -> Result<(), VaultError> {
        let key = marker();
        let id = Bytes::copy_from_slice(hex::encode(self.keys.id).as_bytes());
        match self.store.put(&key, id.clone(), PutMode::Create).await {
            Err(StoreError::Exists(_)) if self.store.get(&key).await?.body != id => {
                Err(VaultError::OtherKey(key))
            }
            Ok(_) | Err(StoreError::Exists(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Seals the inputs of a request, durably. What was sealed for it before is replaced.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn seal(&self, id: &ProofId, inputs: &CircuitInputs) -> Result<(), VaultError> {
        self.put(ArtifactKey::sealed(id), id.as_str(), inputs.expose()).await
    }

    /// Opens the inputs of a request.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] when none are there, [`VaultError::WrongKey`] and
    /// [`VaultError::Altered`] when they cannot be opened.
    pub async fn open(&self, id: &ProofId) -> Result<CircuitInputs, VaultError> {
        self.get(ArtifactKey::sealed(id), id.as_str()).await.map(CircuitInputs::from_json)
    }

    /// Destroys the inputs of a request. Missing ones are success.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn destroy(&self, id: &ProofId) -> Result<(), VaultError> {
        Ok(self.store.delete(&ArtifactKey::sealed(id)).await?)
    }

    /// Seals what only the work on a deployment may know, as [`seal`](Self::seal) does.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn seal_deployment(&self, id: &DeploymentId, secret: &SecretString) -> Result<(), VaultError> {
        self.put(ArtifactKey::sealed_deployment(id), id.as_str(), secret.expose_secret()).await
    }

    /// Opens what was sealed for a deployment. Errors as [`open`](Self::open).
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub async fn open_deployment(&self, id: &DeploymentId) -> Result<SecretString, VaultError> {
        self.get(ArtifactKey::sealed_deployment(id), id.as_str()).await.map(SecretString::from)
    }

    /// Destroys what was sealed for a deployment. Missing secrets are success.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn destroy_deployment(&self, id: &DeploymentId) -> Result<(), VaultError> {
        Ok(self.store.delete(&ArtifactKey::sealed_deployment(id)).await?)
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

    /// A digest of `bytes` that nobody without the key can compute, as 64 hex digits: equal bytes
    /// can be recognised, and secret ones not be guessed.
    pub fn fingerprint(&self, bytes: impl AsRef<[u8]>) -> String {
        hex::encode(hmac::hmac_sha256(&self.keys.fingerprint, bytes.as_ref()))
    }

    fn encrypt(&self, id: &str, text: &str) -> Bytes {
        let mut nonce = [0; NONCE];
        // Expect safety: without random numbers nothing can be sealed, nor anything else be done.
        getrandom::fill(&mut nonce).expect("the operating system's random generator failed");
        let header = self.header();
        let associated = associated_data(&header, id);
        let payload = Payload { msg: text.as_bytes(), aad: &associated };
        // Expect safety: it fails beyond 256 GiB, which is more than there can be in memory here.
        let sealed = self.keys.cipher.encrypt(&XNonce::from(nonce), payload).expect("inputs below 256 GiB");
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

/// Where the id of the key is noted.
fn marker() -> ArtifactKey {
    // Expect safety: two plain segments.
    "vault/key-id".parse().expect("a valid key")
}

fn associated_data(header: &[u8; HEADER], id: &str) -> Vec<u8> {
    [header.as_slice(), id.as_bytes()].concat()
}

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const HEADER: usize = 1 + KEY_ID;
const NONCE: usize = 24;

/// Sealed inputs were not stored or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// There are none: never sealed, or destroyed.
    #[error("nothing is sealed for request {0}")]
    NotFound(String),
    /// The store holds inputs that were sealed under another key.
    #[error(
        "the inputs in this store are sealed under another key: use that one, or remove the artifact {0} once no \
         proof is owed"
    )]
    OtherKey(ArtifactKey),
    /// They were sealed under another key.
    #[error("what was sealed for request {0} was sealed under another key than the present one")]
    WrongKey(String),
    /// They are not what was sealed, or were sealed for another request.
    #[error("what was sealed for request {0} was altered")]
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
