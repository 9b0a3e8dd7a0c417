//! Sums whose work does not depend on the scalars ([`FixedBases::msm_constant_work`]).
//!
//! # The algorithm
//! With b = (s + 2^k − 1)/2 mod r, s ≡ Σ ±2^i over k bits, plus where bit i of b is 1. A group of c bits is an odd
//! digit from −(2^c − 1) to 2^c − 1, so no digit is zero and every scalar has the same number of them.
//! 1. The odd multiples P, 3P, .. of some hundred points are computed. They depend on the points alone.
//! 2. For each point and place, one multiple is selected: all of them are read, and masks keep the right one. It is
//!    added to the sum of its place.
//! 3. Σ 2^(cj)·Sⱼ over the places.
//!
//! Every sum starts at a random multiple of the generator, which is subtracted in the end. Hence no addition meets
//! infinity or two points with the same x, except with negligible probability, whatever the scalars are.

use std::marker::PhantomData;

use ark_bn254::Fr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field};
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::FixedBases;
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Mask};
use crate::points::{Additions, Complete, CurveLanes};
use crate::{Backend, Kernel, Task};

/// Bits of a digit.
const WINDOW: usize = 5;
/// Number of digits of a scalar: 255 bits.
const PLACES: usize = 51;
/// Number of odd multiples of a point.
const ENTRIES: usize = 1 << (WINDOW - 1);
/// Number of vectors of points whose additions share an inversion.
const GROUPS: usize = 4;
/// Number of vectors of points whose multiples are computed together.
const BLOCK: usize = 8 * GROUPS;
/// Number of points per task.
const TASK: usize = 1 << 11;

/// Scalars for [`FixedBases::msm_constant_work`]. Zeroised on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct HiddenScalars {
    /// The integers b, and that of zero at the end.
    integers: Vec<[u64; 4]>,
    /// Logarithm of the point at which all sums start.
    offset: Fr,
}

impl HiddenScalars {
    /// Converts scalars, on the threads of the current pool. `rng` chooses where the sums start; the results do not
    /// depend on it.
    pub fn new<R: RngCore + CryptoRng + ?Sized>(kernel: Kernel, scalars: &[Fr], rng: &mut R) -> Self {
        let mut integers = vec![[0; 4]; scalars.len() + 1];
        integers.par_chunks_mut(TASK).enumerate().for_each(|(task, integers)| {
            let scalars = &scalars[task * TASK..scalars.len().min(task * TASK + integers.len())];
            kernel.run(Convert { integers, scalars });
        });
        Self { integers, offset: <Fr as ark_ff::UniformRand>::rand(rng) }
    }

    /// Number of scalars.
    pub fn len(&self) -> usize {
        self.integers.len() - 1
    }

    /// True if there are no scalars.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for HiddenScalars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HiddenScalars({})", self.len())
    }
}

/// Writes the integers of scalars; missing scalars are zero.
struct Convert<'a> {
    integers: &'a mut [[u64; 4]],
    scalars: &'a [Fr],
}

impl Task for Convert<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let Self { integers, scalars } = self;
        let half = Fr::from(2u64).inverse().expect("2 is not zero");
        let ones = (Fr::from(2u64).pow([(WINDOW * PLACES) as u64]) - Fr::ONE) * half;
        let (half, ones) = (B::Fr::load(&[half; MAX_WIDTH]), B::Fr::load(&[ones; MAX_WIDTH]));
        let (mut padded, mut words) = ([Fr::ZERO; MAX_WIDTH], [[0; 4]; MAX_WIDTH]);
        for (number, out) in integers.chunks_mut(B::Fr::WIDTH).enumerate() {
            for (lane, value) in padded.iter_mut().enumerate() {
                *value = scalars.get(number * B::Fr::WIDTH + lane).copied().unwrap_or(Fr::ZERO);
            }
            B::Fr::load(&padded).mul(half).add(ones).store_integers(&mut words);
            out.copy_from_slice(&words[..out.len()]);
        }
        padded.zeroize();
        words.zeroize();
    }
}

