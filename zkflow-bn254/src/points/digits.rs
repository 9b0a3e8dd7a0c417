//! Scalars in base 8, with digits in Z\[ω\] for a complex cube root of unity ω; |a + bω|² = a² − ab + b².
//!
//! The map ω ↦ λ takes Z\[ω\] to Fr. An endomorphism of the curve multiplies a point by λ, at the cost of one multiplication
//! of its x (`parts`). Two parts of a scalar are a number k = a + bω = Σ dᵢ·8^i. A digit is a unit, ±1, ±ω or ±ω², times one of
//! twelve representatives. So twelve multiples of a point serve all 72 digits.
//!
//! | digits | multiples | additions in G1 | in G2 |
//! |---|---|---|---|
//! | base 8 in Z\[ω\] | 12 | 43 | 44 |
//! | base 32 in Z | 16 | 52 | 52 |
//!
//! d is a smallest number that is k modulo 8: |d| < 4.4. If it is ±4 times a power of ω, the sign is that of the digit next to
//! k. If k is 0 modulo 8, d is 8 times the unit next to k/8: a lane with a zero digit would make the others wait. Only 16 times
//! a unit gets 8 times a neighbour of that unit. Otherwise Horner's rule would add 8 times a point to itself, for which the
//! formulas of some coordinates fail.
//!
//! |(k − d)/8| is at most |k|/8 + 0.55, and a number with |k| ≤ 4 is one digit. So a number with |k| ≤ 3.37·8^n has at most n + 1
//! digits: what is left for the last one is below 3.37 + 0.55·8/7 < 4.

use ark_bn254::Fr;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::CurveLanes;
use super::parts::Splitter;

/// Logarithm of the base.
pub(super) const DIGIT_BITS: usize = 3;
/// Number of digits up to units.
pub(super) const REPRESENTATIVES: usize = 12;
/// Number of powers of ω.
pub(super) const TURNS: usize = 3;
/// Maximum number of digits of a scalar.
const MOST_DIGITS: usize = 44;

/// a + bω as (a, b).
type Eisenstein = (i8, i8);

/// The digits up to units, in ascending order of |a + bω|²: 1, 3, 4, 7, 7, 9, 12, 13, 13, 16, 19 and 64.
const OF_REPRESENTATIVES: [Eisenstein; REPRESENTATIVES] =
    [(1, 0), (1, -1), (2, 0), (2, -1), (3, 1), (3, 0), (2, -2), (3, -1), (4, 1), (4, 0), (3, -2), (8, 0)];

/// The indices of the representatives 4 and 8, which are their own negatives modulo 8.
const FOUR: usize = 9;
const EIGHT: usize = 11;

/// A representative as first ± second·ω^turns, for the indices of two others.
pub(super) struct Step {
    pub(super) representative: usize,
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) turns: usize,
    pub(super) negative: bool,
}

impl Step {
    const fn plus(representative: usize, first: usize, second: usize) -> Self {
        Self { representative, first, second, turns: 0, negative: false }
    }

    const fn minus_turned(representative: usize, first: usize, second: usize, turns: usize) -> Self {
        Self { representative, first, second, turns, negative: true }
    }

    /// Whether both terms are equal.
    pub(super) const fn is_double(&self) -> bool {
        self.first == self.second && self.turns == 0
    }
}

/// An addition chain that makes all representatives from the first one, 1. A row uses only results of earlier rows, so its steps
/// can share an inversion.
pub(super) const CHAIN: [&[Step]; 3] = [
    &[Step::minus_turned(1, 0, 0, 1), Step::plus(2, 0, 0)],
    &[
        Step::plus(3, 1, 0),
        Step::minus_turned(4, 0, 1, 2),
        Step::plus(5, 2, 0),
        Step::plus(6, 1, 1),
        Step::plus(FOUR, 2, 2),
    ],
    &[Step::plus(7, 3, 0), Step::plus(8, 4, 0), Step::plus(10, 3, 1), Step::plus(EIGHT, FOUR, FOUR)],
];

/// A digit. 0 is zero, 1 + 2·(3·representative + turns) + negative is ± the representative times ω^turns.
#[derive(Clone, Copy, PartialEq, Eq, Default, Zeroize)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Digit(u8);

impl Digit {
    const fn new(representative: usize, turns: usize, negative: bool) -> Self {
        Self(1 + ((representative * TURNS + turns) * 2) as u8 + negative as u8)
    }

    /// The index of the representative, the power of ω, and whether the digit is negative; `None` for zero.
    #[inline(always)]
    pub(super) const fn decode(self) -> Option<(usize, usize, bool)> {
        let Some(code) = self.0.checked_sub(1) else { return None };
        let code = code as usize;
        Some((code / 2 / TURNS, code / 2 % TURNS, code & 1 == 1))
    }

