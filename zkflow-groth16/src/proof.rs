//! What a proof consists of, and what it is checked against.

use ark_bn254::{Fr, G1Affine, G2Affine};

use crate::witness::Witness;

/// What is needed to check a proof: `verification_key.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    /// alpha in G1.
    pub alpha_g1: G1Affine,
    /// beta in G2.
    pub beta_g2: G2Affine,
    /// gamma in G2.
    pub gamma_g2: G2Affine,
    /// delta in G2.
    pub delta_g2: G2Affine,
    /// One point for the constant one, then one a public signal.
    pub ic: Vec<G1Affine>,
}

impl VerifyingKey {
    /// How many public signals a proof has.
    pub fn n_public(&self) -> usize {
        self.ic.len().saturating_sub(1)
    }
}

/// A Groth16 proof: `proof.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// `pi_a`.
    pub a: G1Affine,
    /// `pi_b`.
    pub b: G2Affine,
    /// `pi_c`.
    pub c: G1Affine,
}

/// Public signals that are as many as a key wants, each below r: outputs, then public inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSignals(Vec<Fr>);

impl PublicSignals {
    /// Takes the signals that go with a proof for `key`. Every [`Fr`] is below r; texts that are not
    /// are refused where they are parsed.
    ///
    /// # Errors
    /// [`SignalCountError`] if they are too few or too many.
    pub fn for_key(key: &VerifyingKey, values: Vec<Fr>) -> Result<Self, SignalCountError> {
        let (expected, found) = (key.n_public(), values.len());
        if found == expected { Ok(Self(values)) } else { Err(SignalCountError { expected, found }) }
    }

    /// Takes the public part of a witness: the wires after the constant one.
    ///
    /// # Errors
    /// [`SignalCountError`] if the witness has too few wires.
    pub fn of_witness(key: &VerifyingKey, witness: &Witness) -> Result<Self, SignalCountError> {
        let signals = witness.values().iter().skip(1).take(key.n_public());
        Self::for_key(key, signals.copied().collect())
    }

    /// The values.
    pub fn values(&self) -> &[Fr] {
        &self.0
    }
}

/// The number of public signals differs from the number that the verification key expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} public signals given, the verification key wants {expected}")]
pub struct SignalCountError {
    /// The number that the key expects.
    pub expected: usize,
    /// The number given.
    pub found: usize,
}
