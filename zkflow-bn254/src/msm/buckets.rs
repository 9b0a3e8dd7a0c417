//! Sums of buckets: the digits of numbers are sorted, and the points of each bucket are added.

use std::sync::Arc;

use ark_bn254::{G1Affine, G1Projective, G2Affine, G2Projective, g1, g2};
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::bases::FixedBases;
use super::digits::{Cut, Cutting, Digits, Shape, Sorted};
use super::few::{are_few, sum as sum_of_few};
use super::sums::Sum;
use super::weighted::{powers as weighted_powers, sum_powers};
use crate::points::CurveLanes;
use crate::scalars::{Places, Scalars};

/// Number of digits sorted at a time (4 MiB). One set is always sorted as a whole, even if it has more.
const DIGITS: usize = 1 << 19;

/// See [`FixedBases::msm`].
pub(crate) fn msm<C: CurveLanes>(bases: &FixedBases<C>, scalars: &Scalars) -> Projective<C> {
    let &FixedBases { kernel, shape, ref kept, .. } = bases;
    if kept.is_empty() {
        return Projective::ZERO;
    }
    let points = C::packed(bases.points.rows());
    if are_few(kernel, kept, scalars) {
        return sum_of_few::<C>(kernel, &points[..kept.len()], kept, scalars);
    }
    sum_powers(&powers(bases, shape, &Cutting { places: Places::new(shape.window), scalars }))
}

/// Points P₀, P₁, … with Σ 2^i·Pᵢ = Σ 2^(c·set) Σ v·B_v, where B_v is the sum of the points in bucket v. Set j
/// determines c of them, from index cj on. Few sets are in memory at a time.
pub(super) fn powers<C: CurveLanes>(
    bases: &FixedBases<C>,
    shape: Shape,
    numbers: &impl Cut,
) -> Vec<Affine<C>> {
    let mut powers = Vec::with_capacity((shape.window * shape.sets) as usize);
    let mut buckets = Vec::new();
    sort_parts(shape, &bases.kept, numbers, |part, digits| {
        let buckets = front::<C>(&mut buckets, part.buckets());
        let partitions = buckets.par_chunks_mut(shape.partition()).enumerate();
        partitions.for_each_init(Sorted::default, |sorted, (partition, out)| {
            digits.sort_partition(shape, partition, sorted);
            sum(bases, sorted, out);
        });
        drop(digits);
        powers.extend(weighted_powers::<C>(bases.kernel, part, buckets));
    });
    powers
}

/// Σ sᵢ·Pᵢ and Σ sᵢ·Qᵢ for points Pᵢ of G1 and Qᵢ of G2, on the threads of the current pool.
///
/// The digits of the scalars are sorted once, if P and Q have the same points at infinity and as many multiples.
///
/// ```
/// use ark_bn254::{Fr, G1Affine, G2Affine};
/// use ark_ec::AffineRepr;
/// use zkflow_bn254::Kernel;
/// use zkflow_bn254::msm::{FixedBases, Options, Scalars, msm_of_both};
///
/// let options = Options { kernel: Kernel::detect(), table_bytes: 0 };
/// let in_g1 = FixedBases::prepare(&[G1Affine::generator(); 100], options);
/// let in_g2 = FixedBases::prepare(&[G2Affine::generator(); 100], options);
/// let scalars = Scalars::new(Kernel::detect(), &[Fr::from(3u64); 100]);
/// let (first, second) = msm_of_both(&in_g1, &in_g2, &scalars);
/// assert_eq!(first, G1Affine::generator() * Fr::from(300u64));
/// assert_eq!(second, G2Affine::generator() * Fr::from(300u64));
/// ```
///
/// # Panics
/// Panics if the number of scalars differs from a number of points.
pub fn msm_of_both(
    first: &FixedBases<g1::Config>,
    second: &FixedBases<g2::Config>,
    scalars: &Scalars,
) -> (G1Projective, G2Projective) {
    assert_eq!([first.len(), second.len()], [scalars.len(); 2], "a scalar for each point");
    if first.shape != second.shape || !alike(first, second) || are_few(first.kernel, &first.kept, scalars) {
        return rayon::join(|| msm(first, scalars), || msm(second, scalars));
    }
    let places = Places::new(first.shape.window);
    let (first, second) = powers_of_both(first, second, first.shape, &Cutting { places, scalars });
    (sum_powers(&first), sum_powers(&second))
}

/// Whether two bases have the same kernel and the same points at infinity.
pub(super) fn alike(first: &FixedBases<g1::Config>, second: &FixedBases<g2::Config>) -> bool {
    first.kernel == second.kernel && (Arc::ptr_eq(&first.kept, &second.kept) || first.kept == second.kept)
}

/// [`powers`] of two bases that are [`alike`].
pub(super) fn powers_of_both(
    first: &FixedBases<g1::Config>,
    second: &FixedBases<g2::Config>,
    shape: Shape,
    numbers: &impl Cut,
) -> (Vec<G1Affine>, Vec<G2Affine>) {
    let kernel = first.kernel;
    let (mut in_g1, mut in_g2) = (Vec::new(), Vec::new());
    let (mut buckets, mut others) = (Vec::new(), Vec::new());
    sort_parts(shape, &first.kept, numbers, |part, digits| {
        let buckets = front::<g1::Config>(&mut buckets, part.buckets());
        let others = front::<g2::Config>(&mut others, part.buckets());
        let partitions =
            buckets.par_chunks_mut(shape.partition()).zip(others.par_chunks_mut(shape.partition()));
        partitions.enumerate().for_each_init(Sorted::default, |sorted, (partition, (out, other))| {
            digits.sort_partition(shape, partition, sorted);
            rayon::join(|| sum(second, sorted, other), || sum(first, sorted, out));
        });
        drop(digits);
        in_g1.extend(weighted_powers::<g1::Config>(kernel, part, buckets));
        in_g2.extend(weighted_powers::<g2::Config>(kernel, part, others));
    });
    (in_g1, in_g2)
}

/// The first `count` buckets. They have old content, and the caller overwrites every one: a sum uses one memory for all its sets.
fn front<C: CurveLanes>(buckets: &mut Vec<C::Packed>, count: usize) -> &mut [C::Packed] {
    if buckets.len() < count {
        buckets.resize(count, C::Packed::default());
    }
    &mut buckets[..count]
}

/// Sorts the digits of some sets of buckets at a time.
fn sort_parts(shape: Shape, kept: &[u32], numbers: &impl Cut, mut each: impl FnMut(Shape, Digits)) {
    let digits_of_set = kept.len().max(1) * numbers.most().div_ceil(shape.sets) as usize;
    let sets = (DIGITS / digits_of_set).clamp(1, shape.sets as usize) as u32;
    for first in (0..shape.sets).step_by(sets as usize) {
        let part = Shape { sets: sets.min(shape.sets - first), ..shape };
        each(part, Digits::new(shape, numbers, kept, first..first + part.sets));
    }
}

/// Adds the points of each bucket of a partition.
fn sum<C: CurveLanes>(bases: &FixedBases<C>, sorted: &Sorted, out: &mut [C::Packed]) {
    let points = C::packed(bases.points.rows());
    match sorted.points.is_empty() {
        true => out.fill(C::Packed::default()),
        false => {
            bases.kernel.run(Sum::<C> { points, list: &sorted.points, start: 0, ends: &sorted.ends, out })
        }
    }
}
