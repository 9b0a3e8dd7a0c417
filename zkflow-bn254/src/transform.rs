//! Converts values at the even roots of unity to values at the odd roots.
//!
//! Let f be a polynomial of degree below n = 2^k, ω a primitive n-th root of unity and η a square root of ω.
//! 1. An inverse transform converts the values f(ω^i) to coefficients.
//! 2. Multiplying coefficient j by η^j shifts the polynomial.
//! 3. A forward transform computes the values f(η ω^i) at the odd 2n-th roots.
//!
//! # Without bit reversal
//! The inverse transform decimates in frequency (Gentleman and Sande): natural order in, bit-reversed
//! coefficients out. The forward transform decimates in time (Cooley and Tukey): bit-reversed coefficients
//! in, natural order out. In between, coefficients are multiplied in place. So nothing is permuted. Also, the
//! blocks after the first layers of decimation in frequency are independent until the last layers of
//! decimation in time. The algorithm is therefore recursive:
//!
//! ```text
//! shift(block) = DIF butterflies on the block; shift(each quarter); DIT butterflies on the block
//! ```
//!
//! A block that fits into the first-level cache goes through both transforms while it is there.
//!
//! # Butterflies
//! Two layers are computed at a time, with four values in registers (radix 4). A layer on blocks of s values
//! uses the powers ω_s^j for j < s/2, precomputed for each s. A vector contains W neighbouring values (W is
//! the number of lanes), so layers on blocks of more than W values operate on whole vectors. For the last
//! log2 W layers W vectors are transposed, so that neighbouring values are in the same lane. The factors η^j
//! are stored in transposed order, and the forward transform transposes back.

mod layers;
mod powers;
#[cfg(test)]
mod tests;

use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use self::layers::{Cached, Layers, quarters};
use self::powers::{Twiddles, factors};
use crate::field::{Arithmetic, Lanes};
use crate::{Backend, Task};

/// Maximum values of a block that one thread shifts within its cache: 40 KiB.
const CACHED: usize = 1 << 10;

/// Values of each quarter per task in the layers on larger blocks.
const CHUNK: usize = 512;

/// Precomputed tables for domains of one size.
pub(crate) struct Transform<B: Backend> {
    inverse: Twiddles<B>,
    forward: Twiddles<B>,
    /// η^j / n, in the order of the coefficients after the inverse transform.
    factors: Vec<B::Fr>,
}

impl<B: Backend> Transform<B> {
    /// True if a domain of `size` rows is large enough for the lanes of this backend.
    pub(crate) fn fits(size: usize) -> bool {
        size.is_power_of_two() && size >= B::Fr::WIDTH * B::Fr::WIDTH
    }

    /// Prepares the tables for a domain of `size` rows.
    ///
    /// # Panics
    /// Panics if the domain does not [fit](Self::fits) or is larger than 2^27.
    pub(crate) fn new(size: usize) -> Self {
        assert!(Self::fits(size), "{size} rows do not fit the lanes");
        let root = Fr::get_root_of_unity(size as u64).expect("a power of two up to 2^27");
        let eta = Fr::get_root_of_unity(2 * size as u64).expect("a power of two up to 2^28");
        let inverse_root = root.inverse().expect("a root of unity is not zero");
        let inverse_size = Fr::from(size as u64).inverse().expect("a power of two is not zero");
        Self {
            inverse: Twiddles::new(size, inverse_root),
            forward: Twiddles::new(size, root),
            factors: factors::<B>(size, eta, inverse_size),
        }
    }

    /// Number of vectors of a domain.
    pub(crate) fn vectors(&self) -> usize {
        self.factors.len()
    }

    /// Size of the tables in bytes.
    pub(crate) fn table_bytes(&self) -> u64 {
        let layers = self.inverse.layers.iter().chain(&self.forward.layers);
        let vectors = layers.map(Vec::len).sum::<usize>() + self.factors.len();
        (vectors * size_of::<B::Fr>()) as u64
    }

    /// Replaces the values at the even roots by the values at the odd roots, both in natural order.
    pub(crate) fn shift(&self, values: &mut [B::Fr]) {
        assert_eq!(values.len(), self.vectors(), "the number of values must be the size of the domain");
        self.shift_block(values, &self.factors);
    }

    fn shift_block(&self, block: &mut [B::Fr], factors: &[B::Fr]) {
        if block.len() * B::Fr::WIDTH <= CACHED {
            return B::run(Cached { transform: self, block, factors });
        }
        let quarter = block.len() / 4;
        self.layers(block, Direction::Inverse);
        let quarters = block.par_chunks_exact_mut(quarter).zip(factors.par_chunks_exact(quarter));
        quarters.for_each(|(block, factors)| self.shift_block(block, factors));
        self.layers(block, Direction::Forward);
    }

    /// Computes two layers on a block larger than the cache, on all threads.
    fn layers(&self, block: &mut [B::Fr], direction: Direction) {
        let size = block.len();
        let (x0, x1, x2, x3) = quarters(block);
        let chunk = CHUNK / B::Fr::WIDTH;
        let chunks = x0
            .par_chunks_mut(chunk)
            .zip(x1.par_chunks_mut(chunk))
            .zip(x2.par_chunks_mut(chunk))
            .zip(x3.par_chunks_mut(chunk));
        chunks.enumerate().for_each(|(index, (((x0, x1), x2), x3))| {
            let twiddles = match direction {
                Direction::Inverse => &self.inverse,
                Direction::Forward => &self.forward,
            };
            let powers = twiddles.two_layers(size).skip(index * chunk);
            B::run(Layers::<B> { x: [x0, x1, x2, x3], powers, direction });
        });
    }
}

/// The transform that a layer belongs to.
#[derive(Clone, Copy)]
enum Direction {
    /// Decimation in frequency.
    Inverse,
    /// Decimation in time.
    Forward,
}

/// Loads elements into vectors. The number of elements must be a multiple of the width.
pub(crate) fn to_lanes<B: Backend>(elements: &[Fr]) -> Vec<B::Fr> {
    let mut lanes = vec![B::Fr::zero(); elements.len() / B::Fr::WIDTH];
    B::run(Load::<B> { elements, lanes: &mut lanes });
    lanes
}

struct Load<'a, B: Backend> {
    elements: &'a [Fr],
    lanes: &'a mut [B::Fr],
}

impl<B: Backend> Task for Load<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<Same: Backend>(self) {
        for (lanes, elements) in self.lanes.iter_mut().zip(self.elements.chunks_exact(B::Fr::WIDTH)) {
            *lanes = B::Fr::load(elements);
        }
    }
}

/// Stores vectors as elements.
pub(crate) fn from_lanes<B: Backend>(lanes: &[B::Fr], elements: &mut [Fr]) {
    B::run(Store::<B> { lanes, elements });
}

struct Store<'a, B: Backend> {
    lanes: &'a [B::Fr],
    elements: &'a mut [Fr],
}

impl<B: Backend> Task for Store<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<Same: Backend>(self) {
        for (lanes, elements) in self.lanes.iter().zip(self.elements.chunks_exact_mut(B::Fr::WIDTH)) {
            lanes.store(elements);
        }
    }
}
