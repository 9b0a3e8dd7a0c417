//! `.zkey`, version 1, Groth16: the proving key with its verification key and contributions.

use ark_bn254::{Fr, G1Affine, G2Affine};

use crate::verify::VerifyingKey;

/// A proving key.
///
/// With `m = n_vars` wires, `l = n_public` of them public (without the constant one) and `n =
/// domain_size`. Points at infinity are usual in `a`, `b1`, `b2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZKey {
    /// Wires, the constant one included.
    pub n_vars: u32,
    /// Outputs and public inputs.
    pub n_public: u32,
    /// Rows of the evaluation domain, a power of two.
    pub domain_size: u32,
    /// alpha, beta, gamma, delta in G2 and the public-signal points (`n_public + 1`).
    pub vk: VerifyingKey,
    /// beta in G1.
    pub beta_g1: G1Affine,
    /// delta in G1.
    pub delta_g1: G1Affine,
    /// The matrices A and B, sparse; C is not stored.
    pub coefficients: Vec<Coefficient>,
    /// `a_i(tau)` in G1, `m` points.
    pub a: Vec<G1Affine>,
    /// `b_i(tau)` in G1, `m` points.
    pub b1: Vec<G1Affine>,
    /// `b_i(tau)` in G2, `m` points.
    pub b2: Vec<G2Affine>,
    /// `(beta a_i + alpha b_i + c_i)(tau) / delta` for the private wires, `m - l - 1` points.
    pub c: Vec<G1Affine>,
    /// The odd-index Lagrange points of the domain of size `2n`, divided by delta; `n` points.
    pub h: Vec<G1Affine>,
    /// blake2b-512 of the initial key, with which section 10 begins.
    pub circuit_hash: [u8; 64],
    /// The contributions of phase 2.
    pub contributions: Vec<Contribution>,
}

/// One entry of the matrix A or B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coefficient {
    /// Which matrix.
    pub matrix: Matrix,
    /// The row: a constraint, or `constraints + s` for the row that binds public signal `s`.
    pub constraint: u32,
    /// The column: a wire.
    pub signal: u32,
    /// The entry, in normal arithmetic (the file holds `value * R^2`).
    pub value: Fr,
}

/// The matrices that a `.zkey` stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    /// Left factors.
    A,
    /// Right factors.
    B,
}

/// One contribution to phase 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// delta in G1 after it.
    pub delta_after: G1Affine,
    /// Public key: a random point.
    pub g1_s: G1Affine,
    /// Public key: that point times the secret.
    pub g1_sx: G1Affine,
    /// Public key: the challenge point of G2 times the secret.
    pub g2_spx: G2Affine,
    /// blake2b-512 of all that came before.
    pub transcript: [u8; 64],
    /// Who or what contributed.
    pub kind: ContributionKind,
    /// The contributor's name.
    pub name: Option<String>,
}

/// Who or what contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContributionKind {
    /// Somebody with a secret.
    Secret,
    /// A public random beacon: no secret at all.
    Beacon {
        /// SHA-256 is iterated `2^exponent` times.
        exponent: u8,
        /// The beacon's value.
        hash: Vec<u8>,
    },
}
