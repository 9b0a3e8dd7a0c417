//! The sum over the public signals, `IC_0 + sum s_i IC_i`.

use std::fmt;

#[cfg(feature = "prove")]
use ark_bn254::g1;
use ark_bn254::{Fr, G1Affine, G1Projective};
#[cfg(not(feature = "prove"))]
use ark_ec::VariableBaseMSM;
use zkflow_bn254::Kernel;
#[cfg(feature = "prove")]
use zkflow_bn254::msm::{FixedBases, Options, Scalars};

/// The points IC of a key, for sums with many scalars.
#[derive(Clone)]
pub(super) struct Combination {
    #[cfg(feature = "prove")]
    points: FixedBases<g1::Config>,
    #[cfg(not(feature = "prove"))]
    points: Vec<G1Affine>,
}

#[cfg(feature = "prove")]
impl Combination {
    /// The points on the curve.
    pub(super) fn new(points: &[G1Affine], kernel: Kernel) -> Self {
        Self { points: FixedBases::prepare(points, Options { kernel, table_bytes: 0 }) }
    }

    /// `f_0 IC_0 + sum f_i IC_i`, with a factor for each point.
    pub(super) fn sum(&self, factors: &[Fr]) -> G1Projective {
        self.points.msm(&Scalars::new(self.points.kernel(), factors))
    }
}

/// Sums of arkworks, which take several times as long, without the kernels of the prover.
#[cfg(not(feature = "prove"))]
impl Combination {
    pub(super) fn new(points: &[G1Affine], _: Kernel) -> Self {
        Self { points: points.to_vec() }
    }

    pub(super) fn sum(&self, factors: &[Fr]) -> G1Projective {
        G1Projective::msm_unchecked(&self.points, factors)
    }
}

impl fmt::Debug for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Combination").finish_non_exhaustive()
    }
}

impl Combination {
    /// `IC_0 + sum s_i IC_i`.
    pub(super) fn of(&self, signals: &[Fr]) -> G1Affine {
        let factors: Vec<Fr> = std::iter::once(1u64.into()).chain(signals.iter().copied()).collect();
        self.sum(&factors).into()
    }
}
