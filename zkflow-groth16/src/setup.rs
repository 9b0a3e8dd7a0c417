//! Keys and where they come from.
//!
//! A key is made in two phases: [powers of tau](ptau), which serve any circuit, and [what one circuit makes of
//! them](phase2). [`make_key`] goes the whole way, from powers of a [`PowersSource`]. Whoever knows the secrets
//! of all contributions can forge proofs: [`gate`] and [`Provenance`](crate::provenance::Provenance) say who that may be.
//! [`circuit_specific()`] makes a key in one step, without powers of tau, for tests.

mod ceremony;
mod circuit_specific;
mod fourier;
pub mod gate;
mod keys;
pub mod phase2;
pub mod ptau;
pub mod qap;
mod source;
mod step;
mod stream;
mod transcript;

pub use ceremony::{Beacon, CeremonyError};
use circuit_specific::check;
pub use circuit_specific::circuit_specific;
pub use keys::{KeyOptions, SetupRecord, make_key};
pub use source::{DevelopmentPowers, Origin, Powers, PowersFile, PowersSource};
pub use step::{DEFAULT_MEMORY, LEAST_MEMORY, Progress, StepOptions};

use crate::error::{Classified, ErrorKind};
use crate::format::zkey::ContributionName;

/// The name of contributions that are made for development, by which [`gate`] tells them.
pub fn development_name() -> ContributionName {
    ContributionName::new("zkflow development").expect("shorter than 255 bytes")
}

/// No key was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The constraints and public signals do not fit into the largest domain of the field.
    #[error("the circuit has {rows} rows, the largest evaluation domain {limit}")]
    TooLarge {
        /// Constraints, public signals and the constant one.
        rows: u64,
        /// The largest possible number.
        limit: u64,
    },
    /// There are fewer wires than the constant one and the public signals.
    #[error("the circuit has {wires} wires, too few for the constant and {public} public signals")]
    TooFewWires {
        /// Wires of the circuit.
        wires: u32,
        /// Its outputs and public inputs.
        public: u64,
    },
    /// A constraint names a wire that does not exist.
    #[error("constraint {constraint} names wire {wire}, the circuit has {wires} wires")]
    UnknownWire {
        /// Position of the constraint, from 0.
        constraint: usize,
        /// The wire named.
        wire: u32,
        /// Wires of the circuit.
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
