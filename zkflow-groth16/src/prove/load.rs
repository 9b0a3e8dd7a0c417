//! From a `.zkey` file to a prepared key.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{PreparedKey, ProveError, Prover, prove_verified};
use crate::digest::Digest;
use crate::format::MappedFile;
use crate::format::zkey::ZKey;
use crate::proof::{Proof, PublicSignals};
use crate::rng::SecureRng;
use crate::verify::Verifier;
use crate::witness::Witness;

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

    /// Makes one proof with the key in a `.zkey` file and verifies it. The file must not change during the call and
    /// while the result exists.
    ///
    /// # Errors
    /// See `load_file` and [`prove_verified`].
    fn prove_file(
        &self,
        path: &Path,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<FileProof, ProveError>;

    /// The prepared key of the `.zkey` file with this digest; `None` if it is not stored. The file itself is not
    /// needed.
    fn recall(&self, zkey: &Digest) -> Option<Arc<dyn PreparedKey>>;
}

/// A verified proof that was made with the key in a file. The prover may still store the prepared key for later
/// proofs: dropping this value waits for it.
#[derive(Debug)]
pub struct FileProof {
    /// The proof.
    pub proof: Proof,
    /// Its public signals.
    pub public: PublicSignals,
    /// Where the time went.
    pub phases: Phases,
    /// The thread that stores the prepared key.
    pub(super) storing: Option<JoinHandle<()>>,
}

/// Times of the parts of a single proof with the key in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Phases {
    /// From the file to a key with which a proof can begin: read and prepared, or found in the folder of prepared keys.
    pub key: Duration,
    /// The proof, and the checks of the key beside it.
    pub prove: Duration,
    /// The verification of the proof.
    pub verify: Duration,
}

impl Drop for FileProof {
    fn drop(&mut self) {
        // A failure to store a key only costs the next process time.
        let _ = self.storing.take().map(JoinHandle::join);
    }
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

    /// Makes one proof with the key in a `.zkey` file and verifies it: for a process that makes no second proof with
    /// this key. The file must not change during the call and while the result exists.
    ///
    /// # Behaviour
    /// - The proof is returned only if it verifies and the key has passed the same checks as in `load_file`.
    /// - A prover may check the key while it makes the proof, and store the prepared key afterwards.
    ///
    /// # Errors
    /// The errors of `load_file` and of [`prove_verified`].
    pub fn prove_file(
        &self,
        path: &Path,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<FileProof, ProveError> {
        if let Some(loader) = self.key_loader() {
            return loader.prove_file(path, witness, rng);
        }
        let began = Instant::now();
        let key = self.load_file(path)?;
        let verifier = Verifier::new(key.verifying_key().clone());
        let verifier = verifier.map_err(|error| ProveError::Key(error.to_string()))?;
        let loaded = Instant::now();
        // The verification is part of the same call.
        let (proof, public) = prove_verified(&*key, &verifier, witness, rng)?;
        let phases = Phases { key: loaded - began, prove: loaded.elapsed(), verify: Duration::ZERO };
        Ok(FileProof { proof, public, phases, storing: None })
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
