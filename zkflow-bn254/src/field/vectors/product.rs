//! Products in columns, and their Montgomery reduction.
//!
//! Sums of products accumulate in ten columns of 64 bits; column i has the weight 2^(52 i). They start with a constant: the
//! bias, less the excess that the kernel adds with each product (see [`Words::add_products`]).
//!
//! # Reduction
//! Let μ ≡ −p⁻¹ mod 2^52. The lowest limb of μp is 2^52 − 1, so for a number T with the lowest limb t,
//! the lowest limb of T + tμp is zero: (T + tμp) / 2^52 = ⌊T / 2^52⌋ + t·S with S = (μp + 1) / 2^52.
//! Such a step needs no multiplication for its digit (cf. the "Montgomery-friendly" moduli of Bos and
//! Friedberger, *Arithmetic Considerations for Isogeny Based Cryptography*), but adds up to 2^52·S ≈ μp.
//! Four such steps reduce ten limbs to six. The fifth step is the textbook one, with the digit tμ mod 2^52
//! and the modulus p; it also divides that excess by 2^52. For T < k·p², the result is
//! below T/R + (μ/2^52)·p + p < (k/84 + 1.13)·p for both moduli of BN254.

use super::modulus::{LIMB_BITS, LIMB_MASK, LIMBS, Radix52};
use super::words::{COLUMNS, Columns, Words};

/// Repeats a block for constant indices. The compiler keeps some loops of so much code as loops.
macro_rules! for_each {
    ($index:ident in $($value:literal),* $block:block) => {$({
        const $index: usize = $value;
        $block
    })*};
}

/// a·b/R mod p, below the bound of the module documentation; limbs are not carried.
#[inline(always)]
pub(super) fn product<C: Radix52, W: Words>(a: &[W; LIMBS], b: &[W; LIMBS]) -> [W; LIMBS] {
    let mut columns = broadcast(const { &start::<W>(1) });
    let (a, b) = (factors(a), factors(b));
    // A column is reduced as soon as it is complete: few columns are needed at a time.
    for_each!(I in 0, 1, 2, 3, 4 {
        W::add_products(&mut columns, I, a[I], &b);
    });
    finish::<C, W>(columns)
}

/// a²/R mod p; limbs are not carried.
#[inline(always)]
pub(super) fn square<C: Radix52, W: Words>(a: &[W; LIMBS]) -> [W; LIMBS] {
    // Products of different limbs, computed once and doubled, plus the squared limbs.
    let mut columns = broadcast(const { &start_of_square::<W>() });
    let a = factors(a);
    for_each!(I in 0, 1, 2, 3 {
        W::add_products(&mut columns, 2 * I + 1, a[I], a[I + 1..].first_chunk::<{ 4 - I }>().expect("the rest"));
    });
    for column in &mut columns[1..COLUMNS - 1] {
        *column = column.plus(*column);
    }
    for_each!(I in 0, 1, 2, 3 {
        W::add_products(&mut columns, 2 * I, a[I], &[a[I]]);
    });
    W::add_products(&mut columns, 8, a[4], &[a[4]]);
    finish::<C, W>(columns)
}

/// (ab + cd)/R mod p; limbs are not carried.
#[inline(always)]
pub(super) fn sum_of_products<C: Radix52, W: Words>(
    a: &[W; LIMBS],
    b: &[W; LIMBS],
    c: &[W; LIMBS],
    d: &[W; LIMBS],
) -> [W; LIMBS] {
    let mut columns = broadcast(const { &start::<W>(2) });
    let (a, b, c, d) = (factors(a), factors(b), factors(c), factors(d));
    for_each!(I in 0, 1, 2, 3 {
        W::add_products(&mut columns, I, a[I], &b);
        W::add_products(&mut columns, I, c[I], &d);
    });
    W::add_products(&mut columns, 4, a[4], &b);
    W::add_products(&mut columns, 4, c[4], &d);
    finish::<C, W>(columns)
}

/// The limbs of a factor.
pub(super) trait Limb<W> {
    /// Limb i.
    fn limb(&self, i: usize) -> W;
}

/// Σ aₙ·bₙ/R mod p.
#[inline(always)]
pub(super) fn dot<C: Radix52, W: Words, A: Limb<W>, B: Limb<W>, const N: usize>(
    a: &[A; N],
    b: &[B; N],
) -> [W; LIMBS] {
    // A product adds less than 10 · 2^52 to a column.
    const { assert!(N <= 64) };
    let mut columns = broadcast(const { &start::<W>(N as u64) });
    for n in 0..N {
        let b = factors(&[b[n].limb(0), b[n].limb(1), b[n].limb(2), b[n].limb(3), b[n].limb(4)]);
        for_each!(I in 0, 1, 2, 3, 4 {
            W::add_products(&mut columns, I, a[n].limb(I).factor(), &b);
        });
    }
    carry(finish::<C, W>(columns))
}

/// Limbs less the multiple of p that the top limb of their value plus 4p determines; see [`vectors`](super).
#[inline(always)]
pub(super) fn fold<C: Radix52, W: Words>(limbs: &[W; LIMBS], top: W) -> [W; LIMBS] {
    let (mut limbs, quotient) = (*limbs, W::quotient::<C>(top));
    for i in 0..LIMBS {
        limbs[i] = limbs[i].plus(W::lookup(&C::BIASED_NEGATIVES[i], quotient));
    }
    carry(limbs)
}

