//! Verifies proofs and their public signals against a verification key: [one](Verifier::verify), or
//! [many at once](Verifier::verify_batch).

use ark_bn254::{Bn254, G1Affine};
use ark_ec::pairing::{Pairing, PairingOutput};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};

mod batch;
mod miller;

use crate::error::{Classified, ErrorKind};
use crate::proof::{Proof, PublicSignals, SignalCountError, VerifyingKey};

/// A verification key with checked points, prepared for many proofs.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: VerifyingKey,
    /// `e(alpha, beta)`.
    alpha_beta: PairingOutput<Bn254>,
    minus_beta: <Bn254 as Pairing>::G2Prepared,
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
    /// A well-formed key can still have a known secret: see [`Provenance`](crate::provenance::Provenance).
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
            minus_beta: (-key.beta_g2).into(),
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
        self.fits(public)?;
        let (constant, points) = self.key.ic.split_first().ok_or(VerifyError::EmptyKey)?;
        let combined = <G1Affine as AffineRepr>::Group::msm_unchecked(points, public.values()) + constant;
        self.verify_combined(combined.into_affine(), proof)
    }

    /// [`verify`](Self::verify), given `IC_0 + sum s_i IC_i`.
    pub(crate) fn verify_combined(&self, combined: G1Affine, proof: &Proof) -> Result<bool, VerifyError> {
        check_point("pi_a", &proof.a)?;
        check_point("pi_b", &proof.b)?;
        check_point("pi_c", &proof.c)?;
        let product = Bn254::multi_pairing(
            [proof.a, combined, proof.c],
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
    #[error(transparent)]
    PublicCount(#[from] SignalCountError),
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
            Self::PublicCount(_) => "public_signal_count",
            Self::Point { .. } => "invalid_point",
            Self::EmptyKey => "invalid_verification_key",
        }
    }
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
