//! Eight lanes in radix 2^52 on AVX-512 IFMA.
//!
//! `vpmadd52luq` and `vpmadd52huq` multiply the low 52 bits of eight pairs of words and add the low or
//! the high 52 bits of the products to 64-bit accumulators. Eight elements are five vectors: vector i
//! contains limb i of all eight lanes. Sums of products accumulate in columns with 12 spare bits for carries.
//!
//! # Montgomery reduction
//! Let μ ≡ −p⁻¹ mod 2^52. The lowest limb of μp is 2^52 − 1, so for a number T with the lowest limb t,
//! the lowest limb of T + tμp is zero: (T + tμp) / 2^52 = ⌊T / 2^52⌋ + t·S with S = (μp + 1) / 2^52.
//! Such a step needs no multiplication for its digit (cf. the "Montgomery-friendly" moduli of Bos and
//! Friedberger, *Arithmetic Considerations for Isogeny Based Cryptography*), but adds up to 2^52·S ≈ μp.
//! Four such steps reduce ten limbs to six. The fifth step is the textbook one, with the digit tμ mod 2^52
//! and the modulus p; it also divides that excess by 2^52. For T < k·p², the result is
//! below T/R + (μ/2^52)·p + p < (k/84 + 1.13)·p for both moduli of BN254.
//!
//! # Additions
//! A sum or difference has a value v between −3.9p and 4p. The top limb of v + 4p gives the quotient
//! by p, at most one too small and never too large. The carry pass also subtracts that multiple of p,
//! read from a table of eight. The result is below 1.1p.

mod layout;
#[cfg(test)]
mod tests;
mod vector;

use core::arch::x86_64::{__m512i, _mm512_loadu_si512};
use core::marker::PhantomData;

use ark_ff::{BigInt, Fp, MontBackend, MontConfig};

use self::layout::{columns_of_four, store_words, transpose};
use self::vector::*;
use super::modulus::{LIMB_BITS, LIMB_MASK, LIMBS, Limbs, Radix52};
use super::{Arithmetic, Lanes, Mask, Row};

/// Eight elements of the field of a 254-bit prime.
///
/// Its operations need AVX-512 F, DQ, VL and IFMA. Only [`Kernel::run`](crate::Kernel::run) provides this
/// type: it checks for these features and inlines the operations into code compiled with them.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Ifma<C>([__m512i; LIMBS], PhantomData<C>);

impl<C> Clone for Ifma<C> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Ifma<C> {}

/// Ten columns of a double-length product, not carried.
type Columns = [__m512i; 2 * LIMBS];

#[inline(always)]
fn broadcast_limbs(limbs: Limbs) -> [__m512i; LIMBS] {
    let mut out = [zeros(); LIMBS];
    for i in 0..LIMBS {
        out[i] = broadcast(limbs[i]);
    }
    out
}

/// Normalises signed limbs to 52 bits by carrying; the top limb keeps the sign.
#[inline(always)]
fn carry(mut limbs: [__m512i; LIMBS]) -> [__m512i; LIMBS] {
    let mask = broadcast(LIMB_MASK);
    for i in 0..LIMBS - 1 {
        limbs[i + 1] = plus(limbs[i + 1], shift_right_signed::<LIMB_BITS>(limbs[i]));
        limbs[i] = and(limbs[i], mask);
    }
    limbs
}

/// Adds the columns of a product of five limbs each.
#[inline(always)]
fn add_product(columns: &mut Columns, a: &[__m512i; LIMBS], b: &[__m512i; LIMBS]) {
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            columns[i + j] = madd_lo(columns[i + j], a[i], b[j]);
        }
        for j in 0..LIMBS {
            columns[i + j + 1] = madd_hi(columns[i + j + 1], a[i], b[j]);
        }
    }
}

/// The columns of a square: products of different limbs, computed once and doubled, plus the squared limbs.
#[inline(always)]
fn square_columns(a: &[__m512i; LIMBS]) -> Columns {
    let mut columns = [zeros(); 2 * LIMBS];
    for i in 0..LIMBS {
        for j in i + 1..LIMBS {
            columns[i + j] = madd_lo(columns[i + j], a[i], a[j]);
            columns[i + j + 1] = madd_hi(columns[i + j + 1], a[i], a[j]);
        }
    }
    for column in &mut columns[1..2 * LIMBS - 1] {
        *column = plus(*column, *column);
    }
    for i in 0..LIMBS {
        columns[2 * i] = madd_lo(columns[2 * i], a[i], a[i]);
        columns[2 * i + 1] = madd_hi(columns[2 * i + 1], a[i], a[i]);
    }
    columns
}

impl<C: MontConfig<4>> Ifma<C> {
    #[inline(always)]
    fn new(limbs: [__m512i; LIMBS]) -> Self {
        Self(limbs, PhantomData)
    }

    #[inline(always)]
    fn constant(limbs: Limbs) -> Self {
        Self::new(broadcast_limbs(limbs))
    }

