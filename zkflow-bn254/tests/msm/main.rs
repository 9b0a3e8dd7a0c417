//! Compares sums with arkworks.

#![allow(clippy::unwrap_used)]

mod constant;
mod stored;
mod weights;

use ark_bn254::{Fr, g1, g2};
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, Field, PrimeField, UniformRand};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{Combinations, FixedBases, Options, Scalars, Term, combine, msm_of_both};
use zkflow_bn254::points::Curve;

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::available()
}

/// Scalars of every size and sign.
fn scalars(rng: &mut impl Rng, len: usize) -> Vec<Fr> {
    (0..len)
        .map(|_| match rng.gen_range(0..8) {
            0 => Fr::ZERO,
            1 => Fr::ONE,
            2 => -Fr::ONE,
            3 => Fr::from(rng.r#gen::<u32>()),
            4 => -Fr::from(rng.r#gen::<u64>()),
            5 => Fr::from(2u64).pow([rng.gen_range(0..254)]),
            _ => Fr::rand(rng),
        })
        .collect()
}

fn random_points<C: Curve>(rng: &mut impl Rng, len: usize) -> Vec<Affine<C>> {
    let points: Vec<Projective<C>> = (0..len).map(|_| Projective::rand(rng)).collect();
    Projective::normalize_batch(&points)
}

/// P, 2P, 3P, …: equal and opposite sums occur often.
fn progression<C: Curve>(len: usize) -> Vec<Affine<C>> {
    let step = Projective::<C>::generator();
    let points: Vec<Projective<C>> =
        std::iter::successors(Some(step), |point| Some(*point + step)).take(len).collect();
    Projective::normalize_batch(&points)
}

#[track_caller]
fn agrees_with_arkworks<C: Curve>(points: &[Affine<C>], scalars: &[Fr]) {
    let expected = Projective::<C>::msm(points, scalars).expect("one scalar per point");
    for kernel in kernels() {
        for copies in [0, 3, 64] {
            let table_bytes = copies * points.len() * 128;
            let bases = FixedBases::<C>::prepare(points, Options { kernel, table_bytes });
            let sum = bases.msm(&Scalars::new(kernel, scalars));
            assert_eq!(sum, expected, "{} points, {kernel:?}, room for {copies}", points.len());
        }
    }
}

fn all_sizes_and_kinds<C: Curve>() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    // Shared doublings for up to 24, 96 or 192 long scalars, buckets for more.
    for len in [0, 1, 3, 8, 9, 30, 100, 150, 300, 5000] {
        let mut points = random_points::<C>(&mut rng, len);
        agrees_with_arkworks::<C>(&points, &scalars(&mut rng, len));
        for i in 0..len {
            // Repeated, opposite and infinite points.
            match rng.gen_range(0..4) {
                0 => points[i] = points[rng.gen_range(0..len)],
                1 => points[i] = (-points[rng.gen_range(0..len)].into_group()).into_affine(),
                2 => points[i] = Affine::zero(),
                _ => {}
            }
        }
        agrees_with_arkworks::<C>(&points, &scalars(&mut rng, len));
        agrees_with_arkworks::<C>(&progression::<C>(len), &scalars(&mut rng, len));
    }
}

fn equal_scalars_on_related_points<C: Curve>() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let progression = progression::<C>(600);
    for scalar in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(12345u64), Fr::rand(&mut rng)] {
        agrees_with_arkworks::<C>(&progression, &[scalar; 600]);
        agrees_with_arkworks::<C>(&[progression[0]; 600], &[scalar; 600]);
        let mut canceling: Vec<Fr> = (0..600).map(|i| if i % 2 == 0 { scalar } else { -scalar }).collect();
        agrees_with_arkworks::<C>(&[progression[0]; 600], &canceling);
        canceling.shuffle(&mut rng);
        agrees_with_arkworks::<C>(&[progression[0]; 600], &canceling);
        agrees_with_arkworks::<C>(&[Affine::zero(); 600], &canceling);
    }
}

#[test]
fn sums_in_g1_agree_with_arkworks() {
    all_sizes_and_kinds::<g1::Config>();
}

#[test]
fn sums_in_g2_agree_with_arkworks() {
    all_sizes_and_kinds::<g2::Config>();
}

#[test]
fn equal_scalars_on_related_points_agree_with_arkworks() {
    equal_scalars_on_related_points::<g1::Config>();
    equal_scalars_on_related_points::<g2::Config>();
}

