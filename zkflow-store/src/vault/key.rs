//! [`VaultKey`]: 32 secret bytes, read from a text or a file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::{Zeroize, Zeroizing};
use zkflow_core::error::{Classified, ErrorKind};

/// Key of a [`Vault`](super::Vault). Zeroised on drop; has neither `Debug` nor `Serialize`.
pub struct VaultKey(Zeroizing<[u8; LENGTH]>);

impl VaultKey {
    /// A new key from the random generator of the operating system.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        // Expect safety: without random numbers there is no key.
        getrandom::fill(bytes.as_mut()).expect("the operating system's random generator failed");
        Self(bytes)
    }

    /// Parses 32 bytes in 64 hex digits or in base64 (plain or URL-safe, padded or not), as in
    /// `ZKFLOW_SECRET_KEY`. Surrounding white space is ignored.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] or [`KeyError::Weak`], which do not contain the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let key = Self::decode(text)?;
        let distinct: BTreeSet<u8> = key.0.iter().copied().collect();
        if distinct.len() < LEAST_DISTINCT { Err(KeyError::Weak) } else { Ok(key) }
    }

    fn decode(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let mut bytes = Zeroizing::new([0; LENGTH]);
        if hex::decode_to_slice(text, bytes.as_mut()).is_ok() {
            return Ok(Self(bytes));
        }
        for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
            let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            let mut decoded = Zeroizing::new(Vec::new());
            if GeneralPurpose::new(alphabet, config).decode_vec(text, &mut decoded).is_ok()
                && decoded.len() == LENGTH
            {
                bytes.copy_from_slice(&decoded);
                return Ok(Self(bytes));
            }
        }
        Err(KeyError::Malformed)
    }

    /// Reads the key file at `path`, or creates it, readable only by its owner. Processes that create it at
    /// the same time all get the same key. Blocks briefly.
    ///
    /// # Errors
    /// The file can be read by other users, does not contain a key, or cannot be read or created.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match Self::load(path) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        match Self::generate().create(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                Err(KeyError::File { path: path.to_owned(), source: e })
            }
            _ => Self::load(path),
        }
    }

    fn load(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Permissions { path: path.to_owned(), mode });
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
        Self::parse(&text)
    }

    /// Writes the key durably and atomically. Fails if the file exists.
    fn create(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        // tempfile creates files with mode 0600.
        let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(parent)?;
        let mut text = hex::encode(self.0.as_ref());
        text.push('\n');
        let written = file.write_all(text.as_bytes());
        text.zeroize();
        written?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|e| e.error)?;
        File::open(parent)?.sync_all()
    }

    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

const LENGTH: usize = 32;

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
            Self::Malformed | Self::Weak | Self::Permissions { .. } => ErrorKind::Invalid,
            Self::File { .. } => ErrorKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "secret_key_malformed",
            Self::Weak => "secret_key_weak",
            Self::Permissions { .. } => "secret_key_exposed",
            Self::File { .. } => "secret_key_unavailable",
        }
    }
}
