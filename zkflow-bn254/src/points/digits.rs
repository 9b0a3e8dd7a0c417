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

/// A scalar and the digits of its parts, lowest first.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Digits {
    scalar: Fr,
    /// [`PLACES`](CurveLanes::PLACES) digits of each part.
    digits: [i8; MOST_DIGITS],
}

impl Digits {
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

    /// The scalar that has these digits.
    pub(crate) fn scalar(&self) -> &Fr {
        &self.scalar
    }

    /// The digit of a part at a place: the index of its magnitude, (|d| − 1)/2, and whether it is negative.
    #[inline(always)]
    pub(crate) fn at<C: CurveLanes>(&self, part: usize, place: usize) -> (usize, bool) {
        let digit = self.digits[part * C::PLACES + place];
        (usize::from(digit.unsigned_abs() >> 1), digit < 0)
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

    fn digits_make_the_scalar<C: CurveLanes>(factors: &[Fr]) {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, C::LAMBDA, -C::LAMBDA];
        scalars.extend((0..254).map(|i| Fr::from(2u64).pow([i])));
        scalars.extend((0..2000).map(|_| Fr::rand(&mut rng)));
        for scalar in scalars {
            let digits = Digits::of::<C>(&C::splitter(), &scalar);
            let mut sum = Fr::ZERO;
            for place in (0..C::PLACES).rev() {
                sum *= Fr::from(1u64 << DIGIT_BITS);
                for (part, factor) in factors.iter().enumerate() {
                    let (index, negative) = digits.at::<C>(part, place);
                    assert!(index < MAGNITUDES);
                    let product = Fr::from(2 * index as u64 + 1) * factor;
                    sum += if negative { -product } else { product };
                }
            }
            assert_eq!(sum, scalar);
        }
    }

    #[test]
    fn odd_digits_make_the_scalar() {
        digits_make_the_scalar::<g1::Config>(&[Fr::ONE, g1::Config::LAMBDA]);
        let (lambda, mu) = (g2::Config::LAMBDA, Fr::from(num_bigint::BigUint::from(Fq::MODULUS)));
        digits_make_the_scalar::<g2::Config>(&[Fr::ONE, lambda, mu, lambda * mu]);
    }
}