/// Uses points with known logarithms, i·G for i in 1..=n, and checks sums by the logarithms.
fn a_million_terms<C: Curve>(len: usize, rounds: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let points = progression::<C>(len);
    for kernel in kernels() {
        let bases = FixedBases::<C>::prepare(&points, Options { kernel, table_bytes: 0 });
        for _ in 0..rounds {
            let scalars = scalars(&mut rng, len);
            let logarithm: Fr = (1u64..).zip(&scalars).map(|(i, scalar)| Fr::from(i) * scalar).sum();
            let sum = bases.msm(&Scalars::new(kernel, &scalars));
            assert_eq!(sum, Projective::generator() * logarithm, "{kernel:?}");
        }
    }
}

#[test]
fn sums_of_a_million_terms_in_g1_have_the_right_logarithm() {
    a_million_terms::<g1::Config>(1 << 18, 4);
}

#[test]
fn sums_of_a_million_terms_in_g2_have_the_right_logarithm() {
    a_million_terms::<g2::Config>(1 << 16, 16);
}

#[track_caller]
fn combinations_agree_with_arkworks<C: Curve>(points: &[Affine<C>], lengths: &[usize], rng: &mut impl Rng) {
    let scalars = scalars(rng, 60);
    let (mut terms, mut ends) = (Vec::new(), Vec::new());
    for length in lengths {
        terms.extend((0..*length).map(|_| Term {
            point: rng.gen_range(0..points.len()) as u32,
            scalar: rng.gen_range(0..scalars.len()) as u32,
        }));
        ends.push(terms.len() as u32);
    }
    let mut start = 0;
    let expected: Vec<Affine<C>> = ends
        .iter()
        .map(|&end| {
            let product = |term: &Term| points[term.point as usize] * scalars[term.scalar as usize];
            let sum = terms[start..end as usize].iter().map(product).sum::<Projective<C>>();
            start = end as usize;
            sum.into_affine()
        })
        .collect();
    for kernel in kernels() {
        let combinations = Combinations { ends: &ends, terms: &terms, scalars: &scalars };
        assert_eq!(combine(kernel, points, combinations), expected, "{kernel:?}");
    }
}

fn combinations<C: Curve>() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut points = random_points::<C>(&mut rng, 40);
    points[7] = Affine::zero();
    points[8] = points[9];
    points[10] = (-points[11].into_group()).into_affine();
    let lengths: Vec<usize> = (0..200).map(|_| [0, 1, 1, 2, 3, 9][rng.gen_range(0..6)]).collect();
    combinations_agree_with_arkworks(&points, &lengths, &mut rng);
    combinations_agree_with_arkworks::<C>(&points, &[], &mut rng);
    combinations_agree_with_arkworks::<C>(&points, &[0, 9000, 0, 4096, 4097], &mut rng);
    // Few points: equal and opposite sums occur often.
    combinations_agree_with_arkworks(&progression::<C>(5), &[4; 300], &mut rng);
}

#[test]
fn combinations_in_g1_agree_with_arkworks() {
    combinations::<g1::Config>();
}

#[test]
fn combinations_in_g2_agree_with_arkworks() {
    combinations::<g2::Config>();
}

/// Sums in both groups, whether or not their digits can be sorted once.
#[test]
fn sums_of_the_same_scalars_in_both_groups_agree_with_arkworks() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for len in [0, 3, 49, 600] {
        let (mut in_g1, mut in_g2) =
            (random_points::<g1::Config>(&mut rng, len), random_points(&mut rng, len));
        let scalars = scalars(&mut rng, len);
        for alike in [true, false] {
            for i in (0..len).step_by(7) {
                in_g1[i] = Affine::zero();
                in_g2[i] = if alike {
                    Affine::zero()
                } else {
                    Projective::<g2::Config>::rand(&mut rng).into_affine()
                };
            }
            let expected = (
                Projective::<g1::Config>::msm(&in_g1, &scalars).unwrap(),
                Projective::<g2::Config>::msm(&in_g2, &scalars).unwrap(),
            );
            for kernel in kernels() {
                for copies in [[0, 0], [4, 4], [64, 0]] {
                    let [first, second] =
                        copies.map(|copies| Options { kernel, table_bytes: copies * len * 64 });
                    let first = FixedBases::prepare(&in_g1, first);
                    let second = Options { table_bytes: 2 * second.table_bytes, ..second };
                    let second = FixedBases::prepare(&in_g2, second);
                    let sums = msm_of_both(&first, &second, &Scalars::new(kernel, &scalars));
                    assert_eq!(
                        sums, expected,
                        "{kernel:?}, {len} points, {copies:?} multiples, alike: {alike}"
                    );
                }
            }
        }
    }
}

