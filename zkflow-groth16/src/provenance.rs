//! Origin of the secrets of a key.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The parties that could have the secrets of a key, and so could forge proofs.
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
