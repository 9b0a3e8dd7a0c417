//! Σ v·B_v over the buckets of all sets, by affine additions almost alone.
//!
//! With v = l + 2^h·m, Σ v·B_v = Σ_l l·(Σ_m B) + 2^h Σ_m m·(Σ_l B): two sums of the same kind with half as many bits,
//! for two additions a bucket. This repeats until v is one bit. What is left are points to be multiplied by powers of two,
//! summed by Horner's rule.

use super::digits::{Shape, Signpost};
use super::sums::sum_lists;
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;

use crate::field::{Coordinate, MAX_WIDTH};
use crate::points::CurveLanes;
use crate::{Backend, Kernel, Task};

/// Σ v·B_v·2^offset over v in `0..2^bits` is owed, B_v at `start + v`. Place 0 holds nothing that counts.
#[derive(Clone, Copy)]
struct Weighted {
    start: usize,
    bits: u32,
    offset: u32,
}

/// The sum over all sets of buckets of 2^(c·set) Σ v·B_v.
pub(super) fn sum_weighted<C: CurveLanes>(
    kernel: Kernel,
    shape: Shape,
    buckets: Vec<C::Packed>,
) -> Projective<C> {
    let mut powers = vec![Projective::ZERO; (shape.window * shape.sets) as usize];
    let mut owed = Vec::new();
    for set in 0..shape.sets {
        let (start, offset) = (set as usize * shape.buckets_of_set(), set * shape.window);
        powers[(offset + shape.window - 1) as usize] += unpack::<C>(kernel, &buckets[start]);
        owed.push(Weighted { start, bits: shape.window - 1, offset });
    }
    let mut points = buckets;
    loop {
        owed.retain(|weighted| {
            if weighted.bits == 1 {
                powers[weighted.offset as usize] += unpack::<C>(kernel, &points[weighted.start + 1]);
            }
            weighted.bits > 1
        });
        if owed.is_empty() {
            break;
        }
        (points, owed) = halve::<C>(kernel, &points, &owed);
    }
    powers.into_iter().rev().fold(Projective::ZERO, |sum, power| sum.double() + power)
}

/// Sums of the same worth with half as many bits.
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
                list.extend((0..1 << free).map(|i: usize| Signpost::new(first + i * free_unit, false)));
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

/// One point as arkworks has it.
fn unpack<C: CurveLanes>(kernel: Kernel, point: &C::Packed) -> Affine<C> {
    kernel.run(Unpack::<C>(point))
}

struct Unpack<'a, C: CurveLanes>(&'a C::Packed);

impl<C: CurveLanes> Task for Unpack<'_, C> {
    type Output = Affine<C>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Affine<C> {
        let (x, y) = C::Coordinate::<B>::gather(&[self.0; MAX_WIDTH]);
        let mut points = [Affine::zero(); MAX_WIDTH];
        C::store::<B>(x, y, &mut points);
        points[0]
    }
}