    /// The digit as a number.
    const fn value(self) -> Eisenstein {
        let Some((representative, turns, negative)) = self.decode() else { return (0, 0) };
        let (mut a, mut b) = OF_REPRESENTATIVES[representative];
        let mut turn = 0;
        while turn < turns {
            // ω² = −1 − ω
            (a, b) = (-b, a - b);
            turn += 1;
        }
        if negative { (-a, -b) } else { (a, b) }
    }
}

/// For (a, b) modulo 8, at index 8a + b: a smallest digit and its value; zero for (0, 0).
static DIGITS: [(Digit, Eisenstein); 64] = {
    let mut digits = [(Digit(0), (0, 0)); 64];
    let mut code = 1;
    while code <= REPRESENTATIVES * TURNS * 2 {
        let digit = Digit(code as u8);
        let (a, b) = digit.value();
        let index = ((a & 7) << 3 | b & 7) as usize;
        if index != 0 && digits[index].0.0 == 0 {
            digits[index] = (digit, (a, b));
        }
        code += 1;
    }
    digits
};

/// A scalar and the digits of its pairs of parts, lowest first. Digits that a short scalar does not need are zero.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Digits {
    scalar: Fr,
    /// [`PLACES`](CurveLanes::PLACES) digits of each pair of parts.
    digits: [Digit; MOST_DIGITS],
}

impl Digits {
    /// The digits of a scalar.
    pub(crate) fn of<C: CurveLanes>(splitter: &Splitter, scalar: &Fr) -> Self {
        const { assert!(C::PAIRS * C::PLACES <= MOST_DIGITS) };
        let mut out = Self { scalar: *scalar, digits: [Digit::default(); MOST_DIGITS] };
        let mut parts = splitter.split(scalar);
        let (pairs, _) = parts.as_chunks_mut();
        for (pair, digits) in pairs.iter_mut().zip(out.digits.chunks_exact_mut(C::PLACES).take(C::PAIRS)) {
            write(pair, digits);
        }
        out
    }

    /// The digits of ±magnitude in the first part; the others are zero.
    pub(crate) fn of_short<C: CurveLanes>(magnitude: u64, negative: bool) -> Self {
        // A number up to 2^64 = 2·8^21 has at most 22 digits.
        const { assert!(C::PLACES >= 22) };
        let scalar = Fr::from(magnitude);
        let scalar = if negative { -scalar } else { scalar };
        let mut out = Self { scalar, digits: [Digit::default(); MOST_DIGITS] };
        let magnitude = i128::from(magnitude);
        write(&mut [if negative { -magnitude } else { magnitude }, 0], &mut out.digits[..C::PLACES]);
        out
    }

    /// The scalar that has these digits.
    pub(crate) fn scalar(&self) -> &Fr {
        &self.scalar
    }

    /// The digit of a pair of parts at a place.
    #[inline(always)]
    pub(super) fn at<C: CurveLanes>(&self, pair: usize, place: usize) -> Digit {
        self.digits[pair * C::PLACES + place]
    }
}

/// Writes the digits of a + bω. What is left of it is zero.
fn write([a, b]: &mut [i128; 2], digits: &mut [Digit]) {
    for out in digits {
        if (*a, *b) == (0, 0) {
            break;
        }
        let (mut digit, mut value) = DIGITS[((*a & 7) << 3 | *b & 7) as usize];
        if matches!(digit.decode(), None | Some((FOUR, ..))) {
            digit = nearest_digit(*a, *b, digit);
            value = digit.value();
        }
        *a = (*a - i128::from(value.0)) >> DIGIT_BITS;
        *b = (*b - i128::from(value.1)) >> DIGIT_BITS;
        *out = digit;
    }
    assert!((*a, *b) == (0, 0), "there are enough places");
}

