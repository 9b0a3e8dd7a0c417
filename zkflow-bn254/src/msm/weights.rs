//! Random short weights of points, for combinations that check a property of all points.

use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;
use rand::rngs::StdRng;
use rand::{CryptoRng, RngCore, SeedableRng};

use super::digits::Cut;
use crate::points::Curve;

/// Maximum bits of a weight. Different weights then differ modulo the smallest factor of the cofactor of G2, 10069.
const WEIGHT_BITS: u32 = 13;

/// How many weights a point has, and how they are cut into digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Number of weights.
    pub(super) rounds: usize,
    /// Bits of a weight.
    pub(super) bits: u32,
    /// Number of digits of a weight.
    pub(super) digits: usize,
}

impl Plan {
    /// Few, some and many points. All have 65 bits or more in `rounds · bits`.
    const ALL: [Self; 3] = [
        Self { rounds: 5, bits: WEIGHT_BITS, digits: 2 },
        Self { rounds: 6, bits: 11, digits: 1 },
        Self { rounds: 5, bits: WEIGHT_BITS, digits: 1 },
    ];

    /// The plan with the fewest additions of points.
    fn of(points: usize) -> Self {
        // A digit costs an addition. A bucket costs two and saves that of its first point.
        let additions = |plan: &Self| plan.rounds * plan.digits * (points + (1 << (plan.window() - 1)));
        Self::ALL.into_iter().min_by_key(additions).expect("there are plans")
    }

    /// Bits of a digit.
    pub(super) fn window(self) -> u32 {
        self.bits.div_ceil(self.digits as u32)
    }
}

/// Random weights of points: for each point 5 of 13 bits, or 6 of 11 bits, whichever needs fewer additions. Weights of b
/// bits are from -2^(b-1) to 2^(b-1) - 1, independent and uniform.
///
/// The rounds together are one combination with weights of at least 65 bits, [`joined`](Self::joined).
#[derive(Debug, Clone)]
pub struct Weights {
    pub(super) plan: Plan,
    /// The weights of the first point, then those of the second, ..
    pub(super) weights: Vec<i16>,
}

impl Weights {
    /// Draws the weights of `count` points, of which `present` are not at infinity, with a seed from `rng`.
    pub fn random<R: RngCore + CryptoRng + ?Sized>(count: usize, present: usize, rng: &mut R) -> Self {
        let plan = Plan::of(present);
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let mut bytes = vec![0; 2 * plan.rounds * count];
        StdRng::from_seed(seed).fill_bytes(&mut bytes);
        let weight = |bytes: &[u8; 2]| i16::from_le_bytes(*bytes) >> (16 - plan.bits);
        Self { plan, weights: bytes.as_chunks().0.iter().map(weight).collect() }
    }

    /// Number of weights of a point, and of combinations of all points.
    pub fn rounds(&self) -> usize {
        self.plan.rounds
    }

    /// Bits of a weight.
    pub fn bits(&self) -> u32 {
        self.plan.bits
    }

    /// The weights of a point, one for each round.
    ///
    /// # Panics
    /// Panics if there are not that many points.
    pub fn of_point(&self, index: usize) -> &[i16] {
        &self.weights[index * self.plan.rounds..][..self.plan.rounds]
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.weights.len() / self.plan.rounds
    }

