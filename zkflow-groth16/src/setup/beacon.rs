//! Public random values that end a ceremony.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::stream::{RandomStream, beacon_seed};
use crate::error::{Classified, ErrorKind};
use crate::format::ptau::{BeaconHash, ContributionKind};

/// A public random value that ends a ceremony. It is not secret: it only prevents the last contributor from
/// choosing the result. It does not protect against a party that knows all secrets before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

    pub(super) fn kind(&self) -> ContributionKind {
        ContributionKind::Beacon { exponent: self.exponent, hash: self.value.clone() }
    }

    pub(super) fn stream(&self) -> RandomStream {
        RandomStream::of_beacon(beacon_seed(self.value.as_bytes(), self.exponent))
    }
}

/// Computes beacons again, within a budget of hashes. Equal beacons are computed once.
pub(super) struct Replay {
    seeds: BTreeMap<Beacon, [u8; 32]>,
    /// Hashes that may still be computed.
    left: u64,
}

impl Replay {
    /// Allows beacons of up to `2^exponent` hashes, and twice as many hashes in total.
    pub(super) fn up_to(exponent: u8) -> Self {
        Self { seeds: BTreeMap::new(), left: 2u64.checked_shl(exponent.into()).unwrap_or(u64::MAX) }
    }

    /// The stream of a beacon; `None` if the budget is too small.
    pub(super) fn stream(&mut self, beacon: &Beacon) -> Option<RandomStream> {
        if let Some(seed) = self.seeds.get(beacon) {
            return Some(RandomStream::of_beacon(*seed));
        }
        self.left = self.left.checked_sub(1 << beacon.exponent)?;
        let seed = beacon_seed(beacon.value.as_bytes(), beacon.exponent);
        self.seeds.insert(beacon.clone(), seed);
        Some(RandomStream::of_beacon(seed))
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

/// The form that [`Beacon::from_str`](FromStr::from_str) parses.
impl fmt::Display for Beacon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", hex::encode(self.value.as_bytes()), self.exponent)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_beacons_are_computed_once_and_the_budget_bounds_their_sum() {
        let beacon = |byte| Beacon::new(&[byte], 12).unwrap();
        let mut replay = Replay::up_to(12);
        for _ in 0..100 {
            assert!(replay.stream(&beacon(1)).is_some());
        }
        assert!(replay.stream(&beacon(2)).is_some());
        assert!(replay.stream(&beacon(3)).is_none(), "more than 2^13 hashes");
        assert!(replay.stream(&beacon(1)).is_some());
        assert!(Replay::up_to(30).stream(&Beacon::new(&[1], 63).unwrap()).is_none());
    }
}
