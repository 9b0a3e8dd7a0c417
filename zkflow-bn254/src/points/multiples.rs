//! Odd multiples of points and of their images under the endomorphisms of their curve.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::Field;

use super::CurveLanes;
use super::addition::{Doubling, chord};
use super::digits::{DIGIT_BITS, Digits, MAGNITUDES};
use super::jacobian::Jacobian;
use crate::Backend;
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Mask, invert_all};

/// The x and the y of `WIDTH` points.
pub(super) type Point<F> = (F, F);

/// Number of multiples by 2, 4, .., 32.
const POWERS: usize = DIGIT_BITS;
/// Number of vectors up to which one inversion and Jacobian coordinates take less time than an inversion for each power.
const FEW: usize = 4;

/// `(multiple, power, rest)`: an odd multiple is the sum or the difference of a power of two and a smaller odd multiple. The
/// sums of a row share an inversion.
const SUMS: [&[(usize, usize, usize)]; 2] = [
    &[(3, 2, 1), (5, 4, 1), (7, 8, 1), (9, 8, 1), (15, 16, 1), (17, 16, 1), (31, 32, 1)],
    &[(11, 8, 3), (13, 16, 3), (19, 16, 3), (21, 16, 5), (23, 16, 7), (25, 32, 7), (27, 32, 5), (29, 32, 3)],
];

/// The multiples by 1, 3, .., 31 of points and of their images under the endomorphisms.
///
/// They are stored lane by lane, as each lane looks up another multiple: the lanes of a multiple side by side, then the
/// multiples of an image, the images of a vector, then vectors.
pub(crate) struct Multiples<C: CurveLanes>(Vec<C::Packed>);

impl<C: CurveLanes> Multiples<C> {
    /// The multiples of vectors of points, none of which is infinity. The points have a large prime order, so no sum of the
    /// table is infinity, and no denominator is zero.
    #[inline(always)]
    pub(crate) fn of<B: Backend>(points: &[Point<C::Coordinate<B>>]) -> Self {
        let multiples = odd_multiples::<C, B>(points);
        let ([x, y], turn) = (C::frobenius(), endomorphism::<C>());
        let (turn, _) = C::load::<B>(&[Affine::new_unchecked(turn, turn); MAX_WIDTH]);
        let (frobenius_x, frobenius_y) = C::load::<B>(&[Affine::new_unchecked(x, y); MAX_WIDTH]);
        let width = B::Fq::WIDTH;
        let mut packed = vec![C::Packed::default(); points.len() * C::PARTS * MAGNITUDES * width];
        for (images, multiples) in packed.chunks_exact_mut(C::PARTS * MAGNITUDES * width).zip(&multiples) {
            for entry in 0..MAGNITUDES {
                let (mut x, mut y) = multiples[entry];
                for part in (0..C::PARTS).step_by(2) {
                    if part == 2 {
                        (x, y) = (x.conjugate().mul(frobenius_x), y.conjugate().mul(frobenius_y));
                    }
                    let first = (part * MAGNITUDES + entry) * width;
                    let second = first + MAGNITUDES * width;
                    C::Coordinate::<B>::scatter(x, y, &mut images[first..first + width]);
                    C::Coordinate::<B>::scatter(x.mul(turn), y, &mut images[second..second + width]);
                }
            }
        }
        Self(packed)
    }

    /// The multiple of image `part` of the points of a vector that the digit at `place` names in each lane, and the lanes
    /// with a digit. Other lanes contain any multiple.
    #[inline(always)]
    pub(crate) fn chosen<B: Backend>(
        &self,
        vector: usize,
        part: usize,
        digits: &[&Digits],
        place: usize,
    ) -> (Point<C::Coordinate<B>>, Mask) {
        let width = B::Fq::WIDTH;
        let start = (vector * C::PARTS + part) * MAGNITUDES * width;
        let image = &self.0[start..start + MAGNITUDES * width];
        let mut lanes = [&image[0]; MAX_WIDTH];
        let (mut active, mut negative): (Mask, Mask) = (0, 0);
        for (lane, digits) in digits.iter().enumerate() {
            if let Some((index, below_zero)) = digits.at::<C>(part, place) {
                lanes[lane] = &image[index * width + lane];
                active |= 1 << lane;
                negative |= Mask::from(below_zero) << lane;
            }
        }
        let (x, y) = C::Coordinate::<B>::gather(&lanes);
        ((x, C::Coordinate::<B>::select(negative, y.neg(), y)), active)
    }
}

/// The multiples by 1, 3, .., 31 of all points.
#[inline(always)]
fn odd_multiples<C: CurveLanes, B: Backend>(
    points: &[Point<C::Coordinate<B>>],
) -> Vec<[Point<C::Coordinate<B>>; MAGNITUDES]> {
    let powers = powers_of_two::<C, B>(points);
    let mut all = Vec::with_capacity(points.len());
    for point in points {
        all.push([*point; MAGNITUDES]);
    }
    let mut norms = Vec::with_capacity(points.len() * SUMS[1].len());
    for sums in SUMS {
        norms.clear();
        for (multiples, powers) in all.iter().zip(&powers) {
            for &(_, power, rest) in sums {
                norms.push(multiples[rest / 2].0.sub(powers[power.ilog2() as usize - 1].0).norm());
            }
        }
        invert_all(&mut norms);
        let mut inverses = norms.iter();
        for (multiples, powers) in all.iter_mut().zip(&powers) {
            for &(multiple, power, rest) in sums {
                let inverse = *inverses.next().expect("one inverse per sum");
                let ((ax, ay), (bx, by)) = (powers[power.ilog2() as usize - 1], multiples[rest / 2]);
                let by = if multiple > power { by } else { by.neg() };
                let slope = by.sub(ay).mul(bx.sub(ax).inverse_by_norm(inverse));
                multiples[multiple / 2] = chord(ax, ay, bx, slope);
            }
        }
    }
    all
}

/// The multiples by 2, 4, .., 32 of all points.
#[inline(always)]
fn powers_of_two<C: CurveLanes, B: Backend>(
    points: &[Point<C::Coordinate<B>>],
) -> Vec<[Point<C::Coordinate<B>>; POWERS]> {
    let zero = C::Coordinate::<B>::zero();
    let mut powers = vec![[(zero, zero); POWERS]; points.len()];
    if points.len() <= FEW {
        let mut doubled = Vec::with_capacity(points.len() * POWERS);
        for point in points {
            let mut power = Jacobian::from_affine(*point);
            for _ in 0..POWERS {
                power = power.doublings::<B>(1);
                doubled.push(power);
            }
        }
        let mut affine = Vec::with_capacity(doubled.len());
        Jacobian::to_affine(&doubled, &mut affine);
        for (powers, affine) in powers.iter_mut().zip(affine.chunks_exact(POWERS)) {
            powers.copy_from_slice(affine);
        }
    } else {
        let mut doubled = points.to_vec();
        for index in 0..POWERS {
            B::run(Doubling { points: &mut doubled });
            for (powers, doubled) in powers.iter_mut().zip(&doubled) {
                powers[index] = *doubled;
            }
        }
    }
    powers
}

/// The factor by which the endomorphism multiplies x.
fn endomorphism<C: CurveLanes>() -> C::BaseField {
    let generator = Affine::<C>::generator();
    let image = C::endomorphism_affine(&generator);
    image.x * generator.x.inverse().expect("the x of the generator is nonzero")
}
