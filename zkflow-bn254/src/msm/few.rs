//! Sums over few points, with scalars of any length.
//!
//! Buckets need some hundred doublings at the end, for however few points. Here points are multiplied in lanes, and the
//! points of a lane share their doublings. A scalar 1 or −1, such as a bit of a witness, costs one addition.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;
use zeroize::Zeroizing;

use super::digits::Signpost;
use super::packed::Unpack;
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Mask};
use crate::points::{CurveLanes, Digits, Jacobian, Multiples, sum_of_products};
use crate::scalars::Scalars;
use crate::{Backend, Kernel, Task};

/// Number of scalars other than 0, 1 and −1 up to which this takes less time than buckets.
fn few(kernel: Kernel) -> usize {
    match kernel {
        Kernel::Ifma => 192,
        Kernel::Avx2 => 96,
        Kernel::Portable => 24,
    }
}

/// With more points, the doublings at the end of buckets do not matter.
const MOST_POINTS: usize = 1 << 12;

/// Whether there are so few points and scalars that [`sum`] is the faster way.
pub(super) fn are_few(kernel: Kernel, kept: &[u32], scalars: &Scalars) -> bool {
    let is_long = |scalar: &&u32| scalars.get(**scalar as usize).magnitude().1 > 1;
    kept.len() <= few(kernel)
        || kept.len() <= MOST_POINTS
            && kept.iter().filter(is_long).take(few(kernel) + 1).count() <= few(kernel)
}

/// Σ sᵢ·Pᵢ; the scalar of `points[i]` has the index `kept[i]`.
pub(super) fn sum<C: CurveLanes>(
    kernel: Kernel,
    points: &[C::Packed],
    kept: &[u32],
    scalars: &Scalars,
) -> Projective<C> {
    let splitter = C::splitter();
    let mut units = Zeroizing::new(Vec::with_capacity(kept.len()));
    let mut others = Zeroizing::new(Vec::with_capacity(kept.len().min(few(kernel))));
    for (index, &scalar) in kept.iter().enumerate() {
        let scalar = scalars.get(scalar as usize);
        let (words, bits) = scalar.magnitude();
        let negative = scalar.is_negative();
        if bits > 64 {
            others.push((index, Digits::of::<C>(&splitter, &Zeroizing::new(scalar.to_field()))));
            continue;
        }
        match words[0] {
            0 => {}
            1 => units.push(Signpost::new(index, negative)),
            magnitude => others.push((index, Digits::of_short::<C>(magnitude, negative))),
        }
    }
    kernel.run(Few::<C> { points, units: &units, others: &others })
}

/// The points of `units`, with their signs, plus the points of `others` times their scalars.
struct Few<'a, C: CurveLanes> {
    points: &'a [C::Packed],
    units: &'a [Signpost],
    /// Index of a point, and its scalar.
    others: &'a [(usize, Digits)],
}

impl<C: CurveLanes> Task for Few<'_, C> {
    type Output = Projective<C>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let Self { points, units, others } = self;
        let width = B::Fq::WIDTH;
        let mut vectors = Vec::with_capacity(others.len().div_ceil(width));
        let mut digits = Vec::with_capacity(others.len());
        for others in others.chunks(width) {
            // Lanes without a point repeat the first one; they have no digits.
            let mut packed = [&points[others[0].0]; MAX_WIDTH];
            for (lane, (index, of_point)) in others.iter().enumerate() {
                packed[lane] = &points[*index];
                digits.push(of_point);
            }
            vectors.push(C::Coordinate::<B>::gather(&packed));
        }
        let mut sum = sum_of_products::<C, B>(&Multiples::of::<B>(&vectors), 0, &digits);
        // Lanes that already contain a point.
        let mut started = lanes(others.len(), width);
        for units in units.chunks(width) {
            let (mut packed, mut negative) = ([&points[units[0].index()]; MAX_WIDTH], 0);
            for (lane, unit) in units.iter().enumerate() {
                packed[lane] = &points[unit.index()];
                negative |= Mask::from(unit.is_negative()) << lane;
            }
            let (x, y) = C::Coordinate::<B>::gather(&packed);
            let y = Arithmetic::select(negative, y.neg(), y);
            let active = lanes(units.len(), width);
            sum = sum.plus::<B>((x, y), active & started, active & !started);
            started |= active;
        }
        let mut affine = Vec::with_capacity(1);
        Jacobian::to_affine(&[sum], &mut affine);
        let mut of_lanes = [Affine::identity(); MAX_WIDTH];
        C::store::<B>(affine[0].0, affine[0].1, &mut of_lanes);
        let mut total = Projective::ZERO;
        for lane in 0..width {
            // Infinity is the sum or the sign that the addition formula has failed.
            let exact = started >> lane & 1 == 1 && of_lanes[lane].is_zero();
            total += if exact { self.exactly::<B>(lane) } else { of_lanes[lane].into_group() };
        }
        total
    }
}

impl<C: CurveLanes> Few<'_, C> {
    /// The sum of a lane, by arkworks.
    #[cold]
    #[inline(never)]
    fn exactly<B: Backend>(&self, lane: usize) -> Projective<C> {
        let point = |index: usize| B::run(Unpack::<C>(&self.points[index..=index]))[0];
        let mut sum = Projective::ZERO;
        for unit in self.units.iter().skip(lane).step_by(B::Fq::WIDTH) {
            let point = point(unit.index());
            sum += if unit.is_negative() { -point } else { point };
        }
        for (index, digits) in self.others.iter().skip(lane).step_by(B::Fq::WIDTH) {
            sum += point(*index) * digits.scalar();
        }
        sum
    }
}

/// The lanes of the first `count` elements.
fn lanes(count: usize, width: usize) -> Mask {
    ((1u16 << count.min(width)) - 1) as Mask
}
