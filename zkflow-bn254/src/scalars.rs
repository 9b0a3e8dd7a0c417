//! Scalars as signed integers, and signed integers as signed digits.

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::field::{Lanes, MAX_WIDTH};
use crate::{Backend, Kernel, Task, pages};

/// Bits of the largest magnitude, ⌊r/2⌋.
const MAGNITUDE_BITS: u32 = 253;
/// The sign bit in the top word.
const SIGN: u64 = 1 << 63;
/// Number of scalars per task.
const TASK: usize = 4096;

/// A vector of scalars, each as the integer of least magnitude in its class modulo r. Zeroised on drop.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct Scalars(
    /// The words of [`Signed`] integers.
    Vec<[u64; 4]>,
);

impl Scalars {
    /// Converts scalars from Montgomery form, on the threads of the current pool.
    pub fn new(kernel: Kernel, scalars: &[Fr]) -> Self {
        let mut integers = pages::zeros(scalars.len());
        integers
            .par_chunks_mut(TASK)
            .zip(scalars.par_chunks(TASK))
            .for_each(|(integers, scalars)| kernel.run(Convert { integers, scalars }));
        Self(integers)
    }

    /// Number of scalars.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are no scalars.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, index: usize) -> Signed {
        Signed(self.0[index])
    }
}

/// An integer of at most 253 bits; the sign is in the top bit.
#[derive(Clone, Copy)]
pub(crate) struct Signed([u64; 4]);

impl Signed {
    /// The integer of least magnitude in the class of `integer`, which is below r.
    #[inline(always)]
    fn of(integer: [u64; 4]) -> Self {
        const R: [u64; 4] = Fr::MODULUS.0;
        // r − x is smaller than x exactly if x is above r/2.
        let (negative, borrow) = subtract(R, integer);
        debug_assert!(!borrow);
        if subtract(negative, integer).1 {
            let [a, b, c, d] = negative;
            Self([a, b, c, d | SIGN])
        } else {
            Self(integer)
        }
    }

    /// The scalar as a field element.
    pub(crate) fn to_field(self) -> Fr {
        let (words, _) = self.magnitude();
        let magnitude = Fr::new(BigInt(words));
        if self.is_negative() { -magnitude } else { magnitude }
    }

    #[inline(always)]
    pub(crate) fn is_negative(self) -> bool {
        self.0[3] & SIGN != 0
    }

    /// The magnitude, lowest word first, and its number of bits.
    #[inline(always)]
    pub(crate) fn magnitude(self) -> ([u64; 4], u32) {
        let [a, b, c, d] = self.0;
        let words = [a, b, c, d & !SIGN];
        let bits = match words {
            [a, 0, 0, 0] => 64 - a.leading_zeros(),
            [_, b, 0, 0] => 128 - b.leading_zeros(),
            [_, _, c, 0] => 192 - c.leading_zeros(),
            [_, _, _, d] => 256 - d.leading_zeros(),
        };
        (words, bits)
    }
}

/// Cuts integers of at most 253 bits into signed digits.
///
/// The bias 2^(c−1) is added in every place except the last. Each digit of the sum is then the signed digit
/// plus 2^(c−1), so the digits are found without carries from place to place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// Bits per digit, c.
    window: u32,
    /// 2^(c−1) in every place except the last.
    bias: [u64; 4],
}

impl Places {
    /// Digits of `window` bits, 3 to 30.
    pub(crate) fn new(window: u32) -> Self {
        let mut bias = [0; 4];
        for place in 0..Self::count(window) - 1 {
            let bit = place * window + window - 1;
            bias[bit as usize / 64] |= 1 << (bit % 64);
        }
        Self { window, bias }
    }

    /// Number of digits. They have at least one bit more than the magnitude, so the last digit does not
    /// overflow.
    pub(crate) fn count(window: u32) -> u32 {
        (MAGNITUDE_BITS + 1).div_ceil(window)
    }

    /// Number of digits.
    pub(crate) fn most(&self) -> u32 {
        Self::count(self.window)
    }

    /// Prepares an integer for [`digit`](Self::digit).
    #[inline(always)]
    pub(crate) fn biased(&self, integer: Signed) -> Biased {
        let (words, bits) = integer.magnitude();
        // One digit more than the bits need, for the carry.
        let digits = if bits == 0 { 0 } else { (bits / self.window + 2).min(self.most()) };
        Biased { words: add(words, self.bias), is_negative: integer.is_negative(), digits }
    }

    /// The digit at a place below [`Biased::digits`], from −2^(c−1) to 2^(c−1).
    #[inline(always)]
    pub(crate) fn digit(&self, biased: &Biased, place: u32) -> i32 {
        let half = if place < self.most() - 1 { 1 << (self.window - 1) } else { 0 };
        let digit = bits_at(&biased.words, place * self.window, self.window) as i32 - half;
        if biased.is_negative { -digit } else { digit }
    }
}

/// An integer whose magnitude has the bias of [`Places`] added.
#[derive(Clone, Copy)]
pub(crate) struct Biased {
    words: [u64; 4],
    is_negative: bool,
    /// Number of digits; all further ones are zero.
    pub(crate) digits: u32,
}

/// a + b, which must be below 2^256.
#[inline(always)]
fn add(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut carry = false;
    for i in 0..4 {
        (out[i], carry) = a[i].carrying_add(b[i], carry);
    }
    out
}

/// `count` ≤ 32 bits of a 256-bit integer, starting at bit `position`.
#[inline(always)]
fn bits_at(words: &[u64; 4], position: u32, count: u32) -> u64 {
    let (word, offset) = ((position / 64) as usize, position % 64);
    if word > 3 {
        return 0;
    }
    let low = words[word] >> offset;
    let high = if word < 3 && offset > 0 { words[word + 1] << (64 - offset) } else { 0 };
    (low | high) & ((1 << count) - 1)
}

#[inline(always)]
fn subtract(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        (out[i], borrow) = a[i].borrowing_sub(b[i], borrow);
    }
    (out, borrow)
}

struct Convert<'a> {
    integers: &'a mut [[u64; 4]],
    scalars: &'a [Fr],
}

impl Task for Convert<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let Self { integers, scalars } = self;
        let mut words = [[0; 4]; MAX_WIDTH];
        let whole = scalars.len() / B::Fr::WIDTH * B::Fr::WIDTH;
        for i in (0..whole).step_by(B::Fr::WIDTH) {
            B::Fr::load(&scalars[i..]).store_integers(&mut words);
            for j in 0..B::Fr::WIDTH {
                integers[i + j] = Signed::of(words[j]).0;
            }
        }
        for i in whole..scalars.len() {
            integers[i] = Signed::of(scalars[i].into_bigint().0).0;
        }
        words.zeroize();
    }
}
