//! Comparison of points by pairings and random linear combinations.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::{UniformRand, Zero};
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options, Scalars};
use zkflow_bn254::pairing::{Lines, product};
use zkflow_bn254::points::Curve;

use crate::rng::SecureRng;

/// `e(a1, b2) = e(b1, a2)`: whether the ratios `a1 : b1` and `a2 : b2` are equal; `false` if a point is
/// infinity, or not in its group.
pub(crate) fn same_ratio(a1: G1Affine, b1: G1Affine, a2: G2Affine, b2: G2Affine) -> bool {
    same_ratio_with(Kernel::detect(), a1, b1, a2, b2)
}

/// [`same_ratio`] with a kernel for the pairings.
pub(crate) fn same_ratio_with(
    kernel: Kernel,
    a1: G1Affine,
    b1: G1Affine,
    a2: G2Affine,
    b2: G2Affine,
) -> bool {
    let usable = |point: &G1Affine| !point.is_zero() && point.is_on_curve();
    if ![a1, b1].iter().all(usable) || [a2, b2].iter().any(G2Affine::is_zero) {
        return false;
    }
    Lines::of_all(kernel, &[b2, a2])
        .is_some_and(|lines| product(kernel, &[(a1, &lines[0]), (-b1, &lines[1])]).is_zero())
}

/// `count` random factors of 128 bits.
pub(crate) fn random_factors(count: usize, rng: &mut dyn SecureRng) -> Scalars {
    let factors: Vec<Fr> =
        (0..count).map(|_| Fr::from(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()))).collect();
    scalars(&factors)
}

/// A random element; its powers are the factors of a combination. Wrong points cancel with a probability of
/// at most their number divided by the modulus.
pub(super) fn random_challenge(rng: &mut dyn SecureRng) -> Fr {
    Fr::rand(rng)
}

/// Converts factors for [`combine`].
pub(super) fn scalars(factors: &[Fr]) -> Scalars {
    Scalars::new(Kernel::detect(), factors)
}

/// The linear combination of `points` with `factors`.
pub(super) fn combine<C: Curve>(points: &[Affine<C>], factors: &Scalars) -> Projective<C> {
    let options = Options { kernel: Kernel::detect(), table_bytes: 0 };
    FixedBases::<C>::prepare(points, options).msm(factors)
}
