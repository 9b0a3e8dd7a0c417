//! Points times scalars.
//!
//! A product goes through the curve's endomorphism ([GLV]): two halves of 128 bits, in signed digits of four
//! bits, look up multiples of 1 to 8 of the point. Doublings and additions are those of Jacobian coordinates; the multiples
//! are affine, a block of points sharing their inversions.
//!
//! The formulas do not hold for a sum with an equal or opposite point, nor for infinity. There the coordinate Z becomes
//! zero and stays it, since nothing else is added to it, and such lanes are computed once more by arkworks.
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

/// Multiplies the point of number `i` by `first * step^i`.
pub fn scale_by_powers<C: Curve>(points: &[Affine<C>], first: &Fr, step: &Fr) -> Vec<Affine<C>> {
    C::multiply(Kernel::detect(), points, Factors::Powers { first, step })
}

/// Multiplies every point by a scalar of its own.
///
/// # Panics
/// If there are fewer scalars than points.
pub fn products<C: Curve>(kernel: Kernel, points: &[Affine<C>], scalars: &[Fr]) -> Vec<Affine<C>> {
    C::multiply(kernel, points, Factors::Each(scalars))
}

/// What points are multiplied by.
#[derive(Clone, Copy)]
pub(crate) enum Factors<'a> {
    /// All by one scalar.
    Equal(&'a Fr),
    /// Point i by `first * step^i`.
    Powers { first: &'a Fr, step: &'a Fr },
    /// Point i by scalar i.
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

/// A scalar, and the digits of its halves from the lowest up: -7 to 8.
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

/// Digits of half a scalar, whose carry may reach one further.
const DIGITS: usize = 33;
/// Multiples of a point that are looked up.
const ENTRIES: usize = 8;
/// Points that share inversions.
pub(super) const BLOCK: usize = 128;

/// Multiplies at most [`BLOCK`] points, point `i` by the scalar of `digits[i]`, in place.
pub(super) struct Multiply<'a, C: CurveLanes> {
    pub(super) points: &'a mut [Affine<C>],
    pub(super) digits: &'a [&'a Digits],
}

/// x, y, and the x of the endomorphism's image, of the multiples of some points.
type Multiples<F> = [(F, F, F); ENTRIES];

/// How multiples come from smaller ones, by place: those of a row share an inversion.
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
                // Infinity is the product, or what a lane has come to where the formulas do not hold.
                *point = match out[lane].is_zero() {
                    false => out[lane],
                    true => (*point * digits[first + lane].scalar).into_affine(),
                };
            }
        }
    }
}

/// `WIDTH` points from a slice, which may end before.
#[inline(always)]
pub(super) fn load<C: CurveLanes, B: Backend>(points: &[Affine<C>]) -> (C::Coordinate<B>, C::Coordinate<B>) {
    let mut padded = [Affine::generator(); MAX_WIDTH];
    let count = points.len().min(B::Fq::WIDTH);
    padded[..count].copy_from_slice(&points[..count]);
    C::load::<B>(&padded)
}

/// The multiples of all points. An affine sum of different points, or a double, needs an inverse; the points have a large
/// prime order, so none of the sums meets infinity, and infinity itself gives zeros.
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
                let inverse = *inverses.next().expect("one for each sum");
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

/// The third point on the line through (ax, ay) and a point at bx, reflected.
#[inline(always)]
pub(super) fn chord<F: Arithmetic>(ax: F, ay: F, bx: F, slope: F) -> (F, F) {
    let x = slope.square().sub(ax.add_loose(bx));
    (x, slope.mul(ax.sub(x)).sub(ay))
}

/// By what the endomorphism multiplies x.
fn endomorphism<C: CurveLanes>() -> C::BaseField {
    let generator = Affine::<C>::generator();
    let image = C::endomorphism_affine(&generator);
    image.x * generator.x.inverse().expect("the generator's x is not zero")
}

/// The product of each lane's point and scalar.
#[inline(always)]
fn product<F: Coordinate>(table: &Multiples<F>, digits: &[&Digits]) -> Jacobian<F> {
    let mut sum = Jacobian::infinity();
    // The lanes that hold a point already.
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
