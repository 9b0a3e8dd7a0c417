//! Sums of products of a block of points, all in affine coordinates.
//!
//! Point i of every list belongs to column i. A term is the product of a list and a scalar for each column; it belongs to one
//! sum. The terms of a sum share doublings (E. Straus, *Addition Chains of Vectors*, 1964), the terms of a list share its
//! multiples, and all columns share inversions.

use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::AdditiveGroup;

use super::CurveLanes;
use super::addition::{Additions, Complete, Doubling};
use super::digits::{DIGIT_BITS, Digits};
use super::jacobian::Jacobian;
use super::multiples::{Multiples, Point};
use crate::field::{Arithmetic, Lanes, MAX_WIDTH};
use crate::{Backend, Kernel, Task};

/// The points of a list times scalars.
pub(super) struct Term<'a> {
    /// Index of the list.
    pub(super) list: usize,
    /// Index of the sum to which the term belongs.
    pub(super) sum: usize,
    /// The scalar of each column.
    pub(super) digits: &'a [&'a Digits],
}

/// Computes sums of the products of lists of equal length. Each sum must have a term.
pub(super) struct Sums<'a, C: CurveLanes, const LISTS: usize, const SUMS: usize> {
    pub(super) lists: [&'a [Affine<C>]; LISTS],
    pub(super) terms: &'a [Term<'a>],
}

/// The product of each point and the scalar that has its digits.
pub(super) fn products_of<C: CurveLanes>(
    kernel: Kernel,
    points: &[Affine<C>],
    digits: &[&Digits],
) -> Vec<Affine<C>> {
    if points.is_empty() {
        return Vec::new();
    }
    let [products] = kernel.run(Sums { lists: [points], terms: &[Term { list: 0, sum: 0, digits }] });
    products
}

/// Number of columns whose multiples are computed together; they stay in the second cache.
const GROUP: usize = 64;

/// Number of vectors of sums up to which inversions cost more than Jacobian coordinates.
const FEW: usize = 32;

impl<C: CurveLanes, const LISTS: usize, const SUMS: usize> Task for Sums<'_, C, LISTS, SUMS> {
    type Output = [Vec<Affine<C>>; SUMS];

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let width = B::Fq::WIDTH;
        let columns = self.lists[0].len();
        let mut places = Vec::with_capacity(C::PLACES * SUMS * columns.div_ceil(width));
        for first in (0..columns).step_by(GROUP) {
            self.group::<B>(first, GROUP.min(columns - first), &mut places);
        }
        let few = places.len() <= FEW * C::PLACES;
        let sums = if few {
            horner_of_few::<C, B, SUMS>(columns, &places)
        } else {
            horner::<C, B, SUMS>(columns, &places)
        };
        let mut out = [const { Vec::new() }; SUMS];
        for out in &mut out {
            out.resize(columns, Affine::identity());
        }
        let mut sums = sums.iter();
        for first in (0..columns).step_by(GROUP) {
            for out in &mut out {
                let end = columns.min(first + GROUP);
                for out in out[first..end].chunks_mut(width) {
                    let (x, y) = *sums.next().expect("a vector for each sum");
                    let mut points = [Affine::identity(); MAX_WIDTH];
                    C::store::<B>(x, y, &mut points);
                    out.copy_from_slice(&points[..out.len()]);
                }
            }
        }
        for column in 0..columns {
            // The formulas for few sums fail for equal points, with infinity as result.
            if self.lists.iter().any(|list| list[column].is_zero())
                || few && out.iter().any(|out| out[column].is_zero())
            {
                self.correct(column, &mut out);
            }
        }
        out
    }
}

