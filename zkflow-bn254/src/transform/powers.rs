//! Powers of roots of unity, in the order that the layers use.

use ark_bn254::Fr;
use ark_ff::Field;
use rayon::prelude::*;

use super::to_lanes;
use crate::Backend;
use crate::field::{Lanes, MAX_WIDTH};

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
        let powers = powers(root, Fr::ONE, size / 2);
        let vectors = size / width;
        let layers = (0..=vectors.ilog2())
            .map(|k| match k {
                0 => Vec::new(),
                _ => {
                    let (block, step) = (width << k, vectors >> k);
                    let layer: Vec<Fr> = (0..block / 2).map(|j| powers[j * step]).collect();
                    to_lanes::<B>(&layer)
                }
            })
            .collect();
        let within = [2, 4, 8].map(|block| {
            [0, 1, 2, 3].map(|j| {
                let known = block <= width && j < block / 2;
                let power = if known { powers[j * (size / block)] } else { Fr::ONE };
                to_lanes::<B>(&[power; MAX_WIDTH])[0]
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

/// scale · base^j for j < count.
fn powers(base: Fr, scale: Fr, count: usize) -> Vec<Fr> {
    const RUN: usize = 1024;
    let mut powers = vec![scale; count];
    powers.par_chunks_mut(RUN).enumerate().for_each(|(index, run)| {
        let mut power = scale * base.pow([(index * RUN) as u64]);
        for slot in run {
            *slot = power;
            power *= base;
        }
    });
    powers
}

/// η^j / n at the index of coefficient j after the inverse transform: the bits of j in reverse, then
/// transposed within W vectors.
pub(super) fn factors<B: Backend>(size: usize, eta: Fr, inverse_size: Fr) -> Vec<B::Fr> {
    let width = B::Fr::WIDTH;
    let natural = powers(eta, inverse_size, size);
    let shift = usize::BITS - size.ilog2();
    let reversed = |place: usize| natural[place.reverse_bits().checked_shr(shift).unwrap_or(0)];
    let placed: Vec<Fr> = (0..size)
        .map(|place| {
            let (tile, within) = (place / (width * width), place % (width * width));
            let (row, column) = (within / width, within % width);
            reversed((tile * width + column) * width + row)
        })
        .collect();
    to_lanes::<B>(&placed)
}
