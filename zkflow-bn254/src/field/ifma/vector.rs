//! Vectors of eight words: AVX-512 intrinsics as plain functions.

use core::arch::x86_64::*;

use super::Mask;

/// Wraps the intrinsics as safe functions, so that arithmetic code stays readable.
macro_rules! intrinsics {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty = $body:expr;)*) => {$(
        #[inline(always)]
        pub(super) fn $name($($arg: $type),*) -> $out {
            // SAFETY: registers in, registers out. The processor has the instructions: values of
            // type `Ifma` are only used inside `Kernel::run`, which checks for them.
            unsafe { $body }
        }
    )*};
}

intrinsics! {
    zeros() -> __m512i = _mm512_setzero_si512();
    broadcast(word: u64) -> __m512i = _mm512_set1_epi64(word as i64);
    plus(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi64(a, b);
    minus(a: __m512i, b: __m512i) -> __m512i = _mm512_sub_epi64(a, b);
    and(a: __m512i, b: __m512i) -> __m512i = _mm512_and_si512(a, b);
    // a | b | c
    or3(a: __m512i, b: __m512i, c: __m512i) -> __m512i = _mm512_ternarylogic_epi64::<0xfe>(a, b, c);
    or(a: __m512i, b: __m512i) -> __m512i = _mm512_or_si512(a, b);
    // acc + the low (or high) 52 bits of the 104-bit product of the low 52 bits of a and b
    madd_lo(acc: __m512i, a: __m512i, b: __m512i) -> __m512i = _mm512_madd52lo_epu64(acc, a, b);
    madd_hi(acc: __m512i, a: __m512i, b: __m512i) -> __m512i = _mm512_madd52hi_epu64(acc, a, b);
    // table[index mod 8] for every lane
    lookup(table: __m512i, index: __m512i) -> __m512i = _mm512_permutexvar_epi64(index, table);
    zero_lanes(a: __m512i) -> Mask = _mm512_testn_epi64_mask(a, a);
    equal_lanes(a: __m512i, b: __m512i) -> Mask = _mm512_cmpeq_epi64_mask(a, b);
    negative_lanes(a: __m512i) -> Mask = _mm512_movepi64_mask(a);
    blend(mask: Mask, yes: __m512i, no: __m512i) -> __m512i = _mm512_mask_blend_epi64(mask, no, yes);
}

#[inline(always)]
pub(super) fn shift_right<const BITS: u32>(a: __m512i) -> __m512i {
    // SAFETY: as for the intrinsics above.
    unsafe { _mm512_srli_epi64::<BITS>(a) }
}

#[inline(always)]
pub(super) fn shift_right_signed<const BITS: u32>(a: __m512i) -> __m512i {
    // SAFETY: as for the intrinsics above.
    unsafe { _mm512_srai_epi64::<BITS>(a) }
}

#[inline(always)]
pub(super) fn shift_left<const BITS: u32>(a: __m512i) -> __m512i {
    // SAFETY: as for the intrinsics above.
    unsafe { _mm512_slli_epi64::<BITS>(a) }
}

#[inline(always)]
pub(super) fn words(words: [u64; 8]) -> __m512i {
    // SAFETY: both types are 64 bytes, and every bit pattern is valid.
    unsafe { core::mem::transmute(words) }
}
