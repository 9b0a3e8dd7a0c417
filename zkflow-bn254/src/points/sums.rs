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
use super::multiples::{CommonMultiples, Multiples, Point};
use crate::field::{Arithmetic, Lanes, MAX_WIDTH};
use crate::{Backend, Task};

/// The points of a list times scalars.
pub(super) struct Term<'a> {
    /// Index of the list.
    pub(super) list: usize,
    /// Index of the sum to which the term belongs.
    pub(super) sum: usize,
    /// The scalar of each column. Vectors whose columns share one reference share their lookups.
    pub(super) digits: &'a [&'a Digits],
}

/// Computes sums of the products of lists of equal length. Each sum must have a term.
pub(super) struct Sums<'a, C: CurveLanes> {
    pub(super) lists: &'a [&'a [Affine<C>]],
    pub(super) terms: &'a [Term<'a>],
    /// Number of sums.
    pub(super) sums: usize,
}

/// Number of columns whose multiples are computed together, times the pairs of parts: they stay in the level-2 cache.
const GROUP: usize = 128;

impl<C: CurveLanes> Task for Sums<'_, C> {
    /// The points of each sum.
    type Output = Vec<Vec<Affine<C>>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let width = B::Fq::WIDTH;
        let columns = self.lists[0].len();
        let group = GROUP / C::PAIRS;
        let mut places = Vec::with_capacity(self.sums);
        for _ in 0..self.sums {
            places.push(Vec::with_capacity(columns.div_ceil(width) * C::PLACES));
        }
        for first in (0..columns).step_by(group) {
            self.group::<B>(first, group.min(columns - first), &mut places);
        }
        let sums = horner::<C, B>(&places, columns.div_ceil(width), group / width);
        let mut out = vec![vec![Affine::identity(); columns]; self.sums];
        let mut sums = sums.iter();
        for out in &mut out {
            for out in out.chunks_mut(width) {
                let (x, y) = *sums.next().expect("a vector for each sum");
                let mut points = [Affine::identity(); MAX_WIDTH];
                C::store::<B>(x, y, &mut points);
                out.copy_from_slice(&points[..out.len()]);
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

impl<C: CurveLanes> Sums<'_, C> {
    /// Appends the sums of the chosen multiples of each place, for a group of columns: the vectors of a place side by side,
    /// then places.
    #[inline(always)]
    fn group<B: Backend>(&self, first: usize, columns: usize, places: &mut [Vec<Point<C::Coordinate<B>>>]) {
        let width = B::Fq::WIDTH;
        let vectors = columns.div_ceil(width);
        let start = places[0].len();
        let in_common = self.have_common_scalars(width, first, columns);
        let mut additions = Additions::with_capacity(C::PLACES * vectors);
        for (list, points) in self.lists.iter().enumerate() {
            let mut loaded = Vec::with_capacity(vectors);
            for points in points[first..first + columns].chunks(width) {
                loaded.push(load::<C, B>(points));
            }
            let multiples: Lookup<C, C::Coordinate<B>> = if in_common {
                Lookup::Common(CommonMultiples::of::<C, B>(&loaded))
            } else {
                Lookup::Each(Multiples::of::<B>(&loaded))
            };
            for term in self.terms {
                if term.list != list {
                    continue;
                }
                // Lanes without a column get the digits of the first one; their sums are dropped.
                let mut digits = term.digits[first..first + columns].to_vec();
                digits.resize(vectors * width, digits[0]);
                let sums = &mut places[term.sum];
                for pair in 0..C::PAIRS {
                    let is_first = sums.len() == start;
                    let mut index = start;
                    for place in 0..C::PLACES {
                        for (vector, digits) in digits.chunks_exact(width).enumerate() {
                            let (point, active) = match &multiples {
                                Lookup::Common(common) => common.chosen::<C>(vector, pair, digits[0], place),
                                Lookup::Each(each) => each.chosen::<B>(vector, pair, digits, place),
                            };
                            if !is_first {
                                additions.stage(&sums[index], point, active);
                                index += 1;
                            } else if active == B::Fq::ALL {
                                sums.push(point);
                            } else {
                                let (zero, (x, y)) = (C::Coordinate::<B>::zero(), point);
                                sums.push((
                                    Arithmetic::select(active, x, zero),
                                    Arithmetic::select(active, y, zero),
                                ));
                            }
                        }
                    }
                    if !is_first {
                        B::run(Complete { additions: &mut additions, accumulators: &mut sums[start..] });
                    }
                }
            }
        }
    }

    /// Whether the lanes of every vector share one reference to digits. Equal scalars elsewhere do not count.
    fn have_common_scalars(&self, width: usize, first: usize, columns: usize) -> bool {
        self.terms.iter().all(|term| {
            let mut vectors = term.digits[first..first + columns].chunks(width);
            vectors.all(|digits| digits.iter().all(|other| std::ptr::eq(*other, digits[0])))
        })
    }

    /// Computes the sums of a column with infinity by arkworks: the tables of multiples have no infinity.
    #[cold]
    #[inline(never)]
    fn correct(&self, column: usize, sums: &mut [Vec<Affine<C>>]) {
        let mut totals = vec![Projective::ZERO; sums.len()];
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

/// Where the multiples of a group are looked up.
enum Lookup<C: CurveLanes, F> {
    /// All lanes have the same scalars.
    Common(CommonMultiples<F>),
    /// Lanes have different scalars.
    Each(Multiples<C>),
}

/// Σ 8^i · (place i) for each vector of each sum, by Horner's rule, for groups of at most `group` vectors.
#[inline(always)]
fn horner<C: CurveLanes, B: Backend>(
    places: &[Vec<Point<C::Coordinate<B>>>],
    vectors: usize,
    group: usize,
) -> Vec<Point<C::Coordinate<B>>> {
    let mut additions = Additions::with_capacity(places.len() * vectors);
    let mut sums = Vec::with_capacity(places.len() * vectors);
    for place in (0..C::PLACES).rev() {
        let is_first = place == C::PLACES - 1;
        if !is_first {
            for _ in 0..DIGIT_BITS {
                B::run(Doubling { points: &mut sums });
            }
        }
        let mut index = 0;
        for places in places {
            for first in (0..vectors).step_by(group) {
                let size = group.min(vectors - first);
                for point in &places[first * C::PLACES + place * size..][..size] {
                    if is_first {
                        sums.push(*point);
                    } else {
                        additions.stage(&sums[index], *point, B::Fq::ALL);
                    }
                    index += 1;
                }
            }
        }
        if !is_first {
            B::run(Complete { additions: &mut additions, accumulators: &mut sums });
        }
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
