//! Compares operations on many points with arkworks.

#![allow(clippy::unwrap_used)]

use ark_bn254::{Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{AdditiveGroup, FftField, Field, One, UniformRand, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use zkflow_bn254::Kernel;
use zkflow_bn254::points::{
    Curve, Transform, double_all, from_lagrange, lagrange, products, scale, scale_by_powers,
};

/// Random points, including repetitions, negatives, small multiples of the generator, and infinity.
fn points<C: Curve>(rng: &mut impl Rng, len: usize) -> Vec<Affine<C>> {
    let mut points: Vec<Projective<C>> = (0..len).map(|_| Projective::rand(rng)).collect();
    for i in 0..len {
        match rng.gen_range(0..8) {
            0 => points[i] = Projective::zero(),
            1 => points[i] = points[rng.gen_range(0..len)],
            2 => points[i] = -points[rng.gen_range(0..len)],
            3 => points[i] = Projective::generator() * Fr::from(rng.gen_range(0..70u64)),
            _ => {}
        }
    }
    Projective::normalize_batch(&points)
}

fn doublings<C: Curve>() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for kernel in Kernel::available() {
        for len in [0, 1, 7, 8, 9, 600] {
            let p = points::<C>(&mut rng, len);
            let expected: Vec<_> =
                p.iter().map(|p| p.into_group().double().double().double().into_affine()).collect();
            assert_eq!(double_all::<C>(kernel, &p, 3), expected);
        }
    }
}

#[test]
fn doublings_of_many_points_of_g1_agree_with_arkworks() {
    doublings::<g1::Config>();
}

#[test]
fn doublings_of_many_points_of_g2_agree_with_arkworks() {
    doublings::<g2::Config>();
}

fn products_agree<C: Curve>() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let points = points::<C>(&mut rng, 150);
    let edges = [Fr::zero(), Fr::one(), -Fr::one(), Fr::from(2u64), Fr::from(8u64), C::LAMBDA, -C::LAMBDA];
    for scalar in edges.into_iter().chain((0..20).map(|_| Fr::rand(&mut rng))) {
        let expected: Vec<_> = points.iter().map(|point| (*point * scalar).into_affine()).collect();
        assert_eq!(scale(&points, &scalar), expected, "{scalar}");
    }
    let (first, step) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let expected: Vec<_> =
        (0u64..).zip(&points).map(|(i, point)| (*point * (first * step.pow([i]))).into_affine()).collect();
    assert_eq!(scale_by_powers(&points, &first, &step), expected);
}

#[test]
fn products_are_those_of_the_reference() {
    products_agree::<g1::Config>();
    products_agree::<g2::Config>();
}

#[test]
fn infinity_stays_infinity() {
    assert_eq!(scale(&[G1Affine::identity()], &Fr::from(77u64)), [G1Affine::identity()]);
    let mixed = [G2Affine::identity(), G2Affine::generator()];
    assert_eq!(scale(&mixed, &-Fr::one()), [G2Affine::identity(), -G2Affine::generator()]);
}

#[test]
fn the_lagrange_form_commits_to_lagrange_polynomials() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let tau = Fr::rand(&mut rng);
    for n in [1u64, 2, 8, 32] {
        let commit = |scalar: Fr| (G1Affine::generator() * scalar).into_affine();
        let powers: Vec<_> = (0..n).map(|i| commit(tau.pow([i]))).collect();
        let root = Fr::get_root_of_unity(n).unwrap();
        // L_j(tau) = (tau^n - 1) / n * w^j / (tau - w^j)
        let at = |j: u64| {
            let w = root.pow([j]);
            (tau.pow([n]) - Fr::one()) * w / (Fr::from(n) * (tau - w))
        };
        let expected: Vec<_> = (0..n).map(|j| commit(at(j))).collect();
        assert_eq!(lagrange(&powers), expected, "{n}");
        assert_eq!(from_lagrange(&expected), powers, "{n}");
    }
}

