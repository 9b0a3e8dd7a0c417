//! Fourier transforms over the group: Lagrange forms of commitments.
//!
//! The algorithm is that of [Cooley and Tukey] with decimation in time. The points are in bit-reversed order.
//! One layer per bit replaces pairs (a, b) at distance `half` by (a + wb, a − wb), where w is a power of a
//! root of unity of order `2 half`. A product costs about sixty sums. The power 0 needs no product, which
//! saves many products in the first layers. The last layer also multiplies by the factor 1/n of the inverse
//! transform; for b it is part of w.
//!
//! The first layers stay within blocks. The later layers process two ranges of points at a time, so that not
//! all points have to be in memory.
//!
//! [Cooley and Tukey]: https://doi.org/10.1090/S0025-5718-1965-0178586-1

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use super::products::{BLOCK, Digits, Multiply, chord, load};
use super::{Curve, CurveLanes};
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, invert_all};
use crate::{Backend, Kernel, Task};

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
    transform.within(&mut values, || {});
    values
}

/// A transform that is run layer by layer.
#[derive(Debug, Clone, Copy)]
pub struct Transform {
    order: u64,
    inverse: bool,
}

impl Transform {
    /// The transform of [`lagrange`], for `order` points, a power of two up to 2^28.
    pub fn to_lagrange(order: u64) -> Self {
        Self { order, inverse: true }
    }

    /// The transform of [`from_lagrange`], for `order` points, a power of two up to 2^28.
    pub fn from_lagrange(order: u64) -> Self {
        Self { order, inverse: false }
    }

    /// Number of points.
    pub fn order(&self) -> u64 {
        self.order
    }

    /// Index of the point that must be at `place` before the first layer: the bits of `place` in reverse.
    pub fn source(&self, place: u64) -> u64 {
        place.reverse_bits().checked_shr(u64::BITS - self.order.ilog2()).unwrap_or(0)
    }

    /// Runs the layers within a block of points on the threads of the current pool. The number of points in
    /// the block must be a power of two. `done` is called after each layer.
    pub fn within<C: Curve>(&self, block: &mut [Affine<C>], mut done: impl FnMut()) {
        let mut half = 1;
        while half < block.len() {
            let layer = self.layer(half as u64);
            if half < BLOCK {
                // Several groups of pairs per call.
                block.par_chunks_mut(2 * BLOCK).for_each(|points| {
                    let place = |i: usize| i / half * 2 * half + i % half;
                    let pairs = 0..points.len() / 2;
                    let mut low: Vec<_> = pairs.clone().map(|i| points[place(i)]).collect();
                    let mut high: Vec<_> = pairs.clone().map(|i| points[place(i) + half]).collect();
                    C::butterflies(Kernel::detect(), &layer, 0, &mut low, &mut high);
                    for i in pairs {
                        (points[place(i)], points[place(i) + half]) = (low[i], high[i]);
                    }
                });
            } else {
                block.par_chunks_mut(2 * half).for_each(|points| {
                    let (low, high) = points.split_at_mut(half);
                    across_layer(&layer, 0, low, high);
                });
            }
            half *= 2;
            done();
        }
    }

    /// Runs the layer of pairs at distance `half` on the pairs of `low` and `high`. The first pair has the
    /// index `first` in its group of `half` pairs.
    pub fn across<C: Curve>(&self, half: u64, first: u64, low: &mut [Affine<C>], high: &mut [Affine<C>]) {
        across_layer(&self.layer(half), first, low, high);
    }

    fn layer(&self, half: u64) -> Layer {
        let root = Fr::get_root_of_unity(2 * half).expect("a power of two up to 2^28 points");
        let last = 2 * half == self.order;
        if !self.inverse {
            return Layer { half, root, scale: None };
        }
        let inverse = |value: Fr| value.inverse().expect("roots of unity and powers of two are nonzero");
        Layer { half, root: inverse(root), scale: last.then(|| inverse(Fr::from(self.order))) }
    }
}

