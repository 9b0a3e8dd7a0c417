//! Proving keys and their origin.
//!
//! A key is made in two phases: [powers of tau](ptau), for any circuit, and a
//! [phase for one circuit](phase2). [`make_key`] makes a key from the powers of a [`PowersSource`].
//! [`circuit_specific()`] makes one in a single step without powers of tau, for tests.
//!
//! Anyone with the secrets of all contributions can forge proofs; [`gate`] and [`Provenance`] tell which
//! parties that could be.

mod blake2b;
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

use std::fmt;

use serde::{Deserialize, Serialize};

pub use blake2b::Hash;
pub use ceremony::{Beacon, CeremonyError};
use circuit_specific::check;
pub use circuit_specific::circuit_specific;
pub use keys::{KeyOptions, SetupRecord, make_key};
pub use source::{DevelopmentPowers, Origin, Powers, PowersFile, PowersSource};
pub use step::{DEFAULT_MEMORY, LEAST_MEMORY, Progress, StepOptions};

use crate::error::{Classified, ErrorKind};
use crate::format::zkey::ContributionName;

/// Name of development contributions; [`gate`] recognises them by it.
pub fn development_name() -> ContributionName {
    ContributionName::new("zkflow development").expect("shorter than 255 bytes")
}

/// The parties that could have the secret behind a key, and so could forge proofs.
///
/// As JSON: `"development"`, `"single-operator"` or `{"ceremony": 3}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Provenance {
    /// Seeded, or made by a single process for trials; never for a real chain.
    Development,
    /// One secret contribution by the operator of the service, who could have kept the secret.
    SingleOperator,
    /// This many secret contributions by separate people; one honest contributor is enough.
    Ceremony(u32),
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Development => f.write_str("development"),
            Self::SingleOperator => f.write_str("single-operator"),
            Self::Ceremony(contributions) => write!(f, "ceremony({contributions})"),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provenance_has_a_stable_json_form() {
        for (provenance, json, text) in [
            (Provenance::Development, r#""development""#, "development"),
            (Provenance::SingleOperator, r#""single-operator""#, "single-operator"),
            (Provenance::Ceremony(3), r#"{"ceremony":3}"#, "ceremony(3)"),
        ] {
            assert_eq!(serde_json::to_string(&provenance).unwrap(), json);
            assert_eq!(serde_json::from_str::<Provenance>(json).unwrap(), provenance);
            assert_eq!(provenance.to_string(), text);
        }
    }
}
