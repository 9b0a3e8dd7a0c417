//! Makes a proof from a witness and a proving key.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "ark")]
pub mod ark;
pub mod assembly;
mod blinding;
mod consistency;
mod load;
pub mod memory;
pub mod native;
mod provers;

use crate::error::{Classified, ErrorKind};
use crate::format::FormatError;
use crate::format::zkey::ZKey;
use crate::proof::{Proof, PublicSignals, VerifyingKey};
use crate::rng::SecureRng;
use crate::verify::Verifier;
use crate::witness::Witness;

pub use consistency::check_sizes;
pub use load::{FileProof, KeyLoader, Phases};
pub use provers::{Provers, UnknownProver};
pub use zkflow_bn254::{Kernel, UnknownKernel};

/// A Groth16 prover.
///
/// Proving is CPU work of milliseconds to minutes: call it from a blocking thread.
pub trait Prover: fmt::Debug + Send + Sync + 'static {
    /// Short name, such as `native`.
    fn name(&self) -> &'static str;

    /// Converts a key to this prover's form, once for many proofs.
    ///
    /// # Errors
    /// The key is inconsistent.
    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError>;

    /// The prover's own way to load keys; `None`: keys are read and prepared.
    fn key_loader(&self) -> Option<&dyn KeyLoader> {
        None
    }

    /// Announces the number of proofs about to start, besides the running ones. A prover that shares its
    /// threads by load uses this number until the next call.
    fn announce(&self, _proofs: usize) {}

    /// The health of the prover's accelerator; healthy without one.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// The health of an accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Health {
    /// Proofs that it made wrong since the start. The processor made them again.
    pub wrong_proofs: u64,
    /// True if it failed so often that it is not used any more.
    pub set_aside: bool,
}

impl Health {
    /// The health of an accelerator that made so many wrong proofs.
    pub fn new(wrong_proofs: u64, set_aside: bool) -> Self {
        Self { wrong_proofs, set_aside }
    }
}

/// A proving key in the form of its prover.
pub trait PreparedKey: fmt::Debug + Send + Sync + 'static {
    /// Name of the prover.
    fn prover(&self) -> &'static str;

    /// The verification key for its proofs.
    fn verifying_key(&self) -> &VerifyingKey;

    /// Makes a proof, blinded with two scalars from `rng`.
    ///
    /// # Behaviour
    /// - Does not check the witness: if it violates a constraint, the proof does not verify.
    ///   [`prove_verified`] never returns such a proof.
    ///
    /// # Errors
    /// Witness and key differ in the number of wires.
    fn prove(&self, witness: &Witness, rng: &mut dyn SecureRng) -> Result<Proof, ProveError>;

    /// Memory of the prepared key in bytes, approximately.
    fn memory_bytes(&self) -> u64;
}

/// Makes a proof and verifies it; the public signals are taken from the witness.
///
/// # Errors
/// - [`ProveError::Unsatisfied`] if the proof does not verify; the proof is discarded.
/// - The errors of [`PreparedKey::prove`].
pub fn prove_verified(
    key: &dyn PreparedKey,
    verifier: &Verifier,
    witness: &Witness,
    rng: &mut dyn SecureRng,
) -> Result<(Proof, PublicSignals), ProveError> {
    UnverifiedProof::new(key, verifier, witness, rng)?.verify()
}

/// A proof that is not verified yet. [`prove_verified`] makes and verifies one; the steps apart can be timed apart.
#[derive(Debug)]
pub struct UnverifiedProof<'a> {
    verifier: &'a Verifier,
    proof: Proof,
    public: PublicSignals,
}

impl<'a> UnverifiedProof<'a> {
    /// Makes a proof; the public signals are taken from the witness.
    ///
    /// # Errors
    /// The errors of [`PreparedKey::prove`].
    pub fn new(
        key: &dyn PreparedKey,
        verifier: &'a Verifier,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<Self, ProveError> {
        let proof = key.prove(witness, rng)?;
        let public = PublicSignals::of_witness(verifier.key(), witness).map_err(|_| {
            ProveError::Key("the witness has fewer wires than the key has public signals".to_owned())
        })?;
        Ok(Self { verifier, proof, public })
    }

    /// Verifies the proof.
    ///
    /// # Errors
    /// [`ProveError::Unsatisfied`] if it does not verify; the proof is discarded.
    pub fn verify(self) -> Result<(Proof, PublicSignals), ProveError> {
        match self.verifier.verify(&self.public, &self.proof) {
            Ok(true) => Ok((self.proof, self.public)),
            // Only a faulty prover makes a point that is off its curve.
            Ok(false) | Err(_) => Err(ProveError::Unsatisfied),
        }
    }
}

/// A proof cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The witness belongs to another circuit.
    #[error("the witness has {found} wires, the proving key expects {expected}")]
    WitnessLength {
        /// Wires of the key.
        expected: usize,
        /// Wires of the witness.
        found: usize,
    },
    /// The file of the proving key cannot be read.
    #[error("the proving key cannot be read: {0}")]
    File(#[source] std::io::Error),
    /// The bytes are not a proving key.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The key is inconsistent.
    #[error("the proving key is inconsistent: {0}")]
    Key(String),
    /// The processor lacks the instructions of the requested kernel.
    #[error("this processor lacks the instructions of the kernel {}", .0.name())]
    Kernel(Kernel),
    /// The folder for prepared keys cannot be used.
    #[error("the folder {path} for prepared keys cannot be used")]
    Folder {
        /// Path of the folder.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// No prover has the requested name.
    #[error(transparent)]
    Unknown(#[from] UnknownProver),
    /// Threads cannot be started.
    #[error("the threads of the prover cannot be started: {0}")]
    Threads(String),
    /// The proof does not verify: the witness violates a constraint, or the prover is faulty.
    #[error("the proof does not verify: the witness does not satisfy the circuit")]
    Unsatisfied,
}

impl Classified for ProveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::WitnessLength { .. } | Self::Unsatisfied => ErrorKind::Invalid,
            Self::Format(_) | Self::Key(_) => ErrorKind::Corrupt,
            Self::Kernel(_) | Self::Unknown(_) => ErrorKind::Invalid,
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
            Self::Unknown(_) => "unknown_prover",
            Self::Threads(_) => "threads_unavailable",
            Self::Unsatisfied => "witness_unsatisfied",
        }
    }
}
