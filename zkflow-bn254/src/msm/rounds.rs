//! Combinations of all points with random weights, several at a time.

use ark_ec::short_weierstrass::Projective;

use super::bases::{FixedBases, PARTITION_BITS};
use super::buckets::powers;
use super::digits::Shape;
use super::weighted::sum_powers;
use super::weights::{ROUNDS, WEIGHT_BITS, WeightDigits, Weights};
use crate::points::CurveLanes;

/// See [`FixedBases::combinations`].
pub(crate) fn combinations<C: CurveLanes>(
    bases: &FixedBases<C>,
    weights: &Weights,
) -> [Projective<C>; ROUNDS] {
    // A bucket costs two additions, a digit one.
    let (digits, window) = if bases.kept.len() < 1 << WEIGHT_BITS { (2, 7) } else { (1, WEIGHT_BITS) };
    let shape = Shape::new(window, (ROUNDS * digits) as u32, PARTITION_BITS);
    let powers = powers(bases, shape, &WeightDigits { weights, digits, window });
    std::array::from_fn(|round| {
        let places = digits * window as usize;
        sum_powers(&powers[round * places..][..places])
    })
}
