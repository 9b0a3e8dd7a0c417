//! [`Sealing`]: inputs are sealed to a public key; only processes with the private key open them.

mod key;
mod ring;

pub use key::{InvalidPublicKey, PublicSealingKey};
pub use ring::SealingRing;

use std::fmt;

use bytes::Bytes;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as HPKE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey};
use zeroize::Zeroize as _;

/// Seals and opens texts with HPKE (RFC 9180) in base mode, by rustls and the aws-lc of TLS.
///
/// # Format
/// ```text
/// version (1 byte) ‖ key id (8) ‖ encapsulated key (32) ‖ ciphertext and tag (16)
/// ```
/// The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM; `info` is `zkflow sealed inputs`. AES-256-GCM is in
/// every WebCrypto, ChaCha20-Poly1305 is not, and clients seal too. The associated data is the [`Header`], that is version
/// and key id, then what the text is bound to. Version 3 is sealed by a server, version 4 by a client.
///
/// The key id is the start of `SHA-256("zkflow sealing key" ‖ public key)`.
pub struct Sealing {
    /// The first one seals; clients may use all.
    public: Vec<PublicSealingKey>,
    ring: SealingRing,
}

/// Version and key id: the start of a sealed text, and of its associated data.
pub type Header = [u8; HEADER];

/// A text that is sealed by a server, and bound to its document.
pub const BY_SERVER: u8 = 3;
/// A text that is sealed by a client, which knows no id of a document.
pub const BY_CLIENT: u8 = 4;

/// Names of the algorithms, for clients.
pub const SUITE: &str = "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM";

pub(crate) const KEY_ID: usize = 8;
const HEADER: usize = 1 + KEY_ID;
const ENCAPSULATED: usize = 32;
const TAG: usize = 16;
const INFO: &[u8] = b"zkflow sealed inputs";

impl Sealing {
    /// Both halves: the ring's first key seals, and all open.
    pub fn with_ring(ring: SealingRing) -> Self {
        Self { public: ring.public_keys().collect(), ring }
    }

    /// The public half only: nothing can be opened. `None` if there is no key.
    pub fn public_only(public: Vec<PublicSealingKey>) -> Option<Self> {
        (!public.is_empty()).then(|| Self { public, ring: SealingRing::empty() })
    }

    /// Adds private keys that only open.
    pub fn opens_too(mut self, ring: SealingRing) -> Self {
        self.ring.append(ring);
        self
    }

    /// The key that seals.
    pub fn current(&self) -> &PublicSealingKey {
        // Expect safety: every constructor has at least one key.
        self.public.first().expect("there is a public key")
    }

    /// Whether this process can open texts that were sealed to the key with this id.
    pub fn opens(&self, id: &[u8; KEY_ID]) -> bool {
        self.ring.private(id).is_some()
    }

    /// Whether a client may seal to the key with this id.
    pub fn accepts(&self, id: &[u8; KEY_ID]) -> bool {
        self.public.iter().any(|key| key.id() == *id)
    }

    /// Seals a text; `bind` returns the associated data for a header.
    pub(crate) fn seal(&self, text: &str, bind: impl FnOnce(&Header) -> Vec<u8>) -> Bytes {
        seal(self.current(), BY_SERVER, text, bind)
    }

    /// Opens a sealed text.
    pub(crate) fn open(
        &self,
        blob: &[u8],
        bind: impl FnOnce(&Header) -> Vec<u8>,
    ) -> Result<String, OpenError> {
        let parts = Parts::of(blob).ok_or(OpenError::Altered)?;
        let private = self.ring.private(&parts.key_id()).ok_or(OpenError::OtherKey)?;
        // A copy for this use, zeroised on drop.
        let private = HpkePrivateKey::from(private.to_vec());
        let encapsulated = EncapsulatedSecret(parts.encapsulated.to_vec());
        let opened = HPKE.open(&encapsulated, INFO, &bind(parts.header), parts.ciphertext, &private);
        String::from_utf8(opened.map_err(|_| OpenError::Altered)?).map_err(|error| {
            error.into_bytes().zeroize();
            OpenError::Altered
        })
    }
}

/// Seals a text of a client to a key.
pub(crate) fn seal(
    key: &PublicSealingKey,
    version: u8,
    text: &str,
    bind: impl FnOnce(&Header) -> Vec<u8>,
) -> Bytes {
    let mut header = [version; HEADER];
    header[1..].copy_from_slice(&key.id());
    let sealed = HPKE.seal(INFO, &bind(&header), text.as_bytes(), &key.to_hpke());
    // Expect safety: keys of small order are refused when they are parsed, and texts are below 64 GiB.
    let (encapsulated, ciphertext) = sealed.expect("the key was checked");
    [&header, encapsulated.0.as_slice(), &ciphertext].concat().into()
}

/// Whether the text is sealed to a public key, by its version.
pub(crate) fn is_sealed(blob: &[u8]) -> bool {
    matches!(blob.first(), Some(&(BY_SERVER | BY_CLIENT)))
}

/// The header of a text that a client sealed; `None` if it is no such text.
pub fn client_header(blob: &[u8]) -> Option<[u8; KEY_ID]> {
    let parts = Parts::of(blob)?;
    (parts.header[0] == BY_CLIENT).then(|| parts.key_id())
}

/// The parts of a sealed text.
struct Parts<'a> {
    header: &'a Header,
    encapsulated: &'a [u8; ENCAPSULATED],
    ciphertext: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(blob: &'a [u8]) -> Option<Self> {
        let (header, rest) = blob.split_first_chunk()?;
        let (encapsulated, ciphertext) = rest.split_first_chunk()?;
        (ciphertext.len() >= TAG).then_some(Self { header, encapsulated, ciphertext })
    }

    fn key_id(&self) -> [u8; KEY_ID] {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&self.header[1..]);
        id
    }
}

/// Failure to open a sealed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// The private key is not in this process.
    OtherKey,
    /// The text was changed, or is bound to something else.
    Altered,
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").field("public", &self.public).field("ring", &self.ring).finish()
    }
}

#[cfg(test)]
mod tests;
