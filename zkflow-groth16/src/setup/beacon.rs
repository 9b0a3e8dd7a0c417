//! Public random values that end a ceremony.

use std::str::FromStr;

use super::stream::RandomStream;
use crate::error::{Classified, ErrorKind};
use crate::format::ptau::{BeaconHash, ContributionKind};

/// A public random value that ends a ceremony. It is not secret: it only prevents the last contributor from
/// choosing the result. It does not protect against a party that knows all secrets before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    value: BeaconHash,
    exponent: u8,
}

impl Beacon {
    /// A beacon with `value`, which is hashed `2^exponent` times.
    ///
    /// # Errors
    /// [`InvalidBeacon`] unless the value has 1 to 255 bytes and the exponent is between 10 and 63.
    pub fn new(value: &[u8], exponent: u8) -> Result<Self, InvalidBeacon> {
        let value = BeaconHash::new(value).filter(|value| !value.as_bytes().is_empty());
        match value {
            Some(value) if (10..=63).contains(&exponent) => Ok(Self { value, exponent }),
            _ => Err(InvalidBeacon),
        }
    }

    /// `2^exponent`: number of times the value is hashed.
    pub(super) fn exponent(&self) -> u8 {
        self.exponent
    }

    pub(super) fn kind(&self) -> ContributionKind {
        ContributionKind::Beacon { exponent: self.exponent, hash: self.value.clone() }
    }

    pub(super) fn stream(&self) -> RandomStream {
        RandomStream::of_beacon(self.value.as_bytes(), self.exponent)
    }
}

impl FromStr for Beacon {
    type Err = InvalidBeacon;

    /// Parses `VALUE:EXPONENT`; the value is hexadecimal, with or without `0x`.
    fn from_str(text: &str) -> Result<Self, InvalidBeacon> {
        let (value, exponent) = text.split_once(':').ok_or(InvalidBeacon)?;
        let value = hex::decode(value.strip_prefix("0x").unwrap_or(value));
        let (Ok(value), Ok(exponent)) = (value, exponent.parse()) else { return Err(InvalidBeacon) };
        Self::new(&value, exponent)
    }
}

/// The value or the exponent of a beacon is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid beacon: expected 1 to 255 bytes and an exponent of 10 to 63")]
pub struct InvalidBeacon;

impl Classified for InvalidBeacon {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        "invalid_beacon"
    }
}
