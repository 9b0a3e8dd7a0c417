//! Splits scalars into short parts for the endomorphisms of a curve.
//!
//! (k₁, .., kₙ) = (k, 0, ..) − v for a lattice vector v near (k, 0, ..), so k = Σ kᵢ·λᵢ for the factors λᵢ by which the
//! endomorphisms multiply. v is Σ qⱼ·bⱼ for the basis bⱼ. An exact qⱼ would be k·nⱼ/r, with integers nⱼ that the basis
//! determines; here it is k times the rounded 2^256·nⱼ/r, divided by 2^256 and rounded to an integer. Before that rounding it is
//! wrong by less than 0.1, so qⱼ is at most 0.6 away from the exact quotient.
//!
//! | curve | factors | bound of a part | 0.6 times the sum of a column of |
//! |---|---|---|---|
//! | G1 | 1, λ ([GLV]) | 0.27 · 2^128 | the basis of arkworks |
//! | G2 | 1, λ, μ, λμ ([GLS]) | 0.97 · 2^64 | the basis below: 6x for the curve's parameter x |
//!
//! μ is the modulus of Fq modulo r: the Frobenius endomorphism multiplies by it in G2. λ is a cube root of unity. The number
//! a + bω of two parts, with a complex cube root of unity ω, has a magnitude below √3 times the bound.
//!
//! [GLV]: https://www.iacr.org/archive/crypto2001/21390189.pdf
//! [GLS]: https://eprint.iacr.org/2008/194

use ark_bn254::{Fr, g1};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::{BigInt, PrimeField};

/// Maximum number of parts.
pub(crate) const MAX_PARTS: usize = 4;

/// Splits scalars into parts.
pub(crate) struct Splitter {
    /// Number of parts.
    count: usize,
    /// Vectors (b₁, .., bₙ) with Σ bᵢ·λᵢ ≡ 0 modulo r.
    basis: [[i128; MAX_PARTS]; MAX_PARTS],
    /// Signs (true: positive) and magnitudes of 2^256·nⱼ/r.
    quotients: [(bool, [u64; 4]); MAX_PARTS],
}

impl Splitter {
    /// For G1, with arkworks' basis.
    pub(crate) fn of_g1() -> Self {
        let [n11, n12, n21, n22] = g1::Config::SCALAR_DECOMP_COEFFS.map(|(positive, magnitude)| {
            let BigInt([low, high, rest @ ..]) = magnitude;
            assert_eq!(rest, [0, 0], "the basis of the lattice is short");
            let magnitude = i128::try_from(u128::from(high) << 64 | u128::from(low));
            let magnitude = magnitude.expect("the basis of the lattice is short");
            if positive { magnitude } else { -magnitude }
        });
        let none = (true, [0; 4]);
        Self {
            count: 2,
            basis: [[n11, n12, 0, 0], [n21, n22, 0, 0], [0; 4], [0; 4]],
            // The coordinates of v are k·N₂₂/r and −k·N₁₂/r.
            quotients: [
                (n22 > 0, quotient(n22.unsigned_abs())),
                (n12 < 0, quotient(n12.unsigned_abs())),
                none,
                none,
            ],
        }
    }

    /// For G2: a reduced basis, whose vectors are multiples of the curve's parameter x plus small integers.
    pub(crate) fn of_g2() -> Self {
        const X: i128 = 4_965_661_367_192_848_881;
        Self {
            count: 4,
            basis: [
                [2 * X, X, X + 1, -X],
                [-X, X, X, 2 * X + 1],
                [-X - 1, X, -X, -2 * X],
                [2 * X + 1, X + 1, -X, X],
            ],
            quotients: [
                (true, [0x46f4_bda9_95d5_1bb1, 0x08e5_da66_fc71_84ae, 0x9e80_318a_b0d9_2b93, 0]),
                (false, [0x2dff_2915_32e4_2728, 0x55b4_ca7b_a3e5_577f, 0x9e80_318a_b0d9_2b95, 0]),
                (false, [0x071c_4c43_fac4_db00, 0x55b4_ca7b_a3e5_5782, 0x9e80_318a_b0d9_2b95, 0]),
                (true, [0xc170_977d_cef3_cd3f, 0x55b4_ca7b_a3e5_577d, 0x9e80_318a_b0d9_2b95, 0]),
            ],
        }
    }

