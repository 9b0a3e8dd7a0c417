//! From a `.zkey` file to a prepared key.

use std::path::Path;
use std::sync::Arc;

use super::{PreparedKey, ProveError, Prover};
use crate::digest::Digest;
use crate::format::MappedFile;
use crate::format::zkey::ZKey;

/// A prover's own way to load keys, for example from a folder of prepared keys.
///
/// Callers use the methods of the same names on `dyn Prover`, which work for every prover.
pub trait KeyLoader: Send + Sync {
    /// Reads and prepares the bytes of a `.zkey` file, or finds the prepared key of these bytes.
    ///
    /// # Errors
    /// The bytes are not a key, or the key is inconsistent.
    fn load(&self, zkey: &[u8]) -> Result<Arc<dyn PreparedKey>, ProveError>;

    /// Reads and prepares a `.zkey` file, or finds its prepared key. The file must not change during the call.
    ///
    /// # Errors
    /// The file cannot be read; the errors of `load`.
    fn load_file(&self, path: &Path) -> Result<Arc<dyn PreparedKey>, ProveError>;

    /// The prepared key of the `.zkey` file with this digest; `None` if it is not stored. The file itself is not
    /// needed.
    fn recall(&self, zkey: &Digest) -> Option<Arc<dyn PreparedKey>>;
}

impl dyn Prover {
    /// Reads and prepares the bytes of a `.zkey` file: with the prover's [`KeyLoader`] if it has one, otherwise by
    /// [`ZKey::read`] and [`prepare`](Prover::prepare).
    ///
    /// # Errors
    /// The bytes are not a key, or the key is inconsistent.
    pub fn load(&self, zkey: &[u8]) -> Result<Arc<dyn PreparedKey>, ProveError> {
        match self.key_loader() {
            Some(loader) => loader.load(zkey),
            None => self.prepare(Arc::new(ZKey::read(zkey)?)),
        }
    }

    /// Prepares a `.zkey` file like `load`. The file must not change during the call: it is mapped into
    /// memory while it is read, though not while it is prepared.
    ///
    /// # Errors
    /// The file cannot be read; the errors of `load`.
    pub fn load_file(&self, path: &Path) -> Result<Arc<dyn PreparedKey>, ProveError> {
        match self.key_loader() {
            Some(loader) => loader.load_file(path),
            None => {
                let key = ZKey::read_mapped(&map(path)?)?;
                self.prepare(Arc::new(key))
            }
        }
    }

    /// The prepared key of the `.zkey` file with this digest; `None` if the prover does not store it.
    pub fn recall(&self, zkey: &Digest) -> Option<Arc<dyn PreparedKey>> {
        self.key_loader()?.recall(zkey)
    }
}

/// Maps a key file into memory.
pub(super) fn map(path: &Path) -> Result<MappedFile, ProveError> {
    MappedFile::open(path).map_err(ProveError::File)
}
