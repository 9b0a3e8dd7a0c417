//! Σ v·B_v over the buckets of all sets, by affine additions almost alone.
//!
//! With v = l + 2^h·m, Σ v·B_v = Σ_l l·(Σ_m B) + 2^h Σ_m m·(Σ_l B): two sums of the same kind with half as many bits,
//! for two additions a bucket. This repeats until v is one bit. What is left are points to be multiplied by powers of two,
//! summed by Horner's rule.

use super::digits::{Shape, Signpost};
use super::sums::sum_lists;
use ark_ec::AffineRepr;

use crate::bn254::field::{Coordinate, MAX_WIDTH};
use crate::bn254::points::GroupLanes;
use crate::bn254::{Backend, Kernel, Task};

/// Σ v·B_v·2^offset over v in `0..2^bits` is owed, B_v at `start + v`. Place 0 holds nothing that counts.
#[derive(Clone, Copy)]
struct Weighted {
    start: usize,
    bits: u32,
    offset: u32,
}

/// The sum over all sets of buckets of 2^(c·set) Σ v·B_v.
pub(super) fn sum_weighted<G: GroupLanes>(kernel: Kernel, shape: Shape, buckets: Vec<G::Packed>) -> G {
    let mut powers = vec![G::zero(); (shape.window * shape.sets) as usize];
    let mut owed = Vec::new();
    for set in 0..shape.sets {
        let (start, offset) = (set as usize * shape.buckets_of_set(), set * shape.window);
        powers[(offset + shape.window - 1) as usize] += unpack::<G>(kernel, &buckets[start]);
        owed.push(Weighted { start, bits: shape.window - 1, offset });
    }
    let mut points = buckets;
    loop {
        owed.retain(|weighted| {
            if weighted.bits == 1 {
                powers[weighted.offset as usize] += unpack::<G>(kernel, &points[weighted.start + 1]);
            }
            weighted.bits > 1
        });
        if owed.is_empty() {
            break;
        }
        (points, owed) = halve::<G>(kernel, &points, &owed);
    }
    powers.into_iter().rev().fold(G::zero(), |sum, power| sum.double() + power)
}

/// Sums of the same worth with half as many bits.
fn halve<G: GroupLanes>(
    kernel: Kernel,
    points: &[G::Packed],
    owed: &[Weighted],
) -> (Vec<G::Packed>, Vec<Weighted>) {
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
    let mut sums = vec![G::Packed::default(); ends.len()];
    sum_lists::<G>(kernel, points, &list, &ends, &mut sums);
    (sums, halves)
}

/// One point as arkworks has it.
fn unpack<G: GroupLanes>(kernel: Kernel, point: &G::Packed) -> G::Affine {
    kernel.run(Unpack::<G>(point))
}

struct Unpack<'a, G: GroupLanes>(&'a G::Packed);

impl<G: GroupLanes> Task for Unpack<'_, G> {
    type Output = G::Affine;

    #[inline(always)]
    fn run<B: Backend>(self) -> G::Affine {
        let (x, y) = G::Coordinate::<B>::gather(&[self.0; MAX_WIDTH]);
        let mut points = [G::Affine::zero(); MAX_WIDTH];
        G::store::<B>(x, y, &mut points);
        points[0]
    }
}
