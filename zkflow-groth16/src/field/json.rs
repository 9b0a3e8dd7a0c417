//! Numbers in JSON: the one rule for parameters and inputs.
//!
//! | JSON | element |
//! |---|---|
//! | an integer from 0 to 2^53 - 1 | that integer |
//! | a string of decimal digits, below the modulus | that integer |
//! | anything else | refused |
//!
//! JavaScript and many JSON tools round larger integers: a client that holds 2^53 + 1 sends 2^53. A number
//! above [`MAX_EXACT`] is therefore refused, and must be a string.
//!
//! [`NumberRule::Lenient`] also reads the other forms of numbers that circom's calculator reads:
//!
//! | JSON | element |
//! |---|---|
//! | an integer from -(2^53 - 1) to -1 | that integer modulo p |
//! | a string of decimal digits with a sign, of any size | that integer modulo p |
//! | a string of digits after `0x`, `0o` or `0b`, of any size | that integer modulo p |
//! | white space around the digits of a string | ignored |
//! | a string of white space, or without characters | 0 |
//! | a number with fraction or exponent whose value is an integer, up to 2^53 - 1: `1e3`, `1.0`, `-0` | that integer modulo p |
//! | `true`, `false` | 1, 0 |
//!
//! The calculator also takes JSON numbers above 2^53 - 1, of which JavaScript kept 53 bits: it calculates with
//! 12345678901234567168 where 12345678901234567890 is written. Here they stay errors, because a proof of another number
//! than the written one is worse than none. A fraction beyond the precision of doubles is not seen:
//! `0.99999999999999999999` is 1, as in JavaScript.

use ark_bn254::Fr;
use ark_ff::PrimeField as _;
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{FieldError, parse_decimal};

/// Largest integer that is accepted as a JSON number: 2^53 - 1, JavaScript's `Number.MAX_SAFE_INTEGER`.
pub const MAX_EXACT: u64 = (1 << 53) - 1;

/// A JSON value is not an exact field element. The message never contains the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// The number is above [`MAX_EXACT`].
    #[error("a number above 2^53 - 1; write it as a decimal string")]
    Inexact,
    /// The number has a fraction or an exponent, or is far above [`MAX_EXACT`].
    #[error("not an exact integer; write a number above 2^53 - 1 as a decimal string")]
    Fraction,
    /// The number or string is not an element of the field.
    #[error(transparent)]
    Field(FieldError),
    /// The value has another type.
    #[error("expected a decimal string or an integer, found {0}")]
    NotANumber(&'static str),
}

/// Which forms of numbers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberRule {
    /// Exact elements of the field in decimal.
    #[default]
    Exact,
    /// Also other bases, signs, booleans, and integers outside the field, with the values of circom's calculator.
    Lenient,
}

impl NumberRule {
    /// Reads a string.
    ///
    /// # Errors
    /// The rule does not read this form of number.
    pub fn text(self, text: &str) -> Result<Fr, NumberError> {
        match self {
            Self::Exact => parse_decimal(text).map_err(NumberError::Field),
            Self::Lenient => lenient(text).ok_or(NumberError::Field(FieldError::NotDecimal)),
        }
    }

    /// Reads an integer below zero that was written as a JSON number.
    ///
    /// # Errors
    /// The rule refuses negative numbers, or the integer is below the range of exact ones.
    pub fn negative(self, value: i64) -> Result<Fr, NumberError> {
        match self {
            Self::Exact => Err(NumberError::Field(FieldError::Negative)),
            Self::Lenient => read_integer(value.unsigned_abs()).map(|value| -value),
        }
    }

    /// Reads a number that was written with a fraction or an exponent.
    ///
    /// # Errors
    /// The rule refuses such numbers, or the number is no integer, or is outside the range of exact ones.
    pub fn float(self, value: f64) -> Result<Fr, NumberError> {
        let is_integer = self == Self::Lenient && value.fract() == 0.0;
        match is_integer {
            true if value.abs() <= MAX_EXACT as f64 => {
                let magnitude = Fr::from(value.abs() as u64);
                Ok(if value < 0.0 { -magnitude } else { magnitude })
            }
            true => Err(NumberError::Inexact),
            false => Err(NumberError::Fraction),
        }
    }

