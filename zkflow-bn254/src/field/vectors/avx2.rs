//! Vectors of eight words on AVX2 and FMA, as two vectors of four.
//!
//! These processors multiply 52-bit integers only as floating-point numbers, whose significands have 53 bits. The parts of
//! a product ab, for integers a and b below 2^52, are found by fused multiply-adds, which round once (cf. Emmart,
//! Zheng and Weems, *Faster Modular Exponentiation Using Double Precision Floating Point Arithmetic on the GPU*):
//!
//! ```text
//! h = ab + 2^104              rounded: 2^104 + 2^52·k, where k is the integer next to ab / 2^52
//! d = 2^104 + 3·2^51 − h      exact:   2^51·(3 − 2k)
//! l = ab + d                  exact:   3·2^51 + (ab − 2^52·k)
//! ```
//!
//! - h is from 2^104 to 2^105, and l from 2^52 to 2^53: their bits, as integers, are those of 2^104 and of 3·2^51 plus
//!   the parts of the product, k and ab − 2^52·k. The lower part is from −2^51 to 2^51.
//! - 2^104 + 3·2^51 has 54 bits. It is the product of two numbers of fewer bits, so d is a fused multiply-subtract as well.
//! - Factors must be below 2^52: unlike the instructions of IFMA, these do not ignore the upper bits of words. Limbs always
//!   are, and [`Words::low_factor`] removes the upper bits of columns.
//! - The thread must round to the nearest number. That is the default of MXCSR in every thread, and Rust requires it.
//!
//! A product of elements is a thousand instructions here. It is a function of its own: its code in every place would take
//! long to compile, and more of the instruction cache than a call costs.

mod layout;

use core::arch::asm;
use core::arch::x86_64::*;

use self::layout::{array, words};
use super::modulus::{LIMB_BITS, LIMB_MASK, LIMBS, Limbs, Radix52};
use super::product;
use super::words::{Columns, Words, intrinsics};
use crate::field::{Mask, Row};

/// 2^52.
const LIMB: f64 = (1u64 << LIMB_BITS) as f64;
/// 2^104.
const HIGH: f64 = LIMB * LIMB;
/// 3·2^51.
const LOW: f64 = (3u64 << 51) as f64;
/// Two numbers whose product is 2^104 + 3·2^51 = 2^51·(2^53 + 3).
const BOTH: [f64; 2] = [(5u64 << 51) as f64, (((1u64 << 53) + 3) / 5) as f64];

/// Words 0 to 3, then words 4 to 7.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Halves([__m256i; 2]);

/// Applies a function to both halves.
macro_rules! halves {
    ($function:path, $a:expr) => {
        Halves([$function($a.0[0]), $function($a.0[1])])
    };
    ($function:path, $a:expr, $b:expr) => {
        Halves([$function($a.0[0], $b.0[0]), $function($a.0[1], $b.0[1])])
    };
}

/// The lower part of four products, plus its excess.
#[inline(always)]
fn low_part(a: __m256d, b: __m256d) -> __m256i {
    // SAFETY: registers in, registers out. The processor has the instructions: these words are only used inside
    // `Kernel::run`, which checks for them.
    unsafe {
        let high = _mm256_fmadd_pd(a, b, _mm256_set1_pd(HIGH));
        let rest = _mm256_fmsub_pd(_mm256_set1_pd(BOTH[0]), _mm256_set1_pd(BOTH[1]), high);
        _mm256_castpd_si256(_mm256_fmadd_pd(a, b, rest))
    }
}

/// Four words below 2^52 as numbers: the words are the significands of numbers from 2^52 to 2^53.
#[inline(always)]
fn number(word: __m256i) -> __m256d {
    // SAFETY: as in `low_part`.
    unsafe {
        let number = _mm256_or_si256(word, _mm256_set1_epi64x(LIMB.to_bits() as i64));
        _mm256_sub_pd(_mm256_castsi256_pd(number), _mm256_set1_pd(LIMB))
    }
}

/// Adds the parts of four products, with their excess, to two columns.
///
/// In assembly, since the compiler would make trees of the sums of each column, and have more of them waiting than there are
/// registers.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn add_parts(low: &mut __m256i, high: &mut __m256i, a: __m256d, b: __m256d) {
    // SAFETY: the instructions only change registers, and flags of floating-point exceptions.
    unsafe {
        asm!(
            "vmovapd {h}, {c}",
            "vfmadd231pd {h}, {a}, {b}",
            "vmovapd {l}, {u}",
            "vfmsub213pd {l}, {v}, {h}",
            "vfmadd231pd {l}, {a}, {b}",
            "vpaddq {high}, {high}, {h}",
            "vpaddq {low}, {low}, {l}",
            a = in(ymm_reg) a,
            b = in(ymm_reg) b,
            c = in(ymm_reg) _mm256_set1_pd(HIGH),
            u = in(ymm_reg) _mm256_set1_pd(BOTH[0]),
            v = in(ymm_reg) _mm256_set1_pd(BOTH[1]),
            h = out(ymm_reg) _,
            l = out(ymm_reg) _,
            low = inout(ymm_reg) *low,
            high = inout(ymm_reg) *high,
            options(pure, nomem, nostack),
        );
    }
}

