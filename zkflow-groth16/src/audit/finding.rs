//! Findings of an audit.

use crate::digest::Digest;
use crate::setup::Weakness;

/// What an audit found in one key or contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audit {
    /// What was read.
    pub subject: Subject,
    /// SHA-256 of the `verification_key.json` of its key; `None` if the key could not be read.
    pub key: Option<Digest>,
    /// Number of public signals.
    pub public_signals: Option<usize>,
    /// The findings, in the order in which they were made.
    pub findings: Vec<Finding>,
}

/// Kind of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A `.zkey` file.
    ProvingKey,
    /// A `verification_key.json`.
    VerificationKey,
    /// Solidity source.
    Source,
    /// Code of a contract.
    Bytecode,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule that is broken.
    pub rule: Rule,
    /// What was found, for people.
    pub detail: String,
    /// Where.
    pub place: Place,
}

/// Place of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The whole file or contract.
    Whole,
    /// A line of a source, from 1.
    Line(usize),
    /// An offset in a code.
    Byte(usize),
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// It could not be judged, or it is for tests only.
    Warning,
    /// Anyone can forge proofs or replay them, or this cannot be excluded.
    Error,
}

/// A rule of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The key has no contribution.
    NoContribution,
    /// All contributions are public.
    BeaconOnly,
    /// gamma = delta.
    GammaIsDelta,
    /// gamma is not the generator.
    Gamma,
    /// gamma is not the generator, in a contract of gnark, whose setup by one party draws it.
    SingleParty,
    /// A point is infinity, off its curve, or outside the group of order r.
    BadPoint,
    /// A parameter is a known number or a known multiple of another.
    KnownRelation,
    /// The parts of a key contradict each other.
    Inconsistent,
    /// The key is for development.
    DevelopmentKey,
    /// There are too many contributions to judge.
    NotJudged,
    /// Public signals are not compared with r.
    RangeCheck,
    /// Proofs are accepted without a pairing check over the whole key.
    Pairing,
    /// The code of the contract was not run.
    NotRun,
    /// A modulus is not the one of BN254.
    Modulus,
    /// The contract seems to be a verifier, and its key could not be read.
    UnreadableKey,
    /// The key has commitments, which are not judged.
    Commitments,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 16] = [
        Self::NoContribution,
        Self::BeaconOnly,
        Self::GammaIsDelta,
        Self::Gamma,
        Self::SingleParty,
        Self::BadPoint,
        Self::KnownRelation,
        Self::Inconsistent,
        Self::DevelopmentKey,
        Self::NotJudged,
        Self::RangeCheck,
        Self::Pairing,
        Self::NotRun,
        Self::Modulus,
        Self::UnreadableKey,
        Self::Commitments,
    ];

    /// Name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoContribution => "no-contribution",
            Self::BeaconOnly => "beacon-only",
            Self::GammaIsDelta => "gamma-is-delta",
            Self::Gamma => "gamma-not-generator",
            Self::SingleParty => "single-party",
            Self::BadPoint => "bad-point",
            Self::KnownRelation => "known-relation",
            Self::Inconsistent => "inconsistent-key",
            Self::DevelopmentKey => "development-key",
            Self::NotJudged => "not-judged",
            Self::RangeCheck => "range-check",
            Self::Pairing => "pairing-check",
            Self::NotRun => "not-run",
            Self::Modulus => "modulus",
            Self::UnreadableKey => "unreadable-key",
            Self::Commitments => "commitments",
        }
    }

    /// One sentence for reports.
    pub const fn about(self) -> &'static str {
        match self {
            Self::NoContribution => "The key has no contribution, so anyone can forge proofs.",
            Self::BeaconOnly => "All contributions of the key are public, so anyone can forge proofs.",
            Self::GammaIsDelta => "gamma equals delta, so anyone can forge proofs.",
            Self::Gamma => "gamma is not the generator of G2; no ceremony changes it.",
            Self::SingleParty => {
                "gamma is not the generator of G2: one party made the key and can forge proofs."
            }
            Self::BadPoint => {
                "A point of the key is infinity, off its curve, or outside the group of order r."
            }
            Self::KnownRelation => {
                "A parameter of the key is a known number or a known multiple of another one."
            }
            Self::Inconsistent => "The parts of the key contradict each other.",
            Self::DevelopmentKey => "The key is for development: its maker can forge proofs.",
            Self::NotJudged => "The key has too many contributions to judge it without its circuit.",
            Self::RangeCheck => {
                "A public signal is not compared with the order r, so one proof is valid for several numbers."
            }
            Self::Pairing => {
                "The contract accepts proofs without a pairing check over its whole key, so anyone can forge proofs."
            }
            Self::NotRun => {
                "The code was not run, so its checks are not judged: it has no known function, or needs more than its code."
            }
            Self::Modulus => "A modulus in the contract is not the one of BN254.",
            Self::UnreadableKey => "The contract has parts of a verifier, but its key could not be read.",
            Self::Commitments => "The key has commitments of gnark, which are not judged.",
        }
    }

    /// How bad it is.
    pub const fn level(self) -> Level {
        match self {
            Self::SingleParty
            | Self::DevelopmentKey
            | Self::NotJudged
            | Self::NotRun
            | Self::UnreadableKey
            | Self::Commitments => Level::Warning,
            _ => Level::Error,
        }
    }
}

impl Audit {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, key: None, public_signals: None, findings: Vec::new() }
    }

    pub(super) fn add(&mut self, rule: Rule, detail: impl Into<String>, place: Place) {
        self.findings.push(Finding { rule, detail: detail.into(), place });
    }

    pub(super) fn weakness(&mut self, weakness: &Weakness) {
        let rule = match weakness {
            Weakness::NoContribution => Rule::NoContribution,
            Weakness::BeaconOnly => Rule::BeaconOnly,
            Weakness::GammaIsDelta => Rule::GammaIsDelta,
            Weakness::Gamma => Rule::Gamma,
            Weakness::BadPoint(_) => Rule::BadPoint,
            Weakness::Known(_) => Rule::KnownRelation,
            Weakness::Inconsistent(_) | Weakness::Contribution(_) => Rule::Inconsistent,
            Weakness::TooMany { .. } => Rule::NotJudged,
        };
        self.add(rule, weakness.to_string(), Place::Whole);
    }

    /// The worst level of the findings; `None` if there are none.
    pub fn level(&self) -> Option<Level> {
        self.findings.iter().map(|finding| finding.rule.level()).max()
    }
}
