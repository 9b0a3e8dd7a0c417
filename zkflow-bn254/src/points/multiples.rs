//! The multiples of points, and of their images under the endomorphisms of their curve, that digits select.

use ark_ec::short_weierstrass::Affine;

use super::CurveLanes;
use super::addition::chord;
use super::digits::{CHAIN, Digits, REPRESENTATIVES, TURNS};
use crate::field::{Arithmetic, Chains, Coordinate, Lanes, MAX_WIDTH, Mask};
use crate::{Backend, Task};

/// The x and the y of `WIDTH` points.
pub(super) type Point<F> = (F, F);

/// The multiples of points and of their images, for lanes that have the same digits.
///
/// A vector of points has an image for each pair of parts: itself, and in G2 that under the Frobenius endomorphism. An image has
/// multiples by the representatives of digits, and these have images under the endomorphism that multiplies by ω.
pub(super) struct CommonMultiples<F> {
    /// ((vector · pairs + pair) · 3 + turns) · 12 + representative.
    x: Vec<F>,
    /// (vector · pairs + pair) · 12 + representative: a multiplication by ω does not change y.
    y: Vec<F>,
}

/// The index of a multiple by a representative in the x of [`CommonMultiples`].
#[inline(always)]
fn index_of_x(image: usize, turns: usize, representative: usize) -> usize {
    (image * TURNS + turns) * REPRESENTATIVES + representative
}

impl<F: Coordinate> CommonMultiples<F> {
    /// The multiples of vectors of points, none of which is infinity.
    #[inline(always)]
    pub(super) fn of<C: CurveLanes<Coordinate<B> = F>, B: Backend>(points: &[Point<F>]) -> Self {
        let (beta, [x, y]) = (C::ENDO_COEFFS[0], C::frobenius());
        let (beta, _) = C::load::<B>(&[Affine::new_unchecked(beta, beta); MAX_WIDTH]);
        let frobenius = C::load::<B>(&[Affine::new_unchecked(x, y); MAX_WIDTH]);
        B::run(Multiply { points, beta, frobenius, pairs: C::PAIRS })
    }

    /// The multiple of a vector's points that the digit of a pair of parts at `place` selects, and the lanes with a digit: all
    /// or none.
    #[inline(always)]
    pub(super) fn chosen<C: CurveLanes>(
        &self,
        vector: usize,
        pair: usize,
        digits: &Digits,
        place: usize,
    ) -> (Point<F>, Mask) {
        let image = vector * C::PAIRS + pair;
        let Some((representative, turns, negative)) = digits.at::<C>(pair, place).decode() else {
            return ((self.x[0], self.y[0]), 0);
        };
        let x = self.x[index_of_x(image, turns, representative)];
        let y = self.y[image * REPRESENTATIVES + representative];
        ((x, if negative { y.neg() } else { y }), F::Base::ALL)
    }
}

/// The multiples of points and of their images, for lanes that have different digits: each lane selects another multiple.
///
/// Lane l of multiple i is at i · `WIDTH` + l, for the index i of its x in [`CommonMultiples`].
pub(crate) struct Multiples<C: CurveLanes>(Vec<C::Packed>);

impl<C: CurveLanes> Multiples<C> {
    /// The multiples of vectors of points, none of which is infinity.
    #[inline(always)]
    pub(crate) fn of<B: Backend>(points: &[Point<C::Coordinate<B>>]) -> Self {
        let width = B::Fq::WIDTH;
        let CommonMultiples { x, y } = CommonMultiples::of::<C, B>(points);
        let mut packed = vec![C::Packed::default(); x.len() * width];
        for (index, (x, out)) in x.iter().zip(packed.chunks_exact_mut(width)).enumerate() {
            let (image, representative) = (index / REPRESENTATIVES / TURNS, index % REPRESENTATIVES);
            let y = y[image * REPRESENTATIVES + representative];
            C::Coordinate::<B>::scatter(*x, y, out);
        }
        Self(packed)
    }

