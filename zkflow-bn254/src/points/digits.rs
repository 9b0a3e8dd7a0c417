//! Scalars in digits of three bits, which are small elements of Z\[ω\].
//!
//! A curve has an endomorphism that multiplies by a cube root of unity λ and costs one multiplication (`parts`). So do the
//! six units of the Eisenstein integers Z\[ω\], ω = λ: ±1, ±ω and ±ω². Two parts of a scalar are an Eisenstein integer
//! k = a + bω = Σ dᵢ·8^i with digits dᵢ that are a unit times one of twelve magnitudes. The multiples of a point by the
//! twelve magnitudes make all its products by digits. In Z, digits of five bits would need 16 multiples and 52 additions in
//! place of 43.
//!
//! The digit is the smallest number that is k modulo 8. All of those are below 4.4. Where it would be zero, it is 8 times the
//! unit next to k/8: lanes need not wait for others, if no digit is zero. Then |(k − d)/8| is at most the larger one of
//! |k|/8 + 0.55 and 1, so a number up to 3.37·8^n has at most n + 1 digits: what is left for the last one is below 4.

use ark_bn254::Fr;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::CurveLanes;
use super::parts::Splitter;

/// Number of bits of a digit.
pub(super) const DIGIT_BITS: usize = 3;
/// Number of magnitudes of digits.
pub(super) const MAGNITUDES: usize = 12;
/// Number of powers of ω.
pub(super) const TURNS: usize = 3;
/// Maximum number of digits of a scalar.
const MOST_DIGITS: usize = 44;

/// a + bω as (a, b).
type Eisenstein = (i8, i8);

/// The magnitudes of digits in ascending order of |a + bω|² = a² − ab + b²: 1, 3, 4, 7, 7, 9, 12, 13, 13, 16, 19 and 64.
const OF_MAGNITUDES: [Eisenstein; MAGNITUDES] =
    [(1, 0), (1, -1), (2, 0), (2, -1), (3, 1), (3, 0), (2, -2), (3, -1), (4, 1), (4, 0), (3, -2), (8, 0)];

/// The indices of two magnitudes whose digits are equal to their negatives modulo 8.
const FOUR: usize = 9;
const EIGHT: usize = 11;

/// A magnitude as first + second·ω^turns, or as the difference.
pub(super) struct Addition {
    pub(super) magnitude: usize,
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) turns: usize,
    pub(super) negative: bool,
}

impl Addition {
    const fn plus(magnitude: usize, first: usize, second: usize) -> Self {
        Self { magnitude, first, second, turns: 0, negative: false }
    }

    const fn minus_turned(magnitude: usize, first: usize, second: usize, turns: usize) -> Self {
        Self { magnitude, first, second, turns, negative: true }
    }

    /// Whether both terms are equal.
    pub(super) const fn is_double(&self) -> bool {
        self.first == self.second && self.turns == 0
    }
}

/// The additions that make all magnitudes but the first one. Those of a row have only terms of earlier rows.
pub(super) const CHAIN: [&[Addition]; 3] = [
    &[Addition::minus_turned(1, 0, 0, 1), Addition::plus(2, 0, 0)],
    &[
        Addition::plus(3, 1, 0),
        Addition::minus_turned(4, 0, 1, 2),
        Addition::plus(5, 2, 0),
        Addition::plus(6, 1, 1),
        Addition::plus(FOUR, 2, 2),
    ],
    &[
        Addition::plus(7, 3, 0),
        Addition::plus(8, 4, 0),
        Addition::plus(10, 3, 1),
        Addition::plus(EIGHT, FOUR, FOUR),
    ],
];

/// A digit: ± a magnitude times a power of ω. Zero bytes are the digit zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Zeroize)]
pub(super) struct Digit(u8);

impl Digit {
    const fn new(magnitude: usize, turns: usize, negative: bool) -> Self {
        Self(1 + ((magnitude * TURNS + turns) * 2) as u8 + negative as u8)
    }

    /// The index of the magnitude, the number of turns by ω, and whether the digit is negative; `None` for zero.
    #[inline(always)]
    pub(super) fn parts(self) -> Option<(usize, usize, bool)> {
        let code = usize::from(self.0.checked_sub(1)?);
        Some((code / 2 / TURNS, code / 2 % TURNS, code & 1 == 1))
    }

    /// The index of the magnitude of a digit that is not zero.
    const fn magnitude(self) -> usize {
        (self.0 as usize - 1) / 2 / TURNS
    }

    /// The value of a digit that is not zero.
    const fn value(self) -> Eisenstein {
        let code = self.0 as usize - 1;
        let (mut a, mut b) = OF_MAGNITUDES[code / 2 / TURNS];
        let mut turns = 0;
        while turns < code / 2 % TURNS {
            // ω² = −1 − ω
            (a, b) = (-b, a - b);
            turns += 1;
        }
        if code & 1 == 1 { (-a, -b) } else { (a, b) }
    }
}