    /// T/R mod p of a product T; see the module documentation.
    #[inline(always)]
    fn montgomery(mut t: Columns) -> Self {
        for i in 0..LIMBS - 1 {
            t[i + 1] = plus(t[i + 1], shift_right::<LIMB_BITS>(t[i]));
            for j in 0..LIMBS {
                t[i + 1 + j] = madd_lo(t[i + 1 + j], t[i], broadcast(C::SHIFTED[j]));
            }
            for j in 0..LIMBS {
                t[i + 2 + j] = madd_hi(t[i + 2 + j], t[i], broadcast(C::SHIFTED[j]));
            }
        }
        let digit = madd_lo(zeros(), t[4], broadcast(C::NEGATED_INVERSE));
        // The lowest limb becomes zero: it carries 1 unless it was zero before.
        t[5] = plus(t[5], shift_right::<LIMB_BITS>(plus(t[4], broadcast(LIMB_MASK))));
        for j in 1..LIMBS {
            t[4 + j] = madd_lo(t[4 + j], digit, broadcast(C::P[j]));
        }
        for j in 0..LIMBS {
            t[5 + j] = madd_hi(t[5 + j], digit, broadcast(C::P[j]));
        }
        Self::new(carry([t[5], t[6], t[7], t[8], t[9]]))
    }

    /// The reduced value of limbs whose value is from −3.9p to 4p. Each limb has at most 54 bits and a sign.
    #[inline(always)]
    fn fold(limbs: [__m512i; LIMBS]) -> Self {
        Self::fold_by_top(limbs, plus(limbs[4], broadcast(4 * C::P[4])))
    }

    /// [`Self::fold`], given the top limb of the value plus 4p, possibly without the carry into it.
    #[inline(always)]
    fn fold_by_top(mut limbs: [__m512i; LIMBS], top: __m512i) -> Self {
        let quotient = madd_hi(zeros(), top, broadcast(C::TOP_RECIPROCAL));
        for i in 0..LIMBS {
            limbs[i] = minus(limbs[i], lookup(words(C::MULTIPLES[i]), quotient));
        }
        Self::new(carry(limbs))
    }

    /// Four vectors of 64-bit words as limbs.
    #[inline(always)]
    fn from_words(w: [__m512i; 4]) -> Self {
        let mask = broadcast(LIMB_MASK);
        Self::new([
            and(w[0], mask),
            and(or(shift_right::<52>(w[0]), shift_left::<12>(w[1])), mask),
            and(or(shift_right::<40>(w[1]), shift_left::<24>(w[2])), mask),
            and(or(shift_right::<28>(w[2]), shift_left::<36>(w[3])), mask),
            shift_right::<16>(w[3]),
        ])
    }

    /// Values below 2^256 as four vectors of 64-bit words.
    #[inline(always)]
    fn to_words(self) -> [__m512i; 4] {
        let l = self.0;
        [
            or(l[0], shift_left::<52>(l[1])),
            or(shift_right::<12>(l[1]), shift_left::<40>(l[2])),
            or(shift_right::<24>(l[2]), shift_left::<28>(l[3])),
            or(shift_right::<36>(l[3]), shift_left::<16>(l[4])),
        ]
    }

    /// a − p, with the lanes in which it is negative.
    #[inline(always)]
    fn minus_modulus(self) -> (Self, Mask) {
        let p = broadcast_limbs(C::P);
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = minus(limbs[i], p[i]);
        }
        let limbs = carry(limbs);
        (Self::new(limbs), negative_lanes(limbs[4]))
    }

    /// a − p in lanes where it is not negative, a elsewhere, for a below 2p.
    #[inline(always)]
    fn subtract_modulus_once(self) -> Self {
        let (difference, negative) = self.minus_modulus();
        Self::select(negative, self, difference)
    }
}

impl<C: MontConfig<4>> Arithmetic for Ifma<C> {
    #[inline(always)]
    fn zero() -> Self {
        Self::new([zeros(); LIMBS])
    }

    #[inline(always)]
    fn one() -> Self {
        Self::constant(C::ONE)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = plus(limbs[i], other.0[i]);
        }
        Self::fold(limbs)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = minus(limbs[i], other.0[i]);
        }
        Self::fold(limbs)
    }

    #[inline(always)]
    fn add_loose(self, other: Self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = plus(limbs[i], other.0[i]);
        }
        Self::new(carry(limbs))
    }

    #[inline(always)]
    fn sub_loose(self, other: Self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            // Column 0 of the table is −4p.
            limbs[i] = minus(minus(limbs[i], broadcast(C::MULTIPLES[i][0])), other.0[i]);
        }
        Self::new(carry(limbs))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let mut columns = [zeros(); 2 * LIMBS];
        add_product(&mut columns, &self.0, &other.0);
        Self::montgomery(columns)
    }

    #[inline(always)]
    fn square(self) -> Self {
        Self::montgomery(square_columns(&self.0))
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        self.reduce().subtract_modulus_once()
    }

    #[inline(always)]
    fn zero_mask(self) -> Mask {
        let l = self.canonical().0;
        zero_lanes(or3(or3(l[0], l[1], l[2]), l[3], l[4]))
    }

    #[inline(always)]
    fn literal_zero_mask(self) -> Mask {
        zero_lanes(self.0[0])
    }

    #[inline(always)]
    fn perhaps_equal_mask(self, other: Self) -> Mask {
        // Reduced values that are congruent modulo p differ by 0 or ±p.
        let difference = and(minus(self.0[0], other.0[0]), broadcast(LIMB_MASK));
        zero_lanes(difference)
            | equal_lanes(difference, broadcast(C::P[0]))
            | equal_lanes(difference, broadcast((1 << LIMB_BITS) - C::P[0]))
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        let mut limbs = no.0;
        for i in 0..LIMBS {
            limbs[i] = blend(mask, yes.0[i], no.0[i]);
        }
        Self::new(limbs)
    }
}

