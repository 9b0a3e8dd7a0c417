//! [`PublicSealingKey`]: what inputs are sealed to.

use std::fmt;
use std::str::FromStr;

use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as HPKE;
use rustls::crypto::hpke::{Hpke as _, HpkePublicKey};
use sha2::{Digest as _, Sha256};

use super::KEY_ID;

/// A public key of X25519 that is no point of small order. Its text is 64 hex digits.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicSealingKey([u8; 32]);

impl PublicSealingKey {
    /// The bytes of the key.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The start of `SHA-256("zkflow sealing key" ‖ public key)`.
    pub fn id(&self) -> [u8; KEY_ID] {
        let digest = Sha256::new().chain_update("zkflow sealing key").chain_update(self.0).finalize();
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest[..KEY_ID]);
        id
    }

    /// The key of a private one, which is never of small order.
    pub(super) fn of(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn to_hpke(&self) -> HpkePublicKey {
        HpkePublicKey(self.0.to_vec())
    }
}

/// The text is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hex digits, a public key as `zkflow sealing-key show` prints it")]
pub struct InvalidPublicKey;

impl FromStr for PublicSealingKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, InvalidPublicKey> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidPublicKey)?;
        let key = Self(bytes);
        // A point of small order gives the same secret to all, and HPKE refuses it.
        HPKE.seal(&[], &[], &[], &key.to_hpke()).map_err(|_| InvalidPublicKey)?;
        Ok(key)
    }
}

impl fmt::Display for PublicSealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicSealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicSealingKey({self})")
    }
}
