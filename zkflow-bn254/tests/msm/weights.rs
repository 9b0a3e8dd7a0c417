//! Combinations of all points with random weights.

use ark_bn254::{Fr, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::CurveGroup;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options, Weights, combinations_of_both};
use zkflow_bn254::points::Curve;

/// Multiples of the generator, some of them infinity, and their logarithms.
fn points<C: Curve>(count: u64, rng: &mut ChaCha8Rng) -> (Vec<Affine<C>>, Vec<Fr>) {
    let logarithms: Vec<u64> =
        (0..count).map(|i| if i % 5 == 3 { 0 } else { rng.gen_range(1..1 << 20) }).collect();
    let generator = Affine::<C>::generator();
    let points: Vec<_> = logarithms.iter().map(|log| generator * Fr::from(*log)).collect();
    (Projective::normalize_batch(&points), logarithms.into_iter().map(Fr::from).collect())
}

fn combinations_have_the_right_logarithms<C: Curve>(count: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(count);
    let (points, logarithms) = points::<C>(count, &mut rng);
    for kernel in Kernel::available() {
        let bases = FixedBases::<C>::prepare(&points, Options { kernel, table_bytes: 0 });
        let weights = Weights::random(bases.len(), bases.present().len(), &mut rng);
        let found = bases.combinations(&weights);
        check(&weights, &logarithms, &found, &format!("{kernel:?}, {count} points"));
    }
}

/// Asserts that sums are those of points with these logarithms.
fn check<C: Curve>(weights: &Weights, logarithms: &[Fr], found: &[Projective<C>], of: &str) {
    let sum = |weight: &dyn Fn(&[i16]) -> Fr| -> Fr {
        let each = logarithms.iter().enumerate();
        each.map(|(i, logarithm)| weight(weights.of_point(i)) * logarithm).sum()
    };
    let shift = Fr::from(1u64 << weights.bits());
    let joined =
        |weights: &[i16]| weights.iter().rev().fold(Fr::ZERO, |sum, weight| sum * shift + Fr::from(*weight));
    assert_eq!(found.len(), weights.rounds());
    for (round, found) in found.iter().enumerate() {
        let expected = Affine::<C>::generator() * sum(&|weights| weights[round].into());
        assert_eq!(*found, expected, "{of}, round {round}");
    }
    assert_eq!(weights.joined(found, &[]), Affine::<C>::generator() * sum(&joined), "{of}");
}

#[test]
fn combinations_are_sums_of_weighted_points() {
    // Up to 100 points: weights of 13 bits in two digits. 3000 points: 11 bits. 20 000 points: 13 bits in one digit.
    for count in [0, 1, 7, 100, 3000] {
        combinations_have_the_right_logarithms::<g1::Config>(count);
        combinations_have_the_right_logarithms::<g2::Config>(count);
    }
    combinations_have_the_right_logarithms::<g1::Config>(20_000);
}

#[test]
fn combinations_of_both_groups_have_the_same_weights() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for count in [50, 3000] {
        let (mut in_g1, mut of_g1) = points::<g1::Config>(count, &mut ChaCha8Rng::seed_from_u64(1));
        let (in_g2, of_g2) = points::<g2::Config>(count, &mut ChaCha8Rng::seed_from_u64(1));
        // Afterwards, other points are at infinity in G1 than in G2.
        for infinity in [None, Some(0)] {
            if let Some(index) = infinity {
                (in_g1[index], of_g1[index]) = (Affine::identity(), Fr::ZERO);
            }
            for kernel in Kernel::available() {
                let options = Options { kernel, table_bytes: 0 };
                let (first, second) =
                    (FixedBases::prepare(&in_g1, options), FixedBases::prepare(&in_g2, options));
                let weights = Weights::random(second.len(), second.present().len(), &mut rng);
                let (sums, others) = combinations_of_both(&first, &second, &weights);
                check(&weights, &of_g1, &sums, &format!("{kernel:?}, {count} points of G1, {infinity:?}"));
                check(&weights, &of_g2, &others, &format!("{kernel:?}, {count} points of G2, {infinity:?}"));
            }
        }
    }
}
