//! Counts operations and compares sums.

use std::ops::Range;

use ark_bn254::{G1Affine, g1, g2};
use ark_ec::scalar_mul::variable_base::VariableBaseMSM;
use ark_ff::UniformRand;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

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

/// Vectors of scalars that work could tell apart.
fn kinds(count: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<Fr>> {
    let bit = |rng: &mut ChaCha8Rng| Fr::from(u64::from(rng.r#gen::<bool>()));
    vec![
        vec![Fr::ZERO; count],
        vec![Fr::ONE; count],
        vec![-Fr::ONE; count],
        (0..count).map(|_| bit(rng)).collect(),
        (0..count).map(|i| if i == count / 2 { Fr::ONE } else { Fr::ZERO }).collect(),
        (0..count).map(|_| Fr::from(rng.r#gen::<u16>())).collect(),
        (0..count as u32).map(|i| Fr::from(2u64).pow([u64::from(i % 254)])).collect(),
        (0..count).map(|_| Fr::rand(rng)).collect(),
    ]
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

fn sums_are_those_of_arkworks<C: Curve>(counts: &[usize]) {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    for &count in counts {
        let mut points = points::<C>(count, rng);
        for i in 0..count {
            match rng.gen_range(0..8) {
                0 => points[i] = Affine::zero(),
                1 => points[i] = points[rng.gen_range(0..count)],
                2 => points[i] = -points[rng.gen_range(0..count)],
                _ => {}
            }
        }
        for scalars in kinds(count, rng) {
            let expected = Projective::<C>::msm(&points, &scalars).unwrap();
            for kernel in kernels() {
                for table_bytes in [0, 1 << 22] {
                    let bases = FixedBases::<C>::prepare(&points, Options { kernel, table_bytes });
                    let found = bases.msm_constant_work(&HiddenScalars::new(kernel, &scalars, rng));
                    assert_eq!(found, expected, "{kernel:?}, {count} points");
                }
            }
        }
    }
}

#[test]
fn sums_are_right_for_all_kinds_of_scalars_and_related_points() {
    sums_are_those_of_arkworks::<g1::Config>(&[0, 1, 7, 32, 33, 600]);
    sums_are_those_of_arkworks::<g2::Config>(&[1, 40]);
}

#[test]
fn sums_of_several_tasks_are_right() {
    let rng = &mut ChaCha8Rng::seed_from_u64(6);
    let step = Projective::<g1::Config>::from(G1Affine::generator());
    let multiples: Vec<_> =
        std::iter::successors(Some(step), |point| Some(*point + step)).take(2 * TASK + 5).collect();
    let points = Projective::normalize_batch(&multiples);
    let scalars: Vec<Fr> = points.iter().map(|_| Fr::rand(rng)).collect();
    let logarithm: Fr = (1u64..).zip(&scalars).map(|(i, scalar)| Fr::from(i) * scalar).sum();
    let kernel = Kernel::detect();
    let bases = FixedBases::<g1::Config>::prepare(&points, Options { kernel, table_bytes: 0 });
    let found = bases.msm_constant_work(&HiddenScalars::new(kernel, &scalars, rng));
    assert_eq!(found, G1Affine::generator() * logarithm);
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
