//! Eight lanes in radix 2^52 on AVX-512 IFMA.
//!
//! `vpmadd52luq` and `vpmadd52huq` multiply the low 52 bits of eight pairs of words and add the low or
//! the high 52 bits of the products to 64-bit accumulators. An element is five vectors, vector i holding
//! limb i of all eight lanes, so sums of products gather in columns with 12 bits to spare for carries.
//!
//! # Montgomery reduction
//! With −p⁻¹ ≡ μ mod 2^52, the multiple μp ends in the limb 2^52 − 1, so for a number T with the lowest
//! limb t, T + tμp ends in a zero limb, and (T + tμp) / 2^52 = ⌊T / 2^52⌋ + t·S with S = (μp + 1) / 2^52.
//! One step so needs no multiplication for its digit (cf. the "Montgomery-friendly" moduli of Bos and
//! Friedberger, *Arithmetic Considerations for Isogeny Based Cryptography*), but leaves a term of up to
//! 2^52·S ≈ μp. Four such steps take ten limbs to six; the fifth is the textbook one, with the digit tμ
//! mod 2^52 and the modulus p, and divides that excess by 2^52 as well. For T < k·p², the result is
//! below T/R + (μ/2^52)·p + p < (k/84 + 1.13)·p for both moduli of BN254.
//!
//! # Additions
//! A sum or difference has a value between −3.9p and 4p. The quotient of its value plus 4p by p is read off
//! the top limb (at most one too small, never too large), and that multiple of p, out of a table of
//! eight, taken off in the same pass that carries: the result is below 1.1p.

use core::arch::x86_64::*;
use core::marker::PhantomData;

use ark_ff::{BigInt, Fp, MontBackend, MontConfig};

use super::modulus::{LIMB_BITS, LIMB_MASK, LIMBS, Limbs, Radix52};
use super::{Arithmetic, Lanes, Mask, Row};

/// Eight elements of the field of a 254-bit prime.
///
/// Its operations need AVX-512 F, DQ, VL and IFMA: only [`Kernel::run`](crate::bn254::Kernel::run), which
/// checks for them, hands this type out, and inlines them into code compiled with these features.
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