    /// The multiple of a vector's points that the digit of a pair of parts at `place` selects in each lane, and the lanes with
    /// a digit. Other lanes contain any multiple.
    #[inline(always)]
    pub(crate) fn chosen<B: Backend>(
        &self,
        vector: usize,
        pair: usize,
        digits: &[&Digits],
        place: usize,
    ) -> (Point<C::Coordinate<B>>, Mask) {
        let width = B::Fq::WIDTH;
        let image = vector * C::PAIRS + pair;
        let images = &self.0[index_of_x(image, 0, 0) * width..index_of_x(image + 1, 0, 0) * width];
        let mut lanes = [&images[0]; MAX_WIDTH];
        let (mut active, mut negative): (Mask, Mask) = (0, 0);
        for (lane, digits) in digits.iter().enumerate() {
            if let Some((representative, turns, below_zero)) = digits.at::<C>(pair, place).decode() {
                lanes[lane] = &images[index_of_x(0, turns, representative) * width + lane];
                active |= 1 << lane;
                negative |= Mask::from(below_zero) << lane;
            }
        }
        let (x, y) = C::Coordinate::<B>::gather(&lanes);
        ((x, C::Coordinate::<B>::select(negative, y.neg(), y)), active)
    }
}

/// Computes [`CommonMultiples`]; compiled once for all callers.
struct Multiply<'a, F> {
    points: &'a [Point<F>],
    /// β: (x, y) ↦ (βx, y) multiplies a point by ω.
    beta: F,
    /// The factors of x and y in the Frobenius endomorphism, for a second pair of parts.
    frobenius: Point<F>,
    /// Number of pairs of parts.
    pairs: usize,
}

impl<F: Coordinate> Task for Multiply<'_, F> {
    type Output = CommonMultiples<F>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let Self { points, beta, frobenius, pairs } = self;
        let count = points.len() * pairs * REPRESENTATIVES;
        let (mut xs, mut ys) = (Vec::with_capacity(count * TURNS), Vec::with_capacity(count));
        for mut multiples in by_representatives(points, beta) {
            for pair in 0..pairs {
                for (x, y) in &mut multiples {
                    if pair == 1 {
                        (*x, *y) = (x.conjugate().mul(frobenius.0), y.conjugate().mul(frobenius.1));
                    }
                    xs.push(*x);
                    ys.push(*y);
                }
                let start = xs.len() - REPRESENTATIVES;
                for (x, _) in &multiples {
                    xs.push(x.mul(beta));
                }
                // 1 + β + β² = 0.
                for index in start..start + REPRESENTATIVES {
                    xs.push(F::zero().sub_both(xs[index], xs[index + REPRESENTATIVES]));
                }
            }
        }
        CommonMultiples { x: xs, y: ys }
    }
}

/// The multiples of all points by the representatives of digits. The points have a large prime order, so no sum is infinity,
/// and no denominator is zero.
#[inline(always)]
fn by_representatives<F: Coordinate>(points: &[Point<F>], beta: F) -> Vec<[Point<F>; REPRESENTATIVES]> {
    let mut all = Vec::with_capacity(points.len());
    for point in points {
        all.push([*point; REPRESENTATIVES]);
    }
    let mut pending = Vec::with_capacity(points.len() * CHAIN[1].len());
    for row in CHAIN {
        pending.clear();
        let mut chains = Chains::new();
        for multiples in &all {
            for step in row {
                let ((x1, y1), (mut x2, _)) = (multiples[step.first], multiples[step.second]);
                for _ in 0..step.turns {
                    x2 = x2.mul(beta);
                }
                let denominator = if step.is_double() { y1.double() } else { x2.sub(x1) };
                let norm = denominator.norm();
                pending.push((x2, denominator, norm, chains.push(pending.len(), norm)));
            }
        }
        chains.invert();
        for multiples in all.iter_mut().rev() {
            for step in row.iter().rev() {
                let (x2, denominator, norm, before) = pending.pop().expect("one for each step");
                let inverse = denominator.inverse_by_norm(chains.pop(pending.len(), norm, before));
                let ((x1, y1), (_, y2)) = (multiples[step.first], multiples[step.second]);
                let numerator = if step.is_double() {
                    let square = x1.square();
                    square.double().add(square)
                } else {
                    (if step.negative { y2.neg() } else { y2 }).sub(y1)
                };
                multiples[step.representative] = chord(x1, y1, x2, numerator.mul(inverse));
            }
        }
    }
    all
}
