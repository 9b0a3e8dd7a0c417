//! Odd multiples of points and of their images under the endomorphisms of their curve.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::Field;

use super::CurveLanes;
use super::addition::chord;
use super::digits::{Digits, MAGNITUDES};
use crate::Backend;
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Mask, invert_all};

/// The x and the y of `WIDTH` points.
pub(super) type Point<F> = (F, F);

/// Indices of the multiples by 2, 4, 8 and 16, behind the odd ones.
const TWO: usize = MAGNITUDES;
const FOUR: usize = MAGNITUDES + 1;
const EIGHT: usize = MAGNITUDES + 2;
const SIXTEEN: usize = MAGNITUDES + 3;
/// Number of multiples, with the even ones.
const ALL: usize = MAGNITUDES + 4;

/// `(sum, a, b)`: multiple `sum` is multiple `a` plus multiple `b`, by index. The sums of a row share an inversion.
const SUMS: [&[(usize, usize, usize)]; 5] = [
    &[(TWO, 0, 0)],
    &[(1, 0, TWO), (FOUR, TWO, TWO)],
    &[(2, 0, FOUR), (3, 1, FOUR), (EIGHT, FOUR, FOUR)],
    &[(4, 0, EIGHT), (5, 1, EIGHT), (6, 2, EIGHT), (7, 3, EIGHT), (SIXTEEN, EIGHT, EIGHT)],
    &[
        (8, 0, SIXTEEN),
        (9, 1, SIXTEEN),
        (10, 2, SIXTEEN),
        (11, 3, SIXTEEN),
        (12, 4, SIXTEEN),
        (13, 5, SIXTEEN),
        (14, 6, SIXTEEN),
        (15, 7, SIXTEEN),
    ],
];

/// The multiples by 1, 3, .., 31 of points and of their images under the endomorphisms.
///
/// They are stored lane by lane, as each lane looks up another multiple: the lanes of a multiple side by side, then the
/// multiples of an image, the images of a vector, then vectors.
pub(crate) struct Multiples<C: CurveLanes>(Vec<C::Packed>);

impl<C: CurveLanes> Multiples<C> {
    /// The multiples of vectors of points. The points have a large prime order, so no sum of the table is infinity, and no
    /// denominator is zero. The multiples of infinity are zeros.
    #[inline(always)]
    pub(crate) fn of<B: Backend>(points: &[Point<C::Coordinate<B>>]) -> Self {
        let multiples = add_up::<C, B>(points);
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

    /// The multiple of image `part` of the points of a vector that the digit at `place` names in each lane. Lanes without
    /// digits get the point itself.
    #[inline(always)]
    pub(crate) fn chosen<B: Backend>(
        &self,
        vector: usize,
        part: usize,
        digits: &[&Digits],
        place: usize,
    ) -> Point<C::Coordinate<B>> {
        let width = B::Fq::WIDTH;
        let start = (vector * C::PARTS + part) * MAGNITUDES * width;
        let image = &self.0[start..start + MAGNITUDES * width];
        let mut lanes = [&image[0]; MAX_WIDTH];
        let mut negative: Mask = 0;
        for lane in 0..width {
            let (index, below_zero) =
                if lane < digits.len() { digits[lane].at::<C>(part, place) } else { (0, false) };
            lanes[lane] = &image[index * width + lane];
            negative |= Mask::from(below_zero) << lane;
        }
        let (x, y) = C::Coordinate::<B>::gather(&lanes);
        (x, C::Coordinate::<B>::select(negative, y.neg(), y))
    }
}

/// Adds up the multiples of all points, with the even ones.
#[inline(always)]
fn add_up<C: CurveLanes, B: Backend>(
    points: &[Point<C::Coordinate<B>>],
) -> Vec<[Point<C::Coordinate<B>>; ALL]> {
    let zero = C::Coordinate::<B>::zero();
    let mut multiples = vec![[(zero, zero); ALL]; points.len()];
    for (multiples, point) in multiples.iter_mut().zip(points) {
        multiples[0] = *point;
    }
    let mut norms = Vec::with_capacity(points.len() * SUMS[4].len());
    for sums in SUMS {
        norms.clear();
        for multiples in &multiples {
            for &(_, a, b) in sums {
                norms.push(denominator(multiples, a, b).norm());
            }
        }
        invert_all(&mut norms);
        let mut inverses = norms.iter();
        for multiples in &mut multiples {
            for &(sum, a, b) in sums {
                let inverse = *inverses.next().expect("one inverse per sum");
                let ((ax, ay), (bx, by)) = (multiples[a], multiples[b]);
                let numerator = if a == b {
                    let square = ax.square();
                    square.double().add(square)
                } else {
                    by.sub(ay)
                };
                let slope = numerator.mul(denominator(multiples, a, b).inverse_by_norm(inverse));
                multiples[sum] = chord(ax, ay, bx, slope);
            }
        }
    }
    multiples
}

#[inline(always)]
fn denominator<F: Coordinate>(multiples: &[Point<F>], a: usize, b: usize) -> F {
    if a == b { multiples[a].1.double() } else { multiples[b].0.sub(multiples[a].0) }
}

/// The factor by which the endomorphism multiplies x.
fn endomorphism<C: CurveLanes>() -> C::BaseField {
    let generator = Affine::<C>::generator();
    let image = C::endomorphism_affine(&generator);
    image.x * generator.x.inverse().expect("the x of the generator is nonzero")
}
