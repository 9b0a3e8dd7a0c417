//! Verifies proofs and their public signals against a verification key: [one](Verifier::verify), or
//! [many at once](Verifier::verify_batch).

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::pairing::PairingOutput;
use zkflow_bn254::Kernel;
use zkflow_bn254::pairing::{self, Lines};

mod batch;
mod combination;

use combination::Combination;

use crate::error::{Classified, ErrorKind};
use crate::proof::{Proof, PublicSignals, SignalCountError, VerifyingKey};

/// A verification key with checked points, prepared for many proofs.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: VerifyingKey,
    /// `e(alpha, beta)`.
    alpha_beta: PairingOutput<Bn254>,
    minus_beta: Lines,
    minus_gamma: Lines,
    minus_delta: Lines,
    ic: Combination,
    kernel: Kernel,
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
        Self::with_kernel(key, Kernel::detect())
    }

    /// [`new`](Self::new), with a kernel for the pairings. Every kernel gives the same results.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub(crate) fn with_kernel(key: VerifyingKey, kernel: Kernel) -> Result<Self, VerifyError> {
        on_curve("vk_alpha_1", &key.alpha_g1)?;
        let minus_beta = lines(kernel, "vk_beta_2", &-key.beta_g2)?;
        let minus_gamma = lines(kernel, "vk_gamma_2", &-key.gamma_g2)?;
        let minus_delta = lines(kernel, "vk_delta_2", &-key.delta_g2)?;
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
        key.ic.iter().try_for_each(|point| on_curve("IC", point))?;
        let alpha_beta = pairing::product(kernel, &[(-key.alpha_g1, &minus_beta)]);
        let ic = Combination::new(&key.ic, kernel);
        Ok(Self { alpha_beta, minus_beta, minus_gamma, minus_delta, ic, kernel, key })
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
        self.verify_combined(self.combine(public), proof)
    }

    /// `IC_0 + sum s_i IC_i`, for [`verify_combined`](Self::verify_combined).
    pub(crate) fn combine(&self, public: &PublicSignals) -> G1Affine {
        self.ic.of(public.values())
    }

    /// [`verify`](Self::verify), given `IC_0 + sum s_i IC_i`.
    pub(crate) fn verify_combined(&self, combined: G1Affine, proof: &Proof) -> Result<bool, VerifyError> {
        on_curve("pi_a", &proof.a)?;
        let b = lines(self.kernel, "pi_b", &proof.b)?;
        on_curve("pi_c", &proof.c)?;
        let pairs = [(proof.a, &b), (combined, &self.minus_gamma), (proof.c, &self.minus_delta)];
        Ok(pairing::product(self.kernel, &pairs) == self.alpha_beta)
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

/// Every point on the curve of G1 is in the group of order r.
fn on_curve(point: &'static str, g1: &G1Affine) -> Result<(), VerifyError> {
    if g1.is_on_curve() { Ok(()) } else { Err(VerifyError::Point { point, problem: PointProblem::OffCurve }) }
}

/// Checks a point of G2 and prepares its pairings.
fn lines(kernel: Kernel, point: &'static str, g2: &G2Affine) -> Result<Lines, VerifyError> {
    Lines::new(kernel, g2).ok_or_else(|| {
        let problem = if g2.is_on_curve() { PointProblem::OutsideSubgroup } else { PointProblem::OffCurve };
        VerifyError::Point { point, problem }
    })
}
