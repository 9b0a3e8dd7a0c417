//! Ids of circuits, proofs, deployments, jobs and users, and names of templates. Parsing validates them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::digest::Digest;

/// The text is not a valid id or name. The error does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}: expected {expectation}")]
pub struct InvalidName {
    what: &'static str,
    expectation: &'static str,
}

/// Declares a string newtype that `$valid` checks.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expectation:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text as it was parsed or generated.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { what: $what, expectation: $expectation })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// Name of a template: a letter, then at most 63 letters, digits, `_` or `-`.
    TemplateName,
    "template name",
    "a letter, then at most 63 letters, digits, '_' or '-'",
    |text| {
        text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    }
);

name!(
    /// Id of a circuit: the first 32 hex digits of its circuit hash.
    CircuitId,
    "circuit id",
    "32 lower-case hex digits",
    |text| text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);

name!(
    /// Id of a proof request: a UUID of version 7, so ids sort by creation time.
    ProofId,
    "proof id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of a deployment: a UUID of version 7, so ids sort by creation time.
    DeploymentId,
    "deployment id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of a job: a UUID of version 7.
    JobId,
    "job id",
    "a lower-case hyphenated UUID",
    is_uuid
);

name!(
    /// Id of the user that a request is attributed to: 1 to 128 visible ASCII characters.
    UserId,
    "user id",
    "1 to 128 visible ASCII characters",
    |text| (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);

impl CircuitId {
    /// The first 32 hex digits of a circuit hash.
    pub fn from_hash(hash: &Digest) -> Self {
        Self(hash.to_string()[..32].to_owned())
    }
}

impl ProofId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }

    /// Time of generation, from the first 48 bits; the epoch for a UUID that is not of version 7.
    pub fn created_at(&self) -> Timestamp {
        time_of_uuid(&self.0)
    }
}

impl DeploymentId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }

    /// Time of generation, from the first 48 bits; the epoch for a UUID that is not of version 7.
    pub fn created_at(&self) -> Timestamp {
        time_of_uuid(&self.0)
    }
}

impl JobId {
    /// A new id: the time `now` and 74 unguessable bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(time_ordered_uuid(now))
    }
}

/// Time of generation: the first 48 bits of a version 7 UUID are milliseconds. Other versions give the epoch.
fn time_of_uuid(text: &str) -> Timestamp {
    let millis = Uuid::parse_str(text)
        .ok()
        .filter(|uuid| uuid.get_version_num() == 7)
        .map_or(0, |uuid| (uuid.as_u128() >> 80) as i64);
    Timestamp::from_millis(millis)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && !text.contains(|c: char| c.is_ascii_uppercase()) && Uuid::parse_str(text).is_ok()
}

fn time_ordered_uuid(now: Timestamp) -> String {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    let mut random = [0; 10];
    getrandom::fill(&mut random).expect("the operating system's random generator failed");
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_name_cannot_be_a_path() {
        for text in ["", "../x", "a/b", "a.b", "1a", "a b", &"a".repeat(65)] {
            assert!(text.parse::<TemplateName>().is_err(), "{text:?}");
        }
        assert!("rangeCheck".parse::<TemplateName>().is_ok());
    }

    #[test]
    fn ids_sort_by_time_and_survive_their_text() {
        let early = ProofId::generate(Timestamp::from_millis(1_000));
        let late = ProofId::generate(Timestamp::from_millis(2_000));
        assert!(early < late);
        assert_eq!(late.created_at(), Timestamp::from_millis(2_000));
        assert_eq!(early.as_str().parse(), Ok(early.clone()));
    }
}
