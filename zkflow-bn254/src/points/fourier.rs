//! Fourier transforms over the group: Lagrange forms of commitments.

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use super::products::{BLOCK, Digits, Multiply, chord, load};
use super::{Curve, CurveLanes, scale};
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, invert_all};
use crate::{Backend, Kernel, Task};

/// The Lagrange form of commitments to `1, x, x^2, ..`, as many as a power of two: commitments to the
/// Lagrange polynomials of the roots of unity of that order. It is an inverse Fourier transform over the
/// group.
pub fn lagrange<C: Curve>(points: &[Affine<C>]) -> Vec<Affine<C>> {
    let n = points.len() as u64;
    let inverse_root = root_of_unity(n).inverse().expect("a root of unity is not zero");
    let scale_down = Fr::from(n).inverse().expect("a power of two is not zero");
    scale(&C::transform(Kernel::detect(), points, &inverse_root), &scale_down)
}

/// The inverse of [`lagrange`]: commitments to powers from their Lagrange form.
pub fn from_lagrange<C: Curve>(points: &[Affine<C>]) -> Vec<Affine<C>> {
    C::transform(Kernel::detect(), points, &root_of_unity(points.len() as u64))
}

fn root_of_unity(order: u64) -> Fr {
    Fr::get_root_of_unity(order).expect("a power of two of at most 2^28 points")
}

/// The sums of `points[j] * root^(ij)` over `j`, for each `i` ([Cooley and Tukey], decimation in time).
///
/// [Cooley and Tukey]: https://doi.org/10.1090/S0025-5718-1965-0178586-1
pub(crate) fn transform_points<C: CurveLanes>(
    kernel: Kernel,
    points: &[Affine<C>],
    root: &Fr,
) -> Vec<Affine<C>> {
    let n = points.len();
    let order = n.trailing_zeros();
    let reversed = |i: usize| i.reverse_bits().checked_shr(usize::BITS - order).unwrap_or(0);
    let mut values: Vec<Affine<C>> = (0..n).map(|i| points[reversed(i)]).collect();

    let mut half = 1;
    while half < n {
        // Every block of this layer multiplies by the same roots of unity.
        let step = root.pow([(n / (2 * half)) as u64]);
        let twiddles: Vec<Digits> =
            (0..half).into_par_iter().map(|j| Digits::of::<C>(&step.pow([j as u64]))).collect();
        // Pair number i stands at this place and `half` behind it.
        let place = |i: usize| i / half * 2 * half + i % half;
        let starts: Vec<usize> = (0..n / 2).step_by(BLOCK).collect();
        let turned: Vec<_> = starts
            .par_iter()
            .map(|&start| {
                let pairs = start..(n / 2).min(start + BLOCK);
                let mut low: Vec<_> = pairs.clone().map(|i| values[place(i)]).collect();
                let mut high: Vec<_> = pairs.clone().map(|i| values[place(i) + half]).collect();
                let digits: Vec<_> = pairs.map(|i| &twiddles[i % half]).collect();
                kernel.run(Multiply { points: &mut high, digits: &digits });
                kernel.run(Butterflies { low: &mut low, high: &mut high });
                (low, high)
            })
            .collect();
        for (start, (low, high)) in starts.into_iter().zip(turned) {
            for (i, (low, high)) in (start..).zip(low.into_iter().zip(high)) {
                values[place(i)] = low;
                values[place(i) + half] = high;
            }
        }
        half *= 2;
    }
    values
}

/// Replaces at most [`BLOCK`] pairs of points by their sums and differences.
struct Butterflies<'a, C: CurveLanes> {
    low: &'a mut [Affine<C>],
    high: &'a mut [Affine<C>],
}

impl<C: CurveLanes> Task for Butterflies<'_, C> {
    type Output = ();

    /// Sum and difference share the denominator of their slopes.
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