/// The same limbs, not copied as a whole: a copy by wider loads would wait for the stores of the function that returned them.
#[inline(always)]
fn one_by_one([a, b, c, d, e]: [Halves; LIMBS]) -> [Halves; LIMBS] {
    [a, b, c, d, e]
}

impl Words for Halves {
    const WIDTH: usize = 8;
    type Factor = [__m256d; 2];
    const LOW_EXCESS: u64 = LOW.to_bits();
    const HIGH_EXCESS: u64 = HIGH.to_bits();
    const BIAS: u64 = 1 << 60;

    intrinsics! {
        zeros() -> Self = Self([_mm256_setzero_si256(); 2]);
        broadcast(word: u64) -> Self = Self([_mm256_set1_epi64x(word as i64); 2]);
        plus(self, other: Self) -> Self = halves!(_mm256_add_epi64, self, other);
        minus(self, other: Self) -> Self = halves!(_mm256_sub_epi64, self, other);
        and(self, other: Self) -> Self = halves!(_mm256_and_si256, self, other);
        or(self, other: Self) -> Self = halves!(_mm256_or_si256, self, other);
    }

    #[inline(always)]
    fn shift_left<const BITS: u32>(self) -> Self {
        // SAFETY: as in `low_part`.
        unsafe {
            let count = _mm_cvtsi32_si128(BITS as i32);
            Self([_mm256_sll_epi64(self.0[0], count), _mm256_sll_epi64(self.0[1], count)])
        }
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self) -> Self {
        // SAFETY: as in `low_part`.
        unsafe {
            let count = _mm_cvtsi32_si128(BITS as i32);
            Self([_mm256_srl_epi64(self.0[0], count), _mm256_srl_epi64(self.0[1], count)])
        }
    }

    #[inline(always)]
    fn lookup(table: &[u64; 8], index: Self) -> Self {
        Self([layout::lookup(table, index.0[0]), layout::lookup(table, index.0[1])])
    }

    #[inline(always)]
    fn zero_lanes(self) -> Mask {
        self.equal_lanes(Self::zeros())
    }

    #[inline(always)]
    fn equal_lanes(self, other: Self) -> Mask {
        // SAFETY: as in `low_part`.
        unsafe { halves!(_mm256_cmpeq_epi64, self, other) }.negative_lanes()
    }

    #[inline(always)]
    fn negative_lanes(self) -> Mask {
        layout::signs(self.0[0]) | layout::signs(self.0[1]) << 4
    }

    #[inline(always)]
    fn blend(mask: Mask, yes: Self, no: Self) -> Self {
        Self([layout::blend(mask & 15, yes.0[0], no.0[0]), layout::blend(mask >> 4, yes.0[1], no.0[1])])
    }

    #[inline(always)]
    fn factor(self) -> Self::Factor {
        [number(self.0[0]), number(self.0[1])]
    }

    #[inline(always)]
    fn low_factor(self) -> Self::Factor {
        self.and(Self::broadcast(LIMB_MASK)).factor()
    }

    #[inline(always)]
    fn add_products<const N: usize>(
        columns: &mut Columns<Self>,
        at: usize,
        a: Self::Factor,
        b: &[Self::Factor; N],
    ) {
        for half in 0..2 {
            for j in 0..N {
                let (lower, upper) = columns[at + j..].split_at_mut(1);
                // SAFETY: as in `low_part`.
                unsafe { add_parts(&mut lower[0].0[half], &mut upper[0].0[half], a[half], b[j][half]) };
            }
        }
    }

    #[inline(always)]
    fn modulus<C: Radix52>() -> [Self::Factor; LIMBS] {
        const { broadcast(C::P) }
    }

    #[inline(always)]
    fn shifted<C: Radix52>() -> [Self::Factor; LIMBS] {
        const { broadcast(C::SHIFTED) }
    }

    #[inline(always)]
    fn digit<C: Radix52>(a: Self) -> Self::Factor {
        let (a, factor) = (a.low_factor(), const { same(C::NEGATED_INVERSE) });
        let low = Self([low_part(a[0], factor[0]), low_part(a[1], factor[1])]);
        // Less the excess, modulo 2^52.
        low.minus(Self::broadcast(Self::LOW_EXCESS)).low_factor()
    }

    #[inline(always)]
    fn quotient<C: Radix52>(top: Self) -> Self {
        // Both factors are below 2^32.
        let (short, reciprocal) = (top.shift_right::<20>(), Self::broadcast(C::SHORT_RECIPROCAL));
        // SAFETY: as in `low_part`.
        unsafe { halves!(_mm256_mul_epu32, short, reciprocal) }.shift_right::<57>()
    }

    #[inline(always)]
    fn columns_of_four(rows: &[[u64; 4]]) -> [Self; 4] {
        let mut vectors = [Self::zeros().0[0]; 8];
        for i in 0..8 {
            vectors[i] = words(rows[i]);
        }
        layout::columns(vectors)
    }

