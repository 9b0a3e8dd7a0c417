//! Vectors of eight words on AVX-512 IFMA.
//!
//! `vpmadd52luq` and `vpmadd52huq` multiply the low 52 bits of eight pairs of words and add the low or
//! the high 52 bits of the products to 64-bit accumulators.

mod layout;

use core::arch::x86_64::*;

pub(super) use self::layout::words;
use super::modulus::{LIMBS, Radix52};
use super::product;
use super::words::{Columns, Words, intrinsics};
use crate::field::{Mask, Row};

impl Words for __m512i {
    const WIDTH: usize = 8;
    type Factor = Self;
    const LOW_EXCESS: u64 = 0;
    const HIGH_EXCESS: u64 = 0;
    const BIAS: u64 = 0;

    intrinsics! {
        zeros() -> Self = _mm512_setzero_si512();
        broadcast(word: u64) -> Self = _mm512_set1_epi64(word as i64);
        plus(self, other: Self) -> Self = _mm512_add_epi64(self, other);
        minus(self, other: Self) -> Self = _mm512_sub_epi64(self, other);
        and(self, other: Self) -> Self = _mm512_and_si512(self, other);
        or(self, other: Self) -> Self = _mm512_or_si512(self, other);
        zero_lanes(self) -> Mask = _mm512_testn_epi64_mask(self, self);
        equal_lanes(self, other: Self) -> Mask = _mm512_cmpeq_epi64_mask(self, other);
        negative_lanes(self) -> Mask = _mm512_movepi64_mask(self);
        blend(mask: Mask, yes: Self, no: Self) -> Self = _mm512_mask_blend_epi64(mask, no, yes);
        lookup(table: &[u64; 8], index: Self) -> Self = _mm512_permutexvar_epi64(index, words(*table));
    }

    #[inline(always)]
    fn shift_left<const BITS: u32>(self) -> Self {
        // SAFETY: as for the intrinsics above.
        unsafe { _mm512_slli_epi64::<BITS>(self) }
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self) -> Self {
        // SAFETY: as for the intrinsics above.
        unsafe { _mm512_srli_epi64::<BITS>(self) }
    }

    #[inline(always)]
    fn quotient<C: Radix52>(top: Self) -> Self {
        // SAFETY: as for the intrinsics above.
        unsafe { _mm512_madd52hi_epu64(Self::zeros(), top, Self::broadcast(C::TOP_RECIPROCAL)) }
    }

    // The multiplication ignores the upper bits of words.

    #[inline(always)]
    fn factor(self) -> Self {
        self
    }

    #[inline(always)]
    fn low_factor(self) -> Self {
        self
    }

    #[inline(always)]
    fn modulus<C: Radix52>() -> [Self; LIMBS] {
        C::P.map(Self::broadcast)
    }

    #[inline(always)]
    fn shifted<C: Radix52>() -> [Self; LIMBS] {
        C::SHIFTED.map(Self::broadcast)
    }

    #[inline(always)]
    fn digit<C: Radix52>(a: Self) -> Self {
        // SAFETY: as for the intrinsics above.
        unsafe { _mm512_madd52lo_epu64(Self::zeros(), a, Self::broadcast(C::NEGATED_INVERSE)) }
    }

    #[inline(always)]
    fn add_products<const N: usize>(columns: &mut Columns<Self>, at: usize, a: Self, b: &[Self; N]) {
        // SAFETY: as for the intrinsics above.
        unsafe {
            for (j, b) in b.iter().enumerate() {
                columns[at + j] = _mm512_madd52lo_epu64(columns[at + j], a, *b);
            }
            for (j, b) in b.iter().enumerate() {
                columns[at + j + 1] = _mm512_madd52hi_epu64(columns[at + j + 1], a, *b);
            }
        }
    }

    #[inline(always)]
    fn columns_of_four(rows: &[[u64; 4]]) -> [Self; 4] {
        layout::columns_of_four(rows.first_chunk().expect("a slice of eight"))
    }

    #[inline(always)]
    fn store_rows_of_four(columns: [Self; 4], rows: &mut [[u64; 4]]) {
        layout::store_rows_of_four(columns, rows.first_chunk_mut().expect("a slice of eight"));
    }

    #[inline(always)]
    fn columns_of_eight(rows: &[&Row]) -> [Self; 8] {
        let rows: &[&Row; 8] = rows.first_chunk().expect("a slice of eight");
        let mut vectors = [Self::zeros(); 8];
        for i in 0..8 {
            vectors[i] = words(rows[i].0);
        }
        layout::transpose(vectors)
    }

    #[inline(always)]
    fn store_rows_of_eight(columns: [Self; 8], rows: &mut [Row]) {
        let rows: &mut [Row; 8] = rows.first_chunk_mut().expect("a slice of eight");
        let vectors = layout::transpose(columns);
        for i in 0..8 {
            // SAFETY: both types are 64 bytes, and every bit pattern is valid.
            rows[i] = Row(unsafe { core::mem::transmute::<Self, [u64; 8]>(vectors[i]) });
        }
    }

    #[inline(always)]
    fn transpose(vectors: [Self; 8]) -> [Self; 8] {
        layout::transpose(vectors)
    }

    #[inline(always)]
    fn fold<C: Radix52>(limbs: &[Self; LIMBS], top: &Self) -> [Self; LIMBS] {
        product::fold::<C, Self>(limbs, *top)
    }

    #[inline(always)]
    fn product<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS]) -> [Self; LIMBS] {
        product::carry(product::product::<C, Self>(a, b))
    }

    #[inline(always)]
    fn product_sub<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS], c: &[Self; LIMBS]) -> [Self; LIMBS] {
        product::subtract::<C, Self>(product::product::<C, Self>(a, b), c)
    }

    #[inline(always)]
    fn square<C: Radix52>(a: &[Self; LIMBS]) -> [Self; LIMBS] {
        product::carry(product::square::<C, Self>(a))
    }

    #[inline(always)]
    fn square_sub<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS]) -> [Self; LIMBS] {
        product::subtract::<C, Self>(product::square::<C, Self>(a), b)
    }

    #[inline(always)]
    fn sum_of_products<C: Radix52>(
        a: &[Self; LIMBS],
        b: &[Self; LIMBS],
        c: &[Self; LIMBS],
        d: &[Self; LIMBS],
    ) -> [Self; LIMBS] {
        product::carry(product::sum_of_products::<C, Self>(a, b, c, d))
    }

    #[inline(always)]
    fn sum_of_products_sub<C: Radix52>(
        a: &[Self; LIMBS],
        b: &[Self; LIMBS],
        c: &[Self; LIMBS],
        d: &[Self; LIMBS],
        e: &[Self; LIMBS],
    ) -> [Self; LIMBS] {
        product::subtract::<C, Self>(product::sum_of_products::<C, Self>(a, b, c, d), e)
    }
}
