//! Several lanes in radix 2^52, on the vectors of a processor.
//!
//! Vector i contains limb i of all lanes, so a vector of W words makes W lanes. Limbs of an element are below 2^52.
//! [`Words`] has the operations that differ between processors; the arithmetic is written once.
//!
//! | vectors | processors | products of limbs |
//! |---|---|---|
//! | `__m512i`, 8 words | AVX-512 IFMA | `vpmadd52luq`, `vpmadd52huq` ([`ifma`]) |
//! | `Halves`, 2 times 4 words | AVX2 and FMA | floating-point fused multiply-add ([`avx2`]) |
//!
//! # Additions
//! A sum or difference has a value v between −3.9p and 4p. The top limb of v + 4p gives the quotient
//! by p, at most one too small and never too large. That multiple of p is subtracted, read from a table of eight. The
//! table has a bias in each limb, so that a carry is a shift of unsigned words. The result is below 1.1p.

mod avx2;
mod ifma;
mod modulus;
mod product;
mod sextic;
#[cfg(test)]
mod tests;
mod words;

use core::arch::x86_64::__m512i;
use core::marker::PhantomData;

use ark_ff::{BigInt, Fp, MontBackend, MontConfig};

use self::avx2::Halves;
use self::modulus::{LIMB_BITS, LIMB_MASK, LIMBS, Limbs, Radix52};
use self::product::{Limb, carry};
pub(crate) use self::sextic::Sextic;
use self::words::Words;
use super::{Arithmetic, Lanes, MAX_WIDTH, Mask, Row};

/// Eight elements. Its operations need AVX-512 F, DQ, VL and IFMA.
pub(crate) type Ifma<C> = Vectors<C, __m512i>;

/// Eight elements. Its operations need AVX2 and FMA.
pub(crate) type Avx2<C> = Vectors<C, Halves>;

/// Elements of the field of a 254-bit prime.
///
/// Only [`Kernel::run`](crate::Kernel::run) provides this type: it checks for the instructions of the words and inlines
/// the operations into code compiled with them.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Vectors<C, W>([W; LIMBS], PhantomData<C>);

impl<C, W: Copy> Clone for Vectors<C, W> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, W: Copy> Copy for Vectors<C, W> {}

impl<C: MontConfig<4>, W: Words> Vectors<C, W> {
    #[inline(always)]
    fn new(limbs: [W; LIMBS]) -> Self {
        Self(limbs, PhantomData)
    }

    #[inline(always)]
    fn constant(limbs: Limbs) -> Self {
        Self::new(limbs.map(W::broadcast))
    }

    /// The reduced value of limbs whose value is from −3.9p to 4p. Each limb has at most 54 bits and a sign.
    #[inline(always)]
    fn fold(limbs: [W; LIMBS]) -> Self {
        Self::fold_by_top(limbs, limbs[4].plus(W::broadcast(4 * C::P[4])))
    }

    /// [`Self::fold`], given the top limb of the value plus 4p, possibly without the carry into it.
    #[inline(always)]
    fn fold_by_top(limbs: [W; LIMBS], top: W) -> Self {
        Self::new(W::fold::<C>(&limbs, &top))
    }

    /// Σ aₙ·bₙ with one reduction, for at most 64 products: the sum of the products of bounds, in multiples of p, must be at
    /// most 64.
    #[inline(always)]
    fn dot<A: Limb<W>, B: Limb<W>, const N: usize>(a: &[A; N], b: &[B; N]) -> Self {
        Self::new(product::dot::<C, W, A, B, N>(a, b))
    }

    /// Four vectors of 64-bit words as limbs.
    #[inline(always)]
    fn from_words(w: [W; 4]) -> Self {
        let mask = W::broadcast(LIMB_MASK);
        Self::new([
            w[0].and(mask),
            w[0].shift_right::<52>().or(w[1].shift_left::<12>()).and(mask),
            w[1].shift_right::<40>().or(w[2].shift_left::<24>()).and(mask),
            w[2].shift_right::<28>().or(w[3].shift_left::<36>()).and(mask),
            w[3].shift_right::<16>(),
        ])
    }

    /// Values below 2^256 as four vectors of 64-bit words.
    #[inline(always)]
    fn to_words(self) -> [W; 4] {
        let l = self.0;
        [
            l[0].or(l[1].shift_left::<52>()),
            l[1].shift_right::<12>().or(l[2].shift_left::<40>()),
            l[2].shift_right::<24>().or(l[3].shift_left::<28>()),
            l[3].shift_right::<36>().or(l[4].shift_left::<16>()),
        ]
    }

    /// a − p, with the lanes in which it is negative.
    #[inline(always)]
    fn minus_modulus(self) -> (Self, Mask) {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            // Column 5 of the table is −p.
            limbs[i] = limbs[i].plus(W::broadcast(C::BIASED_NEGATIVES[i][5]));
        }
        let limbs = carry(limbs);
        (Self::new(limbs), limbs[4].negative_lanes())
    }

    /// a − p in lanes where it is not negative, a elsewhere, for a below 2p.
    #[inline(always)]
    fn subtract_modulus_once(self) -> Self {
        let (difference, negative) = self.minus_modulus();
        Self::select(negative, self, difference)
    }
}

impl<C, W: Words> Limb<W> for Vectors<C, W> {
    #[inline(always)]
    fn limb(&self, i: usize) -> W {
        self.0[i]
    }
}

impl<C: MontConfig<4>, W: Words> Arithmetic for Vectors<C, W> {
    #[inline(always)]
    fn zero() -> Self {
        Self::new([W::zeros(); LIMBS])
    }

