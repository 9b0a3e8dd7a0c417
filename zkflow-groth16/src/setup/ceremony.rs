//! Errors of a ceremony.

use std::io;

use super::SetupError;
use super::beacon::InvalidBeacon;
use super::verdict::{Refused, Verdict, Weakness};
use crate::error::{Classified, ErrorKind};
use crate::format::sections::CopyError;
use crate::format::{FormatError, ReadError};

/// A step of a ceremony failed, or a file does not verify.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file cannot be written. A read error is [`Read`](Self::Read).
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
    /// The circuit is invalid.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The power is out of range.
    #[error("power {power} is out of range (1..={most})")]
    Power {
        /// The power that was given.
        power: u32,
        /// The largest one.
        most: u32,
    },
    /// Truncated powers of tau accept no contributions.
    #[error("the file is truncated to power {power} of {ceremony_power}: it accepts no contributions")]
    Truncated {
        /// Power of the file.
        power: u32,
        /// Power of the ceremony.
        ceremony_power: u32,
    },
    /// Lagrange forms, which phase 2 needs, are missing; in files of 2020 the largest one.
    #[error("the powers of tau are not prepared for phase 2: run `zkflow ptau prepare`")]
    NotPrepared,
    /// The powers of tau are too few for the circuit.
    #[error("the circuit needs powers of tau for 2^{needed} rows, the file has 2^{found}")]
    TooFewPowers {
        /// Power that the circuit needs.
        needed: u32,
        /// Power of the file.
        found: u32,
    },
    /// The [verdict](super::KeyVerdict) on the key is bad.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Anyone could have the secrets of the powers of tau, or they are for development.
    #[error("the powers of tau are refused: {}{}", .0, weak_powers(.0))]
    WeakPowers(Box<Verdict>),
    /// The value or the exponent of a beacon is out of range.
    #[error(transparent)]
    Beacon(#[from] InvalidBeacon),
    /// The key does not continue the key that its contributor received.
    #[error("not the next contribution: {0}")]
    NotNext(String),
    /// The file does not verify.
    #[error("not valid: {0}")]
    Invalid(String),
}

/// Explains a refusal that the verdict's own text does not explain.
fn weak_powers(verdict: &Verdict) -> &'static str {
    match verdict.weakness() {
        None => ", which is for tests only",
        Some(_) => "",
    }
}

impl From<FormatError> for CeremonyError {
    fn from(error: FormatError) -> Self {
        Self::Read(error.into())
    }
}

impl From<Weakness> for CeremonyError {
    fn from(weakness: Weakness) -> Self {
        match weakness {
            Weakness::Contribution(what) => Self::Invalid(what),
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<CopyError> for CeremonyError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Read(error) => Self::Read(error),
            CopyError::Write(error) => Self::Write(error),
        }
    }
}

impl CeremonyError {
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }
}

impl Classified for CeremonyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(error) => error.kind(),
            Self::Write(_) => ErrorKind::Unavailable,
            Self::Setup(error) => error.kind(),
            Self::TooFewPowers { .. } => ErrorKind::Limit,
            _ => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Read(error) => error.code(),
            Self::Write(_) => "file_unwritable",
            Self::Setup(error) => error.code(),
            Self::Power { .. } => "power_out_of_range",
            Self::Truncated { .. } => "powers_truncated",
            Self::NotPrepared => "powers_not_prepared",
            Self::TooFewPowers { .. } => "too_few_powers",
            Self::Beacon(error) => error.code(),
            Self::Refused(_) => "key_refused",
            Self::WeakPowers(_) => "powers_refused",
            Self::NotNext(_) => "contribution_not_next",
            Self::Invalid(_) => "ceremony_invalid",
        }
    }
}
