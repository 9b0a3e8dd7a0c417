//! Counts operations. `tests/msm/constant.rs` compares the sums.

mod kinds;

use std::ops::Range;

use ark_bn254::{g1, g2};
use ark_ff::UniformRand;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::kinds::kinds;
use super::*;
use crate::field::counted::{Counts, counted, run_counted};
use crate::msm::digits::{Cutting, Digits, Shape, Sorted};
use crate::msm::sums::Sum;
use crate::msm::{Options, Scalars};
use crate::points::Curve;
use crate::scalars::Places;

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::available()
}

fn points<C: Curve>(count: usize, rng: &mut ChaCha8Rng) -> Vec<Affine<C>> {
    let points: Vec<Projective<C>> = (0..count).map(|_| Projective::rand(rng)).collect();
    Projective::normalize_batch(&points)
}

/// Work that is counted: a sum over all points, with the scalars that `kept` selects.
struct Work<'a, C: Curve> {
    kernel: Kernel,
    bases: &'a FixedBases<C>,
    starts: &'a [Affine<C>],
}

impl<C: Curve> Work<'_, C> {
    fn constant(&self, scalars: &[Fr]) -> Counts {
        let kept = &self.bases.kept;
        let points = &C::packed(self.bases.points.rows())[..kept.len()];
        let mut integers = vec![[0; 4]; scalars.len() + 1];
        counted(|| {
            run_counted(self.kernel, Convert { integers: &mut integers, scalars });
            let integers = &integers;
            let _ = run_counted(self.kernel, Walk::<C> { points, kept, integers, starts: self.starts });
        })
    }

    fn sorted(&self, scalars: &[Fr]) -> Counts {
        let shape = Shape::new(8, 32, 11);
        let scalars = Scalars::new(self.kernel, scalars);
        let cutting = Cutting { places: Places::new(8), scalars: &scalars };
        let all: Range<u32> = 0..32;
        let digits = Digits::new(shape, &cutting, &self.bases.kept, all);
        let mut sorted = Sorted::default();
        digits.sort_partition(shape, 0, &mut sorted);
        let mut out = vec![C::Packed::default(); sorted.ends.len()];
        let (points, list, ends) = (C::packed(self.bases.points.rows()), &sorted.points, &sorted.ends);
        counted(|| run_counted(self.kernel, Sum::<C> { points, list, start: 0, ends, out: &mut out }))
    }
}

fn work_is_the_same_for_all_scalars<C: Curve>(count: usize) {
    let rng = &mut ChaCha8Rng::seed_from_u64(count as u64);
    let mut points = points::<C>(count, rng);
    points[1] = Affine::zero();
    let starts = starts::<C>(&Fr::rand(rng));
    for kernel in kernels() {
        let bases = FixedBases::<C>::prepare(&points, Options { kernel, table_bytes: 0 });
        let work = Work { kernel, bases: &bases, starts: &starts };
        let all: Vec<Counts> = kinds(count, rng).iter().map(|scalars| work.constant(scalars)).collect();
        assert!(all[0].calls["mul"] > 1000, "{:?}", all[0]);
        for (kind, counts) in all.iter().enumerate() {
            assert_eq!(counts, &all[0], "{kernel:?}, scalars of kind {kind}");
        }
        let sorted: Vec<Counts> = kinds(count, rng).iter().map(|scalars| work.sorted(scalars)).collect();
        assert_ne!(sorted[0], sorted[7], "the counts show what the other algorithm skips");
    }
}

#[test]
fn operations_and_addresses_are_the_same_for_zeros_bits_and_random_scalars() {
    work_is_the_same_for_all_scalars::<g1::Config>(300);
    work_is_the_same_for_all_scalars::<g2::Config>(70);
}

#[test]
fn bits_are_exchanged() {
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    for _ in 0..100 {
        let x: u64 = rng.r#gen();
        let y = transpose(x);
        for i in 0..8 {
            for j in 0..8 {
                assert_eq!(y >> (8 * i + j) & 1, x >> (8 * j + i) & 1);
            }
        }
    }
}
