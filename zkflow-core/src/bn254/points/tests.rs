//! Operations on many points against arkworks, one point at a time.

use ark_bn254::{Fr, G1Projective, G2Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, UniformRand};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::bn254::Kernel;

/// Points with repetitions, negatives and infinity among them.
fn points<G: Group>(rng: &mut impl Rng, len: usize) -> Vec<G::Affine> {
    let mut points: Vec<G> = (0..len).map(|_| G::rand(rng)).collect();
    for i in 0..len {
        match rng.gen_range(0..8) {
            0 => points[i] = G::zero(),
            1 => points[i] = points[rng.gen_range(0..len)],
            2 => points[i] = -points[rng.gen_range(0..len)],
            _ => {}
        }
    }
    G::normalize_batch(&points)
}

fn all_operations<G: Group>() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for kernel in [Kernel::Ifma, Kernel::Portable].into_iter().filter(|kernel| kernel.is_available()) {
        for len in [0, 1, 7, 8, 9, 600] {
            let p = points::<G>(&mut rng, len);
            let mut q = points::<G>(&mut rng, len);
            for i in 0..len {
                match i % 5 {
                    0 => q[i] = p[i],
                    1 => q[i] = (-p[i].into_group()).into_affine(),
                    _ => {}
                }
            }
            let expected: Vec<_> = p.iter().zip(&q).map(|(p, q)| (*p + *q).into_affine()).collect();
            assert_eq!(add_each::<G>(kernel, &p, &q), expected);
            let expected: Vec<_> =
                p.iter().map(|p| p.into_group().double().double().double().into_affine()).collect();
            assert_eq!(double_all::<G>(kernel, &p, 3), expected);

            let scalars: Vec<Fr> = (0..len)
                .map(|i| match i % 6 {
                    0 => Fr::ZERO,
                    1 => Fr::ONE,
                    2 => -Fr::from(rng.r#gen::<u16>()),
                    3 => -Fr::from(2u64).pow([rng.gen_range(0..254)]),
                    _ => Fr::rand(&mut rng),
                })
                .collect();
            let expected: Vec<_> = p.iter().zip(&scalars).map(|(p, s)| (*p * s).into_affine()).collect();
            assert_eq!(multiply_each::<G>(kernel, &p, &scalars), expected);
            for scalar in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::rand(&mut rng)] {
                let expected: Vec<_> = p.iter().map(|p| (*p * scalar).into_affine()).collect();
                assert_eq!(multiply_all::<G>(kernel, &p, &scalar), expected);
            }
        }
    }
}

#[test]
fn operations_on_many_points_of_g1_agree_with_arkworks() {
    all_operations::<G1Projective>();
}

#[test]
fn operations_on_many_points_of_g2_agree_with_arkworks() {
    all_operations::<G2Projective>();
}
