//! Constants of a 254-bit prime in radix 2^52, derived at compile time from arkworks' modulus.

use ark_ff::MontConfig;

/// Bits per limb.
pub(super) const LIMB_BITS: u32 = 52;
/// The low 52 bits of a word.
pub(super) const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
/// Limbs per element: 5 · 52 = 260 bits.
pub(super) const LIMBS: usize = 5;

/// An integer below 2^260 in limbs of 52 bits, least significant first.
pub(super) type Limbs = [u64; LIMBS];

/// Constants of Montgomery arithmetic with R = 2^260 for a prime p with 2^253 < p < 2^254.
pub(crate) trait Radix52: MontConfig<4> {
    /// The prime p.
    const P: Limbs = to_limbs(Self::MODULUS.0);
    /// −p⁻¹ mod 2^52.
    const NEGATED_INVERSE: u64 = negated_inverse(Self::MODULUS.0[0]) & LIMB_MASK;
    /// S = (p · (−p⁻¹ mod 2^52) + 1) / 2^52. For a number T with the lowest limb t, ⌊T / 2^52⌋ + t·S is
    /// T / 2^52 modulo p.
    const SHIFTED: Limbs = shifted(Self::P, Self::NEGATED_INVERSE);
    /// r = ⌊2^52 / (1 + the top limb of p)⌋. For a number below 8p with the top limb t, ⌊t·r / 2^52⌋ is its
    /// quotient by p, never too large and at most 1 too small.
    const TOP_RECIPROCAL: u64 = (1 << LIMB_BITS) / (Self::P[4] + 1);
    /// s = ⌊2^57 / (1 + ⌊the top limb of p / 2^20⌋)⌋, below 2^32. For a number below 8p with the top limb t,
    /// ⌊⌊t / 2^20⌋·s / 2^57⌋ is its quotient by p, never too large and at most 1 too small.
    const SHORT_RECIPROCAL: u64 = (1 << 57) / ((Self::P[4] >> 20) + 1);
    /// R mod p: one in Montgomery form.
    const ONE: Limbs = to_limbs(power_of_two(260, Self::MODULUS.0));
    /// 2^264 mod p: multiplying by it converts from arkworks' form (R = 2^256) to R = 2^260.
    const FROM_ARK: Limbs = to_limbs(power_of_two(264, Self::MODULUS.0));
    /// 2^256 mod p: multiplying by it converts from R = 2^260 to arkworks' form.
    const TO_ARK: Limbs = to_limbs(power_of_two(256, Self::MODULUS.0));
    /// The multiples −4p, −3p, … 3p in two's complement: row i, column k is limb i of (k − 4)p.
    /// All limbs are normalised except the top limb, which carries the sign.
    const MULTIPLES: [[u64; 8]; LIMBS] = multiples(Self::P);
    /// The negatives of the multiples, plus the bias that makes a sum of few limbs positive, less what it carries.
    const BIASED_NEGATIVES: [[u64; 8]; LIMBS] = biased_negatives(Self::MULTIPLES);
}

impl<C: MontConfig<4>> Radix52 for C {}

/// Converts four 64-bit words to five 52-bit limbs.
pub(super) const fn to_limbs(w: [u64; 4]) -> Limbs {
    [
        w[0] & LIMB_MASK,
        ((w[0] >> 52) | (w[1] << 12)) & LIMB_MASK,
        ((w[1] >> 40) | (w[2] << 24)) & LIMB_MASK,
        ((w[2] >> 28) | (w[3] << 36)) & LIMB_MASK,
        w[3] >> 16,
    ]
}

/// −p⁻¹ mod 2^64 by Newton's iteration; each round doubles the number of correct bits.
const fn negated_inverse(p: u64) -> u64 {
    let mut inverse = 1u64;
    let mut round = 0;
    while round < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(inverse)));
        round += 1;
    }
    inverse.wrapping_neg()
}

const fn shifted(p: Limbs, factor: u64) -> Limbs {
    let mut out = [0; LIMBS];
    // The lowest limb of p · factor is 2^52 − 1: adding 1 makes it zero and carries 1.
    let mut carry: u128 = ((p[0] as u128 * factor as u128) + 1) >> LIMB_BITS;
    let mut i = 1;
    while i < LIMBS {
        carry += p[i] as u128 * factor as u128;
        out[i - 1] = carry as u64 & LIMB_MASK;
        carry >>= LIMB_BITS;
        i += 1;
    }
    out[LIMBS - 1] = carry as u64;
    out
}