/// Normalises limbs to 52 bits by carrying, except the top limb. All but the top limb must not be negative.
#[inline(always)]
pub(super) fn carry<W: Words>(mut limbs: [W; LIMBS]) -> [W; LIMBS] {
    let mask = W::broadcast(LIMB_MASK);
    for i in 0..LIMBS - 1 {
        limbs[i + 1] = limbs[i + 1].plus(limbs[i].shift_right::<52>());
        limbs[i] = limbs[i].and(mask);
    }
    limbs
}

/// Makes a complete column zero, when those below it are zero, and carries.
#[inline(always)]
fn reduce_lowest<C: Radix52, W: Words, const I: usize>(t: &mut Columns<W>) {
    t[I + 1] = t[I + 1].plus(t[I].shift_right::<52>());
    let digit = t[I].low_factor();
    W::add_products(t, I + 1, digit, &W::shifted::<C>());
}

/// The last steps of the reduction. The limbs are not carried; they are below 2^58 plus the bias.
#[inline(always)]
fn finish<C: Radix52, W: Words>(mut t: Columns<W>) -> [W; LIMBS] {
    for_each!(I in 0, 1, 2, 3 {
        reduce_lowest::<C, W, I>(&mut t);
    });
    let digit = W::digit::<C>(t[4]);
    // The lowest limb becomes zero.
    if W::LOW_EXCESS == 0 {
        // Lower parts are not negative: it carries 1 unless it was zero before.
        t[5] = t[5].plus(t[4].plus(W::broadcast(LIMB_MASK)).shift_right::<52>());
        W::add_products(&mut t, 4, digit, &W::modulus::<C>());
    } else {
        W::add_products(&mut t, 4, digit, &W::modulus::<C>());
        t[5] = t[5].plus(t[4].minus(W::broadcast(W::LOW_EXCESS)).shift_right::<52>());
    }
    [t[5], t[6], t[7], t[8], t[9]]
}

/// Limbs less others modulo p, reduced, for a difference from −3.9p to 4p. The limbs of the minuend are below 2^58, carried or
/// not.
#[inline(always)]
pub(super) fn subtract<C: Radix52, W: Words>(mut limbs: [W; LIMBS], subtrahend: &[W; LIMBS]) -> [W; LIMBS] {
    for i in 0..LIMBS {
        limbs[i] = limbs[i].minus(subtrahend[i]);
    }
    fold::<C, W>(&limbs, limbs[4].plus(W::broadcast(4 * C::P[4])))
}

#[inline(always)]
fn factors<W: Words>(limbs: &[W; LIMBS]) -> [W::Factor; LIMBS] {
    [limbs[0].factor(), limbs[1].factor(), limbs[2].factor(), limbs[3].factor(), limbs[4].factor()]
}

#[inline(always)]
fn broadcast<W: Words>(words: &[u64; COLUMNS]) -> Columns<W> {
    let mut columns = [W::zeros(); COLUMNS];
    for i in 0..COLUMNS {
        columns[i] = W::broadcast(words[i]);
    }
    columns
}

/// Number of products that add a lower part to each column.
type Counts = [u64; COLUMNS];

/// What columns start with, for a sum of `products` products of five limbs.
const fn start<W: Words>(products: u64) -> [u64; COLUMNS] {
    let mut counts = reductions();
    let mut i = 0;
    while i < LIMBS {
        add_row(&mut counts, i, LIMBS, products);
        i += 1;
    }
    biased::<W>(&counts)
}

/// What columns start with, for a square. All but the first and the last one are doubled later.
const fn start_of_square<W: Words>() -> [u64; COLUMNS] {
    let mut counts = reductions();
    let mut i = 0;
    while i < LIMBS {
        add_row(&mut counts, 2 * i, 1, 1);
        add_row(&mut counts, 2 * i + 1, LIMBS - 1 - i, 2);
        i += 1;
    }
    let mut start = biased::<W>(&counts);
    let mut i = 1;
    while i < COLUMNS - 1 {
        // Bias and excess are even.
        assert!(start[i] & 1 == 0);
        start[i] /= 2;
        i += 1;
    }
    start
}

/// Products of a reduction.
const fn reductions() -> Counts {
    let mut counts = [0; COLUMNS];
    let mut i = 1;
    while i < LIMBS {
        add_row(&mut counts, i, LIMBS, 1);
        i += 1;
    }
    add_row(&mut counts, LIMBS - 1, LIMBS, 1);
    counts
}

/// Counts `length` products from column `first` on, `times` each.
const fn add_row(counts: &mut Counts, first: usize, length: usize, times: u64) {
    let mut j = 0;
    while j < length {
        counts[first + j] += times;
        j += 1;
    }
}

/// The bias in every column but the last one, less what it carries to the next one, and less the excess of the products.
const fn biased<W: Words>(lows: &Counts) -> [u64; COLUMNS] {
    let mut start = [0u64; COLUMNS];
    let mut i = 0;
    while i < COLUMNS {
        start[i] = if i + 1 < COLUMNS { W::BIAS } else { 0 };
        // The last digit of a reduction is read before its own products are added.
        let read = if i == LIMBS - 1 { lows[i] - 1 } else { lows[i] };
        start[i] = start[i].wrapping_sub(read.wrapping_mul(W::LOW_EXCESS));
        if i > 0 {
            start[i] = start[i].wrapping_sub(W::BIAS >> LIMB_BITS);
            start[i] = start[i].wrapping_sub(lows[i - 1].wrapping_mul(W::HIGH_EXCESS));
        }
        i += 1;
    }
    start
}