    /// Reads a boolean.
    ///
    /// # Errors
    /// The rule refuses booleans.
    pub fn boolean(self, value: bool) -> Result<Fr, NumberError> {
        match self {
            Self::Exact => Err(NumberError::NotANumber(if value { "true" } else { "false" })),
            Self::Lenient => Ok(Fr::from(u64::from(value))),
        }
    }
}

/// Maximum digits of a lenient number. Reading takes time in the square of their number.
const MAX_DIGITS: usize = 4096;

/// The integer that JavaScript's `BigInt` reads, modulo p.
fn lenient(text: &str) -> Option<Fr> {
    let text = text.trim_matches(is_white_space);
    if text.is_empty() {
        return Some(Fr::from(0u64));
    }
    let (negative, digits, radix) = match text.get(..2).map(|prefix| prefix.to_ascii_lowercase()).as_deref() {
        Some("0x") => (false, &text[2..], 16),
        Some("0o") => (false, &text[2..], 8),
        Some("0b") => (false, &text[2..], 2),
        _ => match text.strip_prefix('-') {
            Some(digits) => (true, digits, 10),
            None => (false, text.strip_prefix('+').unwrap_or(text), 10),
        },
    };
    let is_plain = digits.len() <= MAX_DIGITS && digits.chars().all(|digit| digit.is_digit(radix));
    let value = is_plain.then(|| BigUint::parse_bytes(digits.as_bytes(), radix))??;
    let value = Fr::from_le_bytes_mod_order(&value.to_bytes_le());
    Some(if negative { -value } else { value })
}

/// White space and ends of lines of JavaScript: those of Unicode without U+0085, and the byte order mark.
fn is_white_space(character: char) -> bool {
    character == '\u{feff}' || (character.is_whitespace() && character != '\u{85}')
}

/// Reads a JSON number or a string of decimal digits.
///
/// # Errors
/// The value is not an exact element of the field; see the table of this module.
///
/// ```
/// use serde_json::json;
/// use zkflow_groth16::field::json::{NumberError, read_number};
/// use zkflow_groth16::field::Scalar;
///
/// assert_eq!(read_number(&json!(42)), Ok(Scalar::from(42u64)));
/// assert_eq!(read_number(&json!("9007199254740992")), Ok(Scalar::from(1u64 << 53)));
/// assert_eq!(read_number(&json!(9007199254740992u64)), Err(NumberError::Inexact));
/// ```
pub fn read_number(value: &Value) -> Result<Fr, NumberError> {
    match value {
        Value::Number(number) => read_json_number(number),
        Value::String(text) => parse_decimal(text).map_err(NumberError::Field),
        other => Err(NumberError::NotANumber(type_name(other))),
    }
}

/// Reads an integer that was written as a JSON number.
///
/// # Errors
/// [`NumberError::Inexact`] above [`MAX_EXACT`].
pub fn read_integer(value: u64) -> Result<Fr, NumberError> {
    if value <= MAX_EXACT { Ok(Fr::from(value)) } else { Err(NumberError::Inexact) }
}

fn read_json_number(number: &Number) -> Result<Fr, NumberError> {
    match (number.as_u64(), number.as_i64()) {
        (Some(value), _) => read_integer(value),
        (None, Some(_)) => Err(NumberError::Field(FieldError::Negative)),
        (None, None) => Err(NumberError::Fraction),
    }
}

