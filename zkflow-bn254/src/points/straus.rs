//! Sums of few products, in Jacobian coordinates: without shared inversions, which many points need to be worth it.

use super::CurveLanes;
use super::digits::{DIGIT_BITS, Digits};
use super::jacobian::Jacobian;
use super::multiples::Multiples;
use crate::Backend;
use crate::field::{Lanes, Mask};

/// Σ of the products of all vectors in each lane, with doublings shared by all (E. Straus, *Addition Chains of Vectors*,
/// 1964), given the multiples of their points. Point i is in lane i mod `WIDTH`; the first one is in vector `first`.
#[inline(always)]
pub(crate) fn sum_of_products<C: CurveLanes, B: Backend>(
    multiples: &Multiples<C>,
    first: usize,
    digits: &[&Digits],
) -> Jacobian<C::Coordinate<B>> {
    let mut sum = Jacobian::infinity();
    // Lanes that already contain a point.
    let mut started: Mask = 0;
    for place in (0..C::PLACES).rev() {
        if started != 0 {
            sum = sum.doublings::<B>(DIGIT_BITS);
        }
        for (vector, digits) in digits.chunks(B::Fq::WIDTH).enumerate() {
            for pair in 0..C::PAIRS {
                let (point, active) = multiples.chosen::<B>(first + vector, pair, digits, place);
                if active != 0 {
                    sum = sum.plus::<B>(point, active & started, active & !started);
                    started |= active;
                }
            }
        }
    }
    sum
}
