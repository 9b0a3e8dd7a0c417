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
use super::multiples::{Multiples, Point};
use crate::field::{Arithmetic, Lanes, MAX_WIDTH};
use crate::{Backend, Task};

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

/// Number of columns whose multiples are computed together, times the parts of a scalar; they stay in the second cache.
const GROUP: usize = 256;

impl<C: CurveLanes, const LISTS: usize, const SUMS: usize> Task for Sums<'_, C, LISTS, SUMS> {
    type Output = [Vec<Affine<C>>; SUMS];

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let width = B::Fq::WIDTH;
        let columns = self.lists[0].len();
        let mut places = Places { points: Vec::new(), sums: Vec::new() };
        let group = GROUP / C::PARTS;
        for first in (0..columns).step_by(group) {
            self.group::<B>(first, group.min(columns - first), &mut places);
        }
        let sums = horner::<C, B>(&places);
        let mut out = [const { Vec::new() }; SUMS];
        for out in &mut out {
            out.resize(columns, Affine::identity());
        }
        let mut sums = sums.iter();
        for first in (0..columns).step_by(group) {
            for out in &mut out {
                let end = columns.min(first + group);
                for out in out[first..end].chunks_mut(width) {
                    let (x, y) = *sums.next().expect("a vector for each sum");
                    let mut points = [Affine::identity(); MAX_WIDTH];
                    C::store::<B>(x, y, &mut points);
                    out.copy_from_slice(&points[..out.len()]);
                }
            }
        }
        for column in 0..columns {
            if self.lists.iter().any(|list| list[column].is_zero()) {
                self.correct(column, &mut out);
            }
        }
        out
    }
}

impl<C: CurveLanes, const LISTS: usize, const SUMS: usize> Sums<'_, C, LISTS, SUMS> {
    /// Adds the chosen multiples of each place, for a group of columns.
    #[inline(always)]
    fn group<B: Backend>(&self, first: usize, columns: usize, places: &mut Places<C::Coordinate<B>>) {
        let width = B::Fq::WIDTH;
        let vectors = columns.div_ceil(width);
        let start = places.points.len();
        for sum in 0..SUMS {
            for vector in 0..vectors {
                places.sums.push((start + sum * C::PLACES * vectors + vector, vectors));
            }
        }
        let zero = C::Coordinate::<B>::zero();
        places.points.resize(start + SUMS * C::PLACES * vectors, (zero, zero));
        let places = &mut places.points[start..];
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
                            let (point, _) = multiples.chosen::<B>(vector, part, digits, place);
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

/// The sums of the chosen multiples of each place.
struct Places<F> {
    points: Vec<Point<F>>,
    /// For each vector of a sum: the index of its lowest place, and the distance between its places.
    sums: Vec<(usize, usize)>,
}

/// Σ 32^i · (place i) for each vector, by Horner's rule.
#[inline(always)]
fn horner<C: CurveLanes, B: Backend>(places: &Places<C::Coordinate<B>>) -> Vec<Point<C::Coordinate<B>>> {
    let mut additions = Additions::with_capacity(places.sums.len());
    let mut sums = Vec::with_capacity(places.sums.len());
    for (lowest, distance) in &places.sums {
        sums.push(places.points[lowest + (C::PLACES - 1) * distance]);
    }
    for place in (0..C::PLACES - 1).rev() {
        for _ in 0..DIGIT_BITS {
            B::run(Doubling { points: &mut sums });
        }
        for (sum, (lowest, distance)) in sums.iter().zip(&places.sums) {
            additions.stage(sum, places.points[lowest + place * distance], B::Fq::ALL);
        }
        B::run(Complete { additions: &mut additions, accumulators: &mut sums });
    }
    sums
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