/// The JSON type of a value, with its article.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::Field as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_greatest_number_is_the_greatest_that_javascript_keeps() {
        assert_eq!(read_number(&json!(MAX_EXACT)), Ok(Fr::from(MAX_EXACT)));
        for above in [MAX_EXACT + 1, MAX_EXACT + 2, u64::MAX] {
            assert_eq!(read_number(&json!(above)), Err(NumberError::Inexact));
            assert_eq!(read_number(&json!(above.to_string())), Ok(Fr::from(above)));
        }
    }

    /// The values are those of snarkjs 0.7.6 with Node.js 20.
    #[test]
    fn the_lenient_rule_has_the_values_of_circoms_calculator() {
        let rule = NumberRule::Lenient;
        let p = super::super::MODULUS_DECIMAL;
        for (text, value) in [
            ("42", Fr::from(42u64)),
            ("007", Fr::from(7u64)),
            ("-5", -Fr::from(5u64)),
            ("-0", Fr::from(0u64)),
            ("+7", Fr::from(7u64)),
            (" \t12\n", Fr::from(12u64)),
            ("\u{a0}12\u{feff}", Fr::from(12u64)),
            (" 0x10 ", Fr::from(16u64)),
            ("", Fr::from(0u64)),
            (" \n", Fr::from(0u64)),
            ("0xff", Fr::from(255u64)),
            ("0XFF", Fr::from(255u64)),
            ("0b101", Fr::from(5u64)),
            ("0B11", Fr::from(3u64)),
            ("0o17", Fr::from(15u64)),
            ("0O17", Fr::from(15u64)),
            (p, Fr::from(0u64)),
            (&format!("-{p}"), Fr::from(0u64)),
            (&format!("0x{}", "f".repeat(64)), Fr::from(2u64).pow([256]) - Fr::from(1u64)),
        ] {
            assert_eq!(rule.text(text), Ok(value), "{text:?}");
        }
        for text in [
            "-",
            "+",
            "0x",
            "0b",
            "-0x5",
            "+0x5",
            "0xg",
            "0b2",
            "0o8",
            "1.5",
            "1.0",
            "1e3",
            "1_000",
            "12n",
            "- 7",
            "--5",
            "٣",
            "true",
            "\u{85}12",
            "\u{200b}12",
            &"9".repeat(5000),
        ] {
            assert!(rule.text(text).is_err(), "{text:?}");
        }
        assert_eq!(rule.negative(-1), Ok(-Fr::from(1u64)));
        assert_eq!(rule.negative(i64::MIN), Err(NumberError::Inexact));
        assert_eq!((rule.boolean(true), rule.boolean(false)), (Ok(Fr::from(1u64)), Ok(Fr::from(0u64))));
    }

    /// The values are those of snarkjs 0.7.6 with Node.js 20, which also calculates with what JavaScript keeps of larger
    /// numbers: 1000000000000000019884624838656 for 1e30.
    #[test]
    fn the_lenient_rule_reads_integers_with_fraction_or_exponent_if_they_are_exact() {
        let read = |json: &str| {
            let value: Value = serde_json::from_str(json).unwrap();
            NumberRule::Lenient.float(value.as_f64().unwrap())
        };
        for (json, value) in [
            ("1e3", Fr::from(1000u64)),
            ("1.0", Fr::from(1u64)),
            ("-0", Fr::from(0u64)),
            ("-0.0", Fr::from(0u64)),
            ("1000e-3", Fr::from(1u64)),
            ("-1e3", -Fr::from(1000u64)),
            ("9e15", Fr::from(9_000_000_000_000_000u64)),
            ("9007199254740991.0", Fr::from(MAX_EXACT)),
            ("-9007199254740991.0", -Fr::from(MAX_EXACT)),
        ] {
            assert_eq!(read(json), Ok(value), "{json}");
        }
        for json in ["1.5", "-1.5", "1e-3"] {
            assert_eq!(read(json), Err(NumberError::Fraction), "{json}");
        }
        for json in ["9007199254740992.0", "1e16", "-1e16", "1e30", "123456789012345678901234567890"] {
            assert_eq!(read(json), Err(NumberError::Inexact), "{json}");
        }
        assert_eq!(NumberRule::Exact.float(1.0), Err(NumberError::Fraction));
    }

    #[test]
    fn nothing_is_rounded_or_reduced() {
        let cases = [
            (json!(-1), NumberError::Field(FieldError::Negative)),
            (json!("-1"), NumberError::Field(FieldError::Negative)),
            (json!(i64::MIN), NumberError::Field(FieldError::Negative)),
            (json!(1.0), NumberError::Fraction),
            (json!(0.5), NumberError::Fraction),
            (json!(1e30), NumberError::Fraction),
            (json!(""), NumberError::Field(FieldError::NotDecimal)),
            (json!("0x10"), NumberError::Field(FieldError::NotDecimal)),
            (json!(super::super::MODULUS_DECIMAL), NumberError::Field(FieldError::TooLarge)),
            (json!(null), NumberError::NotANumber("null")),
            (json!(true), NumberError::NotANumber("true")),
            (json!([1]), NumberError::NotANumber("an array")),
            (json!({}), NumberError::NotANumber("an object")),
        ];
        for (value, expected) in cases {
            assert_eq!(read_number(&value), Err(expected), "{value}");
        }
    }
}
