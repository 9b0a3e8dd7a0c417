//! Many combinations of a few points each: a sparse matrix times a vector of points.
//!
//! [`FixedBases`](super::FixedBases) computes one sum over all points. This module computes thousands of sums
//! of a few points each. The scalars are those of circuit matrices: mostly 1, −1 and powers of two.
//!
//! # The algorithm
//! 1. A scalar is represented by the integer of least magnitude in its class modulo r. A scalar of at most 64
//!    bits is written in [non-adjacent form]: each digit ±2^j adds the point or its negative to list j. A
//!    point with a longer scalar is multiplied directly, and the product is added to list 0.
//! 2. Lists are summed by affine additions that share inversions (`sums`).
//! 3. Σ 2^j·Lⱼ over the lists of a combination is computed by Horner's rule in Jacobian coordinates. Each
//!    lane computes one combination; combinations with equal highest places are adjacent. If a lane adds an
//!    equal or opposite point, arkworks computes that combination again.
//!
//! [non-adjacent form]: https://doi.org/10.1109/TEC.1961.5219227

use std::ops::Range;

use ark_bn254::Fr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::Field;
use rayon::prelude::*;

use super::digits::Signpost;
use super::packed::{Pack, Unpack};
use super::sums::Sum;
use crate::compiled::Compiled;
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Mask};
use crate::points::{Curve, CurveLanes, Factors, Jacobian};
use crate::scalars::Scalars;
use crate::{Backend, Kernel, Task};

/// Linear combinations of points, stored as one list of terms.
#[derive(Debug, Clone, Copy)]
pub struct Combinations<'a> {
    /// End of each combination in `terms`; each begins at the end of the previous one.
    pub ends: &'a [u32],
    /// Terms of all combinations, in order.
    pub terms: &'a [Term],
    /// Scalars that [`Term::scalar`] refers to.
    pub scalars: &'a [Fr],
}

/// A point times a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Index of the point.
    pub point: u32,
    /// Index of the scalar.
    pub scalar: u32,
}

/// Computes combinations of `points`, on the threads of the current pool.
///
/// # Panics
/// Panics if the index of a point or scalar is out of range, or the last end is not the number of terms.
///
/// # Example
/// ```
/// use ark_bn254::{Fr, G1Affine};
/// use ark_ec::AffineRepr;
/// use zkflow_bn254::Kernel;
/// use zkflow_bn254::msm::{Combinations, Term, combine};
///
/// let g = G1Affine::generator();
/// let points = [g, (g * Fr::from(2u64)).into()];
/// let scalars = [Fr::from(10u64), Fr::from(-1)];
/// // 10·P₀ − P₁, and 10·P₁.
/// let terms = [Term { point: 0, scalar: 0 }, Term { point: 1, scalar: 1 }, Term { point: 1, scalar: 0 }];
/// let sums = combine(Kernel::detect(), &points, Combinations { ends: &[2, 3], terms: &terms, scalars: &scalars });
/// assert_eq!(sums, [G1Affine::from(g * Fr::from(8u64)), (g * Fr::from(20u64)).into()]);
/// ```
pub fn combine<C: Curve>(
    kernel: Kernel,
    points: &[Affine<C>],
    combinations: Combinations<'_>,
) -> Vec<Affine<C>> {
    C::combine(kernel, points, combinations)
}

/// Approximate number of terms per task.
const TASK: usize = 1 << 13;

/// Maximum bits of a scalar that is written in digits; longer scalars are multiplied directly.
const SHORT: u32 = 64;

/// [`combine`], compiled for a curve.
pub(crate) fn combine_points<C: Compiled>(
    kernel: Kernel,
    points: &[Affine<C>],
    combinations: Combinations<'_>,
) -> Vec<Affine<C>> {
    let Combinations { ends, terms, scalars } = combinations;
    assert_eq!(
        ends.last().map_or(0, |&end| end as usize),
        terms.len(),
        "the last end must be the number of terms"
    );
    if let Some(pieces) = cut(ends) {
        let parts = combine_points(kernel, points, Combinations { ends: &pieces.ends, terms, scalars });
        let terms: Vec<Term> = (0..parts.len() as u32).map(|point| Term { point, scalar: 0 }).collect();
        let whole = Combinations { ends: &pieces.of_whole, terms: &terms, scalars: &[Fr::ONE] };
        return combine_points(kernel, &parts, whole);
    }
    let forms = forms(kernel, scalars);
    let tasks = tasks(ends);
    let sum = |task: &Range<usize>| {
        let first = task.start.checked_sub(1).map_or(0, |before| ends[before]);
        let ends = &ends[task.clone()];
        let last = ends.last().map_or(first, |&end| end);
        let terms = &terms[first as usize..last as usize];
        let mut taken: Vec<_> = terms.iter().map(|term| points[term.point as usize]).collect();
        multiply_long(kernel, &mut taken, terms, scalars, &forms);
        let lists = Lists::new(first, ends, terms, &forms);
        kernel.run(Combine { points: &taken, lists: &lists })
    };
    tasks.par_iter().flat_map_iter(sum).collect()
}

