//! Signed digits of scalars, sorted into partitions of the buckets.

use std::ops::Range;

use rayon::prelude::*;
use zeroize::Zeroize;

use crate::scalars::{Biased, Places, Scalars};

/// Numbers that are cut into signed digits of at most 2^(c−1).
pub(super) trait Cut: Sync {
    /// A number, prepared for [`digit`](Self::digit).
    type Number;
    /// Largest number of digits.
    fn most(&self) -> u32;
    /// A number and how many digits it has; all further ones are zero.
    fn number(&self, index: usize) -> (Self::Number, u32);
    /// The digit at a place, the lowest at 0.
    fn digit(&self, number: &Self::Number, place: u32) -> i32;
}

/// Scalars and the places of their digits.
pub(super) struct Cutting<'a> {
    pub(super) places: Places,
    pub(super) scalars: &'a Scalars,
}

impl Cut for Cutting<'_> {
    type Number = Biased;

    fn most(&self) -> u32 {
        self.places.most()
    }

    #[inline(always)]
    fn number(&self, index: usize) -> (Biased, u32) {
        let biased = self.places.biased(self.scalars.get(index));
        (biased, biased.digits)
    }

    #[inline(always)]
    fn digit(&self, number: &Biased, place: u32) -> i32 {
        self.places.digit(number, place)
    }
}

/// How digits are assigned to buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bits per digit, c.
    pub(super) window: u32,
    /// Number of bucket sets, k.
    pub(super) sets: u32,
    /// Binary logarithm of the buckets per partition.
    pub(super) partition_bits: u32,
}

impl Shape {
    /// A shape with digits of `window` bits (3 to 30), `sets` sets of buckets and partitions of
    /// 2^`partition_bits` buckets. A partition may span several sets.
    pub(super) fn new(window: u32, sets: u32, partition_bits: u32) -> Self {
        Self { window, sets, partition_bits }
    }

    /// Number of buckets of one set: bucket v in 1..2^(c−1) has index v, bucket 2^(c−1) has the unused index
    /// 0.
    pub(super) fn buckets_of_set(self) -> usize {
        1 << (self.window - 1)
    }

    pub(super) fn buckets(self) -> usize {
        self.buckets_of_set() * self.sets as usize
    }

    pub(super) fn partition(self) -> usize {
        1 << self.partition_bits
    }
}

/// A signed reference to a point: 2 · index of the point, plus 1 for its negative.
#[derive(Clone, Copy, Default, Debug, Zeroize)]
pub(super) struct Signpost(u32);

impl Signpost {
    #[inline(always)]
    pub(super) fn new(index: usize, negative: bool) -> Self {
        Self((index as u32) << 1 | negative as u32)
    }

    #[inline(always)]
    pub(super) fn index(self) -> usize {
        (self.0 >> 1) as usize
    }

    #[inline(always)]
    pub(super) fn is_negative(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A digit: a signed point and its bucket.
#[derive(Clone, Copy, Default, Zeroize)]
struct Entry {
    bucket: u32,
    point: Signpost,
}

/// The digits of a run of scalars, sorted by partition. Zeroised on drop.
struct Chunk {
    entries: Vec<Entry>,
    /// End of each partition in `entries`.
    ends: Vec<u32>,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.entries.zeroize();
        self.ends.zeroize();
    }
}

/// The points of a partition, sorted by bucket. Zeroised on drop.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) points: Vec<Signpost>,
    /// End of each bucket in `points`.
    pub(super) ends: Vec<u32>,
}

impl Drop for Sorted {
    fn drop(&mut self) {
        self.points.zeroize();
        self.ends.zeroize();
    }
}

/// Approximate number of digits per chunk, chosen so that a chunk stays in the cache.
const CHUNK: usize = 1 << 15;

/// The nonzero digits of a range of bucket sets.
pub(super) struct Digits {
    chunks: Vec<Chunk>,
    /// Number of buckets of these sets.
    buckets: usize,
}