impl<C: CurveLanes, const LISTS: usize, const SUMS: usize> Sums<'_, C, LISTS, SUMS> {
    /// Appends the sums of the chosen multiples of each place, for a group of columns: the vectors of a place side by side,
    /// the places of a sum, then sums.
    #[inline(always)]
    fn group<B: Backend>(&self, first: usize, columns: usize, places: &mut Vec<Point<C::Coordinate<B>>>) {
        let width = B::Fq::WIDTH;
        let vectors = columns.div_ceil(width);
        let zero = C::Coordinate::<B>::zero();
        let start = places.len();
        places.resize(start + SUMS * C::PLACES * vectors, (zero, zero));
        let places = &mut places[start..];
        let mut additions = Additions::with_capacity(C::PLACES * vectors);
        let mut started = [false; SUMS];
        for list in 0..LISTS {
            let mut loaded = Vec::with_capacity(vectors);
            for points in self.lists[list][first..first + columns].chunks(width) {
                loaded.push(load::<C, B>(points));
            }
            let multiples = Multiples::<C>::of::<B>(&loaded);
            for term in self.terms {
                if term.list != list {
                    continue;
                }
                let digits = &term.digits[first..first + columns];
                let sums = &mut places[term.sum * C::PLACES * vectors..][..C::PLACES * vectors];
                for part in 0..C::PARTS {
                    let mut index = 0;
                    for place in 0..C::PLACES {
                        for (vector, digits) in digits.chunks(width).enumerate() {
                            let point = multiples.chosen::<B>(vector, part, digits, place);
                            if started[term.sum] {
                                additions.stage(&sums[index], point, B::Fq::ALL);
                            } else {
                                sums[index] = point;
                            }
                            index += 1;
                        }
                    }
                    if started[term.sum] {
                        B::run(Complete { additions: &mut additions, accumulators: sums });
                    }
                    started[term.sum] = true;
                }
            }
        }
    }

    /// Computes the sums of a column by arkworks.
    #[cold]
    #[inline(never)]
    fn correct(&self, column: usize, sums: &mut [Vec<Affine<C>>; SUMS]) {
        let mut totals = [Projective::ZERO; SUMS];
        for term in self.terms {
            let point = self.lists[term.list][column];
            if !point.is_zero() {
                totals[term.sum] += point * term.digits[column].scalar();
            }
        }
        for (sum, total) in sums.iter_mut().zip(totals) {
            sum[column] = total.into_affine();
        }
    }
}

/// Σ 32^i · (sum of place i) for all columns, by Horner's rule: vectors of a sum side by side, then sums, then groups.
#[inline(always)]
fn horner<C: CurveLanes, B: Backend, const SUMS: usize>(
    columns: usize,
    places: &[Point<C::Coordinate<B>>],
) -> Vec<Point<C::Coordinate<B>>> {
    let mut sums = Vec::with_capacity(places.len() / C::PLACES);
    let mut additions = Additions::with_capacity(places.len() / C::PLACES);
    for place in (0..C::PLACES).rev() {
        let is_first = place == C::PLACES - 1;
        if !is_first {
            for _ in 0..DIGIT_BITS {
                B::run(Doubling { points: &mut sums });
            }
        }
        let (mut start, mut index) = (0, 0);
        for first in (0..columns).step_by(GROUP) {
            let vectors = GROUP.min(columns - first).div_ceil(B::Fq::WIDTH);
            for _ in 0..SUMS {
                for point in &places[start + place * vectors..][..vectors] {
                    if is_first {
                        sums.push(*point);
                    } else {
                        additions.stage(&sums[index], *point, B::Fq::ALL);
                    }
                    index += 1;
                }
                start += C::PLACES * vectors;
            }
        }
        if !is_first {
            B::run(Complete { additions: &mut additions, accumulators: &mut sums });
        }
    }
    sums
}

/// [`horner`] in Jacobian coordinates, without shared inversions but one. Where a sum and the point added to it are equal or
/// opposite, the result is infinity.
#[inline(always)]
fn horner_of_few<C: CurveLanes, B: Backend, const SUMS: usize>(
    columns: usize,
    places: &[Point<C::Coordinate<B>>],
) -> Vec<Point<C::Coordinate<B>>> {
    let mut sums = Vec::with_capacity(places.len() / C::PLACES);
    let mut start = 0;
    for first in (0..columns).step_by(GROUP) {
        let vectors = GROUP.min(columns - first).div_ceil(B::Fq::WIDTH);
        for _ in 0..SUMS {
            for vector in 0..vectors {
                let mut sum = Jacobian::infinity();
                // Lanes that already contain a point.
                let mut started = 0;
                for place in (0..C::PLACES).rev() {
                    if started != 0 {
                        sum = sum.doublings::<B>(DIGIT_BITS);
                    }
                    let (x, y) = places[start + place * vectors + vector];
                    let active = B::Fq::ALL & !(x.zero_mask() & y.zero_mask());
                    sum = sum.plus::<B>((x, y), active & started, active & !started);
                    started |= active;
                }
                sums.push(sum);
            }
            start += C::PLACES * vectors;
        }
    }
    let mut affine = Vec::with_capacity(sums.len());
    Jacobian::to_affine(&sums, &mut affine);
    affine
}

/// The first `WIDTH` points of a slice. The generator is in the place of infinity and of points that a shorter slice lacks.
#[inline(always)]
pub(super) fn load<C: CurveLanes, B: Backend>(points: &[Affine<C>]) -> Point<C::Coordinate<B>> {
    let mut padded = [Affine::generator(); MAX_WIDTH];
    for (padded, point) in padded.iter_mut().zip(points).take(B::Fq::WIDTH) {
        if !point.is_zero() {
            *padded = *point;
        }
    }
    C::load::<B>(&padded)
}