/// The smallest digit for each number a + bω modulo 8, at place 8a + b, and its value; zero for zero.
static DIGITS: [(Digit, Eisenstein); 64] = {
    let mut digits = [(Digit(0), (0, 0)); 64];
    let mut code = 1;
    while code <= MAGNITUDES * TURNS * 2 {
        let digit = Digit(code as u8);
        let (a, b) = digit.value();
        let place = ((a & 7) << 3 | b & 7) as usize;
        if place != 0 && digits[place].0.0 == 0 {
            digits[place] = (digit, (a, b));
        }
        code += 1;
    }
    digits
};

/// A scalar and the digits of its pairs of parts, lowest first. Zeros are in places that a short scalar does not need.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Digits {
    scalar: Fr,
    /// [`PLACES`](CurveLanes::PLACES) digits of each pair of parts.
    digits: [Digit; MOST_DIGITS],
}

impl Digits {
    /// The digits of a scalar.
    pub(crate) fn of<C: CurveLanes>(splitter: &Splitter, scalar: &Fr) -> Self {
        let mut out = Self { scalar: *scalar, digits: [Digit::default(); MOST_DIGITS] };
        let mut parts = splitter.split(scalar);
        for (pair, digits) in out.digits.chunks_exact_mut(C::PLACES).take(C::PARTS / 2).enumerate() {
            write([parts[2 * pair], parts[2 * pair + 1]], digits);
        }
        parts.zeroize();
        out
    }

    /// The digits of a nonzero magnitude in the first part alone.
    pub(crate) fn of_short<C: CurveLanes>(magnitude: u64, negative: bool) -> Self {
        let scalar = Fr::from(magnitude);
        let scalar = if negative { -scalar } else { scalar };
        let mut out = Self { scalar, digits: [Digit::default(); MOST_DIGITS] };
        let magnitude = i128::from(magnitude);
        write([if negative { -magnitude } else { magnitude }, 0], &mut out.digits[..C::PLACES]);
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

/// Writes the digits of a + bω.
fn write([mut a, mut b]: [i128; 2], digits: &mut [Digit]) {
    for out in digits {
        if (a, b) == (0, 0) {
            break;
        }
        let (mut digit, mut value) = DIGITS[((a & 7) << 3 | b & 7) as usize];
        if digit == Digit(0) || digit.magnitude() == FOUR {
            digit = nearest(a, b, digit);
            value = digit.value();
        }
        (a, b) = ((a - i128::from(value.0)) >> DIGIT_BITS, (b - i128::from(value.1)) >> DIGIT_BITS);
        *out = digit;
    }
    debug_assert_eq!((a, b), (0, 0), "there are enough places");
    (a, b).zeroize();
}

/// The digit of magnitude 4 or 8 that is next to a + bω, a multiple of 4, among those that are equal modulo 8.
#[cold]
fn nearest(a: i128, b: i128, digit: Digit) -> Digit {
    let (a, b) = (a >> 2, b >> 2);
    // Twice the length of (a + bω)/4 in the directions of 1, ω and ω².
    let along = [2 * a - b, 2 * b - a, -a - b];
    if let Some((magnitude, turns, _)) = digit.parts() {
        return Digit::new(magnitude, turns, along[turns] < 0);
    }
    let mut turns = 0;
    for other in 1..TURNS {
        if along[other].abs() > along[turns].abs() {
            turns = other;
        }
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

    /// The sum of all digits, and their number.
    fn value<C: CurveLanes>(digits: &Digits, factors: &[Fr]) -> (Fr, usize) {
        let (mut sum, mut count) = (Fr::ZERO, 0);
        for place in (0..C::PLACES).rev() {
            sum *= Fr::from(1u64 << DIGIT_BITS);
            for (pair, factor) in factors.iter().enumerate() {
                let Some((magnitude, turns, negative)) = digits.at::<C>(pair, place).parts() else {
                    continue;
                };
                let product =
                    number(OF_MAGNITUDES[magnitude], C::LAMBDA) * C::LAMBDA.pow([turns as u64]) * factor;
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
            // Only the highest digits of a part may be zero.
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
    fn the_chain_makes_all_magnitudes() {
        let omega = g1::Config::LAMBDA;
        let mut known = vec![0];
        for row in CHAIN {
            let terms = known.clone();
            for step in row {
                assert!(terms.contains(&step.first) && terms.contains(&step.second));
                let second = number(OF_MAGNITUDES[step.second], omega) * omega.pow([step.turns as u64]);
                let second = if step.negative { -second } else { second };
                let found = number(OF_MAGNITUDES[step.first], omega) + second;
                assert_eq!(found, number(OF_MAGNITUDES[step.magnitude], omega));
                known.push(step.magnitude);
            }
        }
        known.sort_unstable();
        assert!(known.into_iter().eq(0..MAGNITUDES));
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
                    write([a, b], &mut digits);
                    assert_eq!(digits[1], Digit::default(), "{a} + {b}ω");
                }
            }
        }
    }
}
