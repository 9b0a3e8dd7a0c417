//! Fourier transforms over the group: Lagrange forms of commitments.
//!
//! The algorithm is that of [Cooley and Tukey] with decimation in time. The points are in bit-reversed order.
//! One layer per bit replaces pairs (a, b) at distance `half` by (a + wb, a − wb), where w is a power of a
//! root of unity of order `2 half`. Two layers together take three sums of products in place of four products. (`butterflies`)
//!
//! The inverse transform also multiplies by 1/n. This takes few products of its own: the point at place 0 is multiplied before the
//! first layer, and 1/n is a part of the factors w of the first group of each layer. The points a of that group are multiplied
//! already: they are the first group of the layer before. The price is that the first group does not share its factors with others.
//!
//! The first layers stay within blocks. The later layers process two ranges of points at a time, so that not
//! all points have to be in memory.
//!
//! [Cooley and Tukey]: https://doi.org/10.1090/S0025-5718-1965-0178586-1

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use super::Curve;
use super::butterflies::{Columns, Layer};
use super::products::block_of;
use crate::Kernel;
use crate::field::MAX_WIDTH;

/// Converts commitments to `1, x, x^2, ..` to commitments to the Lagrange polynomials of the roots of unity.
/// This is an inverse Fourier transform over the group. The number of points must be a power of two.
pub fn lagrange<C: Curve>(points: &[Affine<C>]) -> Vec<Affine<C>> {
    whole(Transform::to_lagrange(points.len() as u64), points)
}

/// The inverse of [`lagrange`]: commitments to powers from their Lagrange form.
///
/// ```
/// use ark_bn254::{Fr, G1Affine};
/// use ark_ec::AffineRepr;
/// use zkflow_bn254::points::{from_lagrange, lagrange, scale_by_powers};
///
/// let tau = Fr::from(123u64);
/// let powers = scale_by_powers(&[G1Affine::generator(); 8], &Fr::from(1u64), &tau);
/// assert_eq!(from_lagrange(&lagrange(&powers)), powers);
/// ```
pub fn from_lagrange<C: Curve>(points: &[Affine<C>]) -> Vec<Affine<C>> {
    whole(Transform::from_lagrange(points.len() as u64), points)
}

fn whole<C: Curve>(transform: Transform, points: &[Affine<C>]) -> Vec<Affine<C>> {
    let mut values: Vec<_> = (0..points.len()).map(|i| points[transform.source(i as u64) as usize]).collect();
    transform.within(0, &mut values, || {});
    values
}

/// A transform that is run layer by layer.
#[derive(Debug, Clone, Copy)]
pub struct Transform {
    order: u64,
    inverse: bool,
    kernel: Kernel,
}

impl Transform {
    /// The transform of [`lagrange`], for `order` points, a power of two up to 2^28.
    pub fn to_lagrange(order: u64) -> Self {
        Self { order, inverse: true, kernel: Kernel::detect() }
    }

    /// The transform of [`from_lagrange`], for `order` points, a power of two up to 2^28.
    pub fn from_lagrange(order: u64) -> Self {
        Self { order, inverse: false, kernel: Kernel::detect() }
    }

    /// The same transform with another kernel than the fastest one. The processor must support it, or the layers panic.
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// Number of points.
    pub fn order(&self) -> u64 {
        self.order
    }

    /// Index of the point that must be at `place` before the first layer: the bits of `place` in reverse.
    pub fn source(&self, place: u64) -> u64 {
        place.reverse_bits().checked_shr(u64::BITS - self.order.ilog2()).unwrap_or(0)
    }

    /// Runs the layers within a block of points on the threads of the current pool. `start` is the place of its first point. The
    /// number of points must be a power of two. `done` is called after each layer.
    ///
    /// # Panics
    /// Panics if the block is empty, or `start` is not a multiple of its length.
    pub fn within<C: Curve>(&self, start: u64, block: &mut [Affine<C>], mut done: impl FnMut()) {
        assert!(
            start.is_multiple_of(block.len() as u64) && !block.is_empty(),
            "a block that begins at a multiple of its length"
        );
        let scale = self.scale(start == 0);
        if let Some(scale) = scale {
            block[0] = (block[0] * scale).into_affine();
        }
        let mut half = 1;
        while half < block.len() {
            let layers = (block.len() / half).ilog2();
            // The first layer has at most one product.
            if half > 1 && layers.is_multiple_of(2) {
                let layers = [self.layer(half as u64), self.layer(2 * half as u64)];
                in_columns(block, half, scale, |columns, points| {
                    C::two_layers(self.kernel, &layers, columns, points)
                });
                half *= 2;
                done();
            } else {
                let layer = self.layer(half as u64);
                in_columns(block, half, scale, |columns, points| {
                    C::one_layer(self.kernel, &layer, columns, points)
                });
            }
            half *= 2;
            done();
        }
    }

