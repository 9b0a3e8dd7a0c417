//! For callers from arkworks: the native prover as an [`ark_snark::SNARK`], and conversions to the types of
//! ark-groth16.
//!
//! # Circuits of arkworks
//! [`NativeGroth16`] makes keys and proofs for a [`ConstraintSynthesizer`], in place of
//! [`Groth16`](ark_groth16::Groth16). Proofs and verification keys are those of ark-groth16.
//!
//! ```
//! use ark_bn254::Fr;
//! use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, SynthesisError, Variable};
//! use ark_relations::lc;
//! use ark_snark::SNARK;
//! use rand::rngs::OsRng;
//! use zkflow_groth16::snark::NativeGroth16;
//!
//! /// `root * root = square`, with `square` public.
//! struct Square {
//!     root: Option<Fr>,
//! }
//!
//! impl ConstraintSynthesizer<Fr> for Square {
//!     fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
//!         let value = self.root.ok_or(SynthesisError::AssignmentMissing);
//!         let square = cs.new_input_variable(|| Ok(value? * value?))?;
//!         let root = cs.new_witness_variable(|| value)?;
//!         cs.enforce_r1cs_constraint(|| lc!(root), || lc!(root), || lc!(square))
//!     }
//! }
//!
//! let (key, vk) = NativeGroth16::circuit_specific_setup(Square { root: None }, &mut OsRng)?;
//! let proof = NativeGroth16::prove(&key, Square { root: Some(Fr::from(3)) }, &mut OsRng)?;
//! assert!(NativeGroth16::verify(&vk, &[Fr::from(9)], &proof)?);
//! // The proof is one of ark-groth16.
//! assert!(ark_groth16::Groth16::<ark_bn254::Bn254>::verify(&vk, &[Fr::from(9)], &proof)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`r1cs`] returns the constraint system of such a circuit, for a key from a ceremony
//! ([`make_key`](crate::setup::make_key)) and everything made from a key, such as a Solidity verifier.
//!
//! # Keys of circom
//! [`ProvingKey`] accepts any [`ZKey`](crate::format::zkey::ZKey). It proves a `ConstraintSynthesizer` with the
//! same constraints and the same order of wires, such as `ark_circom::CircomCircuit`.
//!
//! # Conversions
//! | from | to | |
//! |---|---|---|
//! | [`Proof`](crate::proof::Proof) | [`ark_groth16::Proof`] | and back |
//! | [`VerifyingKey`](crate::proof::VerifyingKey) | [`ark_groth16::VerifyingKey`] | and back |
//! | [`ZKey`](crate::format::zkey::ZKey) | [`ark_groth16::ProvingKey`] | for `ark_circom::CircomReduction` only |
//!
//! There is no conversion from [`ark_groth16::ProvingKey`] to a `ZKey`: it has no matrices, no hash of its circuit
//! and no contributions, and its H points usually have another basis.

use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, PreparedVerifyingKey};
use ark_relations::gr1cs::{ConstraintSynthesizer, SynthesisError};
use ark_snark::{CircuitSpecificSetupSNARK, SNARK};
use rand::{CryptoRng, RngCore};

mod circuit;
mod convert;
mod key;

use crate::error::{Classified, ErrorKind};
use crate::proof::SignalCountError;
use crate::prove::{ProveError, prove_verified};
use crate::setup::{SetupError, circuit_specific};
use crate::verify::VerifyError;

pub use circuit::{r1cs, witness};
pub use key::ProvingKey;

/// Groth16 on BN254 by the [native prover](crate::prove::native), with one thread per processor.
#[derive(Debug, Clone, Copy)]
pub struct NativeGroth16;

impl SNARK<Fr> for NativeGroth16 {
    type ProvingKey = ProvingKey;
    type VerifyingKey = ark_groth16::VerifyingKey<Bn254>;
    type Proof = ark_groth16::Proof<Bn254>;
    type ProcessedVerifyingKey = PreparedVerifyingKey<Bn254>;
    type Error = SnarkError;

    /// Makes a key as [`circuit_specific()`] does: anyone with the state of `rng` can forge proofs.
    fn circuit_specific_setup<C: ConstraintSynthesizer<Fr>, R: RngCore + CryptoRng>(
        circuit: C,
        rng: &mut R,
    ) -> Result<(ProvingKey, Self::VerifyingKey), SnarkError> {
        let key = circuit_specific(&r1cs(circuit)?, rng)?;
        let vk = key.head.vk.clone().into();
        Ok((ProvingKey::new(key), vk))
    }

    /// Makes a proof and verifies it. A circuit that is not the key's gives [`ProveError::Unsatisfied`] or
    /// [`ProveError::WitnessLength`].
    fn prove<C: ConstraintSynthesizer<Fr>, R: RngCore + CryptoRng>(
        key: &ProvingKey,
        circuit: C,
        rng: &mut R,
    ) -> Result<Self::Proof, SnarkError> {
        let witness = witness(circuit)?;
        let prepared = key.prepared()?;
        let (proof, _) = prove_verified(&*prepared.key, &prepared.verifier, &witness, rng)?;
        Ok(proof.into())
    }

    fn process_vk(vk: &Self::VerifyingKey) -> Result<Self::ProcessedVerifyingKey, SnarkError> {
        Ok(Groth16::<Bn254>::process_vk(vk)?)
    }

    /// Verifies with ark-groth16. It does not check that points are in their group; deserialisation does.
    ///
    /// Too few or too many public inputs are an error: ark-groth16 itself takes missing ones as zero and ignores
    /// others. A key without points for them is an error too.
    fn verify_with_processed_vk(
        vk: &Self::ProcessedVerifyingKey,
        public_input: &[Fr],
        proof: &Self::Proof,
    ) -> Result<bool, SnarkError> {
        let expected = vk.vk.gamma_abc_g1.len().checked_sub(1).ok_or(VerifyError::EmptyKey)?;
        let found = public_input.len();
        if found != expected {
            return Err(VerifyError::PublicCount(SignalCountError { expected, found }).into());
        }
        Ok(Groth16::<Bn254>::verify_with_processed_vk(vk, public_input, proof)?)
    }
}

impl CircuitSpecificSetupSNARK<Fr> for NativeGroth16 {}

/// Setup, proving or verification failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnarkError {
    /// The circuit gives no constraints or no values.
    #[error(transparent)]
    Synthesis(#[from] SynthesisError),
    /// The circuit has constraints other than `a * b = c`.
    #[error("the circuit has a constraint that is not rank-1")]
    NotR1cs,
    /// The circuit has more variables than a key can have.
    #[error("the circuit has {0} variables, the limit is {limit}", limit = u32::MAX)]
    TooLarge(usize),
    /// No key can be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// No proof can be made.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The verification key is malformed, or the number of public inputs is wrong.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl Classified for SnarkError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Synthesis(_) | Self::NotR1cs => ErrorKind::Invalid,
            Self::TooLarge(_) => ErrorKind::Limit,
            Self::Setup(error) => error.kind(),
            Self::Prove(error) => error.kind(),
            Self::Verify(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Synthesis(_) => "synthesis_failed",
            Self::NotR1cs => "circuit_not_rank_one",
            Self::TooLarge(_) => "circuit_too_many_variables",
            Self::Setup(error) => error.code(),
            Self::Prove(error) => error.code(),
            Self::Verify(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests;