/// Maximum terms of a combination; longer ones are cut into pieces.
const LONGEST: u32 = 1 << 12;

/// Combinations cut into pieces.
struct Pieces {
    /// End of each piece, as an index of terms.
    ends: Vec<u32>,
    /// End of each combination, as an index of pieces.
    of_whole: Vec<u32>,
}

/// Cuts combinations of more than [`LONGEST`] terms; `None` if there are none.
fn cut(ends: &[u32]) -> Option<Pieces> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    if starts.clone().zip(ends).all(|(start, end)| end - start <= LONGEST) {
        return None;
    }
    let mut pieces = Pieces { ends: Vec::new(), of_whole: Vec::with_capacity(ends.len()) };
    for (mut start, &end) in starts.zip(ends) {
        while end - start > LONGEST {
            start += LONGEST;
            pieces.ends.push(start);
        }
        pieces.ends.push(end);
        pieces.of_whole.push(pieces.ends.len() as u32);
    }
    Some(pieces)
}

/// Splits combinations into runs of about [`TASK`] terms, or of [`TASK`] combinations if that is less.
fn tasks(ends: &[u32]) -> Vec<Range<usize>> {
    let (mut tasks, mut start, mut begins) = (Vec::new(), 0, 0);
    for (i, &end) in ends.iter().enumerate() {
        let next = i + 1;
        if (end - begins) as usize >= TASK || next - start >= TASK || next == ends.len() {
            tasks.push(start..next);
            (start, begins) = (next, end);
        }
    }
    tasks
}

/// A scalar in the form that the algorithm uses.
#[derive(Clone, Copy)]
enum Form {
    /// The non-adjacent form: bit masks of the digits 1 and of the digits −1.
    Short { plus: u128, minus: u128 },
    /// The point is multiplied by the scalar directly.
    Long,
}

fn forms(kernel: Kernel, scalars: &[Fr]) -> Vec<Form> {
    let integers = Scalars::new(kernel, scalars);
    let form = |i: usize| {
        let integer = integers.get(i);
        let ([low, ..], bits) = integer.magnitude();
        if bits > SHORT {
            return Form::Long;
        }
        // The digits of x are nonzero at the bits in which 3x and x differ, shifted right by one.
        let x = u128::from(low);
        let three = 3 * x;
        let (plus, minus) = ((three & !x) >> 1, (x & !three) >> 1);
        if integer.is_negative() {
            Form::Short { plus: minus, minus: plus }
        } else {
            Form::Short { plus, minus }
        }
    };
    (0..scalars.len()).map(form).collect()
}

/// Replaces each point that has a long scalar by the product.
fn multiply_long<C: Compiled>(
    kernel: Kernel,
    points: &mut [Affine<C>],
    terms: &[Term],
    scalars: &[Fr],
    forms: &[Form],
) {
    let is_long = |term: &Term| matches!(forms[term.scalar as usize], Form::Long);
    let long: Vec<usize> = (0..terms.len()).filter(|&i| is_long(&terms[i])).collect();
    if long.is_empty() {
        return;
    }
    let factors: Vec<Fr> = long.iter().map(|&i| scalars[terms[i].scalar as usize]).collect();
    let taken: Vec<_> = long.iter().map(|&i| points[i]).collect();
    let products = C::multiply(kernel, &taken, Factors::Each(&factors));
    long.into_iter().zip(products).for_each(|(i, product)| points[i] = product);
}

/// The lists of several combinations.
struct Lists {
    /// Signed points of all lists, in order.
    list: Vec<Signpost>,
    /// End of each list in `list`.
    ends: Vec<u32>,
    /// Place of each list: its sum is multiplied by 2^place. Places decrease within a combination.
    places: Vec<u8>,
    /// End of each combination, as an index of lists.
    combinations: Vec<u32>,
}

impl Lists {
    /// `ends` are the ends of the combinations; `terms` begins at index `first` of all terms.
    fn new(first: u32, ends: &[u32], terms: &[Term], forms: &[Form]) -> Self {
        let mut lists = Self {
            list: Vec::with_capacity(terms.len()),
            ends: Vec::with_capacity(ends.len()),
            places: Vec::with_capacity(ends.len()),
            combinations: Vec::with_capacity(ends.len()),
        };
        let mut digits: Vec<(u8, Signpost)> = Vec::new();
        let mut start = 0;
        for &end in ends {
            let end = (end - first) as usize;
            digits.clear();
            for (term, point) in terms[start..end].iter().zip(start..) {
                match forms[term.scalar as usize] {
                    Form::Long => digits.push((0, Signpost::new(point, false))),
                    Form::Short { plus, minus } => {
                        digits.extend(ones(plus).map(|place| (place, Signpost::new(point, false))));
                        digits.extend(ones(minus).map(|place| (place, Signpost::new(point, true))));
                    }
                }
            }
            start = end;
            // Most combinations only have place 0.
            if digits.iter().any(|(place, _)| *place != 0) {
                digits.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
            }
            for run in digits.chunk_by(|(a, _), (b, _)| a == b) {
                lists.list.extend(run.iter().map(|(_, signpost)| *signpost));
                lists.ends.push(lists.list.len() as u32);
                lists.places.push(run[0].0);
            }
            lists.combinations.push(lists.ends.len() as u32);
        }
        lists
    }

