//! [`VaultKey`]: 32 secret bytes, read from a text.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::locked::Locked;

/// A key of a [`Vault`](super::Vault), in locked memory. Zeroised on drop; has neither `Debug` nor `Serialize`.
pub struct VaultKey(Locked<[u8; LENGTH]>);

impl VaultKey {
    /// A new key from the random generator of the operating system.
    pub fn generate() -> Self {
        Self(Locked::filled(|bytes: &mut [u8; LENGTH]| {
            // Expect safety: without random numbers there is no key.
            getrandom::fill(bytes).expect("the operating system's random generator failed");
        }))
    }

    /// Parses 32 bytes in 64 hex digits or in base64 (plain or URL-safe, padded or not), as in
    /// `ZKFLOW_SECRET_KEY`. Surrounding white space is ignored.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] or [`KeyError::Weak`], which do not contain the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut decoded = None;
        let key = Self(Locked::filled(|bytes| decoded = Self::decode(text, bytes)));
        decoded.ok_or(KeyError::Malformed)?;
        let distinct: BTreeSet<u8> = key.0.iter().copied().collect();
        if distinct.len() < LEAST_DISTINCT { Err(KeyError::Weak) } else { Ok(key) }
    }

    /// Writes the bytes of the text; `None` if it is malformed.
    fn decode(text: &str, bytes: &mut [u8; LENGTH]) -> Option<()> {
        let text = text.trim();
        if hex::decode_to_slice(text, bytes).is_ok() {
            return Some(());
        }
        for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
            let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            let mut decoded = Zeroizing::new(Vec::new());
            if GeneralPurpose::new(alphabet, config).decode_vec(text, &mut decoded).is_ok()
                && decoded.len() == LENGTH
            {
                bytes.copy_from_slice(&decoded);
                return Some(());
            }
        }
        None
    }

    /// The key as text, which [`parse`](Self::parse) reads.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.bytes()))
    }

    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

pub(super) const LENGTH: usize = 32;

/// Number of different bytes in a key. Fewer among 32 random bytes have a probability below 2^-40.
const LEAST_DISTINCT: usize = 16;

/// Failure to get a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not a key.
    #[error("malformed secret key: expected 32 bytes as 64 hex digits or as base64")]
    Malformed,
    /// The key repeats few bytes, such as 64 zeros.
    #[error("weak secret key: it repeats few bytes; make one with `openssl rand -hex 32`")]
    Weak,
    /// There are more keys than a ring holds.
    #[error("too many secret keys: expected at most {0}, the current one first")]
    TooMany(usize),
    /// Another user owns the key file, and can read and replace it.
    #[error("the key file {0} belongs to another user: run chown")]
    OtherOwner(PathBuf),
    /// Users other than the owner may access the key file.
    #[error("the key file {path} has mode {mode:o}, expected access by its owner only: run chmod 600")]
    Permissions {
        /// Path of the key file.
        path: PathBuf,
        /// Permission bits of the key file.
        mode: u32,
    },
    /// The key file cannot be read or created.
    #[error("cannot read or create the key file {path}")]
    File {
        /// Path of the key file.
        path: PathBuf,
        /// Error of the file system.
        #[source]
        source: io::Error,
    },
}

impl Classified for KeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Malformed
            | Self::Weak
            | Self::TooMany(_)
            | Self::OtherOwner(_)
            | Self::Permissions { .. } => ErrorKind::Invalid,
            Self::File { .. } => ErrorKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "secret_key_malformed",
            Self::Weak => "secret_key_weak",
            Self::TooMany(_) => "secret_keys_too_many",
            Self::OtherOwner(_) | Self::Permissions { .. } => "secret_key_exposed",
            Self::File { .. } => "secret_key_unavailable",
        }
    }
}
