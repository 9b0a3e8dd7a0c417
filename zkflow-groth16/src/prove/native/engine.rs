//! How proofs are computed: by which instructions and threads, and whether the work may depend on the witness.

use std::num::NonZeroU32;
use std::sync::Arc;

use ark_bn254::{Fr, G1Projective, G2Projective, g1, g2};
use ark_ec::short_weierstrass::Projective;
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, HiddenScalars, Scalars, msm_of_both};
use zkflow_bn254::points::Curve;
use zkflow_bn254::quotient::Quotient;

use super::pools::Pools;
use crate::rng::os_rng;

/// Shared by a prover and its keys.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) kernel: Kernel,
    /// See [`NativeOptions`](super::NativeOptions).
    pub(super) constant_work: bool,
    pub(super) pools: Arc<Pools>,
    /// When keys get multiples that they are loaded without.
    pub(super) later: Option<Later>,
}

/// When keys get multiples that they are loaded without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Later {
    /// Memory in bytes for the points of a key and their multiples.
    pub(super) bytes: usize,
    /// Number of proofs with the key.
    pub(super) after: NonZeroU32,
}

impl Engine {
    /// Converts secret scalars, once for all sums with them.
    pub(super) fn secrets(&self, values: &[Fr]) -> Secrets {
        match self.constant_work {
            true => Secrets::Hidden(HiddenScalars::new(self.kernel, values, &mut os_rng())),
            false => Secrets::Sorted(Scalars::new(self.kernel, values)),
        }
    }

    /// The scalars of the points H.
    pub(super) fn quotient(&self, quotient: &Quotient, witness: &[Fr]) -> Secrets {
        match self.constant_work {
            true => self.secrets(&quotient.values_constant_work(witness)),
            false => self.secrets(&quotient.values(witness)),
        }
    }
}

/// Secret scalars.
pub(super) enum Secrets {
    /// For sums that skip zeros and sort by scalars.
    Sorted(Scalars),
    /// For sums whose work does not depend on the scalars.
    Hidden(HiddenScalars),
}

impl Secrets {
    /// `sum s_i P_i` and `sum s_i Q_i`, on the threads of the current pool.
    pub(super) fn sums(
        &self,
        in_g1: &FixedBases<g1::Config>,
        in_g2: &FixedBases<g2::Config>,
    ) -> (G1Projective, G2Projective) {
        match self {
            Self::Sorted(scalars) => msm_of_both(in_g1, in_g2, scalars),
            Self::Hidden(_) => rayon::join(|| self.sum(in_g1), || self.sum(in_g2)),
        }
    }

    /// `sum s_i P_i`, on the threads of the current pool.
    pub(super) fn sum<C: Curve>(&self, points: &FixedBases<C>) -> Projective<C> {
        match self {
            Self::Sorted(scalars) => points.msm(scalars),
            Self::Hidden(scalars) => points.msm_constant_work(scalars),
        }
    }
}
