//! Points times scalars.
//!
//! A product uses the endomorphisms of its curve: the cube root of unity ([GLV]), and in G2 also the Frobenius
//! endomorphism ([GLS]). The scalar is split into two parts of 127 bits, in G2 into four of 64. A pair of parts is an
//! Eisenstein integer and has digits of three bits. Each digit selects a multiple of an image of the point. Coordinates of
//! many points are affine, and the points of a block share their inversions. Few points have Jacobian coordinates
//! (`straus`).
//!
//! 1. The chosen multiples of each place are added. (`sums`)
//! 2. The sums of the places make the product by Horner's rule: three doublings and an addition for each place.
//!
//! [GLV]: https://www.iacr.org/archive/crypto2001/21390189.pdf
//! [GLS]: https://eprint.iacr.org/2008/194

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use rayon::prelude::*;
use zeroize::Zeroize;

use super::digits::Digits;
use super::jacobian::Jacobian;
use super::multiples::Multiples;
use super::straus::sum_of_products;
use super::sums::{Sums, Term, load};
use super::{Curve, CurveLanes};
use crate::field::{Lanes, MAX_WIDTH};
use crate::{Backend, Kernel, Task};

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
    let size = block_of(points.len(), 1);
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

/// Approximate maximum number of sums that share inversions. Each keeps a point for every place until Horner's rule, and more do
/// not fit in the caches.
const MOST: usize = 1 << 10;
/// Minimum number of columns per block, if there are as many.
const FEWEST: usize = 1 << 7;

/// Number of columns per block of sums: enough to share inversions, and enough blocks for all threads of the current pool.
pub(super) fn block_of(columns: usize, sums_per_column: usize) -> usize {
    let most = (MOST / sums_per_column).next_power_of_two();
    (columns / (2 * rayon::current_num_threads())).next_power_of_two().clamp(FEWEST, most)
}

/// Number of vectors up to which shared inversions cost more than Jacobian coordinates.
const FEW: usize = 32;

/// The product of each point and the scalar that has its digits.
pub(super) fn products_of<C: CurveLanes>(
    kernel: Kernel,
    points: &[Affine<C>],
    digits: &[&Digits],
) -> Vec<Affine<C>> {
    kernel.run(Products { points, digits })
}

struct Products<'a, C: CurveLanes> {
    points: &'a [Affine<C>],
    digits: &'a [&'a Digits],
}

impl<C: CurveLanes> Task for Products<'_, C> {
    type Output = Vec<Affine<C>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let Self { points, digits } = self;
        let width = B::Fq::WIDTH;
        if points.len() > FEW * width {
            let terms = &[Term { list: 0, sum: 0, digits }];
            return B::run(Sums { lists: &[points], terms, sums: 1 }).swap_remove(0);
        }
        let mut vectors = Vec::with_capacity(points.len().div_ceil(width));
        for points in points.chunks(width) {
            vectors.push(load::<C, B>(points));
        }
        let multiples = Multiples::of::<B>(&vectors);
        let mut sums = Vec::with_capacity(vectors.len());
        for (vector, digits) in digits.chunks(width).enumerate() {
            sums.push(sum_of_products::<C, B>(&multiples, vector, digits));
        }
        let mut affine = Vec::with_capacity(sums.len());
        Jacobian::to_affine(&sums, &mut affine);
        let mut products = vec![Affine::identity(); points.len()];
        for ((x, y), products) in affine.iter().zip(products.chunks_mut(width)) {
            let mut of_lanes = [Affine::identity(); MAX_WIDTH];
            C::store::<B>(*x, *y, &mut of_lanes);
            products.copy_from_slice(&of_lanes[..products.len()]);
        }
        for (product, (point, digits)) in products.iter_mut().zip(points.iter().zip(digits)) {
            // Infinity is either the product or the result of an addition formula that failed.
            if point.is_zero() || product.is_zero() {
                *product = (*point * digits.scalar()).into_affine();
            }
        }
        products
    }
}
