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

use ark_bn254::Fr;
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