fn transforms_agree<C: Curve>() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for n in [1, 2, 4, 8, 16, 32, 128, 1024] {
        let points = points::<C>(&mut rng, n);
        let domain = Radix2EvaluationDomain::<Fr>::new(n).unwrap();
        let group: Vec<_> = points.iter().map(|point| point.into_group()).collect();
        let order = n as u64;
        for (transform, expected) in [
            (Transform::to_lagrange(order), domain.ifft(&group)),
            (Transform::from_lagrange(order), domain.fft(&group)),
        ] {
            let expected = Projective::normalize_batch(&expected);
            for kernel in Kernel::available() {
                let mut values: Vec<_> = (0..order).map(|i| points[transform.source(i) as usize]).collect();
                transform.with_kernel(kernel).within(0, &mut values, || {});
                assert!(values == expected, "{kernel:?}, {n}");
            }
        }
    }
}

#[test]
fn transforms_are_those_of_the_reference() {
    transforms_agree::<g1::Config>();
    transforms_agree::<g2::Config>();
}

#[test]
fn the_lagrange_form_of_equal_points_is_one_point() {
    let mut points = vec![G2Affine::identity(); 256];
    points[0] = G2Affine::generator();
    assert_eq!(lagrange(&[G2Affine::generator(); 256]), points);
    assert_eq!(from_lagrange(&points), [G2Affine::generator(); 256]);
    assert_eq!(lagrange(&[G1Affine::identity(); 64]), [G1Affine::identity(); 64]);
}

#[test]
fn products_in_several_blocks_are_those_of_the_reference() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let points = points::<g1::Config>(&mut rng, 2500);
    let mut scalars: Vec<_> = points.iter().map(|_| Fr::rand(&mut rng)).collect();
    for (i, scalar) in scalars.iter_mut().step_by(9).enumerate() {
        *scalar =
            [Fr::zero(), Fr::one(), -Fr::one(), Fr::from(i as u64), g1::Config::LAMBDA * *scalar][i % 5];
    }
    let expected: Vec<_> =
        points.iter().zip(&scalars).map(|(point, scalar)| (*point * scalar).into_affine()).collect();
    for kernel in Kernel::available() {
        assert!(products(kernel, &points, &scalars) == expected, "{kernel:?}");
    }
}

fn one_scalar_for_many_points<C: Curve>() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let points = points::<C>(&mut rng, 301);
    for scalar in [Fr::zero(), Fr::one(), -Fr::one(), Fr::from(8u64), -C::LAMBDA, Fr::rand(&mut rng)] {
        let expected: Vec<_> = points.iter().map(|point| (*point * scalar).into_affine()).collect();
        assert_eq!(scale(&points, &scalar), expected, "{scalar}");
    }
}

#[test]
fn many_products_with_one_scalar_are_those_of_the_reference() {
    one_scalar_for_many_points::<g1::Config>();
    one_scalar_for_many_points::<g2::Config>();
}

fn transforms_in_blocks_agree<C: Curve>(n: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let points = points::<C>(&mut rng, n as usize);
    for (transform, expected) in [
        (Transform::to_lagrange(n), lagrange(&points)),
        (Transform::from_lagrange(n), from_lagrange(&points)),
    ] {
        for block in [1, 2, 32, n / 4, n] {
            let mut values: Vec<_> = (0..n).map(|i| points[transform.source(i) as usize]).collect();
            for (number, points) in (0..).zip(values.chunks_mut(block as usize)) {
                transform.within(number * block, points, || {});
            }
            let mut half = block;
            while half < n {
                for (group, points) in (0..).zip(values.chunks_mut(2 * half as usize)) {
                    let (low, high) = points.split_at_mut(half as usize);
                    let pairs = low.chunks_mut(block as usize).zip(high.chunks_mut(block as usize));
                    for (number, (low, high)) in (0..).zip(pairs) {
                        transform.across(half, group * 2 * half + number * block, low, high);
                    }
                }
                half *= 2;
            }
            assert_eq!(values, expected, "blocks of {block}");
        }
    }
}

#[test]
fn a_transform_in_blocks_is_that_of_the_whole() {
    transforms_in_blocks_agree::<g1::Config>(2048);
    transforms_in_blocks_agree::<g2::Config>(256);
}
