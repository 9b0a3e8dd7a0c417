//! The identity of a circuit.

use crate::digest::Digest;
use crate::name;

name!(
    /// Id of a circuit: the first 32 hex digits of its circuit hash.
    CircuitId,
    "circuit id",
    "32 lower-case hex digits",
    |text| text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);

impl CircuitId {
    /// The first 32 hex digits of a circuit hash.
    pub fn from_hash(hash: &Digest) -> Self {
        Self(hash.to_string()[..32].to_owned())
    }
}
