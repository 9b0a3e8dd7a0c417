//! Results of the checks that show which parties could forge proofs. Only the checks of this crate construct one.

use std::collections::BTreeSet;
use std::fmt;

use crate::provenance::{Label, Provenance};

/// What a check found about one phase of a setup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    finding: Result<Provenance, Weakness>,
    checks: BTreeSet<Check>,
}

impl Verdict {
    pub(super) fn new(finding: Result<Provenance, Weakness>, checks: &[Check]) -> Self {
        Self { finding, checks: checks.iter().copied().collect() }
    }

    pub(super) fn and_checked(mut self, checks: impl IntoIterator<Item = Check>) -> Self {
        self.checks.extend(checks);
        self
    }

    /// Adds a weakness that was found besides, if any.
    pub(super) fn weakened(mut self, weakness: Option<Weakness>) -> Self {
        if let (Ok(_), Some(weakness)) = (&self.finding, weakness) {
            self.finding = Err(weakness);
        }
        self
    }

    /// Lowers the label to `most`, if it is higher.
    pub(super) fn at_most(mut self, most: Provenance) -> Self {
        self.finding = self.finding.map(|found| found.min(most));
        self
    }

    /// The parties that have the secrets of the phase; `None` if anyone could forge proofs.
    pub fn provenance(&self) -> Option<Provenance> {
        self.finding.as_ref().ok().copied()
    }

    /// Reason why anyone could forge proofs, or why this cannot be excluded.
    pub fn weakness(&self) -> Option<&Weakness> {
        self.finding.as_ref().err()
    }

    /// The checks that were done, in the order of [`Check`].
    pub fn checks(&self) -> impl Iterator<Item = Check> + '_ {
        self.checks.iter().copied()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.finding {
            Ok(provenance) => provenance.fmt(f),
            Err(many @ Weakness::TooMany { .. }) => write!(f, "not judged: {many}"),
            Err(weakness) => write!(f, "forgeable: {weakness}"),
        }
    }
}

/// The verdicts on both phases of a key. Its label is that of the weaker one.
///
/// Without its circuit and its powers of tau, the contributions of a key are only *claimed*: they are consistent, but
/// could belong to another circuit or to powers whose secrets are public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyVerdict {
    /// Phase 1; `None` if the key was not compared with powers of tau.
    phase1: Option<Verdict>,
    phase2: Verdict,
}

impl KeyVerdict {
    /// The contributions of a key, without its circuit and its powers of tau.
    pub(super) fn claimed(phase2: Verdict) -> Self {
        Self { phase1: None, phase2 }
    }

    /// A key that was compared with its circuit and with these powers of tau.
    pub(super) fn verified(phase1: Verdict, phase2: Verdict) -> Self {
        Self { phase1: Some(phase1), phase2 }
    }

    /// The powers of tau; `None` if the key was not compared with them.
    pub fn phase1(&self) -> Option<&Verdict> {
        self.phase1.as_ref()
    }

    /// The contributions of the key.
    pub fn phase2(&self) -> &Verdict {
        &self.phase2
    }

    /// Whether the key was not compared with its circuit and its powers of tau.
    pub fn is_claimed(&self) -> bool {
        self.phase1.is_none()
    }

    /// Whether anyone could forge proofs, or this cannot be excluded.
    pub fn is_forgeable(&self) -> bool {
        self.weakness().is_some()
    }

    /// Reason why anyone could forge proofs, or why this cannot be excluded.
    pub fn weakness(&self) -> Option<&Weakness> {
        self.phase2.weakness().or_else(|| self.phase1.as_ref().and_then(Verdict::weakness))
    }

    /// Returns the label of a key whose proofs may be accepted.
    ///
    /// # Errors
    /// [`Refused`] if the key is forgeable, or if it is for development and `allow_development` is `false`.
    pub fn admit(&self, allow_development: bool) -> Result<Label, Refused> {
        let refused = || Refused::from(self.clone());
        let phases = self.phase1.iter().chain([&self.phase2]);
        let provenances: Option<Vec<Provenance>> = phases.map(Verdict::provenance).collect();
        let provenance = provenances.and_then(|phases| phases.into_iter().min()).ok_or_else(refused)?;
        if provenance == Provenance::Development && !allow_development {
            return Err(refused());
        }
        Ok(Label::new(provenance, self.is_claimed()))
    }
}

