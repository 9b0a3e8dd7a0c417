//! Random combinations of points with short weights, several at a time, to check a property of all points.

use ark_ec::short_weierstrass::Projective;
use ark_ff::AdditiveGroup;
use rand::rngs::StdRng;
use rand::{CryptoRng, RngCore, SeedableRng};

use super::bases::{FixedBases, PARTITION_BITS, fill};
use super::digits::{Cut, Shape};
use super::weighted::{powers, sum_powers};
use crate::points::{Curve, CurveLanes};

/// Number of combinations of [`FixedBases::combinations`].
pub const ROUNDS: usize = 5;
/// Bits of a weight.
const WEIGHT_BITS: u32 = 13;

/// Random weights of points, one for each point and round: from -2^12 to 2^12 - 1, independent and uniform.
///
/// The rounds together are one combination with weights of 65 bits, [`joined`](Self::joined).
#[derive(Debug, Clone)]
pub struct Weights(Vec<[i16; ROUNDS]>);

impl Weights {
    /// Draws the weights of `count` points, with a seed from `rng`.
    pub fn random<R: RngCore + CryptoRng + ?Sized>(count: usize, rng: &mut R) -> Self {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let mut bytes = vec![0; 2 * ROUNDS * count];
        StdRng::from_seed(seed).fill_bytes(&mut bytes);
        let weight = |bytes: &[u8; 2]| i16::from_le_bytes(*bytes) >> (16 - WEIGHT_BITS);
        let weights = bytes.as_chunks::<{ 2 * ROUNDS }>().0.iter();
        Self(weights.map(|bytes| std::array::from_fn(|i| weight(&bytes.as_chunks().0[i]))).collect())
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are no points.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Σ Wᵢ·Pᵢ for the weights Wᵢ = Σ 2^(13k) wᵢₖ over all rounds k, given the combination of each round. The Wᵢ
    /// are independent and uniform over an interval of 2^65 integers.
    pub fn joined<C: Curve>(rounds: &[Projective<C>; ROUNDS]) -> Projective<C> {
        let shifted = |sum: Projective<C>| (0..WEIGHT_BITS).fold(sum, |sum, _| sum.double());
        rounds.iter().rev().fold(Projective::ZERO, |sum, round| shifted(sum) + round)
    }
}

/// Weights cut into digits.
struct Cutting<'a> {
    weights: &'a Weights,
    /// Number of digits of a weight.
    digits: usize,
    /// Bits of a digit.
    window: u32,
}

impl Cut for Cutting<'_> {
    fn most(&self) -> usize {
        ROUNDS * self.digits
    }

    #[inline(always)]
    fn digits(&self, index: usize, digits: &mut [i32]) -> usize {
        let half = 1 << (self.window - 1);
        for (weight, digits) in self.weights.0[index].iter().zip(digits.chunks_exact_mut(self.digits)) {
            let mut rest = i32::from(*weight);
            for digit in digits {
                // From −half to half − 1; the last digit takes what is left, which is at most half.
                *digit = ((rest + half) & (2 * half - 1)) - half;
                rest = (rest - *digit) >> self.window;
            }
        }
        self.most()
    }
}

pub(crate) fn combinations<C: CurveLanes>(
    bases: &FixedBases<C>,
    weights: &Weights,
) -> [Projective<C>; ROUNDS] {
    // A bucket costs two additions, a digit one.
    let (digits, window) = if bases.kept.len() < 1 << WEIGHT_BITS { (2, 7) } else { (1, WEIGHT_BITS) };
    let shape = Shape::new(window, (ROUNDS * digits) as u32, PARTITION_BITS);
    let buckets = fill(bases, shape, &Cutting { weights, digits, window });
    let powers = powers::<C>(bases.kernel, shape, buckets);
    std::array::from_fn(|round| {
        let places = digits * window as usize;
        sum_powers(&powers[round * places..][..places])
    })
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fr, g1, g2};
    use ark_ec::short_weierstrass::Affine;
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::AdditiveGroup;
    use rand::Rng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Kernel;
    use crate::msm::Options;

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
            weights.0.iter().zip(&logarithms).map(|(weights, logarithm)| weight(weights) * logarithm).sum()
        };
        let shift = Fr::from(1u64 << WEIGHT_BITS);
        let joined = |weights: &[i16; ROUNDS]| {
            weights.iter().rev().fold(Fr::ZERO, |sum, weight| sum * shift + Fr::from(*weight))
        };
        for kernel in [Kernel::Ifma, Kernel::Portable].into_iter().filter(|kernel| kernel.is_available()) {
            let bases = FixedBases::<C>::prepare(&points, Options { kernel, table_bytes: 0 });
            let found = bases.combinations(&weights);
            for (round, found) in found.iter().enumerate() {
                let expected = Affine::<C>::generator() * sum(&|weights| weights[round].into());
                assert_eq!(*found, expected, "{kernel:?}, {count} points, round {round}");
            }
            assert_eq!(Weights::joined(&found), Affine::<C>::generator() * sum(&joined), "{kernel:?}");
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

    #[test]
    fn every_weight_is_the_sum_of_its_digits() {
        for (digits, window) in [(1, WEIGHT_BITS), (2, 7)] {
            let all: Vec<[i16; ROUNDS]> = (-(1 << 12)..1 << 12).map(|weight| [weight; ROUNDS]).collect();
            let weights = Weights(all);
            let cutting = Cutting { weights: &weights, digits, window };
            let mut row = [0; 256];
            for (index, expected) in weights.0.iter().enumerate() {
                assert_eq!(cutting.digits(index, &mut row), ROUNDS * digits);
                for (digits, expected) in row.chunks_exact(digits).zip(expected) {
                    assert!(digits.iter().all(|digit| digit.unsigned_abs() <= 1 << (window - 1)));
                    let sum = digits.iter().rev().fold(0, |sum, digit| (sum << window) + digit);
                    assert_eq!(sum, i32::from(*expected));
                }
            }
        }
    }

    #[test]
    fn weights_fill_their_range() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let weights = Weights::random(200_000, &mut rng);
        let all = || weights.0.iter().flatten();
        assert_eq!((all().min(), all().max()), (Some(&-(1 << 12)), Some(&((1 << 12) - 1))));
        let mean = all().map(|weight| f64::from(*weight)).sum::<f64>() / 1e6;
        assert!(mean.abs() < 20.0, "{mean}");
    }
}
