//! Scalars as signed integers.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::bn254::field::{Lanes, MAX_WIDTH};
use crate::bn254::{Backend, Kernel, Task};

/// Bits of the largest magnitude, ⌊r/2⌋.
pub(super) const MAGNITUDE_BITS: u32 = 253;
/// The bit of the top word that says "negative".
const SIGN: u64 = 1 << 63;
/// Scalars converted by one task.
const TASK: usize = 4096;

/// A vector of scalars, each as the integer of least magnitude in its class modulo r. Zeroised when dropped.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct Scalars(Vec<Signed>);

impl Scalars {
    /// Takes scalars out of Montgomery form, spread over the threads of the current pool.
    pub fn new(kernel: Kernel, scalars: &[Fr]) -> Self {
        let mut integers = vec![Signed([0; 4]); scalars.len()];
        integers
            .par_chunks_mut(TASK)
            .zip(scalars.par_chunks(TASK))
            .for_each(|(integers, scalars)| kernel.run(Convert { integers, scalars }));
        Self(integers)
    }

    /// The number of scalars.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, index: usize) -> Signed {
        self.0[index]
    }
}

/// An integer of at most 253 bits, the sign in the top bit.
#[derive(Clone, Copy, Zeroize)]
pub(super) struct Signed([u64; 4]);

impl Signed {
    /// The integer of least magnitude in the class of one below r.
    #[inline(always)]
    fn of(integer: [u64; 4]) -> Self {
        const R: [u64; 4] = Fr::MODULUS.0;
        // A quarter of all scalars is on the far side by the top word alone; small ones decide fast.
        let (negative, borrow) = subtract(R, integer);
        debug_assert!(!borrow);
        if subtract(negative, integer).1 {
            let [a, b, c, d] = negative;
            Self([a, b, c, d | SIGN])
        } else {
            Self(integer)
        }
    }

    #[inline(always)]
    pub(super) fn is_negative(self) -> bool {
        self.0[3] & SIGN != 0
    }

    /// The magnitude and its number of bits.
    #[inline(always)]
    pub(super) fn magnitude(self) -> ([u64; 4], u32) {
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
    integers: &'a mut [Signed],
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
                integers[i + j] = Signed::of(words[j]);
            }
        }
        for i in whole..scalars.len() {
            integers[i] = Signed::of(scalars[i].into_bigint().0);
        }
        words.zeroize();
    }
}
