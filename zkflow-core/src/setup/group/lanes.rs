//! Points times scalars, and sums with differences, in the lanes of a [`Kernel`](crate::bn254::Kernel).
//!
//! A product goes through the curve's endomorphism ([GLV]): two halves of 128 bits, in signed digits of four
//! bits, look up multiples of 1 to 8 of the point. Doublings and additions are those for Jacobian coordinates
//! (dbl-2009-l and madd-2007-bl of the [EFD]); the multiples are affine, a block of points sharing their inversions.
//!
//! The formulas do not hold for a sum with an equal or opposite point, nor for infinity. There the coordinate Z becomes
//! zero and stays it, since nothing else is added to it, and such lanes are computed once more by arkworks.
//!
//! [GLV]: https://www.iacr.org/archive/crypto2001/21390189.pdf
//! [EFD]: https://hyperelliptic.org/EFD/g1p/auto-shortw-jacobian-0.html

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, PrimeField};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Curve;
use crate::bn254::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Mask, invert_all};
use crate::bn254::points::GroupLanes;
use crate::bn254::{Backend, Task};

/// A scalar, and the digits of its halves from the lowest up: -7 to 8.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Digits {
    scalar: Fr,
    halves: [[i8; DIGITS]; 2],
}

impl Digits {
    pub(super) fn of<C: Curve>(scalar: &Fr) -> Self {
        let parts = C::scalar_decomposition(*scalar);
        let halves = [parts.0, parts.1].map(|(positive, half)| {
            let [low, high, rest @ ..] = half.into_bigint().0;
            assert_eq!(rest, [0, 0], "the halves of a scalar of 254 bits have at most 128");
            let mut left = u128::from(high) << 64 | u128::from(low);
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
pub(super) struct Multiply<'a, C: Curve> {
    pub(super) points: &'a mut [Affine<C>],
    pub(super) digits: &'a [&'a Digits],
}

/// x, y, and the x of the endomorphism's image, of the multiples of some points.
type Multiples<F> = [(F, F, F); ENTRIES];

/// How multiples come from smaller ones, by place: those of a row share an inversion.
const SUMS: [&[(usize, usize, usize)]; 3] =
    [&[(1, 0, 0)], &[(2, 1, 0), (3, 1, 1)], &[(4, 3, 0), (5, 2, 2), (6, 3, 2), (7, 3, 3)]];

impl<C: Curve> Task for Multiply<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let Self { points, digits } = self;
        let width = B::Fq::WIDTH;
        let mut tables = tables::<C, B>(points);
        let mut products = Vec::with_capacity(tables.len());
        for (number, table) in tables.iter_mut().enumerate() {
            let first = number * width;
            let end = digits.len().min(first + width);
            products.push(product::<B, _>(table, &digits[first..end]));
        }

        let mut norms = Vec::with_capacity(products.len());
        for (_, _, z) in &products {
            norms.push(z.norm());
        }
        let mut inverses = norms.clone();
        invert_all(&mut inverses);
        for (number, (x, y, z)) in products.iter().enumerate() {
            let inverse = z.inverse_by_norm(inverses[number]);
            let square = inverse.square();
            let (x, y) = (x.mul(square), y.mul(square).mul(inverse));
            let mut out = [Affine::identity(); MAX_WIDTH];
            C::Group::store::<B>(x, y, &mut out);
            let lost = norms[number].zero_mask();
            let first = number * width;
            for lane in 0..width.min(points.len() - first) {
                let point = &mut points[first + lane];
                *point = match lost >> lane & 1 {
                    0 => out[lane],
                    _ => (*point * digits[first + lane].scalar).into_affine(),
                };
            }
        }
    }
}

/// `WIDTH` points from a slice, which may end before.
#[inline(always)]
fn load<C: Curve, B: Backend>(points: &[Affine<C>]) -> (FieldOf<C, B>, FieldOf<C, B>) {
    let mut padded = [Affine::generator(); MAX_WIDTH];
    let count = points.len().min(B::Fq::WIDTH);
    padded[..count].copy_from_slice(&points[..count]);
    C::Group::load::<B>(&padded)
}

type FieldOf<C, B> = <<C as Curve>::Group as GroupLanes>::Coordinate<B>;

