//! Verifies a proof and its public signals against a verification key.

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::pairing::{Pairing, PairingOutput};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};

use crate::error::{Classified, ErrorKind};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSignals(Vec<Fr>);

impl PublicSignals {
    /// Accepts `values` as the public signals of a proof for `key`. An [`Fr`] is always below r; the parsers
    /// refuse larger numbers.
    ///
    /// # Errors
    /// [`VerifyError::PublicCount`] if there are too few or too many.
    pub fn for_key(key: &VerifyingKey, values: Vec<Fr>) -> Result<Self, VerifyError> {
        check_count(key, values.len())?;
        Ok(Self(values))
    }

    /// Takes the public part of a witness: the wires after the constant one.
    ///
    /// # Errors
    /// [`VerifyError::PublicCount`] if the witness has too few wires.
    pub fn of_witness(key: &VerifyingKey, witness: &Witness) -> Result<Self, VerifyError> {
        let signals = witness.values().iter().skip(1).take(key.n_public());
        Self::for_key(key, signals.copied().collect())
    }

    /// The signals: outputs, then public inputs.
    pub fn values(&self) -> &[Fr] {
        &self.0
    }
}

/// A verification key with checked points, prepared for many proofs.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: VerifyingKey,
    /// `e(alpha, beta)`.
    alpha_beta: PairingOutput<Bn254>,
    minus_gamma: <Bn254 as Pairing>::G2Prepared,
    minus_delta: <Bn254 as Pairing>::G2Prepared,
}

impl Verifier {
    /// Checks and prepares a key.
    ///
    /// # Errors
    /// - [`VerifyError::Point`]: a point is off its curve or outside the group of order r.
    /// - [`VerifyError::Point`]: alpha, beta, gamma or delta is the point at infinity, with which anyone
    ///   could forge proofs.
    /// - [`VerifyError::EmptyKey`]: there is no point for the constant one.
    ///
    /// A well-formed key can still have a known secret: see [`Provenance`](crate::setup::Provenance).
    pub fn new(key: VerifyingKey) -> Result<Self, VerifyError> {
        check_point("vk_alpha_1", &key.alpha_g1)?;
        check_point("vk_beta_2", &key.beta_g2)?;
        check_point("vk_gamma_2", &key.gamma_g2)?;
        check_point("vk_delta_2", &key.delta_g2)?;
        let infinity = |point, is_infinity| match is_infinity {
            true => Err(VerifyError::Point { point, problem: PointProblem::Infinity }),
            false => Ok(()),
        };
        infinity("vk_alpha_1", key.alpha_g1.is_zero())?;
        infinity("vk_beta_2", key.beta_g2.is_zero())?;
        infinity("vk_gamma_2", key.gamma_g2.is_zero())?;
        infinity("vk_delta_2", key.delta_g2.is_zero())?;
        if key.ic.is_empty() {
            return Err(VerifyError::EmptyKey);
        }
        key.ic.iter().try_for_each(|point| check_point("IC", point))?;
        Ok(Self {
            alpha_beta: Bn254::pairing(key.alpha_g1, key.beta_g2),
            minus_gamma: (-key.gamma_g2).into(),
            minus_delta: (-key.delta_g2).into(),
            key,
        })
    }

    /// The checked key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// `e(A, B) = e(alpha, beta) e(IC_0 + sum s_i IC_i, gamma) e(C, delta)`: whether the proof is valid for
    /// these signals.
    ///
    /// The point at infinity is accepted like any other group element; the equation decides.
    ///
    /// # Errors
    /// - [`VerifyError::PublicCount`]: the signals were made for another key.
    /// - [`VerifyError::Point`]: a point of the proof is off its curve or outside the group of order r.
    pub fn verify(&self, public: &PublicSignals, proof: &Proof) -> Result<bool, VerifyError> {
        let signals = public.values();
        check_count(&self.key, signals.len())?;
        check_point("pi_a", &proof.a)?;
        check_point("pi_b", &proof.b)?;
        check_point("pi_c", &proof.c)?;

        let (constant, points) = self.key.ic.split_first().ok_or(VerifyError::EmptyKey)?;
        let combined = <G1Affine as AffineRepr>::Group::msm_unchecked(points, signals) + constant;
        let product = Bn254::multi_pairing(
            [proof.a, combined.into_affine(), proof.c],
            [proof.b.into(), self.minus_gamma.clone(), self.minus_delta.clone()],
        );
        Ok(product == self.alpha_beta)
    }
}

/// A key, a proof or public signals are malformed; the equation is not evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Too few or too many public signals.
    #[error("the verification key expects {expected} public signals, found {found}")]
    PublicCount {
        /// Number of public signals of the key.
        expected: usize,
        /// Number of public signals given.
        found: usize,
    },
    /// A point that must not be used in the equation.
    #[error("{point} {problem}")]
    Point {
        /// Its name in `proof.json` or `verification_key.json`.
        point: &'static str,
        /// The reason.
        problem: PointProblem,
    },
    /// The key has no point for the constant one.
    #[error("the verification key has no IC points")]
    EmptyKey,
}

/// Reason why a point is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointProblem {
    /// The coordinates do not satisfy the equation of the curve.
    #[error("is not on its curve")]
    OffCurve,
    /// On the curve, but not a multiple of the generator.
    #[error("is outside the group of order r")]
    OutsideSubgroup,
    /// The point at infinity, where it would break the proof system.
    #[error("is the point at infinity")]
    Infinity,
}

impl Classified for VerifyError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        match self {
            Self::PublicCount { .. } => "public_signal_count",
            Self::Point { .. } => "invalid_point",
            Self::EmptyKey => "invalid_verification_key",
        }
    }
}

fn check_count(key: &VerifyingKey, found: usize) -> Result<(), VerifyError> {
    let expected = key.n_public();
    if found == expected { Ok(()) } else { Err(VerifyError::PublicCount { expected, found }) }
}

fn check_point<C: SWCurveConfig>(name: &'static str, point: &Affine<C>) -> Result<(), VerifyError> {
    let problem = if !point.is_on_curve() {
        PointProblem::OffCurve
    } else if !point.is_in_correct_subgroup_assuming_on_curve() {
        PointProblem::OutsideSubgroup
    } else {
        return Ok(());
    };
    Err(VerifyError::Point { point: name, problem })
}