/// 2^exponent mod p by repeated doubling.
const fn power_of_two(exponent: u32, p: [u64; 4]) -> [u64; 4] {
    let mut value = [1, 0, 0, 0];
    let mut i = 0;
    while i < exponent {
        // p < 2^254, so twice a reduced value fits.
        let doubled = [
            value[0] << 1,
            (value[1] << 1) | (value[0] >> 63),
            (value[2] << 1) | (value[1] >> 63),
            (value[3] << 1) | (value[2] >> 63),
        ];
        let (reduced, borrow) = subtract(doubled, p);
        value = if borrow { doubled } else { reduced };
        i += 1;
    }
    value
}

const fn subtract(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let mut out = [0; 4];
    let mut borrow = false;
    let mut i = 0;
    while i < 4 {
        let (d, first) = a[i].overflowing_sub(b[i]);
        let (d, second) = d.overflowing_sub(borrow as u64);
        out[i] = d;
        borrow = first | second;
        i += 1;
    }
    (out, borrow)
}

const fn multiples(p: Limbs) -> [[u64; 8]; LIMBS] {
    let mut table = [[0; 8]; LIMBS];
    let mut k = 0;
    while k < 8 {
        let factor = k as i128 - 4;
        let mut carry = 0i128;
        let mut i = 0;
        while i < LIMBS {
            carry += factor * p[i] as i128;
            if i + 1 == LIMBS {
                table[i][k] = carry as u64;
            } else {
                table[i][k] = carry as u64 & LIMB_MASK;
                carry >>= LIMB_BITS;
            }
            i += 1;
        }
        k += 1;
    }
    table
}

/// A multiple of 2^52 above the magnitude of every sum of few limbs.
const BIAS: u64 = 1 << 60;

const fn biased_negatives(multiples: [[u64; 8]; LIMBS]) -> [[u64; 8]; LIMBS] {
    let mut table = [[0; 8]; LIMBS];
    let mut i = 0;
    while i < LIMBS {
        let bias = if i + 1 < LIMBS { BIAS } else { 0 };
        let carried = if i > 0 { BIAS >> LIMB_BITS } else { 0 };
        let mut k = 0;
        while k < 8 {
            table[i][k] = bias.wrapping_sub(carried).wrapping_sub(multiples[i][k]);
            k += 1;
        }
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{FqConfig, FrConfig};
    use num_bigint::{BigInt, BigUint};

    fn value(limbs: &[u64]) -> BigUint {
        limbs.iter().rev().fold(BigUint::ZERO, |sum, &limb| (sum << LIMB_BITS) + limb)
    }

    fn constants_are_what_they_say_they_are<C: Radix52>() {
        let p: BigUint = C::MODULUS.into();
        let limb = BigUint::from(1u64) << LIMB_BITS;
        assert_eq!(value(&C::P), p);
        assert_eq!((&p * C::NEGATED_INVERSE + 1u64) % &limb, BigUint::ZERO);
        assert_eq!(value(&C::SHIFTED) * &limb, &p * C::NEGATED_INVERSE + 1u64);
        for (constant, exponent) in [(C::ONE, 260u32), (C::FROM_ARK, 264), (C::TO_ARK, 256)] {
            assert_eq!(value(&constant), (BigUint::from(1u64) << exponent) % &p);
        }
        for k in 0..8 {
            let signed =
                C::MULTIPLES.iter().rev().fold(BigInt::ZERO, |sum, row| (sum << LIMB_BITS) + row[k] as i64);
            assert_eq!(signed, BigInt::from(p.clone()) * (k as i64 - 4));
            // The bias of each limb is what the next one loses.
            let negative = C::BIASED_NEGATIVES
                .iter()
                .rev()
                .fold(BigInt::ZERO, |sum, row| (sum << LIMB_BITS) + row[k] as i64);
            assert_eq!(negative, -signed);
        }
        assert!(C::SHORT_RECIPROCAL < 1 << 32);
    }

    #[test]
    fn constants_of_both_fields_are_what_they_say_they_are() {
        constants_are_what_they_say_they_are::<FqConfig>();
        constants_are_what_they_say_they_are::<FrConfig>();
    }
}