    /// Runs the layer of pairs at distance `half` on the pairs of `low` and `high`, all from one group of `half` pairs. `start`
    /// is the place of the first point of `low`.
    ///
    /// # Panics
    /// Panics if the pairs are not in one group.
    pub fn across<C: Curve>(&self, half: u64, start: u64, low: &mut [Affine<C>], high: &mut [Affine<C>]) {
        let layer = self.layer(half);
        let (group, first) = (start / (2 * half), start % (2 * half));
        assert!(first + low.len() as u64 <= half, "the pairs are in one group");
        let scale = self.scale(group == 0);
        in_pieces([low, high], |offset, points| {
            let columns = Columns { first: first + offset, repeats: 1, scale };
            C::one_layer(self.kernel, &layer, columns, points);
        });
    }

    fn layer(&self, half: u64) -> Layer {
        let root = Fr::get_root_of_unity(2 * half).expect("a power of two up to 2^28 points");
        Layer { half, root: if self.inverse { inverse(root) } else { root } }
    }

    /// The factor 1/n of the inverse transform, for the first block or the first group of a layer.
    fn scale(&self, is_first: bool) -> Option<Fr> {
        (self.inverse && is_first).then(|| inverse(Fr::from(self.order)))
    }
}

/// The inverse of a root of unity or of a power of two.
fn inverse(value: Fr) -> Fr {
    value.inverse().expect("roots of unity and powers of two are nonzero")
}

/// Calls `each` for all columns of a block, many at a time on the threads of the current pool. Column i of a group of `WAYS` times
/// `half` points is its points i, i + half, .. Columns with the same index in several groups are side by side. `scale` is a
/// part of the factors of the block's first group.
fn in_columns<C: Curve, const WAYS: usize>(
    block: &mut [Affine<C>],
    half: usize,
    scale: Option<Fr>,
    each: impl Fn(Columns, [&mut [Affine<C>]; WAYS]) + Sync,
) {
    let groups = block.len() / WAYS / half;
    let size = block_of(block.len() / WAYS, WAYS - 1);
    // Enough groups for all lanes of a vector, which then have the same factors.
    let together = groups.min(MAX_WIDTH.max(size / half));
    let count = half.min(1.max(size / together));
    block.par_chunks_mut(WAYS * half * together).enumerate().for_each(|(chunk, groups)| {
        let mut slices: Vec<_> = groups.chunks_exact_mut(half).map(|way| way.chunks_mut(count)).collect();
        let scale = scale.filter(|_| chunk == 0);
        if scale.is_some() {
            // The group with the scale becomes the last one.
            slices.rotate_left(WAYS);
        }
        let pieces: Vec<Vec<_>> = (0..half / count)
            .map(|_| slices.iter_mut().map(|slices| slices.next().expect("slices of equal length")).collect())
            .collect();
        pieces.into_par_iter().enumerate().for_each(|(number, mut slices)| {
            let mut ways = [const { Vec::new() }; WAYS];
            for (way, points) in ways.iter_mut().enumerate() {
                points.reserve(count * together);
                for index in 0..count {
                    points.extend(slices.iter().skip(way).step_by(WAYS).map(|slice| slice[index]));
                }
            }
            let columns = Columns { first: (number * count) as u64, repeats: together, scale };
            each(columns, ways.each_mut().map(Vec::as_mut_slice));
            for (way, points) in ways.iter().enumerate() {
                for (index, points) in points.chunks_exact(together).enumerate() {
                    for (slice, point) in slices.iter_mut().skip(way).step_by(WAYS).zip(points) {
                        slice[index] = *point;
                    }
                }
            }
        });
    });
}

/// Calls `each` for pieces of slices of equal length on the threads of the current pool, with the index of the first point.
fn in_pieces<C: Curve, const WAYS: usize>(
    ways: [&mut [Affine<C>]; WAYS],
    each: impl Fn(u64, [&mut [Affine<C>]; WAYS]) + Sync,
) {
    let columns = ways[0].len();
    let size = block_of(columns, WAYS - 1);
    let mut pieces = ways.map(|way| way.chunks_mut(size));
    let pieces: Vec<_> = (0..columns.div_ceil(size))
        .map(|_| pieces.each_mut().map(|pieces| pieces.next().expect("slices of equal length")))
        .collect();
    pieces.into_par_iter().enumerate().for_each(|(number, piece)| each((number * size) as u64, piece));
}