    #[inline(always)]
    fn one() -> Self {
        Self::constant(C::ONE)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = limbs[i].plus(other.0[i]);
        }
        Self::fold(limbs)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = limbs[i].minus(other.0[i]);
        }
        Self::fold(limbs)
    }

    #[inline(always)]
    fn sub_both(self, b: Self, c: Self) -> Self {
        // The fold has room for a subtracted value below 4p.
        self.sub(b.add_loose(c))
    }

    #[inline(always)]
    fn add_loose(self, other: Self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = limbs[i].plus(other.0[i]);
        }
        Self::new(carry(limbs))
    }

    #[inline(always)]
    fn sub_loose(self, other: Self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            // Column 0 of the table is 4p.
            limbs[i] = limbs[i].plus(W::broadcast(C::BIASED_NEGATIVES[i][0])).minus(other.0[i]);
        }
        Self::new(carry(limbs))
    }

    #[inline(always)]
    fn sub_sums(self, other: Self) -> Self {
        self.sub_loose(other)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::new(W::product::<C>(&self.0, &other.0))
    }

    #[inline(always)]
    fn square(self) -> Self {
        Self::new(W::square::<C>(&self.0))
    }

    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        Self::new(W::product_sub::<C>(&self.0, &b.0, &c.0))
    }

    #[inline(always)]
    fn square_sub_both(self, b: Self, c: Self) -> Self {
        // The limbs of the sum need no carry: the difference is carried.
        let mut sum = b.0;
        for i in 0..LIMBS {
            sum[i] = sum[i].plus(c.0[i]);
        }
        Self::new(W::square_sub::<C>(&self.0, &sum))
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        self.reduce().subtract_modulus_once()
    }

    #[inline(always)]
    fn zero_mask(self) -> Mask {
        let l = self.canonical().0;
        l[0].or(l[1]).or(l[2].or(l[3])).or(l[4]).zero_lanes()
    }

    #[inline(always)]
    fn literal_zero_mask(self) -> Mask {
        self.0[0].zero_lanes()
    }

    #[inline(always)]
    fn perhaps_equal_mask(self, other: Self) -> Mask {
        // Reduced values that are congruent modulo p differ by 0 or ±p.
        let difference = self.0[0].minus(other.0[0]).and(W::broadcast(LIMB_MASK));
        difference.zero_lanes()
            | difference.equal_lanes(W::broadcast(C::P[0]))
            | difference.equal_lanes(W::broadcast((1 << LIMB_BITS) - C::P[0]))
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        let mut limbs = no.0;
        for i in 0..LIMBS {
            limbs[i] = W::blend(mask, yes.0[i], no.0[i]);
        }
        Self::new(limbs)
    }
}

impl<C: MontConfig<4>, W: Words> Lanes for Vectors<C, W> {
    type Field = Fp<MontBackend<C, 4>, 4>;
    const WIDTH: usize = W::WIDTH;

    #[inline(always)]
    fn load(elements: &[Self::Field]) -> Self {
        let elements = &elements[..W::WIDTH];
        // SAFETY: an arkworks element is four words and a zero-sized marker.
        let rows = unsafe {
            const { assert!(size_of::<Fp<MontBackend<C, 4>, 4>>() == size_of::<[u64; 4]>()) };
            core::slice::from_raw_parts(elements.as_ptr().cast::<[u64; 4]>(), elements.len())
        };
        Self::from_words(W::columns_of_four(rows)).mul(Self::constant(C::FROM_ARK))
    }

    #[inline(always)]
    fn store(self, elements: &mut [Self::Field]) {
        let mut integers = [[0; 4]; MAX_WIDTH];
        let words = self.mul(Self::constant(C::TO_ARK)).canonical().to_words();
        W::store_rows_of_four(words, &mut integers);
        for (element, words) in elements[..W::WIDTH].iter_mut().zip(integers) {
            *element = Fp::new_unchecked(BigInt(words));
        }
    }

    #[inline(always)]
    fn store_integers(self, integers: &mut [[u64; 4]]) {
        let mut one = [0; LIMBS];
        one[0] = 1;
        W::store_rows_of_four(self.mul(Self::constant(one)).canonical().to_words(), integers);
    }

    #[inline(always)]
    fn gather_rows(rows: &[&Row]) -> (Self, Self) {
        let [a, b, c, d, e, f, g, h] = W::columns_of_eight(rows);
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
        let vectors = &mut vectors[..W::WIDTH];
        for limb in 0..LIMBS {
            let mut rows = [W::zeros(); MAX_WIDTH];
            for i in 0..W::WIDTH {
                rows[i] = vectors[i].0[limb];
            }
            let columns = W::transpose(rows);
            for i in 0..W::WIDTH {
                vectors[i].0[limb] = columns[i];
            }
        }
    }

    #[inline(always)]
    fn scatter_rows(first: Self, second: Self, rows: &mut [Row]) {
        let [a, b, c, d] = first.to_words();
        let [e, f, g, h] = second.to_words();
        W::store_rows_of_eight([a, b, c, d, e, f, g, h], rows);
    }

    #[inline(always)]
    fn reduce(self) -> Self {
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = limbs[i].plus(W::broadcast(C::MULTIPLES[i][0]));
        }
        Self::fold_by_top(limbs, self.0[4])
    }

    #[inline(always)]
    fn mul_add_mul(self, b: Self, c: Self, d: Self) -> Self {
        Self::new(W::sum_of_products::<C>(&self.0, &b.0, &c.0, &d.0))
    }

    #[inline(always)]
    fn mul_add_mul_sub(self, b: Self, c: Self, d: Self, e: Self) -> Self {
        Self::new(W::sum_of_products_sub::<C>(&self.0, &b.0, &c.0, &d.0, &e.0))
    }
}