impl<C: MontConfig<4>> Lanes for Ifma<C> {
    type Field = Fp<MontBackend<C, 4>, 4>;
    const WIDTH: usize = 8;

    #[inline(always)]
    fn load(elements: &[Self::Field]) -> Self {
        let elements: &[Self::Field; 8] = elements[..8].try_into().expect("a slice of eight");
        // SAFETY: an arkworks element is four words and a zero-sized marker, so eight elements are
        // 256 readable bytes; the loads need no alignment.
        let rows = unsafe {
            const { assert!(size_of::<Fp<MontBackend<C, 4>, 4>>() == 32) };
            let start = elements.as_ptr().cast::<__m512i>();
            [
                _mm512_loadu_si512(start),
                _mm512_loadu_si512(start.add(1)),
                _mm512_loadu_si512(start.add(2)),
                _mm512_loadu_si512(start.add(3)),
            ]
        };
        Self::from_words(columns_of_four(rows)).mul(Self::constant(C::FROM_ARK))
    }

    #[inline(always)]
    fn store(self, elements: &mut [Self::Field]) {
        let mut integers = [[0; 4]; 8];
        store_words(self.mul(Self::constant(C::TO_ARK)).canonical().to_words(), &mut integers);
        for (element, words) in elements[..8].iter_mut().zip(integers) {
            *element = Fp::new_unchecked(BigInt(words));
        }
    }

    #[inline(always)]
    fn store_integers(self, integers: &mut [[u64; 4]]) {
        let integers = (&mut integers[..8]).try_into().expect("a slice of eight");
        let mut one = [0; LIMBS];
        one[0] = 1;
        store_words(self.mul(Self::constant(one)).canonical().to_words(), integers);
    }

    #[inline(always)]
    fn gather_rows(rows: &[&Row]) -> (Self, Self) {
        let rows: &[&Row; 8] = rows[..8].try_into().expect("a slice of eight");
        let mut vectors = [zeros(); 8];
        for i in 0..8 {
            vectors[i] = words(rows[i].0);
        }
        let [a, b, c, d, e, f, g, h] = transpose(vectors);
        (Self::from_words([a, b, c, d]), Self::from_words([e, f, g, h]))
    }

    #[inline(always)]
    fn adopt(self) -> (Self, Mask) {
        let (_, below) = self.minus_modulus();
        // Four words are below 2^256, which is less than 6p.
        (self.mul(Self::constant(C::FROM_ARK)), below)
    }

    #[inline(always)]
    fn transpose(vectors: &mut [Self]) {
        let vectors: &mut [Self; 8] = (&mut vectors[..8]).try_into().expect("a slice of eight");
        for limb in 0..LIMBS {
            let mut rows = [zeros(); 8];
            for i in 0..8 {
                rows[i] = vectors[i].0[limb];
            }
            let columns = transpose(rows);
            for i in 0..8 {
                vectors[i].0[limb] = columns[i];
            }
        }
    }

    #[inline(always)]
    fn scatter_rows(first: Self, second: Self, rows: &mut [Row]) {
        let rows: &mut [Row; 8] = (&mut rows[..8]).try_into().expect("a slice of eight");
        let [a, b, c, d] = first.to_words();
        let [e, f, g, h] = second.to_words();
        let vectors = transpose([a, b, c, d, e, f, g, h]);
        for i in 0..8 {
            // SAFETY: both types are 64 bytes, and every bit pattern is valid.
            rows[i] = Row(unsafe { core::mem::transmute::<__m512i, [u64; 8]>(vectors[i]) });
        }
    }

    #[inline(always)]
    fn reduce(self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = plus(limbs[i], broadcast(C::MULTIPLES[i][0]));
        }
        Self::fold_by_top(limbs, self.0[4])
    }

    #[inline(always)]
    fn mul_add_mul(self, b: Self, c: Self, d: Self) -> Self {
        let mut columns = [zeros(); 2 * LIMBS];
        add_product(&mut columns, &self.0, &b.0);
        add_product(&mut columns, &c.0, &d.0);
        Self::montgomery(columns)
    }
}
