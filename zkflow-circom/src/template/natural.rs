//! [`Natural`]: a field element as a number of a manifest.

use std::cmp::Ordering;
use std::fmt;

use ark_bn254::Fr;
use ark_ff::PrimeField;
use num_bigint::BigUint;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use zkflow_groth16::field::json::{MAX_EXACT, NumberError, read_number};
use zkflow_groth16::field::{FieldError, to_decimal};

/// An integer from 0 to p - 1; in TOML and JSON a number up to 2^53 - 1, or a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Natural(pub Fr);

impl Natural {
    /// Canonical JSON: a number up to 2^53 - 1, a decimal string above.
    pub fn to_json(self) -> Value {
        match self.to_u64() {
            Some(number) if number <= MAX_EXACT => number.into(),
            _ => self.to_string().into(),
        }
    }

    /// The number, if it has at most 64 bits.
    pub fn to_u64(self) -> Option<u64> {
        u64::try_from(BigUint::from(self.0.into_bigint())).ok()
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.into_bigint().cmp(&other.0.into_bigint())
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Natural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_decimal(&self.0))
    }
}

impl Serialize for Natural {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Natural {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        read_number(&value).map(Self).map_err(|error| {
            serde::de::Error::custom(format!("expected a number below p, found {}", describe(error)))
        })
    }
}

/// Describes a value that is not a number of the field, for "expected …, found …".
pub(super) fn describe(error: NumberError) -> &'static str {
    match error {
        NumberError::Inexact => "a number above 2^53 - 1, which must be written as a decimal string",
        NumberError::Field(FieldError::Negative) => "a negative number",
        NumberError::Field(FieldError::TooLarge) => "a number not below the field's modulus",
        NumberError::Field(_) => "a string that is not a decimal number",
        NumberError::NotANumber(found) => found,
        _ => "a fraction, or a number above 2^53 - 1, which must be written as a decimal string",
    }
}