impl Digits {
    /// Cuts number `kept[i]` of each point i into digits. Bucket numbers start at the first of `sets`.
    pub(super) fn new(shape: Shape, numbers: &impl Cut, kept: &[u32], sets: Range<u32>) -> Self {
        let chunk = (CHUNK / digits_of_sets(shape, numbers, &sets).max(1)).max(1);
        let buckets = sets.len() * shape.buckets_of_set();
        let starts: Vec<usize> = (0..kept.len()).step_by(chunk).collect();
        let sort = |start: &usize| {
            let end = (start + chunk).min(kept.len());
            sort_chunk(shape, numbers, kept, *start..end, sets.clone())
        };
        Self { chunks: starts.par_iter().map(sort).collect(), buckets }
    }

    /// Sorts the digits of a partition by bucket; overwrites `sorted`.
    pub(super) fn sort_partition(&self, shape: Shape, partition: usize, sorted: &mut Sorted) {
        let Sorted { points, ends } = sorted;
        let first = (partition << shape.partition_bits) as u32;
        let runs = || self.chunks.iter().map(|chunk| chunk.partition(partition));
        ends.clear();
        // The last partition may be smaller.
        ends.resize(shape.partition().min(self.buckets - first as usize), 0);
        for entry in runs().flatten() {
            ends[(entry.bucket - first) as usize] += 1;
        }
        let total = counts_to_starts(ends);
        points.clear();
        points.resize(total as usize, Signpost::default());
        for run in runs() {
            for entry in run {
                let end = &mut ends[(entry.bucket - first) as usize];
                points[*end as usize] = entry.point;
                *end += 1;
            }
        }
    }
}

impl Chunk {
    fn partition(&self, partition: usize) -> &[Entry] {
        let start = if partition == 0 { 0 } else { self.ends[partition - 1] };
        &self.entries[start as usize..self.ends[partition] as usize]
    }
}

/// Replaces each count by the sum of the counts before it; returns the total.
fn counts_to_starts(counts: &mut [u32]) -> u32 {
    let mut sum = 0;
    for count in counts {
        (*count, sum) = (sum, sum + *count);
    }
    sum
}

fn sort_chunk(
    shape: Shape,
    numbers: &impl Cut,
    kept: &[u32],
    points: Range<usize>,
    sets: Range<u32>,
) -> Chunk {
    let buckets = sets.len() * shape.buckets_of_set();
    let mut ends = vec![0; buckets.div_ceil(shape.partition())];
    let most = digits_of_sets(shape, numbers, &sets);
    let mut unsorted = vec![Entry::default(); points.len() * most];
    let mut count = 0;
    for i in points {
        let entries = &mut unsorted[count..count + most];
        count += write_entries(&shape, numbers, kept[i] as usize, i, kept.len(), &sets, entries);
    }
    unsorted.truncate(count);
    for entry in &unsorted {
        ends[(entry.bucket >> shape.partition_bits) as usize] += 1;
    }
    counts_to_starts(&mut ends);
    let mut entries = vec![Entry::default(); unsorted.len()];
    for entry in &unsorted {
        let end = &mut ends[(entry.bucket >> shape.partition_bits) as usize];
        entries[*end as usize] = *entry;
        *end += 1;
    }
    unsorted.zeroize();
    Chunk { entries, ends }
}

/// Largest number of digits of a number in some sets.
fn digits_of_sets(shape: Shape, numbers: &impl Cut, sets: &Range<u32>) -> usize {
    sets.len() * numbers.most().div_ceil(shape.sets) as usize
}

