//! Proof and public signals against a verification key.

use ark_bn254::{Fr, G1Affine, G2Affine};

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
    /// The values.
    pub fn values(&self) -> &[Fr] {
        &self.0
    }
}
