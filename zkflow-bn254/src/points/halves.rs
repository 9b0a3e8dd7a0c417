//! Splits scalars into two halves of 128 bits for the curve's endomorphism ([GLV]).
//!
//! (k₁, k₂) = (k, 0) − v for a lattice vector v near (k, 0), so k = k₁ + λk₂. The lattice has the basis N of
//! arkworks. The coordinates of v are the rounded quotients kN₂₂/r and −kN₁₂/r, computed by multiplications
//! with 2^256·N/r. Rounding may miss the nearest vector by one step. The halves are still short:
//! |N₁₁| + |N₂₁| < 2^127.
//!
//! [GLV]: https://www.iacr.org/archive/crypto2001/21390189.pdf

use ark_bn254::Fr;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::{BigInt, PrimeField};

/// Splits scalars into two halves.
pub(super) struct Splitter {
    /// N₁₁, N₁₂, N₂₁, N₂₂, each as a sign (true: positive) and a magnitude.
    basis: [(bool, u128); 4],
    /// Magnitudes of 2^256·N₂₂/r and 2^256·N₁₂/r.
    quotients: [[u64; 4]; 2],
}

impl Splitter {
    pub(super) fn of<C: GLVConfig<ScalarField = Fr>>() -> Self {
        let basis = C::SCALAR_DECOMP_COEFFS.map(|(positive, magnitude)| {
            let BigInt([low, high, rest @ ..]) = magnitude;
            assert_eq!(rest, [0, 0], "the basis of the lattice is short");
            (positive, u128::from(high) << 64 | u128::from(low))
        });
        let [_, n12, _, n22] = basis;
        Self { basis, quotients: [n22.1, n12.1].map(quotient) }
    }

    /// k₁ and k₂, each as a sign (true: positive) and a magnitude.
    #[inline]
    pub(super) fn split(&self, scalar: &Fr) -> [(bool, u128); 2] {
        let k = scalar.into_bigint().0;
        let [(s11, n11), (s12, n12), (s21, n21), (s22, n22)] = self.basis;
        let [first, second] = self.quotients.map(|quotient| rounded(&k, &quotient));
        // The coordinates have the signs of N₂₂ and of −N₁₂.
        let mut k1 = [k[0], k[1], k[2]];
        accumulate(&mut k1, s22 == s11, mul_low(first, n11));
        accumulate(&mut k1, s12 != s21, mul_low(second, n21));
        let mut k2 = [0; 3];
        accumulate(&mut k2, s22 == s12, mul_low(first, n12));
        accumulate(&mut k2, s12 != s22, mul_low(second, n22));
        [k1, k2].map(magnitude)
    }
}

/// Subtracts a signed product from `sum`, modulo 2^192. `positive` is its sign, `product` its magnitude.
#[inline]
fn accumulate(sum: &mut [u64; 3], positive: bool, product: [u64; 3]) {
    let mut carry = false;
    for (word, other) in sum.iter_mut().zip(product) {
        (*word, carry) =
            if positive { word.borrowing_sub(other, carry) } else { word.carrying_add(other, carry) };
    }
}

/// Sign (true: positive) and magnitude, of at most 128 bits, of a 192-bit two's complement number.
#[inline]
fn magnitude(mut words: [u64; 3]) -> (bool, u128) {
    let positive = words[2] >> 63 == 0;
    if !positive {
        let mut borrow = false;
        for word in &mut words {
            (*word, borrow) = 0u64.borrowing_sub(*word, borrow);
        }
    }
    debug_assert_eq!(words[2], 0, "halves have at most 128 bits");
    (positive, u128::from(words[1]) << 64 | u128::from(words[0]))
}

/// ab modulo 2^192.
#[inline]
fn mul_low(a: u128, b: u128) -> [u64; 3] {
    let [a0, a1] = [a as u64, (a >> 64) as u64].map(u128::from);
    let [b0, b1] = [b as u64, (b >> 64) as u64].map(u128::from);
    let low = a0 * b0;
    let middle = (a0 * b1).wrapping_add(low >> 64);
    let (middle, carry) = middle.overflowing_add(a1 * b0);
    let high = (a1 * b1).wrapping_add(middle >> 64).wrapping_add(u128::from(carry) << 64);
    [low as u64, middle as u64, high as u64]
}

/// kq / 2^256, rounded to an integer; the result has at most 128 bits.
#[inline]
fn rounded(k: &[u64; 4], q: &[u64; 4]) -> u128 {
    let mut product = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (product[i + j], carry) = k[i].carrying_mul_add(q[j], product[i + j], carry);
        }
        product[i + 4] = carry;
    }
    (u128::from(product[5]) << 64 | u128::from(product[4])) + u128::from(product[3] >> 63)
}

/// ⌊2^256·n / r⌋, computed bit by bit.
fn quotient(n: u128) -> [u64; 4] {
    let r = Fr::MODULUS.0;
    let (mut quotient, mut rest) = ([0u64; 4], [0u64; 4]);
    for place in (0..384u32).rev() {
        let bit = if place >= 256 { (n >> (place - 256)) as u64 & 1 } else { 0 };
        // r has 254 bits, so twice the remainder fits.
        for i in (1..4).rev() {
            rest[i] = rest[i] << 1 | rest[i - 1] >> 63;
        }
        rest[0] = rest[0] << 1 | bit;
        let (mut difference, mut borrow) = ([0; 4], false);
        for i in 0..4 {
            (difference[i], borrow) = rest[i].borrowing_sub(r[i], borrow);
        }
        if !borrow {
            rest = difference;
            // The quotient is below 2^256, since n is below r.
            quotient[place as usize / 64] |= 1 << (place % 64);
        }
    }
    quotient
}

#[cfg(test)]
mod tests {
    use ark_bn254::{g1, g2};
    use ark_ff::{AdditiveGroup, Field, UniformRand};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn halves_make_the_scalar<C: GLVConfig<ScalarField = Fr>>() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let splitter = Splitter::of::<C>();
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, C::LAMBDA, -C::LAMBDA, C::LAMBDA.square()];
        scalars.extend((0..254).map(|i| Fr::from(2u64).pow([i])));
        scalars.extend((0..254).map(|i| -Fr::from(2u64).pow([i])));
        scalars.extend((0..2000).map(|_| Fr::rand(&mut rng)));
        for scalar in scalars {
            let [first, second] = splitter.split(&scalar).map(|(positive, magnitude)| {
                assert!(magnitude < 1 << 127, "{scalar}");
                let magnitude = Fr::from(magnitude);
                if positive { magnitude } else { -magnitude }
            });
            assert_eq!(first + C::LAMBDA * second, scalar);
        }
    }

    #[test]
    fn two_short_halves_make_the_scalar() {
        halves_make_the_scalar::<g1::Config>();
        halves_make_the_scalar::<g2::Config>();
    }
}