/// The digit next to a + bω, a multiple of 4, among those that are equal to it modulo 8: ± the digit, or 8 times a unit if the
/// digit is zero.
#[cold]
fn nearest_digit(a: i128, b: i128, digit: Digit) -> Digit {
    let (a, b) = (a >> 2, b >> 2);
    // Twice the projections of what is now a + bω on 1, ω and ω².
    let along = [2 * a - b, 2 * b - a, -a - b];
    if let Some((representative, turns, _)) = digit.decode() {
        return Digit::new(representative, turns, along[turns] < 0);
    }
    let mut turns = 0;
    for other in 1..TURNS {
        if along[other].abs() > along[turns].abs() {
            turns = other;
        }
    }
    // 16 times a unit.
    if (-4..=4).contains(&a) && (-4..=4).contains(&b) && a * a - a * b + b * b == 16 {
        turns = (turns + 1) % TURNS;
    }
    Digit::new(EIGHT, turns, along[turns] < 0)
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fq, g1, g2};
    use ark_ec::scalar_mul::glv::GLVConfig;
    use ark_ff::{AdditiveGroup, Field, PrimeField, UniformRand};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// a + bω modulo r.
    fn number((a, b): Eisenstein, omega: Fr) -> Fr {
        Fr::from(a) + Fr::from(b) * omega
    }

    /// The scalar that the digits make, and the number of digits that are not zero.
    fn value<C: CurveLanes>(digits: &Digits, factors: &[Fr]) -> (Fr, usize) {
        let (mut sum, mut count) = (Fr::ZERO, 0);
        for place in (0..C::PLACES).rev() {
            sum *= Fr::from(1u64 << DIGIT_BITS);
            for (pair, factor) in factors.iter().enumerate() {
                let Some((index, turns, negative)) = digits.at::<C>(pair, place).decode() else {
                    continue;
                };
                let product =
                    number(OF_REPRESENTATIVES[index], C::LAMBDA) * C::LAMBDA.pow([turns as u64]) * factor;
                sum += if negative { -product } else { product };
                count += 1;
            }
        }
        (sum, count)
    }

    fn digits_make_the_scalar<C: CurveLanes>(factors: &[Fr]) {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, C::LAMBDA, -C::LAMBDA];
        scalars.extend((0..254).map(|i| Fr::from(2u64).pow([i])));
        scalars.extend((0..254).map(|i| -Fr::from(2u64).pow([i]) * C::LAMBDA));
        let random = (0..2000).map(|_| Fr::rand(&mut rng)).collect::<Vec<_>>();
        for scalar in scalars {
            assert_eq!(value::<C>(&Digits::of::<C>(&C::splitter(), &scalar), factors).0, scalar);
        }
        for scalar in random {
            let (sum, count) = value::<C>(&Digits::of::<C>(&C::splitter(), &scalar), factors);
            assert_eq!(sum, scalar);
            // Only the highest digits of a pair may be zero.
            assert!(count >= (C::PLACES - 5) * factors.len(), "{scalar} has {count} digits");
        }
        for magnitude in
            [1u64, 2, 3, 4, 7, 8, 9, 36, 63, 64, 65, 1023, 1024, 1 << 63, (1 << 63) + 1, u64::MAX]
        {
            let places = (magnitude.ilog2() as usize / DIGIT_BITS) + 2;
            let scalar = Fr::from(magnitude);
            for (negative, scalar) in [(false, scalar), (true, -scalar)] {
                let digits = Digits::of_short::<C>(magnitude, negative);
                assert_eq!(*digits.scalar(), scalar);
                let (sum, count) = value::<C>(&digits, factors);
                assert!(sum == scalar && count <= places, "{magnitude}");
            }
        }
    }

    #[test]
    fn digits_make_scalars() {
        digits_make_the_scalar::<g1::Config>(&[Fr::ONE]);
        let mu = Fr::from(num_bigint::BigUint::from(Fq::MODULUS));
        digits_make_the_scalar::<g2::Config>(&[Fr::ONE, mu]);
    }

    #[test]
    fn no_product_adds_a_point_to_itself() {
        for magnitude in (1..70_000).chain((4..64).map(|i| 1 << i)) {
            let digits = Digits::of_short::<g2::Config>(magnitude, magnitude % 2 == 0).digits;
            let top = digits.iter().rposition(|digit| *digit != Digit(0)).expect("not zero");
            if top > 0 {
                let ((a, b), (c, d)) = (digits[top].value(), digits[top - 1].value());
                assert!((8 * a, 8 * b) != (c, d) && (-8 * a, -8 * b) != (c, d), "{magnitude}");
            }
        }
    }

    #[test]
    fn the_chain_makes_all_representatives() {
        let omega = g1::Config::LAMBDA;
        let mut known = vec![0];
        for row in CHAIN {
            let terms = known.clone();
            for step in row {
                assert!(terms.contains(&step.first) && terms.contains(&step.second));
                let second = number(OF_REPRESENTATIVES[step.second], omega) * omega.pow([step.turns as u64]);
                let second = if step.negative { -second } else { second };
                let found = number(OF_REPRESENTATIVES[step.first], omega) + second;
                assert_eq!(found, number(OF_REPRESENTATIVES[step.representative], omega));
                known.push(step.representative);
            }
        }
        known.sort_unstable();
        assert!(known.into_iter().eq(0..REPRESENTATIVES));
    }

    #[test]
    fn every_number_modulo_8_has_its_smallest_digit() {
        let square = |(a, b): (i32, i32)| a * a - a * b + b * b;
        for place in 1..64 {
            let (a, b) = (place / 8, place % 8);
            let smallest = (-2..2).flat_map(|i| (-2..2).map(move |j| square((a + 8 * i, b + 8 * j)))).min();
            let (_, (x, y)) = DIGITS[place as usize];
            assert_eq!((i32::from(x) & 7, i32::from(y) & 7), (a, b));
            assert_eq!(Some(square((i32::from(x), i32::from(y)))), smallest);
        }
    }

    #[test]
    fn numbers_up_to_four_are_one_digit() {
        for a in -5i128..=5 {
            for b in -5i128..=5 {
                if a * a - a * b + b * b <= 16 {
                    let mut digits = [Digit::default(); 2];
                    write(&mut [a, b], &mut digits);
                    assert_eq!(digits[1], Digit::default(), "{a} + {b}ω");
                }
            }
        }
    }
}
