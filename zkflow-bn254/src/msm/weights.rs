//! Random short weights of points, for combinations that check a property of all points.

use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;
use rand::rngs::StdRng;
use rand::{CryptoRng, RngCore, SeedableRng};

use super::digits::Cut;
use crate::points::Curve;

/// Number of combinations of [`FixedBases::combinations`](super::FixedBases::combinations).
pub const ROUNDS: usize = 5;
/// Bits of a weight.
pub(super) const WEIGHT_BITS: u32 = 13;

/// Random weights of points, one for each point and round: from -2^12 to 2^12 - 1, independent and uniform.
///
/// The rounds together are one combination with weights of 65 bits, [`joined`](Self::joined).
#[derive(Debug, Clone)]
pub struct Weights(pub(super) Vec<[i16; ROUNDS]>);

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

    /// The weights of each point, one for each round.
    pub fn of_points(&self) -> &[[i16; ROUNDS]] {
        &self.0
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are no points.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Σ Wᵢ·Pᵢ + Σ fⱼ·Qⱼ for the weights Wᵢ = Σ 2^(13k) wᵢₖ over all rounds k, given the combination of each round, and for
    /// further points Qⱼ with factors fⱼ. The Wᵢ are independent and uniform over an interval of 2^65 integers.
    pub fn joined<C: Curve>(
        rounds: &[Projective<C>; ROUNDS],
        further: &[(Affine<C>, u128)],
    ) -> Projective<C> {
        let mut sum = Projective::ZERO;
        for bit in (0..u128::BITS).rev() {
            sum.double_in_place();
            if bit % WEIGHT_BITS == 0
                && let Some(round) = rounds.get((bit / WEIGHT_BITS) as usize)
            {
                sum += round;
            }
            for (point, factor) in further {
                if factor >> bit & 1 == 1 {
                    sum += point;
                }
            }
        }
        sum
    }
}

/// Weights cut into digits.
pub(super) struct WeightDigits<'a> {
    pub(super) weights: &'a Weights,
    /// Number of digits of a weight.
    pub(super) digits: usize,
    /// Bits of a digit.
    pub(super) window: u32,
}

impl Cut for WeightDigits<'_> {
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

#[cfg(test)]
mod tests {
    use ark_bn254::{Fr, G1Affine};
    use ark_ec::{AffineRepr, CurveGroup};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn every_weight_is_the_sum_of_its_digits() {
        for (digits, window) in [(1, WEIGHT_BITS), (2, 7)] {
            let all: Vec<[i16; ROUNDS]> = (-(1 << 12)..1 << 12).map(|weight| [weight; ROUNDS]).collect();
            let weights = Weights(all);
            let cutting = WeightDigits { weights: &weights, digits, window };
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
    fn rounds_are_joined_with_further_points() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let g = G1Affine::generator();
        let rounds: [u64; ROUNDS] = std::array::from_fn(|_| rng.next_u64() >> 40);
        let further = [(3u64, 1u128), (5, u128::MAX), (7, 0), (9, 1 << 79 | 12345)];
        let mut expected: Fr =
            further.iter().map(|(point, factor)| Fr::from(*point) * Fr::from(*factor)).sum();
        for (k, round) in rounds.iter().enumerate() {
            expected += Fr::from(*round) * Fr::from(1u128 << (13 * k));
        }
        let further = further.map(|(point, factor)| ((g * Fr::from(point)).into_affine(), factor));
        let rounds = rounds.map(|round| g * Fr::from(round));
        assert_eq!(Weights::joined(&rounds, &further), g * expected);
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