/// See [`FixedBases::msm_constant_work`].
pub(crate) fn msm<C: CurveLanes>(bases: &FixedBases<C>, scalars: &HiddenScalars) -> Projective<C> {
    let &FixedBases { kernel, ref kept, .. } = bases;
    let points = &C::packed(bases.points.rows())[..kept.len()];
    let starts = starts::<C>(&scalars.offset);
    let tasks = points.par_chunks(TASK).zip(kept.par_chunks(TASK));
    let sums = tasks
        .map(|(points, kept)| kernel.run(Walk { points, kept, integers: &scalars.integers, starts: &starts }))
        .reduce(
            || [Projective::ZERO; PLACES],
            |mut all, some| {
                all.iter_mut().zip(some).for_each(|(all, some)| *all += some);
                all
            },
        );
    let horner = |sum: Projective<C>| (0..WINDOW).fold(sum, |sum, _| sum.double());
    let sum = sums.iter().rev().fold(Projective::ZERO, |sum, place| horner(sum) + place);
    sum - starts[0] * excess(kernel, kept.len())
}

/// The points at which the sums start: R, 2R, 4R, .., one for each lane of each group.
fn starts<C: CurveLanes>(offset: &Fr) -> Vec<Affine<C>> {
    let first = Affine::<C>::generator() * offset;
    let all: Vec<_> =
        std::iter::successors(Some(first), |point| Some(point.double())).take(GROUPS * MAX_WIDTH).collect();
    Projective::normalize_batch(&all)
}

/// The multiple of R that all starts together add to the sum over `points` points.
fn excess(kernel: Kernel, points: usize) -> Fr {
    struct Width;
    impl Task for Width {
        type Output = usize;
        #[inline(always)]
        fn run<B: Backend>(self) -> usize {
            B::Fq::WIDTH
        }
    }
    let two = Fr::from(2u64);
    let of_places = (0..PLACES).fold(Fr::ZERO, |sum, _| sum * two.pow([WINDOW as u64]) + Fr::ONE);
    let of_lanes = two.pow([(GROUPS * kernel.run(Width)) as u64]) - Fr::ONE;
    of_places * of_lanes * Fr::from(points.div_ceil(TASK) as u64)
}

/// The sum of each place over some points.
struct Walk<'a, C: CurveLanes> {
    points: &'a [C::Packed],
    /// Indices of the scalars of the points.
    kept: &'a [u32],
    integers: &'a [[u64; 4]],
    starts: &'a [Affine<C>],
}

impl<C: CurveLanes> Task for Walk<'_, C> {
    type Output = [Projective<C>; PLACES];

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let Self { points, kept, integers, starts } = self;
        let width = B::Fq::WIDTH;
        let mut sums = Vec::with_capacity(GROUPS * PLACES);
        for starts in starts.chunks_exact(width).take(GROUPS) {
            let start = C::load::<B>(starts);
            sums.extend([start; PLACES]);
        }
        let mut multiples = Multiples::<C, B>::new();
        let mut additions = Additions::with_capacity(GROUPS * PLACES);
        for (points, kept) in points.chunks(BLOCK * width).zip(kept.chunks(BLOCK * width)) {
            multiples.compute(points);
            for (number, tables) in multiples.tables.chunks_exact(GROUPS).enumerate() {
                for (group, table) in tables.iter().enumerate() {
                    let mut bits = bit_planes(integers, kept, (number * GROUPS + group) * width, width);
                    for place in 0..PLACES {
                        let point = select(table, &bits[place * WINDOW..(place + 1) * WINDOW]);
                        additions.stage(&sums[group * PLACES + place], point, B::Fq::ALL);
                    }
                    bits.zeroize();
                }
                B::run(Complete { additions: &mut additions, accumulators: &mut sums });
            }
        }
        let (first, others) = sums.split_at_mut(PLACES);
        for other in others.chunks_exact(PLACES) {
            for place in 0..PLACES {
                additions.stage(&first[place], other[place], B::Fq::ALL);
            }
            B::run(Complete { additions: &mut additions, accumulators: &mut *first });
        }
        let mut totals = [Projective::ZERO; PLACES];
        for place in 0..PLACES {
            let mut lanes = [Affine::identity(); MAX_WIDTH];
            C::store::<B>(first[place].0, first[place].1, &mut lanes);
            for lane in &lanes[..width] {
                totals[place] += lane;
            }
        }
        totals
    }
}

/// Odd multiples of a vector of points: P, 3P, 5P, ..
type Table<F> = [(F, F); ENTRIES];

/// Computes the odd multiples of some vectors of points.
struct Multiples<C: CurveLanes, B: Backend> {
    tables: Vec<Table<C::Coordinate<B>>>,
    /// 2^i times the points, i = 1, 2, ..
    powers: Vec<(C::Coordinate<B>, C::Coordinate<B>)>,
    sums: Vec<(C::Coordinate<B>, C::Coordinate<B>)>,
    additions: Additions<C::Coordinate<B>>,
    curve: PhantomData<C>,
}