/// The addition formula of Horner's rule fails for these sums: they are infinity at the end or on the way.
#[test]
fn combinations_that_cancel_are_exact() {
    let point = Projective::<g1::Config>::generator().into_affine();
    let scalars: Vec<Fr> = [3i64, -2, -1, 4, -3, 16].map(Fr::from).into();
    let sums: [&[u32]; 5] = [&[0, 1, 2], &[3, 4, 2], &[0, 1], &[3, 2, 2, 1, 5], &[0, 4]];
    let (mut terms, mut ends, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for sum in sums {
        terms.extend(sum.iter().map(|&scalar| Term { point: 0, scalar }));
        ends.push(terms.len() as u32);
        let scalar: Fr = sum.iter().map(|&scalar| scalars[scalar as usize]).sum();
        expected.push((point * scalar).into_affine());
    }
    for kernel in kernels() {
        let combinations = Combinations { ends: &ends, terms: &terms, scalars: &scalars };
        assert_eq!(combine(kernel, &[point], combinations), expected, "{kernel:?}");
    }
}

/// The words of a point as in a file.
fn encoded<C: Curve>(points: &[Affine<C>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for point in points {
        let (x, y) = point.xy().unwrap_or_default();
        for coordinate in [x, y] {
            for element in coordinate.to_base_prime_field_elements() {
                let words: ark_bn254::Fq = element.to_string().parse().ok().unwrap();
                bytes.extend(words.0.0.iter().flat_map(|word| word.to_le_bytes()));
            }
        }
    }
    bytes
}

fn encoded_points<C: Curve>() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    for len in [0, 1, 7, 8, 9, 100, 5000] {
        let mut points = random_points::<C>(&mut rng, len);
        (0..len).filter(|i| i % 3 == 1).for_each(|i| points[i] = Affine::zero());
        let bytes = encoded(&points);
        let size = bytes.len() / len.max(1);
        for kernel in kernels() {
            for before in [0, 5] {
                let all = [vec![Affine::zero(); before], points.clone()].concat();
                let expected = FixedBases::<C>::prepare(&all, Options { kernel, table_bytes: 0 });
                let read = FixedBases::<C>::read(kernel, &bytes, before).unwrap();
                assert_eq!(
                    (read.head(), read.rows()),
                    (expected.head(), expected.rows()),
                    "{kernel:?}, {len}"
                );
            }
            if len == 0 {
                continue;
            }
            assert!(FixedBases::<C>::read(kernel, &bytes[1..], 0).is_none());
            // A point off its curve, wherever it is, also with a zero coordinate.
            for at in [0, rng.gen_range(0..len), len - 1] {
                for word in 0..size / 8 {
                    let mut altered = bytes.clone();
                    altered[at * size + word * 8] ^= 1;
                    assert!(FixedBases::<C>::read(kernel, &altered, 0).is_none(), "{kernel:?}, point {at}");
                }
                let mut altered = bytes.clone();
                altered[at * size..][..size / 2].fill(0);
                altered[at * size + size / 2] ^= 1;
                assert!(FixedBases::<C>::read(kernel, &altered, 0).is_none(), "{kernel:?}, point {at}");
                // The same point with a coordinate that is not below the modulus.
                let mut altered = bytes.clone();
                for element in altered[at * size..][..size].chunks_exact_mut(32) {
                    let mut carry = 0u128;
                    for (bytes, modulus) in
                        element.chunks_exact_mut(8).zip(<ark_bn254::Fq as PrimeField>::MODULUS.0)
                    {
                        let word = u64::from_le_bytes((&*bytes).try_into().unwrap());
                        carry += u128::from(word) + u128::from(modulus);
                        bytes.copy_from_slice(&(carry as u64).to_le_bytes());
                        carry >>= 64;
                    }
                }
                assert!(FixedBases::<C>::read(kernel, &altered, 0).is_none(), "{kernel:?}, point {at}");
            }
        }
    }
}

#[test]
fn encoded_points_are_read_as_they_are_prepared_and_bad_ones_refused() {
    encoded_points::<g1::Config>();
    encoded_points::<g2::Config>();
}
