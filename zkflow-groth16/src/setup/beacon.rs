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
    /// Largest exponent.
    exponent: u8,
    /// Hashes that may still be computed.
    left: u64,
    /// What happens to a beacon beyond the budget: it is refused, or passed over.
    refuses: bool,
}

impl Replay {
    /// Allows beacons of up to `2^exponent` hashes, and twice as many hashes in total. Refuses beacons beyond that.
    pub(super) fn up_to(exponent: u8) -> Self {
        let left = 2u64.checked_shl(exponent.into()).unwrap_or(u64::MAX);
        Self { seeds: BTreeMap::new(), exponent, left, refuses: true }
    }

    /// Allows as many hashes as take less than a second. Beacons beyond that are not computed.
    pub(super) fn quick() -> Self {
        Self { refuses: false, ..Self::up_to(QUICK) }
    }

    /// The stream of a beacon; `None` if it is not computed.
    ///
    /// # Errors
    /// The beacon is beyond the budget, and such beacons are refused.
    pub(super) fn stream(&mut self, beacon: &Beacon) -> Result<Option<RandomStream>, TooManyHashes> {
        if let Some(seed) = self.seeds.get(beacon) {
            return Ok(Some(RandomStream::of_beacon(*seed)));
        }
        let left = self.left.checked_sub(1 << beacon.exponent);
        match left.filter(|_| beacon.exponent <= self.exponent) {
            Some(left) => self.left = left,
            None if self.refuses => return Err(TooManyHashes(beacon.exponent)),
            None => return Ok(None),
        }
        let seed = beacon_seed(beacon.value.as_bytes(), beacon.exponent);
        self.seeds.insert(beacon.clone(), seed);
        Ok(Some(RandomStream::of_beacon(seed)))
    }
}

/// Exponent of the largest beacon of [`Replay::quick`].
const QUICK: u8 = 21;

/// A beacon takes more hashes than are allowed; contains its exponent.
#[derive(Debug, thiserror::Error)]
#[error("the beacon of 2^{0} hashes exceeds the limit (--max-beacon-exponent)")]
pub(super) struct TooManyHashes(u8);

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
            assert!(matches!(replay.stream(&beacon(1)), Ok(Some(_))));
        }
        assert!(matches!(replay.stream(&beacon(2)), Ok(Some(_))));
        assert!(replay.stream(&beacon(3)).is_err(), "more than 2^13 hashes");
        assert!(matches!(replay.stream(&beacon(1)), Ok(Some(_))));
        let large = Beacon::new(&[1], 63).unwrap();
        assert!(Replay::up_to(30).stream(&large).is_err());
        assert!(Replay::up_to(11).stream(&beacon(1)).is_err(), "within the total, above the exponent");
        assert!(matches!(Replay::quick().stream(&large), Ok(None)));
    }
}