impl<C: CurveLanes, B: Backend> Multiples<C, B> {
    #[inline(always)]
    fn new() -> Self {
        let most = BLOCK * (ENTRIES / 2);
        Self {
            tables: Vec::with_capacity(BLOCK),
            powers: Vec::with_capacity(BLOCK),
            sums: Vec::with_capacity(most),
            additions: Additions::with_capacity(most),
            curve: PhantomData,
        }
    }

    /// Fills the tables of at most [`BLOCK`] vectors. The last group is filled up with the first point.
    #[inline(always)]
    fn compute(&mut self, points: &[C::Packed]) {
        let width = B::Fq::WIDTH;
        let zero = C::Coordinate::<B>::zero();
        self.tables.clear();
        self.powers.clear();
        for first in (0..points.len().next_multiple_of(GROUPS * width)).step_by(width) {
            let mut packed = [&points[0]; MAX_WIDTH];
            for lane in 0..width {
                packed[lane] = points.get(first + lane).unwrap_or(&points[0]);
            }
            let point = C::Coordinate::<B>::gather(&packed);
            let mut table = [(zero, zero); ENTRIES];
            table[0] = point;
            self.tables.push(table);
            self.powers.push(point);
        }
        // Doubles 2^i·P, and adds it to the odd multiples below it.
        let mut odd = 0;
        while odd < ENTRIES {
            self.sums.clear();
            let is_last = odd == ENTRIES / 2;
            for (table, &power) in self.tables.iter().zip(&self.powers) {
                for &multiple in &table[..odd] {
                    self.additions.stage(&multiple, power, B::Fq::ALL);
                    self.sums.push(multiple);
                }
                if !is_last {
                    self.additions.stage(&power, power, B::Fq::ALL);
                    self.sums.push(power);
                }
            }
            B::run(Complete { additions: &mut self.additions, accumulators: &mut self.sums });
            let each = odd + usize::from(!is_last);
            for (number, sums) in self.sums.chunks_exact(each).enumerate() {
                self.tables[number][odd..2 * odd].copy_from_slice(&sums[..odd]);
                if !is_last {
                    self.powers[number] = sums[odd];
                }
            }
            odd = (2 * odd).max(1);
        }
    }
}

/// The bits of the integers of `width` points, lowest first: bit `lane` of a mask belongs to point `first + lane`.
/// Points beyond the last have the integer of zero.
#[inline(always)]
fn bit_planes(integers: &[[u64; 4]], kept: &[u32], first: usize, width: usize) -> [Mask; 256] {
    let mut bytes = [[0; 32]; MAX_WIDTH];
    for lane in 0..width {
        let index = kept.get(first + lane).map_or(integers.len() - 1, |&index| index as usize);
        for (bytes, word) in bytes[lane].as_chunks_mut::<8>().0.iter_mut().zip(integers[index]) {
            *bytes = word.to_le_bytes();
        }
    }
    let mut planes = [0; 256];
    for byte in 0..32 {
        let mut rows = [0; 8];
        for lane in 0..MAX_WIDTH {
            rows[lane] = bytes[lane][byte];
        }
        planes[8 * byte..8 * byte + 8].copy_from_slice(&transpose(u64::from_le_bytes(rows)).to_le_bytes());
    }
    bytes.zeroize();
    planes
}

/// Exchanges bit i of byte j with bit j of byte i.
#[inline(always)]
fn transpose(mut x: u64) -> u64 {
    for (shift, mask) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0xf0f0_f0f0)] {
        let swap = (x ^ (x >> shift)) & mask;
        x ^= swap ^ (swap << shift);
    }
    x
}

/// The multiples that the bits of a digit name in each lane. All multiples are read.
#[inline(always)]
fn select<F: Coordinate>(table: &Table<F>, bits: &[Mask]) -> (F, F) {
    let positive = bits[WINDOW - 1];
    let mut masks = [0; ENTRIES];
    masks[0] = Mask::MAX;
    for (place, bits) in bits[..WINDOW - 1].iter().enumerate() {
        // A negative digit has the complement of the bits of its magnitude.
        let one = !(bits ^ positive);
        for entry in 0..1 << place {
            masks[entry | 1 << place] = masks[entry] & one;
            masks[entry] &= !one;
        }
    }
    let (mut x, mut y) = table[0];
    for entry in 1..ENTRIES {
        x = F::select(masks[entry], table[entry].0, x);
        y = F::select(masks[entry], table[entry].1, y);
    }
    (x, F::select(!positive, y.neg(), y))
}

#[cfg(test)]
mod tests;
