//! Repeats a computation of snarkjs on bytes that are not a point, because circuit hashes depend on it.
//!
//! For 2^15 rows or more, snarkjs hashes one difference of points too many. If the powers of tau are just enough for
//! the circuit, it reads the missing point from the 64 bytes after the last power.
//!
//! Both coordinates can be above the modulus, and snarkjs subtracts the modulus only once. This module does the same:
//! formula [madd-2007-bl], words of 256 bits that wrap.
//!
//! [madd-2007-bl]: https://hyperelliptic.org/EFD/g1p/auto-shortw-jacobian-0.html#addition-madd-2007-bl

use ark_bn254::{Fq, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, BigInteger, Field, Fp, PrimeField};
use num_bigint::BigUint;

/// The "point" in `bytes` minus `point`, in the form that is hashed: `x | y`, big-endian.
pub(super) fn difference(bytes: &[u8], point: &G1Affine) -> Vec<u8> {
    let word = |range: std::ops::Range<usize>| Word::of(bytes.get(range).unwrap_or_default());
    let (x1, y1) = (word(0..32), word(32..64));
    let (x, y) = (-*point).xy().unwrap_or_default();
    let (x2, y2) = (Word(x.0), Word(y.0));

    let h = x2.minus(x1);
    let dy = y2.minus(y1);
    let hh = h.times(h);
    let i = hh.plus(hh);
    let i = i.plus(i);
    let j = h.times(i);
    let r = dy.plus(dy);
    let v = x1.times(i);
    let x3 = r.times(r).minus(j).minus(v.plus(v));
    let yj = y1.times(j);
    let y3 = v.minus(x3).times(r).minus(yj.plus(yj));
    let z3 = h.plus(h);

    // From here on snarkjs reduces completely.
    let inverse = z3.reduced().inverse().unwrap_or_default();
    let square = inverse * inverse;
    let (x, y) = (x3.reduced() * square, y3.reduced() * square * inverse);
    [x, y].iter().flat_map(|value| value.into_bigint().to_bytes_be()).collect()
}

/// An element in Montgomery form, as 256 bits that can exceed the modulus.
#[derive(Clone, Copy)]
struct Word(BigInt<4>);

impl Word {
    /// Reads little-endian bytes; missing bytes are zeros.
    fn of(bytes: &[u8]) -> Self {
        Self::from_integer(&BigUint::from_bytes_le(bytes))
    }

    fn from_integer(value: &BigUint) -> Self {
        let mut digits = value.iter_u64_digits();
        Self(BigInt([(); 4].map(|()| digits.next().unwrap_or(0))))
    }

    fn integer(self) -> BigUint {
        self.0.into()
    }

    /// Adds; subtracts the modulus once if the sum is not below it.
    fn plus(self, other: Self) -> Self {
        let mut sum = self.0;
        let carry = sum.add_with_carry(&other.0);
        if carry || sum >= Fq::MODULUS {
            sum.sub_with_borrow(&Fq::MODULUS);
        }
        Self(sum)
    }

    /// Subtracts; adds the modulus once if that borrows.
    fn minus(self, other: Self) -> Self {
        let mut difference = self.0;
        if difference.sub_with_borrow(&other.0) {
            difference.add_with_carry(&Fq::MODULUS);
        }
        Self(difference)
    }

    /// Montgomery product; subtracts the modulus once if the quotient is not below it.
    fn times(self, other: Self) -> Self {
        let modulus: BigUint = Fq::MODULUS.into();
        let product = self.integer() * other.integer();
        // With R = 2^256: the multiple m of the modulus that makes the sum divisible by R.
        let r = BigUint::from(1u8) << 256;
        // Expect safety: the modulus is odd, and R is a power of two.
        let inverse = modulus.modinv(&r).expect("the modulus has an inverse modulo R");
        let m = (&product % &r) * (&r - inverse) % &r;
        let mut quotient = (product + m * &modulus) >> 256;
        if quotient >= modulus {
            quotient -= modulus;
        }
        Self::from_integer(&quotient)
    }

    fn reduced(self) -> Fq {
        let value = self.integer() % BigUint::from(Fq::MODULUS);
        Fp::new_unchecked(Self::from_integer(&value).0)
    }
}

#[cfg(test)]
mod tests {
    use ark_ec::CurveGroup;

    use super::super::super::transcript::CeremonyPoint;
    use super::*;
    use crate::format::encoding::FilePoint;

    #[test]
    fn for_true_points_the_result_is_their_difference() {
        let g = G1Affine::generator();
        let p = (g + g).into_affine();
        let mut bytes = Vec::new();
        p.put(&mut bytes);
        let q = (p + p + g).into_affine();
        let mut expected = Vec::new();
        (p - q).into_affine().put_uncompressed(&mut expected);
        assert_eq!(difference(&bytes, &q), expected);
    }
}
