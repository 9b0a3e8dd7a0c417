//! Butterflies: two layers at a time on blocks of vectors, and the last layers within vectors.

use super::powers::TwoLayers;
use super::{Direction, Transform};
use crate::field::{Arithmetic, Lanes};
use crate::{Backend, Task};

/// Computes two layers on parts of the four quarters of a block.
pub(super) struct Layers<'a, B: Backend> {
    pub(super) x: [&'a mut [B::Fr]; 4],
    pub(super) powers: TwoLayers<'a, B>,
    pub(super) direction: Direction,
}

impl<B: Backend> Task for Layers<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<Same: Backend>(self) {
        match self.direction {
            Direction::Inverse => two_layers_inverse::<B>(self.x, self.powers),
            Direction::Forward => two_layers_forward::<B>(self.x, self.powers),
        }
    }
}

/// Computes both transforms on a block that fits into the cache.
pub(super) struct Cached<'a, B: Backend> {
    pub(super) transform: &'a Transform<B>,
    pub(super) block: &'a mut [B::Fr],
    pub(super) factors: &'a [B::Fr],
}

impl<B: Backend> Task for Cached<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<Same: Backend>(self) {
        let Self { transform: Transform { inverse, forward, .. }, block, factors } = self;
        let width = B::Fr::WIDTH;
        // A block has 4^m or 2 * 4^m vectors.
        let odd = block.len().ilog2() % 2 == 1;
        let mut size = block.len();
        while size >= 4 {
            for block in block.chunks_exact_mut(size) {
                let (x0, x1, x2, x3) = quarters(block);
                two_layers_inverse::<B>([x0, x1, x2, x3], inverse.two_layers(size));
            }
            size /= 4;
        }
        if odd {
            for pair in block.chunks_exact_mut(2) {
                let (x, y) = (pair[0], pair[1]);
                pair[0] = x.add(y);
                pair[1] = x.sub_loose(y).mul(inverse.layers[1][0]);
            }
        }
        for (block, factors) in block.chunks_exact_mut(width).zip(factors.chunks_exact(width)) {
            B::Fr::transpose(block);
            within_vectors_inverse::<B>(block, &inverse.within);
            for i in 0..width {
                block[i] = block[i].mul(factors[i]);
            }
            within_vectors_forward::<B>(block, &forward.within);
            B::Fr::transpose(block);
        }
        if odd {
            for pair in block.chunks_exact_mut(2) {
                let (x, y) = (pair[0], pair[1].mul(forward.layers[1][0]));
                pair[0] = x.add(y);
                pair[1] = x.sub(y);
            }
            size = 2;
        }
        while size < block.len() {
            size *= 4;
            for block in block.chunks_exact_mut(size) {
                let (x0, x1, x2, x3) = quarters(block);
                two_layers_forward::<B>([x0, x1, x2, x3], forward.two_layers(size));
            }
        }
    }
}

/// (x, y) → (x + y, (x − y) ω^j) on blocks of s values, then on blocks of s/2.
#[inline(always)]
fn two_layers_inverse<B: Backend>(x: [&mut [B::Fr]; 4], powers: TwoLayers<'_, B>) {
    let count = x[0].len();
    let [x0, x1, x2, x3] = x.map(|x| &mut x[..count]);
    let [outer, outer_next] = powers.outer.map(|powers| &powers[..count]);
    let inner = &powers.inner[..count];
    for j in 0..count {
        let a0 = x0[j].add_loose(x2[j]);
        let a1 = x1[j].add_loose(x3[j]);
        let a2 = x0[j].sub_loose(x2[j]).mul(outer[j]);
        let a3 = x1[j].sub_loose(x3[j]).mul(outer_next[j]);
        x0[j] = a0.add_loose(a1).reduce();
        x1[j] = a0.sub_sums(a1).mul(inner[j]);
        x2[j] = a2.add(a3);
        x3[j] = a2.sub_loose(a3).mul(inner[j]);
    }
}

/// (x, y) → (x + y ω^j, x − y ω^j) on blocks of s/2 values, then on blocks of s.
#[inline(always)]
fn two_layers_forward<B: Backend>(x: [&mut [B::Fr]; 4], powers: TwoLayers<'_, B>) {
    let count = x[0].len();
    let [x0, x1, x2, x3] = x.map(|x| &mut x[..count]);
    let [outer, outer_next] = powers.outer.map(|powers| &powers[..count]);
    let inner = &powers.inner[..count];
    for j in 0..count {
        let y1 = x1[j].mul(inner[j]);
        let y3 = x3[j].mul(inner[j]);
        let b0 = x0[j].add_loose(y1);
        let b1 = x0[j].sub(y1);
        let b2 = x2[j].add_loose(y3).mul(outer[j]);
        let b3 = x2[j].sub_loose(y3).mul(outer_next[j]);
        x0[j] = b0.add_loose(b2).reduce();
        x2[j] = b0.sub_loose(b2).reduce();
        x1[j] = b1.add(b3);
        x3[j] = b1.sub(b3);
    }
}

/// Computes the layers on blocks of at most W values, after transposition.
#[inline(always)]
fn within_vectors_inverse<B: Backend>(block: &mut [B::Fr], powers: &[[B::Fr; 4]; 3]) {
    let mut half = block.len() / 2;
    while half > 0 {
        let powers = &powers[half.ilog2() as usize];
        for start in (0..block.len()).step_by(2 * half) {
            for j in 0..half {
                let (x, y) = (block[start + j], block[start + j + half]);
                block[start + j] = x.add(y);
                let difference = x.sub_loose(y);
                block[start + j + half] =
                    if j == 0 { difference.reduce() } else { difference.mul(powers[j]) };
            }
        }
        half /= 2;
    }
}

/// The inverse of [`within_vectors_inverse`], up to a constant factor.
#[inline(always)]
fn within_vectors_forward<B: Backend>(block: &mut [B::Fr], powers: &[[B::Fr; 4]; 3]) {
    let mut half = 1;
    while half < block.len() {
        let powers = &powers[half.ilog2() as usize];
        for start in (0..block.len()).step_by(2 * half) {
            for j in 0..half {
                let (x, y) = (block[start + j], block[start + j + half]);
                let y = if j == 0 { y } else { y.mul(powers[j]) };
                block[start + j] = x.add(y);
                block[start + j + half] = x.sub(y);
            }
        }
        half *= 2;
    }
}

pub(super) fn quarters<T>(block: &mut [T]) -> (&mut [T], &mut [T], &mut [T], &mut [T]) {
    let quarter = block.len() / 4;
    let (low, high) = block.split_at_mut(2 * quarter);
    let (x0, x1) = low.split_at_mut(quarter);
    let (x2, x3) = high.split_at_mut(quarter);
    (x0, x1, x2, x3)
}
