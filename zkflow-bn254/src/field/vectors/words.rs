//! What a processor offers for vectors of 64-bit words.

use super::modulus::{LIMBS, Radix52};
use crate::field::{Mask, Row};

/// Ten columns of a double-length product, not carried.
pub(super) type Columns<W> = [W; COLUMNS];

/// Columns of a double-length product.
pub(super) const COLUMNS: usize = 2 * LIMBS;

/// A vector of [`Words::WIDTH`] words of 64 bits. Sums and differences are modulo 2^64.
///
/// Operations on slices panic if a slice is shorter than `WIDTH`.
pub(crate) trait Words: Copy + Send + Sync + 'static {
    /// Number of words.
    const WIDTH: usize;
    /// Words below 2^52, ready to be multiplied.
    type Factor: Copy;
    /// What [`Words::add_products`] adds to the lower column, apart from the lower part of the product.
    const LOW_EXCESS: u64;
    /// The same for the upper column.
    const HIGH_EXCESS: u64;
    /// A multiple of 2^52 that makes sums of products positive in every column.
    const BIAS: u64;

    fn zeros() -> Self;
    fn broadcast(word: u64) -> Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn shift_left<const BITS: u32>(self) -> Self;
    /// Zeros enter at the top.
    fn shift_right<const BITS: u32>(self) -> Self;
    /// `table[index mod 8]` for every lane.
    fn lookup(table: &[u64; 8], index: Self) -> Self;

    /// The lanes that are zero.
    fn zero_lanes(self) -> Mask;
    /// The lanes that are equal.
    fn equal_lanes(self, other: Self) -> Mask;
    /// The lanes whose top bit is 1.
    fn negative_lanes(self) -> Mask;
    /// Lanes of `yes` where the mask has a 1, lanes of `no` elsewhere.
    fn blend(mask: Mask, yes: Self, no: Self) -> Self;

    /// Words that are below 2^52.
    fn factor(self) -> Self::Factor;
    /// The low 52 bits of words.
    fn low_factor(self) -> Self::Factor;
    /// The modulus p in every lane.
    fn modulus<C: Radix52>() -> [Self::Factor; LIMBS];
    /// S, by which [`product`](super::product) reduces, in every lane.
    fn shifted<C: Radix52>() -> [Self::Factor; LIMBS];
    /// Adds the products of `a` and `b[j]` to the columns `at + j` and, with 52 bits less, `at + j + 1`.
    ///
    /// The parts are integers and have the product as their sum: the lower one is from −2^51 to 2^52, the upper one from
    /// 0 to 2^52. The excess is added too.
    fn add_products<const N: usize>(
        columns: &mut Columns<Self>,
        at: usize,
        a: Self::Factor,
        b: &[Self::Factor; N],
    );
    /// −a/p mod 2^52 for the low 52 bits of words.
    fn digit<C: Radix52>(a: Self) -> Self::Factor;
    /// The quotients by p of numbers below 8p with these top limbs, at most one too small and never too large.
    fn quotient<C: Radix52>(top: Self) -> Self;

    /// The columns of `WIDTH` rows of four words: vector i contains word i of every row.
    fn columns_of_four(rows: &[[u64; 4]]) -> [Self; 4];
    /// The inverse of [`Words::columns_of_four`].
    fn store_rows_of_four(columns: [Self; 4], rows: &mut [[u64; 4]]);
    /// The columns of `WIDTH` rows.
    fn columns_of_eight(rows: &[&Row]) -> [Self; 8];
    /// The inverse of [`Words::columns_of_eight`].
    fn store_rows_of_eight(columns: [Self; 8], rows: &mut [Row]);
    /// Exchanges lane i of vector j with lane j of vector i, for the first `WIDTH` of eight vectors.
    fn transpose(vectors: [Self; 8]) -> [Self; 8];

    /// [`product::fold`](super::product::fold) for these words, inlined or called.
    fn fold<C: Radix52>(limbs: &[Self; LIMBS], top: &Self) -> [Self; LIMBS];
    /// ab/R mod p, carried.
    fn product<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS]) -> [Self; LIMBS];
    /// a²/R mod p, carried.
    fn square<C: Radix52>(a: &[Self; LIMBS]) -> [Self; LIMBS];
    /// (ab + cd)/R mod p, carried.
    fn sum_of_products<C: Radix52>(
        a: &[Self; LIMBS],
        b: &[Self; LIMBS],
        c: &[Self; LIMBS],
        d: &[Self; LIMBS],
    ) -> [Self; LIMBS];

    /// ab/R − c mod p, for a difference from −3.9p to 4p. The limbs of c are below 2^54.
    fn product_sub<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS], c: &[Self; LIMBS]) -> [Self; LIMBS];
    /// a²/R − b mod p likewise.
    fn square_sub<C: Radix52>(a: &[Self; LIMBS], b: &[Self; LIMBS]) -> [Self; LIMBS];
    /// (ab + cd)/R − e mod p likewise.
    fn sum_of_products_sub<C: Radix52>(
        a: &[Self; LIMBS],
        b: &[Self; LIMBS],
        c: &[Self; LIMBS],
        d: &[Self; LIMBS],
        e: &[Self; LIMBS],
    ) -> [Self; LIMBS];
}

/// Wraps expressions of intrinsics as safe functions of an implementation of [`Words`].
macro_rules! intrinsics {
    ($($name:ident($($arguments:tt)*) -> $out:ty = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name($($arguments)*) -> $out {
            // SAFETY: registers in, registers out. The processor has the instructions: these words are only used inside
            // `Kernel::run`, which checks for them.
            unsafe { $body }
        }
    )*};
}

pub(super) use intrinsics;
