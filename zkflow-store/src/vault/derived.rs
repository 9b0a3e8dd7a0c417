//! [`DerivedKey`]: a key of the vault for one purpose.

use zeroize::Zeroizing;
use zkflow_core::service::locked::Locked;

use super::hmac::hmac_sha256;
use super::ring::MOST;

/// A key that is derived from a vault's current key for one purpose, with those of its earlier keys, in locked memory. Zeroised on
/// drop; has neither `Debug` nor `Serialize`.
pub struct DerivedKey {
    keys: Locked<[[u8; 32]; MOST]>,
    count: usize,
}

impl DerivedKey {
    /// The current key first. There is at least one, and at most [`MOST`].
    pub(super) fn new(derived: impl ExactSizeIterator<Item = Zeroizing<[u8; 32]>>) -> Self {
        let count = derived.len();
        let fill = |keys: &mut [[u8; 32]; MOST]| {
            for (key, derived) in keys.iter_mut().zip(derived) {
                *key = *derived;
            }
        };
        Self { keys: Locked::filled(fill), count }
    }

    /// The bytes of the current key, for other algorithms.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.keys[0]
    }

    /// The bytes of the earlier keys.
    pub fn older(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.all().skip(1)
    }

    fn all(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.keys.iter().take(self.count)
    }

    /// `HMAC-SHA256(key, message)` under the current key: shows that a holder of the vault's key wrote the message.
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        hmac_sha256(self.bytes(), message)
    }

    /// Whether `mac` is the MAC of the message under one of the keys. The time does not depend on the bytes of either.
    pub fn verifies(&self, message: &[u8], mac: &[u8; 32]) -> bool {
        self.all().fold(false, |found, key| found | verifies(key, message, mac))
    }

    /// Whether `mac` is the [MAC](Self::mac) of the message under the current key.
    pub fn is_current(&self, message: &[u8], mac: &[u8; 32]) -> bool {
        verifies(self.bytes(), message, mac)
    }
}

fn verifies(key: &[u8; 32], message: &[u8], mac: &[u8; 32]) -> bool {
    let differing = hmac_sha256(key, message).iter().zip(mac).fold(0, |bits, (a, b)| bits | (a ^ b));
    std::hint::black_box(differing) == 0
}
