//! Combinations of all points with random weights.

use ark_bn254::{Fr, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::CurveGroup;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options, ROUNDS, Weights};
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
    let weights = Weights::random(points.len(), &mut rng);
    let sum = |weight: &dyn Fn(&[i16; ROUNDS]) -> Fr| -> Fr {
        weights
            .of_points()
            .iter()
            .zip(&logarithms)
            .map(|(weights, logarithm)| weight(weights) * logarithm)
            .sum()
    };
    let shift = Fr::from(1u64 << 13);
    let joined = |weights: &[i16; ROUNDS]| {
        weights.iter().rev().fold(Fr::ZERO, |sum, weight| sum * shift + Fr::from(*weight))
    };
    for kernel in Kernel::available() {
        let bases = FixedBases::<C>::prepare(&points, Options { kernel, table_bytes: 0 });
        let found = bases.combinations(&weights);
        for (round, found) in found.iter().enumerate() {
            let expected = Affine::<C>::generator() * sum(&|weights| weights[round].into());
            assert_eq!(*found, expected, "{kernel:?}, {count} points, round {round}");
        }
        assert_eq!(Weights::joined(&found, &[]), Affine::<C>::generator() * sum(&joined), "{kernel:?}");
    }
}

#[test]
fn combinations_are_sums_of_weighted_points() {
    for count in [0, 1, 7, 100, 3000] {
        combinations_have_the_right_logarithms::<g1::Config>(count);
        combinations_have_the_right_logarithms::<g2::Config>(count);
    }
    // One digit per weight instead of two.
    combinations_have_the_right_logarithms::<g1::Config>(20_000);
}