    /// True if there are no points.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Σ Wᵢ·Pᵢ + Σ fⱼ·Qⱼ for the weights Wᵢ = Σ 2^(bk) wᵢₖ of b bits over all rounds k, given the combination of each round,
    /// and for further points Qⱼ with factors fⱼ. The Wᵢ are independent and uniform over an interval of at least 2^65
    /// integers.
    pub fn joined<C: Curve>(&self, rounds: &[Projective<C>], further: &[(Affine<C>, u128)]) -> Projective<C> {
        let mut sum = Projective::ZERO;
        for bit in (0..u128::BITS).rev() {
            sum.double_in_place();
            if bit % self.plan.bits == 0
                && let Some(round) = rounds.get((bit / self.plan.bits) as usize)
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

/// The weights of a point as one number: the digits of the first weight are the lowest.
impl Cut for Weights {
    /// Index of the point.
    type Number = usize;

    fn most(&self) -> u32 {
        (self.plan.rounds * self.plan.digits) as u32
    }

    #[inline(always)]
    fn number(&self, index: usize) -> (usize, u32) {
        (index, self.most())
    }

    #[inline(always)]
    fn digit(&self, index: &usize, place: u32) -> i32 {
        let (digits, window) = (self.plan.digits as u32, self.plan.window());
        let weight = i32::from(self.weights[index * self.plan.rounds + (place / digits) as usize]);
        // A weight has one or two digits. The lower of two is from −half to half − 1.
        let half = 1 << (window - 1);
        let low = ((weight + half) & (2 * half - 1)) - half;
        match (digits, place % digits) {
            (1, _) => weight,
            (_, 0) => low,
            _ => (weight - low) >> window,
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fr, G1Affine};
    use ark_ec::{AffineRepr, CurveGroup};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn every_plan_has_weights_of_65_bits_that_differ_modulo_the_cofactor() {
        for plan in Plan::ALL {
            assert!(plan.rounds as u32 * plan.bits >= 65, "{plan:?}");
            assert!(1 << plan.bits <= 10069 && plan.bits <= WEIGHT_BITS, "{plan:?}");
        }
        assert_eq!([0, 1000, 4096, 10_000, 20_000].map(|points| Plan::of(points).rounds), [5, 5, 6, 6, 5]);
    }

    #[test]
    fn every_weight_is_the_sum_of_its_digits() {
        for plan in Plan::ALL {
            let half = 1 << (plan.bits - 1);
            let all = (-half..half).flat_map(|weight| vec![weight; plan.rounds]);
            let weights = Weights { plan, weights: all.collect() };
            for index in 0..weights.len() {
                let (number, count) = weights.number(index);
                assert_eq!(count as usize, plan.rounds * plan.digits);
                let row: Vec<_> = (0..count).map(|place| weights.digit(&number, place)).collect();
                for (digits, expected) in row.chunks_exact(plan.digits).zip(weights.of_point(index)) {
                    assert!(digits.iter().all(|digit| digit.unsigned_abs() <= 1 << (plan.window() - 1)));
                    let sum = digits.iter().rev().fold(0, |sum, digit| (sum << plan.window()) + digit);
                    assert_eq!(sum, i32::from(*expected));
                }
            }
        }
    }

    #[test]
    fn rounds_are_joined_with_further_points() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let g = G1Affine::generator();
        for points in [1, 4096] {
            let weights = Weights::random(points, points, &mut rng);
            let rounds: Vec<u64> = (0..weights.rounds()).map(|_| rng.next_u64() >> 40).collect();
            let further = [(3u64, 1u128), (5, u128::MAX), (7, 0), (9, 1 << 79 | 12345)];
            let mut expected: Fr =
                further.iter().map(|(point, factor)| Fr::from(*point) * Fr::from(*factor)).sum();
            for (k, round) in (0..).zip(&rounds) {
                expected += Fr::from(*round) * Fr::from(1u128 << (weights.bits() * k));
            }
            let further = further.map(|(point, factor)| ((g * Fr::from(point)).into_affine(), factor));
            let rounds: Vec<_> = rounds.into_iter().map(|round| g * Fr::from(round)).collect();
            assert_eq!(weights.joined(&rounds, &further), g * expected);
        }
    }

    #[test]
    fn weights_fill_their_range() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for points in [5000, 40_000] {
            let weights = Weights::random(points, points, &mut rng);
            let half = 1i16 << (weights.bits() - 1);
            let all = || weights.weights.iter();
            assert_eq!((all().min(), all().max()), (Some(&-half), Some(&(half - 1))), "{points} points");
            let mean = all().map(|weight| f64::from(*weight)).sum::<f64>() / all().len() as f64;
            assert!(mean.abs() < f64::from(half) / 50.0, "{mean}");
        }
    }
}
