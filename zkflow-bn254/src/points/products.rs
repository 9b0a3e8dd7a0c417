//! Points times scalars.
//!
//! A product uses the endomorphisms of its curve: the cube root of unity ([GLV]), and in G2 also the Frobenius
//! endomorphism ([GLS]). The scalar is split into two parts of 127 bits, in G2 into four of 65, in signed digits of four
//! bits. Each digit selects a precomputed multiple, 1 to 8 times an image of the point. Doublings and additions use
//! Jacobian coordinates. The multiples are affine; the points of a block share inversions.
//!
//! The addition formula fails for infinity and for equal or opposite points. The coordinate Z then becomes
//! zero and stays zero. Arkworks computes such lanes again.
//!
//! [GLV]: https://www.iacr.org/archive/crypto2001/21390189.pdf
//! [GLS]: https://eprint.iacr.org/2008/194

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::jacobian::Jacobian;
use super::parts::{MAX_PARTS, Splitter};
use super::{Curve, CurveLanes};
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Mask, invert_all};
use crate::{Backend, Kernel, Task};

/// Multiplies every point by one scalar.
pub fn scale<C: Curve>(points: &[Affine<C>], scalar: &Fr) -> Vec<Affine<C>> {
    C::multiply(Kernel::detect(), points, Factors::Equal(scalar))
}

/// Multiplies point `i` by `first * step^i`.
///
/// ```
/// use ark_bn254::{Fr, G1Affine};
/// use ark_ec::AffineRepr;
/// use zkflow_bn254::points::scale_by_powers;
///
/// let g = G1Affine::generator();
/// let scaled = scale_by_powers(&[g; 3], &Fr::from(5u64), &Fr::from(2u64));
/// assert_eq!(scaled, [5u64, 10, 20].map(|n| G1Affine::from(g * Fr::from(n))));
/// ```
pub fn scale_by_powers<C: Curve>(points: &[Affine<C>], first: &Fr, step: &Fr) -> Vec<Affine<C>> {
    C::multiply(Kernel::detect(), points, Factors::Powers { first, step })
}

/// Multiplies point `i` by `scalars[i]`.
///
/// # Panics
/// Panics if there are fewer scalars than points.
pub fn products<C: Curve>(kernel: Kernel, points: &[Affine<C>], scalars: &[Fr]) -> Vec<Affine<C>> {
    C::multiply(kernel, points, Factors::Each(scalars))
}

/// Factors of the points.
#[derive(Clone, Copy)]
pub(crate) enum Factors<'a> {
    /// One scalar for all points.
    Equal(&'a Fr),
    /// `first * step^i` for point i.
    Powers { first: &'a Fr, step: &'a Fr },
    /// Scalar i for point i.
    Each(&'a [Fr]),
}

pub(crate) fn multiply_points<C: CurveLanes>(
    kernel: Kernel,
    points: &[Affine<C>],
    factors: Factors<'_>,
) -> Vec<Affine<C>> {
    let splitter = C::splitter();
    let mut products = points.to_vec();
    products.par_chunks_mut(BLOCK).enumerate().for_each(|(block, points)| {
        let start = block * BLOCK;
        let digits: Vec<Digits> = match factors {
            Factors::Equal(scalar) => vec![Digits::of::<C>(&splitter, scalar)],
            Factors::Each(scalars) => {
                let scalars = &scalars[start..start + points.len()];
                scalars.iter().map(|scalar| Digits::of::<C>(&splitter, scalar)).collect()
            }
            Factors::Powers { first, step } => {
                let mut power = *first * step.pow([start as u64]);
                let digits = (0..points.len()).map(|_| {
                    let digits = Digits::of::<C>(&splitter, &power);
                    power *= step;
                    digits
                });
                let digits = digits.collect();
                power.zeroize();
                digits
            }
        };
        let each = digits.iter().cycle().take(points.len()).collect::<Vec<_>>();
        kernel.run(Multiply { points, digits: &each });
    });
    products
}

/// A scalar and the digits of its parts, lowest first, each from -8 to 8.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Digits {
    scalar: Fr,
    /// [`PLACES`](CurveLanes::PLACES) digits of each part.
    digits: [i8; MOST_DIGITS],
}

