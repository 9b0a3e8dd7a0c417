//! Combinations of all points with random weights, several at a time.

use ark_bn254::{G1Projective, G2Projective, g1, g2};
use ark_ec::short_weierstrass::{Affine, Projective};

use super::bases::{FixedBases, PARTITION_BITS};
use super::buckets::{alike, powers, powers_of_both};
use super::digits::Shape;
use super::weighted::sum_powers;
use super::weights::{Plan, Weights};
use crate::points::CurveLanes;

/// See [`FixedBases::combinations`].
pub(crate) fn combinations<C: CurveLanes>(bases: &FixedBases<C>, weights: &Weights) -> Vec<Projective<C>> {
    sums(weights.plan, &powers(bases, shape(weights.plan), weights))
}

/// [`FixedBases::combinations`] of points of G1 and of G2 with the same weights. The digits of the weights are sorted
/// once, if the same points are at infinity.
///
/// # Panics
/// Panics if the number of weights differs from a number of points.
pub fn combinations_of_both(
    first: &FixedBases<g1::Config>,
    second: &FixedBases<g2::Config>,
    weights: &Weights,
) -> (Vec<G1Projective>, Vec<G2Projective>) {
    assert_eq!([first.len(), second.len()], [weights.len(); 2], "weights for each point");
    if !alike(first, second) {
        return rayon::join(|| combinations(first, weights), || combinations(second, weights));
    }
    let (first, second) = powers_of_both(first, second, shape(weights.plan), weights);
    (sums(weights.plan, &first), sums(weights.plan, &second))
}

/// Each digit of a weight has a set of buckets.
fn shape(plan: Plan) -> Shape {
    Shape::new(plan.window(), (plan.rounds * plan.digits) as u32, PARTITION_BITS)
}

/// The sum of each round.
fn sums<C: CurveLanes>(plan: Plan, powers: &[Affine<C>]) -> Vec<Projective<C>> {
    powers.chunks_exact(plan.digits * plan.window() as usize).map(sum_powers).collect()
}