    /// The parts; those beyond the number of parts are zero.
    #[inline]
    pub(crate) fn split(&self, scalar: &Fr) -> [i128; MAX_PARTS] {
        let k = scalar.into_bigint().0;
        let mut parts = [0i128; MAX_PARTS];
        // Modulo 2^128, which is enough because the parts are short.
        parts[0] = (u128::from(k[1]) << 64 | u128::from(k[0])) as i128;
        for ((positive, quotient), vector) in self.quotients.iter().zip(&self.basis).take(self.count) {
            let factor = nearest(&k, quotient) as i128;
            for (part, coordinate) in parts.iter_mut().zip(vector) {
                let product = factor.wrapping_mul(*coordinate);
                *part = if *positive { part.wrapping_sub(product) } else { part.wrapping_add(product) };
            }
        }
        parts
    }
}

/// kq / 2^256, rounded to the nearest integer, modulo 2^128.
#[inline]
fn nearest(k: &[u64; 4], q: &[u64; 4]) -> u128 {
    let mut product = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (product[i + j], carry) = k[i].carrying_mul_add(q[j], product[i + j], carry);
        }
        product[i + 4] = carry;
    }
    (u128::from(product[5]) << 64 | u128::from(product[4])).wrapping_add(u128::from(product[3] >> 63))
}

/// 2^256·n / r for n below 2^127, computed bit by bit and rounded to the nearest integer.
fn quotient(n: u128) -> [u64; 4] {
    let r = Fr::MODULUS.0;
    let (mut quotient, mut rest) = ([0u64; 4], [0u64; 4]);
    // ⌊(2^256·n + ⌊r/2⌋) / r⌋
    for place in (0..384usize).rev() {
        let bit = match place {
            256.. => (n >> (place - 256)) as u64 & 1,
            255 => 0,
            _ => r[(place + 1) / 64] >> ((place + 1) % 64) & 1,
        };
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
            quotient[place / 64] |= 1 << (place % 64);
        }
    }
    quotient
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fq, g2};
    use ark_ff::{AdditiveGroup, Field, UniformRand};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn parts_make_the_scalar(splitter: &Splitter, factors: &[Fr], bound: f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE];
        scalars.extend(factors.iter().flat_map(|factor| [*factor, -*factor, factor.square()]));
        scalars.extend((0..254).map(|i| Fr::from(2u64).pow([i])));
        scalars.extend((0..254).map(|i| -Fr::from(2u64).pow([i])));
        scalars.extend((0..2000).map(|_| Fr::rand(&mut rng)));
        for scalar in scalars {
            let parts = splitter.split(&scalar);
            assert!(parts[factors.len()..].iter().all(|part| *part == 0));
            assert!(parts.iter().all(|part| (part.unsigned_abs() as f64) < bound), "{scalar}");
            let sum: Fr = parts.iter().zip(factors).map(|(part, factor)| Fr::from(*part) * factor).sum();
            assert_eq!(sum, scalar);
        }
    }

    #[test]
    fn short_parts_make_the_scalar() {
        parts_make_the_scalar(&Splitter::of_g1(), &[Fr::ONE, g1::Config::LAMBDA], 0.27 * 2f64.powi(128));
        let (lambda, mu) = (g2::Config::LAMBDA, Fr::from(num_bigint::BigUint::from(Fq::MODULUS)));
        parts_make_the_scalar(&Splitter::of_g2(), &[Fr::ONE, lambda, mu, lambda * mu], 0.97 * 2f64.powi(64));
    }
}
