//! Records of what was checked about a key, sealed so that only their maker's installation accepts them.

use serde::{Deserialize, Serialize};

use super::ceremony::CeremonyError;
use super::record_key::RecordKey;
use super::source::Powers;
use super::verdict::{Check, KeyVerdict, Refused, Verdict};
use super::{gate, phase2, ptau};
use crate::digest::Digest;
use crate::error::{Classified, ErrorKind};
use crate::format::zkey::{ContributionKind, ContributionName, KeyHead};
use crate::provenance::Provenance;

/// Ends with a number that changes when the checks become stricter: records of weaker checks are then void.
const SUBJECT: &str = "zkflow setup record 2";

/// The origin of a key and what was checked about it, for people and programs.
///
/// A record replaces the circuit and the powers of tau where a key's label is wanted, see [`verdict`](Self::verdict).
/// For that it carries a code under a secret [`RecordKey`]: the text of a record proves nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetupRecord {
    /// Name and version of the program that checked the key.
    pub program: String,
    /// SHA-256 of the circuit (.r1cs); `None` if only its constraints were known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r1cs: Option<Digest>,
    /// SHA-256 of the key (.zkey).
    pub zkey: Digest,
    /// The powers of tau.
    pub phase1: Phase1Record,
    /// BLAKE2b-512 of the initial key, in hexadecimal.
    pub circuit_hash: String,
    /// The contributions of phase 2, in order.
    pub phase2: Vec<ContributionRecord>,
    /// Names of the checks of phase 2; see [`Check`].
    pub checks: Vec<Check>,
    /// The parties that could forge proofs: those of the weaker phase.
    pub provenance: Provenance,
    /// Authentication code of the record, in hexadecimal; `None` if it is not sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

/// The powers of tau used for a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Phase1Record {
    /// Origin of the powers.
    pub origin: String,
    /// BLAKE2b-512 of the file, in hexadecimal.
    pub blake2b: String,
    /// The file is sufficient for circuits of up to `2^power` rows.
    pub power: u32,
    /// Power of the ceremony; larger than `power` if the file is truncated.
    pub ceremony_power: u32,
    /// The contributions of phase 1, in order.
    pub contributions: Vec<ContributionRecord>,
    /// Names of the checks of phase 1.
    pub checks: Vec<Check>,
    /// The parties that could have the secrets of phase 1.
    pub provenance: Provenance,
}

/// A contribution to one of the phases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContributionRecord {
    /// Name of the contributor as given in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `VALUE:EXPONENT`, with the value in hexadecimal; `None` if the contribution is not from a beacon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon: Option<String>,
    /// The hash that the contributor publishes, in hexadecimal.
    pub hash: String,
}

/// SHA-256 of the files that a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedFiles {
    /// The circuit (.r1cs), if it is a file.
    pub r1cs: Option<Digest>,
    /// The key (.zkey).
    pub zkey: Digest,
}

impl SetupRecord {
    /// Records the verdict on a key that was compared with `powers`.
    ///
    /// # Errors
    /// [`CeremonyError::Refused`] if the key is forgeable or not compared: such a key has no record.
    pub fn new(
        powers: &Powers,
        head: &KeyHead,
        verdict: &KeyVerdict,
        files: RecordedFiles,
    ) -> Result<Self, CeremonyError> {
        let provenance = verdict.admit(true)?.provenance();
        let (Some(phase1), Some(provenance1)) =
            (verdict.phase1(), verdict.phase1().and_then(Verdict::provenance))
        else {
            return Err(Refused::from(verdict.clone()).into());
        };
        let response = |one| Ok::<_, CeremonyError>(hex::encode(ptau::response_hash(one)?));
        let contributions = powers
            .contributions()
            .iter()
            .map(|one| Ok(ContributionRecord::of(one.name.as_ref(), &one.kind, response(one)?)))
            .collect::<Result<_, CeremonyError>>()?;
        let phase1 = Phase1Record {
            origin: powers.origin().to_string(),
            blake2b: hex::encode(powers.hash()),
            power: powers.power(),
            ceremony_power: powers.ceremony_power(),
            contributions,
            checks: phase1.checks().collect(),
            provenance: provenance1,
        };
        let hash = |one| hex::encode(phase2::contribution_hash(one));
        let of_key = head.contributions.iter();
        let of_key = of_key.map(|one| ContributionRecord::of(one.name.as_ref(), &one.kind, hash(one)));
        Ok(Self {
            program: concat!("zkflow ", env!("CARGO_PKG_VERSION")).to_owned(),
            r1cs: files.r1cs,
            zkey: files.zkey,
            phase1,
            circuit_hash: hex::encode(head.circuit_hash),
            phase2: of_key.collect(),
            checks: verdict.phase2().checks().collect(),
            provenance,
            mac: None,
        })
    }

