//! Elements of the BN254 scalar field as text and bytes; values are never silently reduced.

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};

pub use ark_bn254::{Fq, Fq2, Fr as Scalar, G1Affine, G2Affine};

pub mod json;

/// Modulus r of the scalar field, in decimal.
pub const MODULUS_DECIMAL: &str =
    "21888242871839275222246405745257275088548364400416034343698204186575808495617";

/// A text or number is not an element of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The text is not a sequence of decimal digits.
    #[error("not a decimal integer")]
    NotDecimal,
    /// The value is below zero.
    #[error("negative")]
    Negative,
    /// The value is not below the modulus.
    #[error("not below the field's modulus")]
    TooLarge,
}

/// Reads a decimal integer in `0..p`, the modulus of `F`.
///
/// # Errors
/// Fails if the text contains other characters than decimal digits, or the value is out of range.
///
/// ```
/// use ark_bn254::Fr;
/// use zkflow_groth16::field::{FieldError, MODULUS_DECIMAL, parse_decimal};
///
/// assert_eq!(parse_decimal("42"), Ok(Fr::from(42u64)));
/// assert_eq!(parse_decimal::<Fr>("-1"), Err(FieldError::Negative));
/// assert_eq!(parse_decimal::<Fr>(MODULUS_DECIMAL), Err(FieldError::TooLarge));
/// ```
pub fn parse_decimal<F: PrimeField>(text: &str) -> Result<F, FieldError> {
    if let Some(rest) = text.strip_prefix('-') {
        return Err(if is_digits(rest) { FieldError::Negative } else { FieldError::NotDecimal });
    }
    if !is_digits(text) {
        return Err(FieldError::NotDecimal);
    }
    let significant = text.trim_start_matches('0');
    // 2^256 has 78 digits, so longer numbers are always too large.
    if significant.len() > 78 {
        return Err(FieldError::TooLarge);
    }
    let value: num_bigint::BigUint = if significant.is_empty() {
        num_bigint::BigUint::ZERO
    } else {
        significant.parse().map_err(|_| FieldError::NotDecimal)?
    };
    let integer = F::BigInt::try_from(value).map_err(|_| FieldError::TooLarge)?;
    F::from_bigint(integer).ok_or(FieldError::TooLarge)
}

/// The canonical decimal form of an element.
pub fn to_decimal<F: PrimeField>(value: &F) -> String {
    value.into_bigint().to_string()
}

/// Reads 32 little-endian bytes in normal form.
///
/// # Errors
/// [`FieldError::TooLarge`] if the value is not below the modulus.
pub fn from_le_bytes(bytes: &[u8; 32]) -> Result<Fr, FieldError> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes"));
    }
    Fr::from_bigint(ark_ff::BigInt(limbs)).ok_or(FieldError::TooLarge)
}

/// Writes 32 little-endian bytes in normal form.
pub fn to_le_bytes(value: &Fr) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(value.into_bigint().0) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}

/// Number of significant bits of an element; 0 for zero.
pub fn bit_length(value: &Fr) -> u32 {
    value.into_bigint().num_bits()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(parse_decimal::<Fr>("0"), Ok(Fr::from(0u64)));
        assert_eq!(parse_decimal::<Fr>("00042"), Ok(Fr::from(42u64)));
        assert_eq!(parse_decimal::<Fr>(MODULUS_DECIMAL), Err(FieldError::TooLarge));
        assert_eq!(parse_decimal::<Fr>(&"9".repeat(5000)), Err(FieldError::TooLarge));
        assert_eq!(parse_decimal::<Fr>("-1"), Err(FieldError::Negative));
        for text in ["", "-", "+1", "0x1", "1.0", "1e3", " 1", "١"] {
            assert_eq!(parse_decimal::<Fr>(text), Err(FieldError::NotDecimal), "{text:?}");
        }
        let largest = -Fr::from(1u64);
        assert_eq!(parse_decimal(&to_decimal(&largest)), Ok(largest));
    }

    #[test]
    fn bytes_are_exact_or_refused() {
        let largest = -Fr::from(1u64);
        assert_eq!(from_le_bytes(&to_le_bytes(&largest)), Ok(largest));
        assert_eq!(from_le_bytes(&[0xff; 32]), Err(FieldError::TooLarge));
    }
}
