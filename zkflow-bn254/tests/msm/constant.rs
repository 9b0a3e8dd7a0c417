//! Sums by work that does not depend on the scalars.

#[path = "../../src/msm/constant/tests/kinds.rs"]
mod kinds;

use ark_bn254::{Fr, g1, g2};
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, PrimeGroup, VariableBaseMSM};
use ark_ff::UniformRand;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, HiddenScalars, Options};
use zkflow_bn254::points::Curve;

use super::{kernels, progression, random_points};
use kinds::kinds;

fn sums_are_those_of_arkworks<C: Curve>(counts: &[usize]) {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    for &count in counts {
        let mut points = random_points::<C>(rng, count);
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
    // A task has 2048 points.
    let points = progression::<g1::Config>(5000);
    let scalars: Vec<Fr> = points.iter().map(|_| Fr::rand(rng)).collect();
    let logarithm: Fr = (1u64..).zip(&scalars).map(|(i, scalar)| Fr::from(i) * scalar).sum();
    let kernel = Kernel::detect();
    let bases = FixedBases::<g1::Config>::prepare(&points, Options { kernel, table_bytes: 0 });
    let found = bases.msm_constant_work(&HiddenScalars::new(kernel, &scalars, rng));
    assert_eq!(found, Projective::generator() * logarithm);
}