    /// Adds the authentication code.
    #[must_use]
    pub fn sealed(mut self, key: &RecordKey) -> Self {
        self.mac = Some(hex::encode(key.code(SUBJECT, &self.coded())));
        self
    }

    /// What the code is of: the record without its code.
    fn coded(&self) -> Vec<u8> {
        Self { mac: None, ..self.clone() }.to_json().into_bytes()
    }

    fn mac(&self) -> Option<Vec<u8>> {
        self.mac.as_deref().and_then(|mac| hex::decode(mac).ok())
    }

    /// Whether the present one of the keys sealed the record, and no earlier one.
    pub fn is_sealed_with_current(&self, key: &RecordKey) -> bool {
        self.mac().is_some_and(|mac| key.is_current(SUBJECT, &self.coded(), &mac))
    }

    /// Parses a record. Its text proves nothing: see [`verdict`](Self::verdict).
    ///
    /// # Errors
    /// [`RecordError::Malformed`].
    pub fn from_json(text: &[u8]) -> Result<Self, RecordError> {
        serde_json::from_slice(text).map_err(|error| RecordError::Malformed(error.to_string()))
    }

    /// The record as JSON, ending with a line break.
    pub fn to_json(&self) -> String {
        // Expect safety: strings and numbers.
        let text = serde_json::to_string_pretty(self).expect("strings and numbers can be serialised");
        text + "\n"
    }

    /// Checks that the record was sealed with `key`, or one before it, and that it is about the file with the digest `zkey`.
    ///
    /// # Errors
    /// [`RecordError::NotSealed`]; [`RecordError::OtherKey`].
    pub fn check_seal(&self, key: &RecordKey, zkey: &Digest) -> Result<(), RecordError> {
        let mac = self.mac().ok_or(RecordError::NotSealed)?;
        if !key.verifies(SUBJECT, &self.coded(), &mac) {
            return Err(RecordError::NotSealed);
        }
        if self.zkey == *zkey { Ok(()) } else { Err(RecordError::OtherKey) }
    }

    /// The verdict on the key whose head is `head` and whose file has the digest `zkey`: the contributions of the key are
    /// judged again; phase 1 and the other checks are taken from the record.
    ///
    /// # Errors
    /// [`RecordError::NotSealed`] if the record was not sealed with `key`; [`RecordError::OtherKey`].
    pub fn verdict(&self, key: &RecordKey, head: &KeyHead, zkey: &Digest) -> Result<KeyVerdict, RecordError> {
        self.check_seal(key, zkey)?;
        let phase1 = Verdict::new(Ok(self.phase1.provenance), &self.phase1.checks);
        let mut phase2 = gate::judge_recorded(head).and_checked(self.checks.iter().copied());
        if self.provenance < self.phase1.provenance {
            // The full verification computed beacons that are not computed again here.
            phase2 = phase2.at_most(self.provenance);
        }
        Ok(KeyVerdict::verified(phase1, phase2))
    }
}

impl ContributionRecord {
    fn of(name: Option<&ContributionName>, kind: &ContributionKind, hash: String) -> Self {
        let beacon = match kind {
            ContributionKind::Secret => None,
            ContributionKind::Beacon { exponent, hash } => {
                Some(format!("{}:{exponent}", hex::encode(hash.as_bytes())))
            }
        };
        Self { name: name.map(|name| name.as_str().to_owned()), beacon, hash }
    }
}

/// A record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The text is not a record.
    #[error("not a record of a setup: {0}")]
    Malformed(String),
    /// The record was not sealed with this key.
    #[error("the record was changed, or this installation did not make it")]
    NotSealed,
    /// The record is about another key.
    #[error("the record belongs to another key")]
    OtherKey,
}

impl Classified for RecordError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "record_malformed",
            Self::NotSealed => "record_not_sealed",
            Self::OtherKey => "record_of_other_key",
        }
    }
}

impl Serialize for Check {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::ALL.into_iter().find(|check| check.as_str() == name);
        found.ok_or_else(|| serde::de::Error::custom(format!("unknown check {name:?}")))
    }
}