/// Digit j goes to set j mod k and uses multiple j / k of the point, at `point + (j / k) · points`.
/// Writes one entry per nonzero digit of `sets` and returns their number.
#[inline(always)]
fn write_entries<N: Cut>(
    shape: &Shape,
    numbers: &N,
    index: usize,
    mut point: usize,
    points: usize,
    sets: &Range<u32>,
    entries: &mut [Entry],
) -> usize {
    let (number, digits) = numbers.number(index);
    let (mut count, mut first) = (0, 0);
    while first + sets.start < digits {
        for set in sets.start..sets.end.min(digits - first) {
            let digit = numbers.digit(&number, first + set);
            // The bucket of 2^(c−1) wraps to 0.
            let bucket = digit.unsigned_abs() & ((1 << (shape.window - 1)) - 1)
                | (set - sets.start) << (shape.window - 1);
            entries[count] = Entry { bucket, point: Signpost::new(point, digit < 0) };
            count += (digit != 0) as usize;
        }
        first += shape.sets;
        point += points;
    }
    count
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ff::{AdditiveGroup, Field, UniformRand};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Kernel;

    #[test]
    fn digits_sum_to_their_scalar() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut scalars =
            vec![Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::ONE / Fr::from(2u64), -Fr::ONE / Fr::from(2u64)];
        scalars.extend((0..254).map(|i| Fr::from(2u64).pow([i])));
        scalars.extend((0..254).map(|i| -Fr::from(2u64).pow([i]) + Fr::ONE));
        scalars.extend((0..500).map(|_| Fr::rand(&mut rng)));
        // Digits that carry past the highest bit.
        scalars.extend((1..250).map(|i| Fr::from(2u64).pow([i]) - Fr::from(rng.r#gen::<u16>())));
        scalars.extend((1..250).map(|i| Fr::from(2u64).pow([i]) - Fr::from(2u64).pow([i * i % 250])));
        let all: Vec<u32> = (0..scalars.len() as u32).collect();
        let prepared = Scalars::new(Kernel::detect(), &scalars);
        for (window, sets) in [(3, 85), (3, 1), (8, 4), (13, 20), (16, 3), (17, 1)] {
            let shape = Shape::new(window, sets, 5);
            let mut sums = vec![Fr::ZERO; scalars.len()];
            for part in [0..sets / 2, sets / 2..sets] {
                let cutting = Cutting { places: Places::new(window), scalars: &prepared };
                let digits = Digits::new(shape, &cutting, &all, part.clone());
                let mut entries = 0;
                for entry in digits.chunks.iter().flat_map(|chunk| &chunk.entries) {
                    let (multiple, i) = (entry.point.index() / all.len(), entry.point.index() % all.len());
                    let set = part.start as usize + entry.bucket as usize / shape.buckets_of_set();
                    let v = match entry.bucket as usize % shape.buckets_of_set() {
                        0 => shape.buckets_of_set(),
                        v => v,
                    };
                    let place = multiple as u64 * u64::from(sets) + set as u64;
                    let digit = Fr::from(v as u64) * Fr::from(2u64).pow([place * u64::from(window)]);
                    sums[i] += if entry.point.is_negative() { -digit } else { digit };
                    entries += 1;
                }
                let mut sorted = 0;
                for partition in 0..digits.buckets.div_ceil(shape.partition()) {
                    let mut partly = Sorted::default();
                    digits.sort_partition(shape, partition, &mut partly);
                    let Sorted { points, ends } = &partly;
                    assert!(ends.is_sorted());
                    assert_eq!(ends.last().copied(), Some(points.len() as u32));
                    sorted += points.len();
                }
                assert_eq!(sorted, entries);
            }
            assert_eq!(sums, scalars, "{shape:?}");
        }
    }

    #[test]
    fn minus_one_is_as_short_as_one() {
        let scalars = Scalars::new(Kernel::detect(), &[Fr::ONE, -Fr::ONE, Fr::ZERO]);
        let shape = Shape::new(8, 1, 7);
        let cutting = Cutting { places: Places::new(8), scalars: &scalars };
        let digits = Digits::new(shape, &cutting, &[0, 1, 2], 0..1);
        let entries: Vec<_> = digits.chunks[0].entries.iter().map(|e| (e.bucket, e.point.0)).collect();
        assert_eq!(entries, [(1, 0), (1, 3)]);
    }
}
