//! Compares with arkworks, and checks the proof that a comparison finds every point outside the group.

use ark_bn254::{Fr, g2};
use ark_ec::pairing::{MillerLoopOutput, Pairing};
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ec::{CurveConfig, CurveGroup};
use ark_ff::{AdditiveGroup, PrimeField, UniformRand, Zero};
use num_bigint::BigInt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;

type Pairs = Vec<(G1Affine, G2Affine)>;

fn pairs(n: usize, rng: &mut ChaCha8Rng) -> Pairs {
    let mut pairs = Vec::new();
    for _ in 0..n {
        let p = (G1Affine::generator() * Fr::rand(rng)).into_affine();
        pairs.push((p, (G2Affine::generator() * Fr::rand(rng)).into_affine()));
    }
    pairs
}

fn of_arkworks(pairs: &Pairs) -> PairingOutput<Bn254> {
    Bn254::multi_pairing(pairs.iter().map(|(p, _)| *p), pairs.iter().map(|(_, q)| *q))
}

fn found(kernel: Kernel, pairs: &Pairs) -> Option<PairingOutput<Bn254>> {
    let points: Vec<G2Affine> = pairs.iter().map(|(_, q)| *q).collect();
    let lines = Lines::of_all(kernel, &points)?;
    let single: Vec<Lines> = points.iter().map(|q| Lines::new(kernel, q)).collect::<Option<_>>()?;
    assert_eq!(lines, single, "many points and single ones have the same lines");
    let pairs: Vec<(G1Affine, &Lines)> = pairs.iter().map(|(p, _)| *p).zip(&lines).collect();
    Some(product(kernel, &pairs))
}

/// A point of the twist; almost surely outside the group of order r.
fn on_the_twist(rng: &mut ChaCha8Rng) -> G2Affine {
    loop {
        if let Some(point) = G2Affine::get_point_from_x_unchecked(Fq2::rand(rng), true) {
            return point;
        }
    }
}

#[test]
fn products_are_those_of_arkworks() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for kernel in Kernel::available() {
        for n in 0..20 {
            let pairs = pairs(n, &mut rng);
            assert_eq!(
                found(kernel, &pairs),
                Some(of_arkworks(&pairs)),
                "{n} pairings with {}",
                kernel.name()
            );
        }
    }
}

#[test]
fn pairings_with_infinity_and_equal_points_are_those_of_arkworks() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let [(p, q), (p2, q2), _] = pairs(3, &mut rng)[..] else { unreachable!("three pairs") };
    let (o1, o2) = (G1Affine::identity(), G2Affine::identity());
    let cases: [Pairs; 7] = [
        vec![(o1, q)],
        vec![(p, o2)],
        vec![(o1, o2)],
        vec![(p, q), (o1, q2), (p2, o2), (p2, q2)],
        vec![(p, q), (p, q), (p, q), (p, q)],
        vec![(p, q), (-p, q)],
        vec![(p, q), (p, -q), (p2, q)],
    ];
    for kernel in Kernel::available() {
        for (index, pairs) in cases.iter().enumerate() {
            assert_eq!(found(kernel, pairs), Some(of_arkworks(pairs)), "case {index} with {}", kernel.name());
        }
    }
}

#[test]
fn products_in_parts_are_those_in_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let pairs = pairs(5, &mut rng);
    for kernel in Kernel::available() {
        let lines: Vec<Lines> = pairs.iter().map(|(_, q)| Lines::new(kernel, q).unwrap()).collect();
        let with_lines: Vec<(G1Affine, &Lines)> = pairs.iter().map(|(p, _)| *p).zip(&lines).collect();
        let (first, rest) = with_lines.split_at(2);
        let parts = miller_loops(kernel, first) * miller_loops(kernel, rest);
        assert_eq!(final_exponentiation(kernel, &parts), of_arkworks(&pairs));
        assert_eq!(Bn254::final_exponentiation(MillerLoopOutput(parts)), Some(of_arkworks(&pairs)));
    }
}

