//! [`Keys`]: what is derived from one key of a ring.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;
use zkflow_core::service::id::SealKeyId;

use super::KEY_ID;
use super::hmac::hmac_sha256;
use super::key::VaultKey;

pub(super) struct Keys {
    pub(super) cipher: XChaCha20Poly1305,
    fingerprint: Zeroizing<[u8; 32]>,
    parent: Zeroizing<[u8; 32]>,
    pub(super) id: [u8; KEY_ID],
}

impl Keys {
    pub(super) fn of(key: &VaultKey) -> Self {
        let derive = |name: &str| Zeroizing::new(hmac_sha256(key.bytes(), name.as_bytes()));
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&derive("zkflow vault: key id")[..KEY_ID]);
        Self {
            cipher: XChaCha20Poly1305::new((&*derive("zkflow vault: cipher")).into()),
            fingerprint: derive("zkflow vault: fingerprint"),
            parent: derive("zkflow vault: derived keys"),
            id,
        }
    }

    /// Id of the key; it does not reveal the key.
    pub(super) fn name(&self) -> SealKeyId {
        SealKeyId::of_bytes(self.id)
    }

    pub(super) fn fingerprint(&self, bytes: &[u8]) -> String {
        hex::encode(hmac_sha256(&self.fingerprint, bytes))
    }

    /// The key for one purpose.
    pub(super) fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hmac_sha256(&self.parent, purpose.as_bytes()))
    }
}
