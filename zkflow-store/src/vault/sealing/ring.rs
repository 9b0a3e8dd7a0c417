//! [`SealingRing`]: the private keys that open inputs.

use std::fmt;
use std::path::Path;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use zeroize::{Zeroize as _, Zeroizing};
use zkflow_core::service::locked::Locked;

use super::{KEY_ID, PublicSealingKey};
use crate::vault::key::{KeyError, VaultKey};
use crate::vault::keys::Keys;
use crate::vault::private;

/// Private keys by id, in locked memory. The first one is current, the others open what was sealed before a rotation. Zeroised on
/// drop and never shown.
///
/// # File
/// One private key of X25519 per line, as 64 hex digits, the current one first. Only the owner of the file may access it.
pub struct SealingRing(Vec<Pair>);

struct Pair {
    private: Locked<[u8; 32]>,
    public: PublicSealingKey,
    id: [u8; KEY_ID],
}

impl SealingRing {
    pub(super) fn empty() -> Self {
        Self(Vec::new())
    }

    /// A ring with one new key.
    pub fn generate() -> Self {
        Self::of_seed(VaultKey::generate().bytes())
    }

    /// The keys that follow from those of a vault, in their order.
    pub(in crate::vault) fn of_keys(keys: &[Keys]) -> Self {
        Self(keys.iter().map(|keys| Pair::of(&keys.derived("zkflow sealing key"))).collect())
    }

    /// A ring with one key, whose private half is `seed`.
    pub(crate) fn of_seed(seed: &[u8; 32]) -> Self {
        Self(vec![Pair::of(seed)])
    }

    /// Reads a file. Blocks briefly.
    ///
    /// # Errors
    /// The file can be read by other users, contains no key or something else, or cannot be read.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let text = private::read(path)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.map(|line| VaultKey::parse(line).map(|key| Pair::of(key.bytes())));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyError::Malformed) } else { Ok(Self(keys)) }
    }

    /// Writes the ring to a new file. Blocks briefly.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn create(&self, path: &Path) -> Result<(), KeyError> {
        self.write(path, false)
    }

    /// Changes a file, durably and atomically. Of several changes at the same time, in any process, one follows the other. Blocks
    /// briefly. Returns the changed ring.
    ///
    /// # Errors
    /// See [`load`](Self::load); the file cannot be written.
    pub fn change(path: &Path, change: impl FnOnce(&mut Self)) -> Result<Self, KeyError> {
        let _lock = private::lock(path)?;
        let mut ring = Self::load(path)?;
        change(&mut ring);
        ring.write(path, true)?;
        Ok(ring)
    }

    /// Puts a new key before the others.
    pub fn rotate(&mut self) {
        self.0.splice(0..0, Self::generate().0);
    }

    /// Removes the keys that are not current.
    pub fn prune(&mut self) {
        self.0.truncate(1);
    }

    /// The public halves, in order.
    pub fn public_keys(&self) -> impl Iterator<Item = PublicSealingKey> {
        self.0.iter().map(|pair| pair.public.clone())
    }

    pub(super) fn private(&self, id: &[u8; KEY_ID]) -> Option<&[u8; 32]> {
        self.0.iter().find(|pair| pair.id == *id).map(|pair| &*pair.private)
    }

    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn write(&self, path: &Path, replace: bool) -> Result<(), KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * 65));
        for pair in &self.0 {
            let mut line = [0; 64];
            // Expect safety: 32 bytes have 64 digits.
            hex::encode_to_slice(pair.private.as_slice(), &mut line).expect("the length fits");
            text.extend(line.iter().map(|digit| char::from(*digit)));
            text.push('\n');
            line.zeroize();
        }
        private::write(path, &text, replace).map_err(failed)
    }
}

impl Pair {
    fn of(bytes: &[u8; 32]) -> Self {
        // Expect safety: any 32 bytes are a private key of X25519.
        let key = PrivateKey::from_private_key(&X25519, bytes).expect("any 32 bytes are a key");
        // Expect safety: any private key has a public one of 32 bytes.
        let computed = key.compute_public_key().expect("there is a public key");
        let mut public = [0; 32];
        public.copy_from_slice(computed.as_ref());
        let public = PublicSealingKey::of(public);
        let id = public.id();
        Self { private: Locked::filled(|private: &mut [u8; 32]| *private = *bytes), public, id }
    }
}

impl fmt::Debug for SealingRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.public_keys()).finish()
    }
}
