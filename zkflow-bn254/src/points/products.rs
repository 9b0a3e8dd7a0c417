//! Points times scalars.
//!
//! A product uses the curve's endomorphism ([GLV]). The scalar is split into two halves of 128 bits, in
//! signed digits of four bits. Each digit selects a precomputed multiple, 1 to 8 times the point. Doublings
//! and additions use Jacobian coordinates. The multiples are affine; the points of a block share inversions.
//!
//! The addition formula fails for infinity and for equal or opposite points. The coordinate Z then becomes
//! zero and stays zero. Arkworks computes such lanes again.
//!
//! [GLV]: https://www.iacr.org/archive/crypto2001/21390189.pdf

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::halves::Splitter;
use super::jacobian::Jacobian;
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
    let splitter = Splitter::of::<C>();
    let mut products = points.to_vec();
    products.par_chunks_mut(BLOCK).enumerate().for_each(|(block, points)| {
        let start = block * BLOCK;
        let digits: Vec<Digits> = match factors {
            Factors::Equal(scalar) => vec![Digits::of(&splitter, scalar)],
            Factors::Each(scalars) => {
                let scalars = &scalars[start..start + points.len()];
                scalars.iter().map(|scalar| Digits::of(&splitter, scalar)).collect()
            }
            Factors::Powers { first, step } => {
                let mut power = *first * step.pow([start as u64]);
                let digits = (0..points.len()).map(|_| {
                    let digits = Digits::of(&splitter, &power);
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

/// A scalar and the digits of its halves, lowest first, each from -8 to 8.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Digits {
    scalar: Fr,
    halves: [[i8; DIGITS]; 2],
}

impl Digits {
    pub(super) fn of(splitter: &Splitter, scalar: &Fr) -> Self {
        let halves = splitter.split(scalar).map(|(positive, mut left)| {
            let mut carry = 0;
            [(); DIGITS].map(|()| {
                let digit = (left & 15) as i8 + carry;
                left >>= 4;
                carry = i8::from(digit > 8);
                let digit = digit - 16 * carry;
                if positive { digit } else { -digit }
            })
        });
        Self { scalar: *scalar, halves }
    }
}

/// Number of digits of half a scalar, including one for the carry.
const DIGITS: usize = 33;
/// Number of precomputed multiples of a point.
const ENTRIES: usize = 8;
/// Number of points that share inversions.
pub(super) const BLOCK: usize = 128;

/// Multiplies at most [`BLOCK`] points, point `i` by the scalar of `digits[i]`, in place.
pub(super) struct Multiply<'a, C: CurveLanes> {
    pub(super) points: &'a mut [Affine<C>],
    pub(super) digits: &'a [&'a Digits],
}

/// Multiples of `WIDTH` points, each as x, y, and the x of its image under the endomorphism.
type Multiples<F> = [(F, F, F); ENTRIES];

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
        let tables = tables::<C, B>(points);
        let mut products = Vec::with_capacity(tables.len());
        for (number, table) in tables.iter().enumerate() {
            let first = number * width;
            let end = digits.len().min(first + width);
            products.push(product(table, &digits[first..end]));
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

/// The multiples of all points. The points have a large prime order, so no sum of the table is infinity, and
/// no denominator is zero. The multiples of infinity are zeros.
#[inline(always)]
fn tables<C: CurveLanes, B: Backend>(points: &[Affine<C>]) -> Vec<Multiples<C::Coordinate<B>>> {
    let turn = endomorphism::<C>();
    let (turn, _) = C::load::<B>(&[Affine::new_unchecked(turn, turn); MAX_WIDTH]);
    let zero = C::Coordinate::<B>::zero();
    let mut tables = Vec::with_capacity(BLOCK);
    for chunk in points.chunks(B::Fq::WIDTH) {
        let (x, y) = load::<C, B>(chunk);
        let mut table = [(zero, zero, zero); ENTRIES];
        table[0] = (x, y, x.mul(turn));
        tables.push(table);
    }
    let mut norms = Vec::with_capacity(tables.len() * ENTRIES / 2);
    for sums in SUMS {
        norms.clear();
        for table in &tables {
            for &(_, a, b) in sums {
                norms.push(denominator(table, a, b).norm());
            }
        }
        invert_all(&mut norms);
        let mut inverses = norms.iter();
        for table in &mut tables {
            for &(sum, a, b) in sums {
                let inverse = *inverses.next().expect("one inverse per sum");
                let ((ax, ay, _), (bx, by, _)) = (table[a], table[b]);
                let numerator = if a == b {
                    let square = ax.square();
                    square.double().add(square)
                } else {
                    by.sub(ay)
                };
                let slope = numerator.mul(denominator(table, a, b).inverse_by_norm(inverse));
                let (x, y) = chord(ax, ay, bx, slope);
                table[sum] = (x, y, x.mul(turn));
            }
        }
    }
    tables
}

#[inline(always)]
fn denominator<F: Coordinate>(table: &Multiples<F>, a: usize, b: usize) -> F {
    if a == b { table[a].1.double() } else { table[b].0.sub(table[a].0) }
}

/// The sum of (ax, ay) and a point with x = bx, given the slope of the line through both.
#[inline(always)]
pub(super) fn chord<F: Arithmetic>(ax: F, ay: F, bx: F, slope: F) -> (F, F) {
    let x = slope.square().sub(ax.add_loose(bx));
    (x, slope.mul(ax.sub(x)).sub(ay))
}

/// The factor by which the endomorphism multiplies x.
fn endomorphism<C: CurveLanes>() -> C::BaseField {
    let generator = Affine::<C>::generator();
    let image = C::endomorphism_affine(&generator);
    image.x * generator.x.inverse().expect("the x of the generator is nonzero")
}

/// The product of point and scalar in each lane.
#[inline(always)]
fn product<F: Coordinate>(table: &Multiples<F>, digits: &[&Digits]) -> Jacobian<F> {
    let mut sum = Jacobian::infinity();
    // Lanes that already contain a point.
    let mut started: Mask = 0;
    for place in (0..DIGITS).rev() {
        if started != 0 {
            for _ in 0..4 {
                sum = sum.double();
            }
        }
        for half in 0..2 {
            let (mut lanes, mut negative) = ([0 as Mask; ENTRIES + 1], 0);
            for (lane, digits) in digits.iter().enumerate() {
                let digit = digits.halves[half][place];
                lanes[usize::from(digit.unsigned_abs())] |= 1 << lane;
                negative |= Mask::from(digit < 0) << lane;
            }
            let mut active: Mask = 0;
            let (mut px, mut py) = (F::zero(), F::zero());
            for entry in 0..ENTRIES {
                let mask = lanes[entry + 1];
                if mask != 0 {
                    active |= mask;
                    let (ex, ey, turned) = table[entry];
                    px = F::select(mask, if half == 0 { ex } else { turned }, px);
                    py = F::select(mask, ey, py);
                }
            }
            if active == 0 {
                continue;
            }
            if negative != 0 {
                py = F::select(negative, py.neg(), py);
            }
            sum = sum.add((px, py), active & started, active & !started);
            started |= active;
        }
    }
    sum
}
