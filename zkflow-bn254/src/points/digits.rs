//! Scalars in signed odd digits of five bits.
//!
//! A part of a scalar is odd, so it is a sum Σ dᵢ·32^i with odd digits dᵢ from −31 to 31 (M. Joye and M. Tunstall,
//! [*Exponent Recoding and Regular Exponentiation Algorithms*]). No digit is zero, so every scalar takes the same additions,
//! and no lane has to wait for others.
//!
//! [*Exponent Recoding and Regular Exponentiation Algorithms*]: https://doi.org/10.1007/978-3-642-02384-2_21

use ark_bn254::Fr;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::CurveLanes;
use super::parts::{MAX_PARTS, Splitter};

/// Number of bits of a digit, the sign included.
pub(crate) const DIGIT_BITS: usize = 5;
/// Number of magnitudes of digits.
pub(crate) const MAGNITUDES: usize = 1 << (DIGIT_BITS - 1);
/// Maximum number of digits of a scalar.
const MOST_DIGITS: usize = 13 * MAX_PARTS;

/// A scalar and the digits of its parts, lowest first. Zeros are in places that a short scalar does not need.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Digits {
    scalar: Fr,
    /// [`PLACES`](CurveLanes::PLACES) digits of each part.
    digits: [i8; MOST_DIGITS],
}

impl Digits {
    /// The digits of a scalar, none of which is zero.
    pub(crate) fn of<C: CurveLanes>(splitter: &Splitter, scalar: &Fr) -> Self {
        let mut digits = [0; MOST_DIGITS];
        let mut parts = splitter.split(scalar);
        for (part, digits) in parts.iter().zip(digits.chunks_exact_mut(C::PLACES)) {
            let mut left = part.unsigned_abs();
            let (last, others) = digits.split_last_mut().expect("a part has digits");
            for out in others {
                let digit = (left & 63) as i8 - 32;
                // What is left, less this digit, is an odd multiple of 32.
                left = left >> 6 << 1 | 1;
                *out = if *part < 0 { -digit } else { digit };
            }
            *last = if *part < 0 { -(left as i8) } else { left as i8 };
        }
        parts.zeroize();
        Self { scalar: *scalar, digits }
    }

    /// Digits of an odd magnitude in the first part alone, which a short one does not fill; for at most 64 bits.
    pub(crate) fn of_short<C: CurveLanes>(magnitude: u64, negative: bool) -> Self {
        debug_assert!(magnitude & 1 == 1 && C::PLACES * DIGIT_BITS >= 64);
        let (mut digits, mut left) = ([0; MOST_DIGITS], magnitude);
        for out in &mut digits[..C::PLACES] {
            let is_last = left < 1 << DIGIT_BITS;
            let digit = if is_last { left as i8 } else { (left & 63) as i8 - 32 };
            *out = if negative { -digit } else { digit };
            if is_last {
                break;
            }
            left = left >> 6 << 1 | 1;
        }
        let scalar = Fr::from(magnitude);
        Self { scalar: if negative { -scalar } else { scalar }, digits }
    }

    /// The scalar that has these digits.
    pub(crate) fn scalar(&self) -> &Fr {
        &self.scalar
    }

    /// The digit of a part at a place: the index of its magnitude, (|d| − 1)/2, and whether it is negative; `None` for 0.
    #[inline(always)]
    pub(crate) fn at<C: CurveLanes>(&self, part: usize, place: usize) -> Option<(usize, bool)> {
        let digit = self.digits[part * C::PLACES + place];
        (digit != 0).then_some((usize::from(digit.unsigned_abs() >> 1), digit < 0))
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fq, g1, g2};
    use ark_ec::scalar_mul::glv::GLVConfig;
    use ark_ff::{AdditiveGroup, Field, PrimeField, UniformRand};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// The sum of all digits, and their number.
    fn value<C: CurveLanes>(digits: &Digits, factors: &[Fr]) -> (Fr, usize) {
        let (mut sum, mut count) = (Fr::ZERO, 0);
        for place in (0..C::PLACES).rev() {
            sum *= Fr::from(1u64 << DIGIT_BITS);
            for (part, factor) in factors.iter().enumerate() {
                let Some((index, negative)) = digits.at::<C>(part, place) else { continue };
                assert!(index < MAGNITUDES);
                let product = Fr::from(2 * index as u64 + 1) * factor;
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
        scalars.extend((0..2000).map(|_| Fr::rand(&mut rng)));
        for scalar in scalars {
            let digits = Digits::of::<C>(&C::splitter(), &scalar);
            assert_eq!(value::<C>(&digits, factors), (scalar, C::PLACES * C::PARTS));
        }
        for magnitude in [1u64, 3, 31, 33, 63, 65, 1023, 1025, (1 << 63) + 1, u64::MAX] {
            let places = (magnitude.ilog2() as usize / DIGIT_BITS) + 1;
            let scalar = Fr::from(magnitude);
            for (negative, scalar) in [(false, scalar), (true, -scalar)] {
                let digits = Digits::of_short::<C>(magnitude, negative);
                assert_eq!(*digits.scalar(), scalar);
                assert_eq!(value::<C>(&digits, factors), (scalar, places));
            }
        }
    }

    #[test]
    fn odd_digits_make_the_scalar() {
        digits_make_the_scalar::<g1::Config>(&[Fr::ONE, g1::Config::LAMBDA]);
        let (lambda, mu) = (g2::Config::LAMBDA, Fr::from(num_bigint::BigUint::from(Fq::MODULUS)));
        digits_make_the_scalar::<g2::Config>(&[Fr::ONE, lambda, mu, lambda * mu]);
    }
}
