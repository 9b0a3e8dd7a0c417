//! Σ v·B_v over the buckets of all sets, almost entirely by affine additions.
//!
//! With v = l + 2^h·m, Σ v·B_v = Σ_l l·(Σ_m B) + 2^h Σ_m m·(Σ_l B): two sums of the same kind with half as
//! many bits, for two additions per bucket. The split repeats until v is one bit. Horner's rule then sums the
//! remaining points, each times a power of two.

use super::digits::{Shape, Signpost};
use super::packed::unpack;
use super::sums::sum_lists;
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;

use crate::Kernel;
use crate::field::Row;
use crate::points::CurveLanes;

/// A pending sum: Σ v·B_v·2^offset over v in `1..2^bits`. B_v is at index `start + v`; index `start` is
/// unused.
#[derive(Clone, Copy)]
struct Weighted {
    start: usize,
    bits: u32,
    offset: u32,
}

/// Σ 2^i·Pᵢ by Horner's rule.
pub(super) fn sum_powers<C: CurveLanes>(points: &[Affine<C>]) -> Projective<C> {
    points.iter().rev().fold(Projective::ZERO, |sum, point| sum.double() + point)
}

/// Points P₀, P₁, … with Σ 2^i·Pᵢ = Σ 2^(c·set) Σ v·B_v. Set j determines c of them, from index cj on.
pub(super) fn powers<C: CurveLanes>(kernel: Kernel, shape: Shape, buckets: &[C::Packed]) -> Vec<Affine<C>> {
    // Points that only need a power of two as their factor, with the exponents.
    let (mut exponents, mut single) = (Vec::new(), Vec::new());
    let mut owed = Vec::new();
    for set in 0..shape.sets {
        let (start, offset) = (set as usize * shape.buckets_of_set(), set * shape.window);
        exponents.push(offset + shape.window - 1);
        single.push(buckets[start]);
        owed.push(Weighted { start, bits: shape.window - 1, offset });
    }
    let mut sums;
    let mut points = buckets;
    loop {
        owed.retain(|weighted| {
            if weighted.bits == 1 {
                exponents.push(weighted.offset);
                single.push(points[weighted.start + 1]);
            }
            weighted.bits > 1
        });
        if owed.is_empty() {
            break;
        }
        (sums, owed) = halve::<C>(kernel, points, &owed);
        points = &sums;
    }
    let mut powers = vec![Affine::zero(); (shape.window * shape.sets) as usize];
    // Each power of two occurs once: for a bit of a digit, or for the bucket of 2^(c-1).
    for (exponent, point) in exponents.into_iter().zip(unpack::<C>(kernel, &single)) {
        powers[exponent as usize] = point;
    }
    powers
}

/// True for the point at infinity, which is all zero bytes.
fn is_infinity<P: AsRef<[Row]>>(point: &P) -> bool {
    // Without branches: a comparison of arrays is a call of `memcmp` for each row.
    point.as_ref().iter().flat_map(|row| row.0).fold(0, |bits, word| bits | word) == 0
}

/// Replaces each pending sum by two of half as many bits, with the same total.
fn halve<C: CurveLanes>(
    kernel: Kernel,
    points: &[C::Packed],
    owed: &[Weighted],
) -> (Vec<C::Packed>, Vec<Weighted>) {
    let (mut list, mut ends, mut halves) = (Vec::new(), Vec::new(), Vec::new());
    for &Weighted { start, bits, offset } in owed {
        let low = bits / 2;
        let high = bits - low;
        let mut push = |bits: u32, offset: u32, fixed_unit: usize, free: u32, free_unit: usize| {
            halves.push(Weighted { start: ends.len(), bits, offset });
            ends.push(list.len() as u32);
            for fixed in 1..1 << bits {
                let first = start + fixed * fixed_unit;
                // Most buckets are empty when scalars are short.
                let present = (0..1 << free)
                    .map(|i: usize| first + i * free_unit)
                    .filter(|&i| !is_infinity(&points[i]));
                list.extend(present.map(|i| Signpost::new(i, false)));
                ends.push(list.len() as u32);
            }
        };
        push(low, offset, 1, high, 1 << low);
        push(high, offset + low, 1 << low, low, 1);
    }
    let mut sums = vec![C::Packed::default(); ends.len()];
    sum_lists::<C>(kernel, points, &list, &ends, &mut sums);
    (sums, halves)
}
