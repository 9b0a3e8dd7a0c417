//! [`CircuitHash`]: the hash of an initial key, in the two forms of snarkjs.

use super::super::transcript::{CeremonyPoint, Transcript};
use crate::digest::Hash;

/// Hash of everything in an initial key.
///
/// The two forms differ in the bytes of infinity, which is the point of every wire that a matrix does not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CircuitHash {
    /// The form of snarkjs from 0.7 on: infinity is zeros.
    pub(super) present: Hash,
    /// The form of earlier versions: the second bit is set.
    pub(super) early: Hash,
}

impl CircuitHash {
    /// The hash that a file contains.
    pub(super) fn of_file(hash: Hash) -> Self {
        Self { present: hash, early: hash }
    }

    /// Whether a key contains one of the forms.
    pub(super) fn is(&self, hash: &Hash) -> bool {
        [self.present, self.early].contains(hash)
    }
}

/// Both hashes while they are made.
pub(super) struct Hashing {
    present: Transcript,
    /// `None` before the first infinity: they are equal.
    early: Option<Transcript>,
}

impl Hashing {
    pub(super) fn new() -> Self {
        Self { present: Transcript::new(), early: None }
    }

    pub(super) fn points<P: CeremonyPoint>(&mut self, points: &[P]) {
        if self.early.is_none() && points.iter().any(P::is_zero) {
            self.early = Some(self.present.clone());
        }
        self.present.points(points);
        if let Some(early) = &mut self.early {
            early.early_points(points);
        }
    }

    pub(super) fn number(&mut self, number: u32) {
        self.each(|transcript| transcript.number(number));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.each(|transcript| transcript.bytes(bytes));
    }

    fn each(&mut self, put: impl Fn(&mut Transcript)) {
        put(&mut self.present);
        self.early.iter_mut().for_each(put);
    }

    pub(super) fn finish(self) -> CircuitHash {
        let present = self.present.finish();
        CircuitHash { present, early: self.early.map_or(present, Transcript::finish) }
    }
}
