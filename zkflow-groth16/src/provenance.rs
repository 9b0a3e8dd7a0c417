//! Origin of the secrets of a key.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The parties that could have the secrets of a key, and so could forge proofs. Ordered from the weakest.
///
/// As JSON: `"development"`, `"single-operator"` or `{"ceremony": 3}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Provenance {
    /// Seeded, or made by a single process for trials; never for a real chain.
    Development,
    /// One secret contribution in a phase; its contributor could have kept the secret.
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

/// The label of a key, as contracts and verification keys contain it. Only a verdict on the key gives one:
/// `setup::KeyVerdict::admit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    provenance: Provenance,
    claimed: bool,
}

impl Label {
    #[cfg_attr(not(any(feature = "prove", test)), expect(dead_code, reason = "verdicts need the setup"))]
    pub(crate) fn new(provenance: Provenance, claimed: bool) -> Self {
        Self { provenance, claimed }
    }

    /// The parties that could have the secrets.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Whether the key was not compared with its circuit and its powers of tau. A key for development claims nothing.
    pub fn is_claimed(&self) -> bool {
        self.claimed && self.provenance != Provenance::Development
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_claimed() {
            true => {
                write!(
                    f,
                    "claimed {}, not verified against the circuit and the powers of tau",
                    self.provenance
                )
            }
            false => self.provenance.fmt(f),
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

    #[test]
    fn a_label_without_evidence_says_that_it_is_claimed() {
        let claimed = Label::new(Provenance::Ceremony(3), true).to_string();
        assert_eq!(claimed, "claimed ceremony(3), not verified against the circuit and the powers of tau");
        assert_eq!(Label::new(Provenance::Ceremony(3), false).to_string(), "ceremony(3)");
        assert_eq!(Label::new(Provenance::Development, true).to_string(), "development");
    }

    #[test]
    fn the_weaker_provenance_comes_first() {
        use Provenance::{Ceremony, Development, SingleOperator};
        assert!(Development < SingleOperator && SingleOperator < Ceremony(2) && Ceremony(2) < Ceremony(3));
    }
}
