//! Points times scalars.
//!
//! A product uses the endomorphisms of its curve: the cube root of unity ([GLV]), and in G2 also the Frobenius
//! endomorphism ([GLS]). The scalar is split into two parts of 127 bits, in G2 into four of 65, in odd digits of five
//! bits. Each digit selects a multiple of an image of the point. All coordinates are affine, and the points of a block share
//! their inversions.
//!
//! 1. The chosen multiples of each place are added. (`sums`)
//! 2. The sums of the places make the product by Horner's rule: five doublings and an addition for each place.
//!
//! [GLV]: https://www.iacr.org/archive/crypto2001/21390189.pdf
//! [GLS]: https://eprint.iacr.org/2008/194

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::Field;
use rayon::prelude::*;
use zeroize::Zeroize;

use super::digits::Digits;
use super::sums::products_of;
use super::{Curve, CurveLanes};
use crate::Kernel;

/// Multiplies every point by one scalar.
pub fn scale<C: Curve>(points: &[Affine<C>], scalar: &Fr) -> Vec<Affine<C>> {
    C::multiply(Kernel::detect(), points, Factors::Equal(scalar))
}

/// Multiplies point `i` by `first * step^i`.
///
/// ```
/// use ark_bn254::{Fr, G1Affine};
/// use ark_ec::AffineRepr;
/// use zkflow_bn254::points::scale_by_powers;
///
/// let g = G1Affine::generator();
/// let scaled = scale_by_powers(&[g; 3], &Fr::from(5u64), &Fr::from(2u64));
/// assert_eq!(scaled, [5u64, 10, 20].map(|n| G1Affine::from(g * Fr::from(n))));
/// ```
pub fn scale_by_powers<C: Curve>(points: &[Affine<C>], first: &Fr, step: &Fr) -> Vec<Affine<C>> {
    C::multiply(Kernel::detect(), points, Factors::Powers { first, step })
}

/// Multiplies point `i` by `scalars[i]`.
///
/// # Panics
/// Panics if there are fewer scalars than points.
pub fn products<C: Curve>(kernel: Kernel, points: &[Affine<C>], scalars: &[Fr]) -> Vec<Affine<C>> {
    C::multiply(kernel, points, Factors::Each(scalars))
}

/// Factors of the points.
#[derive(Clone, Copy)]
pub(crate) enum Factors<'a> {
    /// One scalar for all points.
    Equal(&'a Fr),
    /// `first * step^i` for point i.
    Powers { first: &'a Fr, step: &'a Fr },
    /// Scalar i for point i.
    Each(&'a [Fr]),
}

pub(crate) fn multiply_points<C: CurveLanes>(
    kernel: Kernel,
    points: &[Affine<C>],
    factors: Factors<'_>,
) -> Vec<Affine<C>> {
    let splitter = C::splitter();
    let mut products = points.to_vec();
    let size = block_of(points.len());
    products.par_chunks_mut(size).enumerate().for_each(|(block, points)| {
        let start = block * size;
        let digits: Vec<Digits> = match factors {
            Factors::Equal(scalar) => vec![Digits::of::<C>(&splitter, scalar)],
            Factors::Each(scalars) => {
                let scalars = &scalars[start..start + points.len()];
                scalars.iter().map(|scalar| Digits::of::<C>(&splitter, scalar)).collect()
            }
            Factors::Powers { first, step } => {
                let mut power = *first * step.pow([start as u64]);
                let digits = (0..points.len()).map(|_| {
                    let digits = Digits::of::<C>(&splitter, &power);
                    power *= step;
                    digits
                });
                let digits = digits.collect();
                power.zeroize();
                digits
            }
        };
        let each = digits.iter().cycle().take(points.len()).collect::<Vec<_>>();
        let products = products_of(kernel, points, &each);
        points.copy_from_slice(&products);
    });
    products
}

/// Maximum number of points that share inversions. Larger blocks do not stay in the second cache.
const MOST: usize = 1 << 10;
/// Minimum number of points that share inversions, if there are as many.
const FEWEST: usize = 1 << 7;

/// Number of points per block: enough to share inversions, and enough blocks for all threads of the current pool.
pub(super) fn block_of(points: usize) -> usize {
    (points / (2 * rayon::current_num_threads())).next_power_of_two().clamp(FEWEST, MOST)
}
