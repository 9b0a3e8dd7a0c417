//! Witness and proving key to proof.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "ark")]
pub mod ark;
mod choice;
mod consistency;
pub mod native;
#[cfg(feature = "ark")]
mod reduction;

use crate::digest::Digest;
use crate::error::{Classified, ErrorKind};
use crate::format::zkey::ZKey;
use crate::format::{FormatError, MappedFile};
use crate::proof::{Proof, PublicSignals, VerifyingKey};
use crate::rng::SecureRng;
use crate::verify::Verifier;
use crate::witness::Witness;

pub use choice::{ProverKind, UnknownProver};
pub use zkflow_bn254::Kernel;

/// A way to make proofs.
///
/// Proving is CPU work of milliseconds to minutes: call it from a blocking thread.
pub trait Prover: fmt::Debug + Send + Sync + 'static {
    /// A short name, such as `native`.
    fn name(&self) -> &'static str;

    /// Turns a key into the form this prover works with, once for many proofs.
    ///
    /// # Errors
    /// The key does not fit together.
    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError>;

    /// Prepares the key in the bytes of a `.zkey` file, as [`ZKey::read`] and
    /// [`prepare`](Self::prepare) would; a prover that keeps prepared keys on disk looks there first,
    /// and leaves what it prepared.
    ///
    /// # Errors
    /// The bytes are no key, or the key does not fit together.
    fn load(&self, zkey: &[u8]) -> Result<Arc<dyn PreparedKey>, ProveError> {
        self.prepare(Arc::new(ZKey::read(zkey)?))
    }

    /// Prepares the key in a `.zkey` file, as [`load`](Self::load) does. The file must not change meanwhile: it is mapped
    /// into memory, until its bytes are read and before they are turned into what is kept.
    ///
    /// # Errors
    /// The file cannot be read, and the errors of [`load`](Self::load).
    fn load_file(&self, path: &Path) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let key = ZKey::read_mapped(&map(path)?)?;
        self.prepare(Arc::new(key))
    }

    /// The key prepared earlier from the `.zkey` file with this digest, if this prover kept it on disk:
    /// the file itself need not be at hand.
    fn recall(&self, _zkey: &Digest) -> Option<Arc<dyn PreparedKey>> {
        None
    }

    /// Tells how many proofs are about to be asked for besides those that are being made: a prover that shares its
    /// threads by load goes by it until it is told otherwise.
    fn expect(&self, _proofs: usize) {}
}

/// Maps a key into memory.
fn map(path: &Path) -> Result<MappedFile, ProveError> {
    MappedFile::open(path).map_err(ProveError::File)
}

/// A proving key in the form its prover works with.
pub trait PreparedKey: fmt::Debug + Send + Sync + 'static {
    /// The name of the prover.
    fn prover(&self) -> &'static str;

    /// What verifies the proofs of this key.
    fn verifying_key(&self) -> &VerifyingKey;

    /// Makes a proof, blinded with two scalars from `rng`.
    ///
    /// # Behaviour
    /// - Does not check the witness: one that breaks a constraint gives a proof that does not verify.
    ///   [`prove_verified`] never returns such a proof.
    ///
    /// # Errors
    /// The witness has another number of wires than the key.
    fn prove(&self, witness: &Witness, rng: &mut dyn SecureRng) -> Result<Proof, ProveError>;

    /// Memory that the prepared key keeps, in bytes, about.
    fn memory_bytes(&self) -> u64;
}

/// Makes a proof and verifies it; the public signals are those of the witness.
///
/// # Errors
/// [`ProveError::Unsatisfied`] if the proof does not verify, which never leaves this function, and the
/// errors of [`PreparedKey::prove`].
pub fn prove_verified(
    key: &dyn PreparedKey,
    verifier: &Verifier,
    witness: &Witness,
    rng: &mut dyn SecureRng,
) -> Result<(Proof, PublicSignals), ProveError> {
    let proof = key.prove(witness, rng)?;
    let public = PublicSignals::of_witness(verifier.key(), witness).map_err(|_| {
        ProveError::Key("it has fewer wires than the verification key public signals".to_owned())
    })?;
    match verifier.verify(&public, &proof) {
        Ok(true) => Ok((proof, public)),
        // A point off its curve can come from a faulty prover alone.
        Ok(false) | Err(_) => Err(ProveError::Unsatisfied),
    }
}

/// No proof was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The witness belongs to another circuit.
    #[error("the witness has {found} wires, the proving key {expected}")]
    WitnessLength {
        /// Wires of the key.
        expected: usize,
        /// Wires of the witness.
        found: usize,
    },
    /// The file of the proving key cannot be read.
    #[error("the file cannot be read: {0}")]
    File(#[source] std::io::Error),
    /// The bytes are no proving key.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The key does not fit together.
    #[error("the proving key is inconsistent: {0}")]
    Key(String),
    /// The processor lacks the instructions that were asked for.
    #[error("this processor lacks the instructions of the kernel {}", .0.name())]
    Kernel(Kernel),
    /// The folder for prepared keys cannot be used.
    #[error("the folder {path} for prepared keys cannot be used")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// No threads could be started.
    #[error("the threads of the prover cannot be started: {0}")]
    Threads(String),
    /// The proof does not verify: the witness breaks a constraint, or the prover is faulty.
    #[error("the proof made does not verify: the witness does not satisfy the circuit")]
    Unsatisfied,
}

impl Classified for ProveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::WitnessLength { .. } | Self::Unsatisfied => ErrorKind::Invalid,
            Self::Format(_) | Self::Key(_) => ErrorKind::Corrupt,
            Self::Kernel(_) => ErrorKind::Invalid,
            Self::File(_) | Self::Folder { .. } | Self::Threads(_) => ErrorKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::WitnessLength { .. } => "witness_length",
            Self::File(_) => "unreadable_proving_key",
            Self::Format(_) => "malformed_proving_key",
            Self::Key(_) => "inconsistent_proving_key",
            Self::Kernel(_) => "kernel_unavailable",
            Self::Folder { .. } => "key_folder_unusable",
            Self::Threads(_) => "threads_unavailable",
            Self::Unsatisfied => "witness_unsatisfied",
        }
    }
}