impl Digits {
    pub(crate) fn of<C: CurveLanes>(splitter: &Splitter, scalar: &Fr) -> Self {
        let mut digits = [0; MOST_DIGITS];
        let mut parts = splitter.split(scalar);
        for (part, digits) in parts.iter().zip(digits.chunks_exact_mut(C::PLACES)) {
            let (mut left, mut carry) = (part.unsigned_abs(), 0);
            for out in digits {
                let digit = (left & 15) as i8 + carry;
                left >>= 4;
                carry = i8::from(digit > 8);
                let digit = digit - 16 * carry;
                *out = if *part < 0 { -digit } else { digit };
            }
        }
        parts.zeroize();
        Self { scalar: *scalar, digits }
    }

    /// The scalar that has these digits.
    pub(crate) fn scalar(&self) -> &Fr {
        &self.scalar
    }
}

/// Maximum number of digits of a scalar.
const MOST_DIGITS: usize = 17 * MAX_PARTS;
/// Number of precomputed multiples of a point.
const ENTRIES: usize = 8;
/// Number of points that share inversions.
pub(super) const BLOCK: usize = 128;

/// Multiplies at most [`BLOCK`] points, point `i` by the scalar of `digits[i]`, in place.
pub(super) struct Multiply<'a, C: CurveLanes> {
    pub(super) points: &'a mut [Affine<C>],
    pub(super) digits: &'a [&'a Digits],
}

/// The x and the y of `WIDTH` points.
type Point<F> = (F, F);

/// Multiples of `WIDTH` points, or of their images under an endomorphism.
pub(crate) type Multiples<F> = [Point<F>; ENTRIES];

/// `(sum, a, b)`: multiple `sum` is multiple `a` plus multiple `b`, by index. The sums of a row share an
/// inversion.
const SUMS: [&[(usize, usize, usize)]; 3] =
    [&[(1, 0, 0)], &[(2, 1, 0), (3, 1, 1)], &[(4, 3, 0), (5, 2, 2), (6, 3, 2), (7, 3, 3)]];

impl<C: CurveLanes> Task for Multiply<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let Self { points, digits } = self;
        let width = B::Fq::WIDTH;
        let mut vectors = Vec::with_capacity(points.len().div_ceil(width));
        for points in points.chunks(width) {
            vectors.push(load::<C, B>(points));
        }
        let tables = tables::<C, B>(&vectors);
        let mut products = Vec::with_capacity(points.len().div_ceil(width));
        for (number, images) in tables.chunks_exact(C::PARTS).enumerate() {
            let first = number * width;
            let end = digits.len().min(first + width);
            products.push(sum_of_products::<C, B>(images, &digits[first..end]));
        }
        let mut affine = Vec::new();
        Jacobian::to_affine(&products, &mut affine);
        for (number, (x, y)) in affine.into_iter().enumerate() {
            let mut out = [Affine::identity(); MAX_WIDTH];
            C::store::<B>(x, y, &mut out);
            let first = number * width;
            for lane in 0..width.min(points.len() - first) {
                let point = &mut points[first + lane];
                // Infinity is the product or the sign that the formula has failed.
                *point = match out[lane].is_zero() {
                    false => out[lane],
                    true => (*point * digits[first + lane].scalar).into_affine(),
                };
            }
        }
    }
}

/// The first `WIDTH` points of a slice. A shorter slice is padded with the generator.
#[inline(always)]
pub(super) fn load<C: CurveLanes, B: Backend>(points: &[Affine<C>]) -> (C::Coordinate<B>, C::Coordinate<B>) {
    let mut padded = [Affine::generator(); MAX_WIDTH];
    let count = points.len().min(B::Fq::WIDTH);
    padded[..count].copy_from_slice(&points[..count]);
    C::load::<B>(&padded)
}

/// The multiples of the images of all points, vector by vector. The points have a large prime order, so no sum of the
/// table is infinity, and no denominator is zero. The multiples of infinity are zeros.
#[inline(always)]
pub(crate) fn tables<C: CurveLanes, B: Backend>(
    points: &[Point<C::Coordinate<B>>],
) -> Vec<Multiples<C::Coordinate<B>>> {
    let zero = C::Coordinate::<B>::zero();
    let mut tables = vec![[(zero, zero); ENTRIES]; points.len() * C::PARTS];
    for (images, point) in tables.chunks_exact_mut(C::PARTS).zip(points) {
        images[0][0] = *point;
    }
    let mut norms = Vec::with_capacity(tables.len() * ENTRIES / 2);
    for sums in SUMS {
        norms.clear();
        for images in tables.chunks_exact(C::PARTS) {
            for &(_, a, b) in sums {
                norms.push(denominator(&images[0], a, b).norm());
            }
        }
        invert_all(&mut norms);
        let mut inverses = norms.iter();
        for images in tables.chunks_exact_mut(C::PARTS) {
            let table = &mut images[0];
            for &(sum, a, b) in sums {
                let inverse = *inverses.next().expect("one inverse per sum");
                let ((ax, ay), (bx, by)) = (table[a], table[b]);
                let numerator = if a == b {
                    let square = ax.square();
                    square.double().add(square)
                } else {
                    by.sub(ay)
                };
                let slope = numerator.mul(denominator(table, a, b).inverse_by_norm(inverse));
                table[sum] = chord(ax, ay, bx, slope);
            }
        }
    }
    add_images::<C, B>(&mut tables);
    tables
}