    #[inline(always)]
    fn store_rows_of_four(columns: [Self; 4], rows: &mut [[u64; 4]]) {
        let vectors = layout::rows(columns);
        for i in 0..8 {
            rows[i] = array(vectors[i]);
        }
    }

    #[inline(always)]
    fn columns_of_eight(rows: &[&Row]) -> [Self; 8] {
        let (mut low, mut high) = ([Self::zeros().0[0]; 8], [Self::zeros().0[0]; 8]);
        for i in 0..8 {
            let [a, b, c, d, e, f, g, h] = rows[i].0;
            (low[i], high[i]) = (words([a, b, c, d]), words([e, f, g, h]));
        }
        let ([a, b, c, d], [e, f, g, h]) = (layout::columns(low), layout::columns(high));
        [a, b, c, d, e, f, g, h]
    }

    #[inline(always)]
    fn store_rows_of_eight([a, b, c, d, e, f, g, h]: [Self; 8], rows: &mut [Row]) {
        let (low, high) = (layout::rows([a, b, c, d]), layout::rows([e, f, g, h]));
        for i in 0..8 {
            let ([a, b, c, d], [e, f, g, h]) = (array(low[i]), array(high[i]));
            rows[i] = Row([a, b, c, d, e, f, g, h]);
        }
    }

    #[inline(always)]
    fn transpose(v: [Self; 8]) -> [Self; 8] {
        let (mut low, mut high) = ([v[0].0[0]; 8], [v[0].0[0]; 8]);
        for i in 0..8 {
            [low[i], high[i]] = v[i].0;
        }
        let ([a, b, c, d], [e, f, g, h]) = (layout::columns(low), layout::columns(high));
        [a, b, c, d, e, f, g, h]
    }

    #[inline(always)]
    fn fold<C: Radix52>(limbs: &[Self; LIMBS], top: &Self) -> [Self; LIMBS] {
        product::fold::<C, Self>(limbs, *top)
    }

    #[inline(always)]
    fn product<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS]) -> [Self; LIMBS] {
        // SAFETY: as in `low_part`.
        one_by_one(unsafe { product::<C>(&one_by_one(*a), &one_by_one(*b)) })
    }

    #[inline(always)]
    fn square<C: Radix52>(a: &[Self; LIMBS]) -> [Self; LIMBS] {
        // SAFETY: as in `low_part`.
        one_by_one(unsafe { square::<C>(&one_by_one(*a)) })
    }

    #[inline(always)]
    fn sum_of_products<C: Radix52>(
        a: &[Self; LIMBS],
        b: &[Self; LIMBS],
        c: &[Self; LIMBS],
        d: &[Self; LIMBS],
    ) -> [Self; LIMBS] {
        // SAFETY: as in `low_part`.
        one_by_one(unsafe {
            sum_of_products::<C>(&one_by_one(*a), &one_by_one(*b), &one_by_one(*c), &one_by_one(*d))
        })
    }

    #[inline(always)]
    fn product_sub<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS], c: &[Self; LIMBS]) -> [Self; LIMBS] {
        product::subtract::<C, Self>(Self::product::<C>(a, b), c)
    }

    #[inline(always)]
    fn square_sub<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS]) -> [Self; LIMBS] {
        product::subtract::<C, Self>(Self::square::<C>(a), b)
    }

    #[inline(always)]
    fn sum_of_products_sub<C: Radix52>(
        a: &[Self; LIMBS],
        b: &[Self; LIMBS],
        c: &[Self; LIMBS],
        d: &[Self; LIMBS],
        e: &[Self; LIMBS],
    ) -> [Self; LIMBS] {
        product::subtract::<C, Self>(Self::sum_of_products::<C>(a, b, c, d), e)
    }
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
unsafe fn product<C: Radix52>(a: &[Halves; LIMBS], b: &[Halves; LIMBS]) -> [Halves; LIMBS] {
    product::carry(product::product::<C, Halves>(a, b))
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
unsafe fn square<C: Radix52>(a: &[Halves; LIMBS]) -> [Halves; LIMBS] {
    product::carry(product::square::<C, Halves>(a))
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
unsafe fn sum_of_products<C: Radix52>(
    a: &[Halves; LIMBS],
    b: &[Halves; LIMBS],
    c: &[Halves; LIMBS],
    d: &[Halves; LIMBS],
) -> [Halves; LIMBS] {
    product::carry(product::sum_of_products::<C, Halves>(a, b, c, d))
}

const fn broadcast(limbs: Limbs) -> [[__m256d; 2]; LIMBS] {
    let [a, b, c, d, e] = limbs;
    [same(a), same(b), same(c), same(d), same(e)]
}

/// The same number in every lane.
const fn same(word: u64) -> [__m256d; 2] {
    // SAFETY: both types are 64 bytes, and every bit pattern is valid.
    unsafe { core::mem::transmute([word as f64; 8]) }
}
