//! The multiples of points, and of their images under the endomorphisms of their curve, that digits select.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::Field;

use super::CurveLanes;
use super::addition::chord;
use super::digits::{CHAIN, Digits, MAGNITUDES, TURNS};
use crate::field::{Arithmetic, Chains, Coordinate, Lanes, MAX_WIDTH, Mask};
use crate::{Backend, Task};

/// The x and the y of `WIDTH` points.
pub(super) type Point<F> = (F, F);

/// The multiples of points and of their images, for lanes that have the same digits.
///
/// A vector of points has an image for each pair of parts: itself, and in G2 that under the Frobenius endomorphism. An image has
/// multiples by the magnitudes of digits, and these have images under the powers of the endomorphism that multiplies by ω.
pub(super) struct CommonMultiples<F> {
    /// The x by magnitude, then by power of ω, pair of parts, and vector.
    x: Vec<F>,
    /// The y by magnitude, then by pair of parts, and vector: the endomorphism does not change it.
    y: Vec<F>,
}

impl<F: Coordinate> CommonMultiples<F> {
    /// The multiples of vectors of points, none of which is infinity.
    #[inline(always)]
    pub(super) fn of<C: CurveLanes<Coordinate<B> = F>, B: Backend>(points: &[Point<F>]) -> Self {
        let (turn, [x, y]) = (endomorphism::<C>(), C::frobenius());
        let (turn, _) = C::load::<B>(&[Affine::new_unchecked(turn, turn); MAX_WIDTH]);
        let frobenius = C::load::<B>(&[Affine::new_unchecked(x, y); MAX_WIDTH]);
        B::run(Multiply { points, turn, frobenius, pairs: C::PARTS / 2 })
    }

    /// The multiple of a vector's points that the digit of a pair of parts at `place` names, and the lanes with a digit: all
    /// or none.
    #[inline(always)]
    pub(super) fn chosen<C: CurveLanes>(
        &self,
        vector: usize,
        pair: usize,
        digits: &Digits,
        place: usize,
    ) -> (Point<F>, Mask) {
        let image = vector * C::PARTS / 2 + pair;
        let Some((magnitude, turns, negative)) = digits.at::<C>(pair, place).parts() else {
            return ((self.x[0], self.y[0]), 0);
        };
        let (x, y) = (
            self.x[(image * TURNS + turns) * MAGNITUDES + magnitude],
            self.y[image * MAGNITUDES + magnitude],
        );
        ((x, if negative { y.neg() } else { y }), F::Base::ALL)
    }
}

/// The multiples of points and of their images, for lanes that have different digits.
///
/// They are stored lane by lane, as each lane looks up another multiple: the lanes of a multiple side by side, in the order of
/// the x of [`CommonMultiples`].
pub(crate) struct Multiples<C: CurveLanes>(Vec<C::Packed>);

impl<C: CurveLanes> Multiples<C> {
    /// The multiples of vectors of points, none of which is infinity.
    #[inline(always)]
    pub(crate) fn of<B: Backend>(points: &[Point<C::Coordinate<B>>]) -> Self {
        let width = B::Fq::WIDTH;
        let CommonMultiples { x, y } = CommonMultiples::of::<C, B>(points);
        let mut packed = vec![C::Packed::default(); x.len() * width];
        for (index, (x, out)) in x.iter().zip(packed.chunks_exact_mut(width)).enumerate() {
            let y = y[index / MAGNITUDES / TURNS * MAGNITUDES + index % MAGNITUDES];
            C::Coordinate::<B>::scatter(*x, y, out);
        }
        Self(packed)
    }

    /// The multiple of a vector's points that the digit of a pair of parts at `place` names in each lane, and the lanes with
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
        let size = TURNS * MAGNITUDES * width;
        let images = &self.0[(vector * C::PARTS / 2 + pair) * size..][..size];
        let mut lanes = [&images[0]; MAX_WIDTH];
        let (mut active, mut negative): (Mask, Mask) = (0, 0);
        for (lane, digits) in digits.iter().enumerate() {
            if let Some((magnitude, turns, below_zero)) = digits.at::<C>(pair, place).parts() {
                lanes[lane] = &images[(turns * MAGNITUDES + magnitude) * width + lane];
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
    /// The factor of x in the endomorphism that multiplies by ω.
    turn: F,
    /// The factors of x and y in the Frobenius endomorphism, for a second pair of parts.
    frobenius: Point<F>,
    /// Number of pairs of parts.
    pairs: usize,
}

impl<F: Coordinate> Task for Multiply<'_, F> {
    type Output = CommonMultiples<F>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let Self { points, turn, frobenius, pairs } = self;
        let count = points.len() * pairs * MAGNITUDES;
        let (mut xs, mut ys) = (Vec::with_capacity(count * TURNS), Vec::with_capacity(count));
        for mut multiples in multiples(points, turn) {
            for pair in 0..pairs {
                for (x, y) in &mut multiples {
                    if pair == 1 {
                        (*x, *y) = (x.conjugate().mul(frobenius.0), y.conjugate().mul(frobenius.1));
                    }
                    xs.push(*x);
                    ys.push(*y);
                }
                let start = xs.len() - MAGNITUDES;
                for (x, _) in &multiples {
                    xs.push(x.mul(turn));
                }
                // 1 + β + β² = 0 for the factor β of x.
                for index in start..start + MAGNITUDES {
                    xs.push(F::zero().sub_both(xs[index], xs[index + MAGNITUDES]));
                }
            }
        }
        CommonMultiples { x: xs, y: ys }
    }
}

/// The multiples of all points by the magnitudes of digits. The points have a large prime order, so no sum is infinity, and
/// no denominator is zero.
#[inline(always)]
fn multiples<F: Coordinate>(points: &[Point<F>], turn: F) -> Vec<[Point<F>; MAGNITUDES]> {
    let mut all = Vec::with_capacity(points.len());
    for point in points {
        all.push([*point; MAGNITUDES]);
    }
    let mut slopes = Vec::with_capacity(points.len() * CHAIN[1].len());
    for row in CHAIN {
        slopes.clear();
        let mut chains = Chains::new();
        for multiples in &all {
            for step in row {
                let ((x1, y1), (mut x2, _)) = (multiples[step.first], multiples[step.second]);
                for _ in 0..step.turns {
                    x2 = x2.mul(turn);
                }
                let denominator = if step.is_double() { y1.double() } else { x2.sub(x1) };
                let norm = denominator.norm();
                slopes.push((x2, denominator, norm, chains.push(slopes.len(), norm)));
            }
        }
        chains.invert();
        for multiples in all.iter_mut().rev() {
            for step in row.iter().rev() {
                let (x2, denominator, norm, before) = slopes.pop().expect("one for each step");
                let inverse = denominator.inverse_by_norm(chains.pop(slopes.len(), norm, before));
                let ((x1, y1), (_, y2)) = (multiples[step.first], multiples[step.second]);
                let numerator = if step.is_double() {
                    let square = x1.square();
                    square.double().add(square)
                } else {
                    (if step.negative { y2.neg() } else { y2 }).sub(y1)
                };
                multiples[step.magnitude] = chord(x1, y1, x2, numerator.mul(inverse));
            }
        }
    }
    all
}

/// The factor by which the endomorphism multiplies x.
fn endomorphism<C: CurveLanes>() -> C::BaseField {
    let generator = Affine::<C>::generator();
    let image = C::endomorphism_affine(&generator);
    image.x * generator.x.inverse().expect("the x of the generator is nonzero")
}