/// Fills the tables of the images: those of the cube root of unity, of the Frobenius endomorphism, and of both.
#[inline(always)]
fn add_images<C: CurveLanes, B: Backend>(tables: &mut [Multiples<C::Coordinate<B>>]) {
    let ([x, y], turn) = (C::frobenius(), endomorphism::<C>());
    let (turn, _) = C::load::<B>(&[Affine::new_unchecked(turn, turn); MAX_WIDTH]);
    let (frobenius_x, frobenius_y) = C::load::<B>(&[Affine::new_unchecked(x, y); MAX_WIDTH]);
    for images in tables.chunks_exact_mut(C::PARTS) {
        for entry in 0..ENTRIES {
            let (x, y) = images[0][entry];
            images[1][entry] = (x.mul(turn), y);
            if C::PARTS == 4 {
                let (x, y) = (x.conjugate().mul(frobenius_x), y.conjugate().mul(frobenius_y));
                images[2][entry] = (x, y);
                images[3][entry] = (x.mul(turn), y);
            }
        }
    }
}

#[inline(always)]
fn denominator<F: Coordinate>(table: &Multiples<F>, a: usize, b: usize) -> F {
    if a == b { table[a].1.double() } else { table[b].0.sub(table[a].0) }
}

/// The sum of (ax, ay) and a point with x = bx, given the slope of the line through both.
#[inline(always)]
pub(super) fn chord<F: Arithmetic>(ax: F, ay: F, bx: F, slope: F) -> (F, F) {
    let x = slope.square().sub_both(ax, bx);
    (x, slope.mul(ax.sub(x)).sub(ay))
}

/// The factor by which the endomorphism multiplies x.
fn endomorphism<C: CurveLanes>() -> C::BaseField {
    let generator = Affine::<C>::generator();
    let image = C::endomorphism_affine(&generator);
    image.x * generator.x.inverse().expect("the x of the generator is nonzero")
}

/// Σ of the products of all vectors in each lane, with doublings shared by all (E. Straus, *Addition Chains of Vectors*,
/// 1964), given the multiples of the images of the points. Point i is in lane i mod `WIDTH`.
#[inline(always)]
pub(crate) fn sum_of_products<C: CurveLanes, B: Backend>(
    tables: &[Multiples<C::Coordinate<B>>],
    digits: &[&Digits],
) -> Jacobian<C::Coordinate<B>> {
    let mut sum = Jacobian::infinity();
    // Lanes that already contain a point.
    let mut started: Mask = 0;
    for place in (0..C::PLACES).rev() {
        if started != 0 {
            sum = sum.doublings::<B>(4);
        }
        for (images, digits) in tables.chunks_exact(C::PARTS).zip(digits.chunks(B::Fq::WIDTH)) {
            for (part, table) in images.iter().enumerate() {
                let (point, active) = chosen(table, digits, part * C::PLACES + place);
                if active != 0 {
                    sum = sum.plus::<B>(point, active & started, active & !started);
                    started |= active;
                }
            }
        }
    }
    sum
}

/// The multiple that a digit names in each lane, and the lanes in which it is not zero.
#[inline(always)]
fn chosen<F: Coordinate>(table: &Multiples<F>, digits: &[&Digits], place: usize) -> ((F, F), Mask) {
    let (mut lanes, mut negative) = ([0 as Mask; ENTRIES + 1], 0);
    for (lane, digits) in digits.iter().enumerate() {
        let digit = digits.digits[place];
        lanes[usize::from(digit.unsigned_abs())] |= 1 << lane;
        negative |= Mask::from(digit < 0) << lane;
    }
    let mut active: Mask = 0;
    let (mut x, mut y) = (F::zero(), F::zero());
    for entry in 0..ENTRIES {
        let mask = lanes[entry + 1];
        if mask != 0 {
            active |= mask;
            x = F::select(mask, table[entry].0, x);
            y = F::select(mask, table[entry].1, y);
        }
    }
    if negative != 0 {
        y = F::select(negative, y.neg(), y);
    }
    ((x, y), active)
}
