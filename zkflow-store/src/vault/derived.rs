//! [`DerivedKey`]: a key of the vault for one purpose.

use zeroize::Zeroizing;

use super::hmac::hmac_sha256;

/// A key that is derived from a vault's key for one purpose. Zeroised on drop; has neither `Debug` nor `Serialize`.
pub struct DerivedKey(Zeroizing<[u8; 32]>);

impl DerivedKey {
    /// `HMAC-SHA256(parent, purpose)`.
    pub(super) fn new(parent: &[u8; 32], purpose: &str) -> Self {
        Self(Zeroizing::new(hmac_sha256(parent, purpose.as_bytes())))
    }

    /// The bytes of the key, for other algorithms.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `HMAC-SHA256(key, message)`: shows that a holder of the vault's key wrote the message.
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.0, message)
    }

    /// Whether `mac` is the [MAC](Self::mac) of the message. The time does not depend on the bytes of either.
    pub fn verifies(&self, message: &[u8], mac: &[u8; 32]) -> bool {
        let differing = self.mac(message).iter().zip(mac).fold(0, |bits, (a, b)| bits | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}