/// The multiples of all points. An affine sum of different points, or a double, needs an inverse; the points have a large
/// prime order, so none of the sums meets infinity, and infinity itself gives zeros.
#[inline(always)]
fn tables<C: Curve, B: Backend>(points: &[Affine<C>]) -> Vec<Multiples<FieldOf<C, B>>> {
    let turn = endomorphism::<C>();
    let (turn, _) = C::Group::load::<B>(&[Affine::new_unchecked(turn, turn); MAX_WIDTH]);
    let zero = FieldOf::<C, B>::zero();
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
fn chord<F: Arithmetic>(ax: F, ay: F, bx: F, slope: F) -> (F, F) {
    let x = slope.square().sub(ax).sub(bx);
    (x, slope.mul(ax.sub(x)).sub(ay))
}

/// By what the endomorphism multiplies x.
fn endomorphism<C: Curve>() -> C::BaseField {
    let generator = Affine::<C>::generator();
    let image = C::endomorphism_affine(&generator);
    image.x * generator.x.inverse().expect("the generator's x is not zero")
}

/// The product of each lane's point and scalar, in Jacobian coordinates.
#[inline(always)]
fn product<B: Backend, F: Coordinate>(table: &Multiples<F>, digits: &[&Digits]) -> (F, F, F) {
    let (mut x, mut y, mut z) = (F::zero(), F::zero(), F::zero());
    // The lanes that hold a point already.
    let mut started: Mask = 0;
    for place in (0..DIGITS).rev() {
        if started != 0 {
            for _ in 0..4 {
                (x, y, z) = double(x, y, z);
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
            let fresh = active & !started;
            let adding = active & started;
            if adding != 0 {
                let (sx, sy, sz) = add(x, y, z, px, py);
                (x, y, z) = (F::select(adding, sx, x), F::select(adding, sy, y), F::select(adding, sz, z));
            }
            if fresh != 0 {
                (x, y) = (F::select(fresh, px, x), F::select(fresh, py, y));
                z = F::select(fresh, F::one(), z);
            }
            started |= active;
        }
    }
    (x, y, z)
}

/// dbl-2009-l.
#[inline(always)]
fn double<F: Arithmetic>(x: F, y: F, z: F) -> (F, F, F) {
    let a = x.square();
    let b = y.square();
    let c = b.square();
    let d = x.add(b).square().sub(a).sub(c).double();
    let e = a.double().add(a);
    let x3 = e.square().sub(d).sub(d);
    let y3 = e.mul(d.sub(x3)).sub(c.double().double().double());
    (x3, y3, y.mul(z).double())
}

/// madd-2007-bl, with Z as a product.
#[inline(always)]
fn add<F: Arithmetic>(x1: F, y1: F, z1: F, x2: F, y2: F) -> (F, F, F) {
    let zz = z1.square();
    let h = x2.mul(zz).sub(x1);
    let r = y2.mul(z1).mul(zz).sub(y1).double();
    let i = h.square().double().double();
    let j = h.mul(i);
    let v = x1.mul(i);
    let x3 = r.square().sub(j).sub(v).sub(v);
    let y3 = r.mul(v.sub(x3)).sub(y1.mul(j).double());
    (x3, y3, z1.mul(h).double())
}

/// Replaces at most [`BLOCK`] pairs of points by their sums and differences.
pub(super) struct Butterflies<'a, C: Curve> {
    pub(super) low: &'a mut [Affine<C>],
    pub(super) high: &'a mut [Affine<C>],
}

impl<C: Curve> Task for Butterflies<'_, C> {
    type Output = ();

    /// Sum and difference share the denominator of their slopes.
    #[inline(always)]
    fn run<B: Backend>(self) {
        let Self { low, high } = self;
        let width = B::Fq::WIDTH;
        let mut norms = Vec::with_capacity(BLOCK);
        for (low, high) in low.chunks(width).zip(high.chunks(width)) {
            let ((x1, _), (x2, _)) = (load::<C, B>(low), load::<C, B>(high));
            norms.push(x2.sub(x1).norm());
        }
        let mut inverses = norms.clone();
        invert_all(&mut inverses);
        for number in 0..norms.len() {
            let first = number * width;
            let end = low.len().min(first + width);
            let (low, high) = (&mut low[first..end], &mut high[first..end]);
            let ((x1, y1), (x2, y2)) = (load::<C, B>(low), load::<C, B>(high));
            let inverse = x2.sub(x1).inverse_by_norm(inverses[number]);
            let (sx, sy) = chord(x1, y1, x2, y2.sub(y1).mul(inverse));
            let (dx, dy) = chord(x1, y1, x2, y2.neg().sub(y1).mul(inverse));
            let (mut sums, mut differences) =
                ([Affine::identity(); MAX_WIDTH], [Affine::identity(); MAX_WIDTH]);
            C::Group::store::<B>(sx, sy, &mut sums);
            C::Group::store::<B>(dx, dy, &mut differences);
            let equal = norms[number].zero_mask();
            for lane in 0..low.len() {
                let (p, q) = (low[lane], high[lane]);
                let exact = equal >> lane & 1 == 1 || p.is_zero() || q.is_zero();
                (low[lane], high[lane]) = if exact {
                    ((p + q).into_affine(), (p - q).into_affine())
                } else {
                    (sums[lane], differences[lane])
                };
            }
        }
    }
}