#[test]
fn the_final_exponentiation_is_that_of_arkworks() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut elements: Vec<Fq12> = (0..20).map(|_| Fq12::rand(&mut rng)).collect();
    elements.extend([Fq12::ONE, -Fq12::ONE, Fq12::from(7u8)]);
    for kernel in Kernel::available() {
        for element in &elements {
            let expected = Bn254::final_exponentiation(MillerLoopOutput(*element));
            assert_eq!(Some(final_exponentiation(kernel, element)), expected);
        }
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (_, q) = pairs(1, &mut rng)[0];
    for kernel in Kernel::available() {
        // (0, 0) stands for infinity.
        for bad in [(q.x, q.y.double()), (q.x.double(), q.y), (Fq2::ZERO, q.y), (q.y, q.x)] {
            let bad = G2Affine::new_unchecked(bad.0, bad.1);
            assert!(Lines::new(kernel, &bad).is_none());
            assert!(Lines::of_all(kernel, &[q, q, bad, q]).is_none());
        }
    }
}

#[test]
fn a_point_outside_the_group_is_found_at_every_place() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for (kernel, place) in Kernel::available().flat_map(|kernel| (0..10).map(move |place| (kernel, place))) {
        // Ten points fill the lanes once, and leave six lanes empty after it.
        let mut pairs = pairs(10, &mut rng);
        let stray = on_the_twist(&mut rng);
        // A multiple of r leaves the part outside the group alone; a multiple of the cofactor removes it.
        let outside = stray.mul_bigint(Fr::MODULUS).into_affine();
        assert!(!outside.is_zero() && !outside.is_in_correct_subgroup_assuming_on_curve());
        for bad in [stray, outside, (outside + pairs[place].1).into_affine()] {
            let good = std::mem::replace(&mut pairs[place].1, bad);
            let points: Vec<G2Affine> = pairs.iter().map(|(_, q)| *q).collect();
            for few in place + 1..=10 {
                assert!(Lines::of_all(kernel, &points[..few]).is_none(), "place {place} of {few}");
                assert!(!are_in_group(kernel, &points[..few]), "place {place} of {few}");
            }
            assert!(place == 0 || are_in_group(kernel, &points[..place]));
            assert!(Lines::new(kernel, &bad).is_none());
            pairs[place].1 = good;
        }
        pairs[place].1 = stray.mul_bigint(g2::Config::COFACTOR).into_affine();
        assert_eq!(found(kernel, &pairs), Some(of_arkworks(&pairs)), "place {place}");
    }
}

#[test]
fn points_of_small_order_are_found() {
    // The smallest prime factor of the order of the twist.
    let small = BigInt::from(10069);
    let cofactor = limbs(g2::Config::COFACTOR);
    assert_eq!(&cofactor % &small, BigInt::from(0));
    let rest: Vec<u64> = (cofactor / &small).to_u64_digits().1;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let point = loop {
        let point = on_the_twist(&mut rng).mul_bigint(Fr::MODULUS).into_affine();
        let point = point.mul_bigint(&rest).into_affine();
        if !point.is_zero() {
            break point;
        }
    };
    assert!(point.mul_bigint([10069]).is_zero());
    for kernel in Kernel::available() {
        assert!(Lines::new(kernel, &point).is_none());
        assert!(Lines::of_all(kernel, &[point; 9]).is_none());
    }
}

/// See [`Lines::new`]: x is the parameter of the curve, t the trace, and the norm of `a + b psi` is
/// `a^2 + a b t + b^2 p`.
#[test]
fn the_check_of_the_group_has_no_other_solutions() {
    let x = limbs(Config::X);
    let (p, r) = (limbs(Fq::MODULUS.as_ref()), limbs(Fr::MODULUS.as_ref()));
    let t = 6 * &x * &x + 1;
    assert_eq!(p.clone() + 1 - &t, r, "the trace");
    let twist = limbs(g2::Config::COFACTOR) * &r;
    // 6x + 2 + psi - psi^2 + psi^3 with psi^2 = t psi - p.
    let a = 6 * &x + 2 + &p - &t * &p;
    let b = 1 - &t + &t * &t - &p;
    let norm = &a * &a + &a * &b * &t + &b * &b * &p;
    assert_eq!(gcd(norm, twist), r);
    assert!(G2Affine::generator().is_in_correct_subgroup_assuming_on_curve());
    assert_eq!(g2::Config::COEFF_A, Fq2::zero());
}

fn gcd(a: BigInt, b: BigInt) -> BigInt {
    if b == BigInt::from(0) { a } else { gcd(b.clone(), a % b) }
}

fn limbs(limbs: &[u64]) -> BigInt {
    let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    BigInt::from_bytes_le(num_bigint::Sign::Plus, &bytes)
}