    /// Indices of the lists of a combination.
    #[inline(always)]
    fn of(&self, combination: usize) -> Range<usize> {
        let start = if combination == 0 { 0 } else { self.combinations[combination - 1] };
        start as usize..self.combinations[combination] as usize
    }
}

/// The positions of the one bits of a number, ascending.
fn ones(mut number: u128) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let place = (number != 0).then(|| number.trailing_zeros() as u8)?;
        number &= number - 1;
        Some(place)
    })
}

/// Sums lists and combines the sums, on this thread.
struct Combine<'a, C: CurveLanes> {
    points: &'a [Affine<C>],
    lists: &'a Lists,
}

impl<C: CurveLanes> Task for Combine<'_, C> {
    type Output = Vec<Affine<C>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let Self { points, lists } = self;
        let packed = B::run(Pack::<C>(points));
        let mut sums = vec![C::Packed::default(); lists.ends.len()];
        if !lists.list.is_empty() {
            B::run(Sum::<C> {
                points: &packed,
                list: &lists.list,
                start: 0,
                ends: &lists.ends,
                out: &mut sums,
            });
        }
        B::run(Horner::<C> { sums: &sums, lists })
    }
}

/// Combines the sums of lists by Horner's rule.
struct Horner<'a, C: CurveLanes> {
    sums: &'a [C::Packed],
    lists: &'a Lists,
}

impl<C: CurveLanes> Task for Horner<'_, C> {
    type Output = Vec<Affine<C>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let Self { sums, lists } = self;
        let width = B::Fq::WIDTH;
        let mut ordered: Vec<u32> = (0..lists.combinations.len() as u32).collect();
        ordered.sort_by_key(|&i| lists.places[lists.of(i as usize)].first().copied().unwrap_or(0));
        let mut jacobian = Vec::with_capacity(ordered.len().div_ceil(width));
        for lanes in ordered.chunks(width) {
            jacobian.push(horner::<C, B>(sums, lists, lanes));
        }
        let mut affine = Vec::with_capacity(jacobian.len());
        Jacobian::to_affine(&jacobian, &mut affine);

        let mut out = vec![Affine::identity(); lists.combinations.len()];
        for (lanes, (x, y)) in ordered.chunks(width).zip(affine) {
            let mut points = [Affine::identity(); MAX_WIDTH];
            C::store::<B>(x, y, &mut points);
            for (lane, &i) in lanes.iter().enumerate() {
                let of = lists.of(i as usize);
                // The addition formula returns infinity when it fails.
                let exact = points[lane].is_zero() && !of.is_empty();
                out[i as usize] = if exact { exactly::<C, B>(sums, lists, of) } else { points[lane] };
            }
        }
        out
    }
}

/// Computes one combination in each lane.
#[inline(always)]
fn horner<C: CurveLanes, B: Backend>(
    sums: &[C::Packed],
    lists: &Lists,
    lanes: &[u32],
) -> Jacobian<C::Coordinate<B>> {
    let nothing = C::Packed::default();
    let mut next = [(0, 0); MAX_WIDTH];
    let mut top = 0;
    for (lane, &i) in lanes.iter().enumerate() {
        let of = lists.of(i as usize);
        if let Some(&place) = lists.places[of.clone()].first() {
            top = top.max(place);
        }
        next[lane] = (of.start, of.end);
    }
    let mut sum = Jacobian::infinity();
    let mut started: Mask = 0;
    for place in (0..=top).rev() {
        if started != 0 {
            sum = sum.doublings::<B>(1);
        }
        let (mut packed, mut active) = ([&nothing; MAX_WIDTH], 0);
        for lane in 0..lanes.len() {
            let (list, end) = next[lane];
            if list < end && lists.places[list] == place {
                packed[lane] = &sums[list];
                active |= 1 << lane;
                next[lane].0 += 1;
            }
        }
        if active == 0 {
            continue;
        }
        let (x, y) = C::Coordinate::<B>::gather(&packed);
        // Skip lists whose sum is infinity.
        active &= !(x.zero_mask() & y.zero_mask());
        sum = sum.plus::<B>((x, y), active & started, active & !started);
        started |= active;
    }
    sum
}

/// Computes a combination with arkworks.
#[inline(never)]
fn exactly<C: CurveLanes, B: Backend>(sums: &[C::Packed], lists: &Lists, of: Range<usize>) -> Affine<C> {
    let mut sum = Projective::<C>::ZERO;
    let mut place = 0;
    for list in of {
        (lists.places[list]..place).for_each(|_| {
            sum.double_in_place();
        });
        place = lists.places[list];
        sum += B::run(Unpack::<C>(&sums[list..=list]))[0];
    }
    (0..place).for_each(|_| {
        sum.double_in_place();
    });
    sum.into_affine()
}