/// Wraps the intrinsics once, so that the arithmetic below reads as such.
macro_rules! intrinsics {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name($($arg: $type),*) -> $out {
            // SAFETY: registers in, registers out; the processor has the instructions, since values of
            // type `Ifma` are only in use inside `Kernel::run`, which checks for them.
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
    // acc + low or high 52 bits of the 104-bit product of low 52 bits
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
fn shift_right<const BITS: u32>(a: __m512i) -> __m512i {
    // SAFETY: as for the intrinsics above.
    unsafe { _mm512_srli_epi64::<BITS>(a) }
}

#[inline(always)]
fn shift_right_signed<const BITS: u32>(a: __m512i) -> __m512i {
    // SAFETY: as for the intrinsics above.
    unsafe { _mm512_srai_epi64::<BITS>(a) }
}

#[inline(always)]
fn shift_left<const BITS: u32>(a: __m512i) -> __m512i {
    // SAFETY: as for the intrinsics above.
    unsafe { _mm512_slli_epi64::<BITS>(a) }
}

#[inline(always)]
fn words(words: [u64; 8]) -> __m512i {
    // SAFETY: both are 64 bytes in which every bit pattern is a value.
    unsafe { core::mem::transmute(words) }
}

#[inline(always)]
fn broadcast_limbs(limbs: Limbs) -> [__m512i; LIMBS] {
    let mut out = [zeros(); LIMBS];
    for i in 0..LIMBS {
        out[i] = broadcast(limbs[i]);
    }
    out
}

/// Limbs of signed words brought into 52 bits, the carries moved on; the top limb keeps the sign.
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

/// The columns of a square: products of different limbs once and doubled, then those of equal ones.
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

    /// T/R mod p of a product T, as the module explains.
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

    /// The reduced value of limbs that stand for a value from −3.9p to 4p, each limb of at most 54 bits
    /// and a sign.
    #[inline(always)]
    fn fold(limbs: [__m512i; LIMBS]) -> Self {
        Self::fold_by_top(limbs, plus(limbs[4], broadcast(4 * C::P[4])))
    }

    /// The same, given the top limb of the value plus 4p, possibly without the carry from below.
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

    /// a − p where that is not negative, for a below 2p.
    #[inline(always)]
    fn subtract_modulus_once(self) -> Self {
        let p = broadcast_limbs(C::P);
        let mut limbs = self.0;
        for i in 0..LIMBS {
            limbs[i] = minus(limbs[i], p[i]);
        }
        let limbs = carry(limbs);
        Self::select(negative_lanes(limbs[4]), self, Self::new(limbs))
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
        // Reduced values of one class differ by 0 or ±p.
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
        // SAFETY: an element of arkworks is four words and a marker of size zero, so eight of them are
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
            // SAFETY: both are 64 bytes in which every bit pattern is a value.
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

/// Rows of eight words to columns, and back.
#[inline(always)]
fn transpose(r: [__m512i; 8]) -> [__m512i; 8] {
    // SAFETY: registers in, registers out; the instructions are there as above.
    unsafe {
        // Pairs of rows by even and odd words, 128 bits holding one column of two rows...
        let a = [
            _mm512_unpacklo_epi64(r[0], r[1]),
            _mm512_unpackhi_epi64(r[0], r[1]),
            _mm512_unpacklo_epi64(r[2], r[3]),
            _mm512_unpackhi_epi64(r[2], r[3]),
            _mm512_unpacklo_epi64(r[4], r[5]),
            _mm512_unpackhi_epi64(r[4], r[5]),
            _mm512_unpacklo_epi64(r[6], r[7]),
            _mm512_unpackhi_epi64(r[6], r[7]),
        ];
        // ... then four rows of two columns, then eight rows of one.
        let (l0, l2) = halves(a[0], a[2]);
        let (h0, h2) = halves(a[4], a[6]);
        let (l1, l3) = halves(a[1], a[3]);
        let (h1, h3) = halves(a[5], a[7]);
        let ((c0, c4), (c2, c6)) = (halves(l0, h0), halves(l2, h2));
        let ((c1, c5), (c3, c7)) = (halves(l1, h1), halves(l3, h3));
        [c0, c1, c2, c3, c4, c5, c6, c7]
    }
}

/// The even and the odd quarters of two vectors.
#[inline(always)]
fn halves(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    // SAFETY: as for the intrinsics above.
    unsafe { (_mm512_shuffle_i64x2::<0x88>(a, b), _mm512_shuffle_i64x2::<0xdd>(a, b)) }
}

/// Four vectors of two rows of four words each to four columns of eight.
#[inline(always)]
fn columns_of_four(r: [__m512i; 4]) -> [__m512i; 4] {
    let even = words([0, 4, 8, 12, 1, 5, 9, 13]);
    let odd = words([2, 6, 10, 14, 3, 7, 11, 15]);
    // SAFETY: registers in, registers out; the instructions are there as above.
    unsafe {
        // Columns 0 and 1, and 2 and 3, of four rows.
        let (a01, a23) =
            (_mm512_permutex2var_epi64(r[0], even, r[1]), _mm512_permutex2var_epi64(r[0], odd, r[1]));
        let (b01, b23) =
            (_mm512_permutex2var_epi64(r[2], even, r[3]), _mm512_permutex2var_epi64(r[2], odd, r[3]));
        [
            _mm512_shuffle_i64x2::<0x44>(a01, b01),
            _mm512_shuffle_i64x2::<0xee>(a01, b01),
            _mm512_shuffle_i64x2::<0x44>(a23, b23),
            _mm512_shuffle_i64x2::<0xee>(a23, b23),
        ]
    }
}

/// Four columns of eight words to eight rows of four.
#[inline(always)]
fn store_words(columns: [__m512i; 4], rows: &mut [[u64; 4]; 8]) {
    let low = words([0, 8, 1, 9, 2, 10, 3, 11]);
    let high = words([4, 12, 5, 13, 6, 14, 7, 15]);
    let [c0, c1, c2, c3] = columns;
    // SAFETY: the rows are 256 writable bytes; the stores need no alignment.
    unsafe {
        // Pairs (column 0, column 1) and (column 2, column 3) of rows 0 to 3 and 4 to 7.
        let (a, b) = (_mm512_permutex2var_epi64(c0, low, c1), _mm512_permutex2var_epi64(c2, low, c3));
        let (c, d) = (_mm512_permutex2var_epi64(c0, high, c1), _mm512_permutex2var_epi64(c2, high, c3));
        let first = words([0, 1, 8, 9, 2, 3, 10, 11]);
        let second = words([4, 5, 12, 13, 6, 7, 14, 15]);
        let start = rows.as_mut_ptr().cast::<__m512i>();
        _mm512_storeu_si512(start, _mm512_permutex2var_epi64(a, first, b));
        _mm512_storeu_si512(start.add(1), _mm512_permutex2var_epi64(a, second, b));
        _mm512_storeu_si512(start.add(2), _mm512_permutex2var_epi64(c, first, d));
        _mm512_storeu_si512(start.add(3), _mm512_permutex2var_epi64(c, second, d));
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::{FqConfig, FrConfig};
    use ark_ff::{Field, PrimeField};
    use num_bigint::BigUint;

    use super::*;
    use crate::bn254::{Backend, Kernel, Task};

    /// Integers at the ends of ranges: k·p/10 and the neighbours of multiples of p, all below 8p.
    fn edges(p: &BigUint) -> Vec<BigUint> {
        let mut edges = vec![BigUint::ZERO, BigUint::from(1u8)];
        for tenths in 1..=80u32 {
            let end = p * tenths / 10u8;
            edges.extend([&end - 1u8, &end + 1u8, end].into_iter().filter(|edge| *edge < p * 8u8));
        }
        // Limbs of zeros and ones, which carry far.
        edges.extend((1..5).flat_map(|i| {
            let power: BigUint = BigUint::from(1u8) << (52 * i);
            [&power - 1u8, power.clone(), p * 4u8 + power]
        }));
        edges
    }

    fn lanes<C: MontConfig<4>>(value: &BigUint) -> Ifma<C> {
        let mask = BigUint::from(LIMB_MASK);
        let limb = |i: usize| (value >> (52 * i)) & &mask;
        Ifma::constant(core::array::from_fn(|i| limb(i).try_into().expect("52 bits")))
    }

    fn value<C>(lanes: Ifma<C>) -> BigUint {
        let limbs = lanes.0.map(|limb| {
            // SAFETY: both are 64 bytes in which every bit pattern is a value.
            let words: [u64; 8] = unsafe { core::mem::transmute(limb) };
            assert_eq!(words, [words[0]; 8]);
            assert!(words[0] <= LIMB_MASK);
            words[0]
        });
        limbs.iter().rev().fold(BigUint::ZERO, |sum, &limb| (sum << 52) + limb)
    }

    struct Ranges;

    impl Task for Ranges {
        type Output = ();

        #[inline(always)]
        fn run<B: Backend>(self) {
            ranges_hold::<FqConfig>();
            ranges_hold::<FrConfig>();
        }
    }

    #[inline(always)]
    fn ranges_hold<C: MontConfig<4>>() {
        let p: BigUint = C::MODULUS.into();
        let reduced = &p * 19u8 / 10u8;
        let r_inverse: BigUint = Fp::<MontBackend<C, 4>, 4>::from(2u64)
            .pow([260])
            .inverse()
            .expect("not zero")
            .into_bigint()
            .into();
        let expect = |found: Ifma<C>, expected: BigUint, bound: &BigUint| {
            let found = value(found);
            assert!(found < *bound, "{found} is not below {bound}");
            assert_eq!(found % &p, expected % &p);
        };
        let edges = edges(&p);
        for a in &edges {
            let la = lanes::<C>(a);
            expect(la.reduce(), a.clone(), &(&p * 11u8 / 10u8));
            assert_eq!(value(la.canonical()), a % &p);
            assert_eq!(la.zero_mask() == 0xff, a % &p == BigUint::ZERO);
            expect(la.square(), a * a * &r_inverse, &reduced);
            for b in &edges {
                let lb = lanes::<C>(b);
                expect(la.mul(lb), a * b * &r_inverse, &reduced);
                if a + b < &p * 8u8 {
                    expect(la.add_loose(lb), a + b, &(&p * 8u8));
                }
                if a < &(&p * 4u8) && b < &(&p * 4u8) {
                    expect(la.sub_loose(lb), a + &p * 4u8 - b, &(&p * 8u8));
                    expect(la.mul_add_mul(lb, lb, la), a * b * 2u8 * &r_inverse, &reduced);
                }
                if a < &reduced && *b < &reduced * 2u8 {
                    expect(la.sub(lb), a + &p * 4u8 - b, &(&p * 11u8 / 10u8));
                    if *b < reduced {
                        expect(la.add(lb), a + b, &(&p * 11u8 / 10u8));
                        assert!(la.perhaps_equal_mask(lb) == 0xff || a % &p != b % &p);
                    }
                }
            }
        }
    }

    #[test]
    fn values_at_the_ends_of_their_ranges_stay_in_range() {
        if Kernel::Ifma.is_available() {
            Kernel::Ifma.run(Ranges);
        }
    }
}
