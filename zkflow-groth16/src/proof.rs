//! Proofs, public signals and verification keys.

use ark_bn254::{Fr, G1Affine, G2Affine};

use crate::witness::Witness;

/// A verification key; file format: `verification_key.json`.
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
    /// `1 + n_public` points: one for the constant one, then one per public signal.
    pub ic: Vec<G1Affine>,
}

impl VerifyingKey {
    /// Number of public signals of a proof.
    pub fn n_public(&self) -> usize {
        self.ic.len().saturating_sub(1)
    }
}

/// A Groth16 proof; file format: `proof.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// `pi_a`.
    pub a: G1Affine,
    /// `pi_b`.
    pub b: G2Affine,
    /// `pi_c`.
    pub c: G1Affine,
}

/// Public signals of a proof: outputs, then public inputs. Their number fits the key, and each is below r.
///
/// ```
/// use zkflow_groth16::format::json;
/// use zkflow_groth16::proof::PublicSignals;
///
/// # std::env::set_current_dir("tests/data")?;
/// let key = json::read_vkey(&std::fs::read("tiny.vkey.json")?)?;
/// // One signal too many: a verifier that ignored it would accept two statements for one proof.
/// let mut signals = json::read_public(&std::fs::read("tiny.public.json")?)?;
/// signals.push(999u64.into());
/// assert!(PublicSignals::for_key(&key, signals).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSignals(Vec<Fr>);

impl PublicSignals {
    /// Accepts `values` as the public signals of a proof for `key`. An [`Fr`] is always below r; the parsers
    /// refuse larger numbers.
    ///
    /// # Errors
    /// [`SignalCountError`] if they are too few or too many.
    pub fn for_key(key: &VerifyingKey, values: Vec<Fr>) -> Result<Self, SignalCountError> {
        let (expected, found) = (key.n_public(), values.len());
        if found == expected { Ok(Self(values)) } else { Err(SignalCountError { expected, found }) }
    }

    /// Public part of a witness: the wires after the constant one.
    ///
    /// # Errors
    /// [`SignalCountError`] if the witness has too few wires.
    pub fn of_witness(key: &VerifyingKey, witness: &Witness) -> Result<Self, SignalCountError> {
        let signals = witness.values().iter().skip(1).take(key.n_public());
        Self::for_key(key, signals.copied().collect())
    }

    /// The signals: outputs, then public inputs.
    pub fn values(&self) -> &[Fr] {
        &self.0
    }
}

/// The number of public signals differs from the number that the verification key expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the verification key expects {expected} public signals, found {found}")]
pub struct SignalCountError {
    /// The number that the key expects.
    pub expected: usize,
    /// The number given.
    pub found: usize,
}
