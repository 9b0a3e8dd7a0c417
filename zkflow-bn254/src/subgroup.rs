//! Checks that points of G2 are multiples of its generator.
//!
//! The twist that contains G2 has r·h points, with h = 2q − r, and h has small factors. The proof's B is a
//! sum weighted by the witness. A point outside the subgroup of order r would therefore reveal the witness
//! modulo such a factor. The curve of G1 has r points, so it is enough to check that a point is on it.
//!
//! Checking a point by its endomorphism, ψ(P) = \[6x²\]P ([El Housni, Guillevic, Piellard 2022], section
//! 4.3), takes 127 doublings: seconds for a whole key. Random combinations of all points are checked
//! instead.
//!
//! Suppose that a point is outside. Its component modulo the smallest factor of h, 10069, or modulo a larger
//! one is not zero. A combination with 2^b equally likely consecutive weights, b at most 13, is then in the subgroup with
//! a probability of at most 2^-b. For all combinations of [`Weights`] it is at most 2^-65. The weights are drawn here,
//! after the key was made, so a key cannot be crafted to pass.
//!
//! [El Housni, Guillevic, Piellard 2022]: https://eprint.iacr.org/2022/352

use ark_bn254::{G2Affine, g2};
use ark_ec::CurveGroup;
use ark_ec::short_weierstrass::Projective;
use rand::{CryptoRng, RngCore};

use crate::msm::{FixedBases, Weights};
use crate::{Kernel, pairing};

/// Whether all points are in the subgroup of order r. Accepts points outside with a probability of at most
/// 2^-65. The weights come from `rng`, which the maker of the points must not be able to predict.
///
/// ```
/// use ark_bn254::G2Affine;
/// use ark_ec::AffineRepr;
/// use zkflow_bn254::Kernel;
/// use zkflow_bn254::msm::{FixedBases, Options};
/// use zkflow_bn254::subgroup::all_in_subgroup;
///
/// let kernel = Kernel::detect();
/// let points = [G2Affine::generator(); 100];
/// let bases = FixedBases::prepare(&points, Options { kernel, table_bytes: 0 });
/// assert!(all_in_subgroup(&bases, &mut rand::rngs::OsRng));
/// ```
pub fn all_in_subgroup<R>(points: &FixedBases<g2::Config>, rng: &mut R) -> bool
where
    R: RngCore + CryptoRng + ?Sized,
{
    let combinations = points.combinations(&Weights::random(points.len(), points.present().len(), rng));
    are_in_subgroup(points.kernel(), &Projective::normalize_batch(&combinations))
}

/// Whether each of a few points is on the curve and in the subgroup of order r; never wrong. With the
/// [combinations](FixedBases::combinations) of many points, this is the check of [`all_in_subgroup`].
pub fn are_in_subgroup(kernel: Kernel, points: &[G2Affine]) -> bool {
    pairing::are_in_group(kernel, points)
}
