//! Powers of roots of unity, in the order that the layers use.

use std::marker::PhantomData;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

use crate::field::{Arithmetic, Lanes, MAX_WIDTH};
use crate::{Backend, Task, pages};

/// For each block size s, the powers ω_s^j, j < s/2, of a primitive s-th root of unity.
pub(super) struct Twiddles<B: Backend> {
    /// `layers[k]` is for blocks of 2^k vectors; `layers[0]` is empty.
    pub(super) layers: Vec<Vec<B::Fr>>,
    /// ω_s^j for blocks within a vector, s = 2, 4, 8 up to the width; the same power in every lane.
    pub(super) within: [[B::Fr; 4]; 3],
}

impl<B: Backend> Twiddles<B> {
    pub(super) fn new(size: usize, root: Fr) -> Self {
        let width = B::Fr::WIDTH;
        let powers = Powers::new(Fr::ONE, root, (size / 2).max(1));
        let vectors = size / width;
        let layers = (0..=vectors.ilog2())
            .map(|k| match k {
                0 => Vec::new(),
                _ => powers.lanes::<B>((width << k) / 2, |j| j * (vectors >> k)),
            })
            .collect();
        let within = [2, 4, 8].map(|block| {
            [0, 1, 2, 3].map(|j| {
                let known = block <= width && j < block / 2;
                powers.lanes::<B>(width, |_| if known { j * (size / block) } else { 0 })[0]
            })
        });
        Self { layers, within }
    }

    /// The powers for two layers on blocks of `vectors` vectors, a multiple of four.
    pub(super) fn two_layers(&self, vectors: usize) -> TwoLayers<'_, B> {
        let k = vectors.ilog2() as usize;
        let (first, second) = self.layers[k].split_at(vectors / 4);
        TwoLayers { outer: [first, second], inner: &self.layers[k - 1] }
    }
}

/// Powers for j < s/4: ω_s^j and ω_s^(j + s/4) for the layer on s values, ω_(s/2)^j for the layer on s/2
/// values.
#[derive(Clone, Copy)]
pub(super) struct TwoLayers<'a, B: Backend> {
    pub(super) outer: [&'a [B::Fr]; 2],
    pub(super) inner: &'a [B::Fr],
}

impl<B: Backend> TwoLayers<'_, B> {
    pub(super) fn skip(self, vectors: usize) -> Self {
        Self { outer: self.outer.map(|powers| &powers[vectors..]), inner: &self.inner[vectors..] }
    }
}

/// η^j / n at the index of coefficient j after the inverse transform: the bits of j in reverse, then
/// transposed within W vectors.
pub(super) fn factors<B: Backend>(size: usize, eta: Fr, inverse_size: Fr) -> Vec<B::Fr> {
    let width = B::Fr::WIDTH;
    let shift = usize::BITS - size.ilog2();
    Powers::new(inverse_size, eta, size).lanes::<B>(size, |place| {
        let (tile, within) = (place / (width * width), place % (width * width));
        let (row, column) = (within / width, within % width);
        let coefficient = (tile * width + column) * width + row;
        coefficient.reverse_bits().checked_shr(shift).unwrap_or(0)
    })
}

/// Powers of an element times a scale, as products of two stored ones: power `low + LOW · high`.
struct Powers {
    /// The scale times the powers below `LOW`.
    low: Vec<Fr>,
    /// The powers with multiples of `LOW` as exponents.
    high: Vec<Fr>,
}

/// Number of powers in [`Powers::low`].
const LOW: usize = 1 << 10;

/// Minimum number of vectors per task.
const TASK: usize = 64;

impl Powers {
    /// scale · base^j for j < count.
    fn new(scale: Fr, base: Fr, count: usize) -> Self {
        let series = |first, step, count| {
            std::iter::successors(Some(first), |power| Some(*power * step)).take(count).collect()
        };
        Self {
            low: series(scale, base, LOW.min(count)),
            high: series(Fr::ONE, base.pow([LOW as u64]), count.div_ceil(LOW)),
        }
    }

    /// The powers with the exponents `exponent(i)` for i < count, in vectors, on the threads of the current pool. `count` must
    /// be a multiple of the width.
    fn lanes<B: Backend>(&self, count: usize, exponent: impl Fn(usize) -> usize + Sync) -> Vec<B::Fr> {
        let width = B::Fr::WIDTH;
        let mut vectors = pages::with_capacity(count / width);
        let places = (0..count / width).into_par_iter().with_min_len(TASK);
        let products = places.map(|vector| {
            let mut factors = [[Fr::ZERO; MAX_WIDTH]; 2];
            for lane in 0..width {
                let exponent = exponent(vector * width + lane);
                factors[0][lane] = self.low[exponent % LOW];
                factors[1][lane] = self.high[exponent / LOW];
            }
            B::run(Products::<B> { factors: &factors, backend: PhantomData })
        });
        products.collect_into_vec(&mut vectors);
        vectors
    }
}

/// The products of `WIDTH` pairs of elements.
struct Products<'a, B: Backend> {
    factors: &'a [[Fr; MAX_WIDTH]; 2],
    backend: PhantomData<B>,
}

impl<B: Backend> Task for Products<'_, B> {
    type Output = B::Fr;

    #[inline(always)]
    fn run<Same: Backend>(self) -> B::Fr {
        let [low, high] = self.factors;
        B::Fr::load(low).mul(B::Fr::load(high))
    }
}
