//! [`Keys`]: what is derived from one key of a ring.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::{Zeroize, Zeroizing};
use zkflow_core::service::id::SealKeyId;
use zkflow_core::service::locked::Locked;

use super::KEY_ID;
use super::hmac::hmac_sha256;
use super::key::VaultKey;

pub(super) struct Keys {
    secrets: Locked<Secrets>,
    pub(super) id: [u8; KEY_ID],
}

#[derive(Default, Zeroize)]
struct Secrets {
    cipher: [u8; 32],
    fingerprint: [u8; 32],
    parent: [u8; 32],
}

impl Keys {
    pub(super) fn of(key: &VaultKey) -> Self {
        let derive = |name: &str| Zeroizing::new(hmac_sha256(key.bytes(), name.as_bytes()));
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&derive("zkflow vault: key id")[..KEY_ID]);
        let secrets = Locked::filled(|secrets: &mut Secrets| {
            secrets.cipher = *derive("zkflow vault: cipher");
            secrets.fingerprint = *derive("zkflow vault: fingerprint");
            secrets.parent = *derive("zkflow vault: derived keys");
        });
        Self { secrets, id }
    }

    /// The cipher for one use; its copy of the key is zeroised on drop.
    pub(super) fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.secrets.cipher).into())
    }

    /// Id of the key; it does not reveal the key.
    pub(super) fn name(&self) -> SealKeyId {
        SealKeyId::of_bytes(self.id)
    }

    pub(super) fn fingerprint(&self, bytes: &[u8]) -> String {
        hex::encode(hmac_sha256(&self.secrets.fingerprint, bytes))
    }

    /// The key for one purpose.
    pub(super) fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hmac_sha256(&self.secrets.parent, purpose.as_bytes()))
    }
}
