//! Proving keys and their origin.
//!
//! A key is made in two phases: [powers of tau](ptau), for any circuit, and a
//! [phase for one circuit](phase2). [`make_key`] makes a key from the powers of a [`PowersSource`].
//! [`circuit_specific()`] makes one in a single step without powers of tau, for tests.
//!
//! Anyone with the secrets of all contributions of a phase can forge proofs. A [`Verdict`] shows which parties these
//! could be: [`ptau::judge`] and [`ptau::verify`] give one for phase 1, [`gate::judge`] for the contributions of a key.
//! [`Powers::verify_key`] compares a key with its circuit and its powers of tau, and judges both phases. A
//! [`Label`](crate::provenance::Label) follows from a verdict only.

mod beacon;
mod ceremony;
mod checked;
mod circuit_specific;
mod coincidence;
#[cfg(test)]
mod forgeries;
mod fourier;
pub mod gate;
mod keys;
pub mod phase2;
pub mod ptau;
pub mod qap;
pub(crate) mod ratio;
mod record;
mod record_key;
mod source;
mod step;
mod stream;
mod transcript;
mod verdict;

pub use beacon::{Beacon, InvalidBeacon};
pub use ceremony::CeremonyError;
pub use checked::CheckedPowers;
use circuit_specific::check;
pub use circuit_specific::circuit_specific;
pub use keys::{KeyOptions, MadeKey, make_key};
pub use record::{ContributionRecord, Phase1Record, RecordError, RecordedFiles, SetupRecord};
pub use record_key::RecordKey;
pub use source::{DevelopmentPowers, Medium, Origin, Powers, PowersFile, PowersSource};
pub use step::{DEFAULT_BEACON_EXPONENT, DEFAULT_MEMORY, LEAST_MEMORY, Progress, StepOptions};
pub use verdict::{Check, KeyVerdict, Refused, Verdict, Weakness};

use crate::error::{Classified, ErrorKind};
use crate::format::zkey::ContributionName;

/// Name of development contributions; [`gate`] recognises them by it.
pub fn development_name() -> ContributionName {
    ContributionName::new("zkflow development").expect("shorter than 255 bytes")
}

/// A key cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The constraints and public signals exceed the largest domain of the field.
    #[error("the circuit has {rows} rows, the limit is {limit}")]
    TooLarge {
        /// Number of constraints and public signals, plus the constant one.
        rows: u64,
        /// Largest supported number of rows.
        limit: u64,
    },
    /// There are fewer wires than public signals plus the constant one.
    #[error("the circuit has {wires} wires, too few for the constant and {public} public signals")]
    TooFewWires {
        /// Number of wires of the circuit.
        wires: u32,
        /// Number of outputs and public inputs.
        public: u64,
    },
    /// A constraint refers to a wire that does not exist.
    #[error("constraint {constraint} refers to wire {wire}, the circuit has {wires} wires")]
    UnknownWire {
        /// Index of the constraint, from 0.
        constraint: usize,
        /// Number of the missing wire.
        wire: u32,
        /// Number of wires of the circuit.
        wires: u32,
    },
}

impl Classified for SetupError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } => ErrorKind::Limit,
            Self::TooFewWires { .. } | Self::UnknownWire { .. } => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "circuit_too_large",
            Self::TooFewWires { .. } => "circuit_too_few_wires",
            Self::UnknownWire { .. } => "circuit_unknown_wire",
        }
    }
}