impl fmt::Display for KeyVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.admit(true), &self.phase1) {
            (Ok(label), Some(phase1)) => write!(f, "{label} (phase 1: {phase1}, phase 2: {})", self.phase2),
            (Ok(label), None) => label.fmt(f),
            (Err(_), Some(phase1)) if self.phase2.weakness().is_none() => {
                write!(f, "forgeable: phase 1: {}", Reason(phase1.weakness()))
            }
            (Err(_), _) => self.phase2.fmt(f),
        }
    }
}

struct Reason<'a>(Option<&'a Weakness>);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |weakness| weakness.fmt(f))
    }
}

/// Proofs for this key must not be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key is refused: {}{}", .0, reason(.0))]
pub struct Refused(Box<KeyVerdict>);

/// Explains a refusal that the verdict's own text does not explain.
fn reason(verdict: &KeyVerdict) -> &'static str {
    if verdict.is_forgeable() { "" } else { ", which is for tests only" }
}

impl From<KeyVerdict> for Refused {
    fn from(verdict: KeyVerdict) -> Self {
        Self(Box::new(verdict))
    }
}

impl Refused {
    /// What the checks found.
    pub fn verdict(&self) -> &KeyVerdict {
        &self.0
    }
}

/// A property of a phase that a check established.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Every contribution proves knowledge of its secret and follows the one before it.
    Contributions,
    /// The parameters are those after the last contribution, equal in both groups, and in the group of order r.
    Parameters,
    /// No parameter is a known number or a known multiple of another one.
    NotKnown,
    /// The secrets do not cancel out, and no parameter is a known multiple of a power of tau.
    Independent,
    /// The points of the public signals are not infinity and have no small relation to each other.
    PublicSignals,
    /// All points are powers of tau, and the Lagrange forms fit them.
    AllPoints,
    /// The file has the published hash of a known ceremony.
    PublishedHash,
    /// The key is the one of the circuit and the powers of tau, with C and H divided by delta.
    Circuit,
}

impl Check {
    /// All checks.
    pub const ALL: [Self; 8] = [
        Self::Contributions,
        Self::Parameters,
        Self::NotKnown,
        Self::Independent,
        Self::PublicSignals,
        Self::AllPoints,
        Self::PublishedHash,
        Self::Circuit,
    ];

    /// Name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contributions => "contributions",
            Self::Parameters => "parameters",
            Self::NotKnown => "not-known",
            Self::Independent => "independent",
            Self::PublicSignals => "public-signals",
            Self::AllPoints => "all-points",
            Self::PublishedHash => "published-hash",
            Self::Circuit => "circuit",
        }
    }
}

/// Reason why anyone could forge proofs, or why this cannot be excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// There are no contributions.
    NoContribution,
    /// All contributions are public: beacons, or known numbers.
    BeaconOnly,
    /// gamma = delta, independent of the contributions.
    GammaIsDelta,
    /// gamma is not the generator of G2. Ceremonies do not change it.
    Gamma,
    /// A point is infinity, or outside the group of order r.
    BadPoint(&'static str),
    /// A parameter is a known number, or a known multiple of another parameter.
    Known(String),
    /// A parameter differs between the two groups, or from the last contribution.
    Inconsistent(&'static str),
    /// A contribution does not verify.
    Contribution(String),
    /// There are more contributions than are checked without the full verification.
    TooMany {
        /// Number of contributions.
        count: usize,
        /// Number that is checked without the full verification.
        limit: usize,
    },
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoContribution => f.write_str("no contribution, so anyone can prove anything"),
            Self::BeaconOnly => f.write_str("a beacon is public, and there is no secret contribution"),
            Self::GammaIsDelta => f.write_str("gamma equals delta"),
            Self::Gamma => f.write_str("gamma is not the generator of G2"),
            Self::BadPoint(name) => write!(f, "{name} is infinity or outside the group of order r"),
            Self::Known(what) => f.write_str(what),
            Self::Inconsistent(what) => f.write_str(what),
            Self::Contribution(what) => f.write_str(what),
            Self::TooMany { count, limit } => write!(
                f,
                "{count} contributions, of which only the full verification checks more than {limit}: run `zkflow ptau \
                 verify` for powers of tau, `zkflow zkey verify` for a key"
            ),
        }
    }
}