fn across_layer<C: Curve>(layer: &Layer, first: u64, low: &mut [Affine<C>], high: &mut [Affine<C>]) {
    low.par_chunks_mut(BLOCK).zip(high.par_chunks_mut(BLOCK)).enumerate().for_each(
        |(number, (low, high))| {
            C::butterflies(Kernel::detect(), layer, first + (number * BLOCK) as u64, low, high);
        },
    );
}

/// Factors of one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    /// Distance between the points of a pair; pair i of a group of `half` uses power i of the root.
    half: u64,
    root: Fr,
    /// Additional factor of both points of each pair; `None`: 1.
    scale: Option<Fr>,
}

/// Replaces at most [`BLOCK`] pairs of points (a, b) by s(a + wb) and s(a − wb).
pub(crate) fn butterflies<C: CurveLanes>(
    kernel: Kernel,
    layer: &Layer,
    first: u64,
    low: &mut [Affine<C>],
    high: &mut [Affine<C>],
) {
    let splitter = C::splitter();
    if let Some(scale) = &layer.scale {
        let digits = Digits::of::<C>(&splitter, scale);
        let each = vec![&digits; low.len()];
        kernel.run(Multiply { points: low, digits: &each });
    }
    let (mut turned, mut places, mut digits) = (Vec::new(), Vec::new(), Vec::new());
    let start = first % layer.half;
    let mut power = layer.root.pow([start]);
    let mut index = start;
    for i in 0..high.len() {
        if index == layer.half {
            (index, power) = (0, Fr::ONE);
        }
        if index != 0 || layer.scale.is_some() {
            turned.push(high[i]);
            places.push(i);
            digits.push(Digits::of::<C>(&splitter, &layer.scale.map_or(power, |scale| scale * power)));
        }
        index += 1;
        power *= layer.root;
    }
    if !turned.is_empty() {
        kernel.run(Multiply { points: &mut turned, digits: &digits.iter().collect::<Vec<_>>() });
        places.into_iter().zip(turned).for_each(|(i, point)| high[i] = point);
    }
    kernel.run(Butterflies { low, high });
}

/// Replaces at most [`BLOCK`] pairs of points (a, b) by a + b and a − b.
struct Butterflies<'a, C: CurveLanes> {
    low: &'a mut [Affine<C>],
    high: &'a mut [Affine<C>],
}

impl<C: CurveLanes> Task for Butterflies<'_, C> {
    type Output = ();

    /// The slopes of sum and difference have the same denominator.
    #[inline(always)]
    fn run<B: Backend>(self) {
        let Self { low, high } = self;
        let width = B::Fq::WIDTH;
        let mut norms = Vec::with_capacity(BLOCK);
        for (low, high) in low.chunks(width).zip(high.chunks(width)) {
            let ((x1, _), (x2, _)) = (load::<C, B>(low), load::<C, B>(high));
            norms.push(x2.sub(x1).norm());
        }
        let mut inverses = norms.clone();
        invert_all(&mut inverses);
        for number in 0..norms.len() {
            let first = number * width;
            let end = low.len().min(first + width);
            let (low, high) = (&mut low[first..end], &mut high[first..end]);
            let ((x1, y1), (x2, y2)) = (load::<C, B>(low), load::<C, B>(high));
            let inverse = x2.sub(x1).inverse_by_norm(inverses[number]);
            let (sx, sy) = chord(x1, y1, x2, y2.sub(y1).mul(inverse));
            let (dx, dy) = chord(x1, y1, x2, y2.neg().sub(y1).mul(inverse));
            let (mut sums, mut differences) =
                ([Affine::identity(); MAX_WIDTH], [Affine::identity(); MAX_WIDTH]);
            C::store::<B>(sx, sy, &mut sums);
            C::store::<B>(dx, dy, &mut differences);
            let equal = norms[number].zero_mask();
            for lane in 0..low.len() {
                let (p, q) = (low[lane], high[lane]);
                let exact = equal >> lane & 1 == 1 || p.is_zero() || q.is_zero();
                (low[lane], high[lane]) = if exact {
                    ((p + q).into_affine(), (p - q).into_affine())
                } else {
                    (sums[lane], differences[lane])
                };
            }
        }
    }
}
