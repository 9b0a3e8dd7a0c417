//! Hosted ceremonies: the rules that are announced, the contributions, and the record that shows both afterwards.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::format::zkey::{Contribution, ContributionKind, KeyHead};
use zkflow_groth16::provenance::{Label, Provenance};
use zkflow_groth16::setup::SetupRecord;
use zkflow_groth16::setup::phase2::contribution_hash;

use crate::circuit::Transcript;

/// What is announced before the first contribution. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CeremonyRules {
    /// Number of contributions below which the ceremony has no result.
    pub min_contributions: u32,
    /// Contributions must be received before.
    pub deadline: Timestamp,
    /// Time limit of a contributor's turn in seconds.
    pub turn_seconds: u64,
    /// The public value that ends the ceremony.
    pub beacon: AnnouncedBeacon,
}

/// A public value that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnnouncedBeacon {
    /// Where any person finds the value, such as a round of drand or the number of a block.
    pub source: String,
    /// The value is hashed `2^exponent` times.
    pub exponent: u8,
    /// The value is not known before. Not before the deadline, so no contributor knows it.
    pub at: Timestamp,
}

/// The circuit of a ceremony and its initial key, which follow from the constraints and the powers of tau.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CeremonyCircuit {
    /// SHA-256 of the constraints (.r1cs).
    pub r1cs: Digest,
    /// BLAKE2b-512 of the initial key, in hexadecimal.
    pub circuit_hash: String,
    /// BLAKE2b-512 of the powers of tau, in hexadecimal.
    pub powers: String,
    /// Origin of the powers of tau.
    pub powers_origin: String,
}

/// An accepted contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReceivedContribution {
    /// Position in the key, from 1.
    pub number: u32,
    /// Name in the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The hash that the contributor publishes, in hexadecimal.
    pub hash: String,
    /// SHA-256 of the key with this contribution.
    pub zkey: Digest,
    /// When the key was received.
    pub received_at: Timestamp,
}

impl ReceivedContribution {
    /// A verified contribution.
    pub fn new(number: u32, contribution: &Contribution, zkey: Digest, received_at: Timestamp) -> Self {
        Self {
            number,
            name: contribution.name.as_ref().map(|name| name.as_str().to_owned()),
            hash: hex::encode(contribution_hash(contribution)),
            zkey,
            received_at,
        }
    }
}

/// The value of an [`AnnouncedBeacon`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenBeacon {
    /// The value, in hexadecimal.
    pub value: String,
    /// When the operator gave it.
    pub given_at: Timestamp,
}

/// Version of [`CeremonyRecord`] and [`Attestation`].
pub(super) const FORMAT: u32 = 1;

/// The public record of a finished ceremony, `ceremony.json`. With the constraints, the powers of tau and the key, it is
/// all that a check needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CeremonyRecord {
    pub(super) format: u32,
    /// Name and version of the program that ran the ceremony.
    pub program: String,
    /// Id of the ceremony.
    pub ceremony: String,
    /// When the rules were announced.
    pub announced_at: Timestamp,
    /// What was announced.
    pub rules: CeremonyRules,
    /// The circuit and its initial key.
    pub circuit: CeremonyCircuit,
    /// The contributions, in order.
    pub contributions: Vec<ReceivedContribution>,
    /// The value that ended the ceremony.
    pub beacon: GivenBeacon,
    /// SHA-256 of the final key.
    pub zkey: Digest,
    /// The label that the server's own verification of the whole chain gave.
    pub provenance: Provenance,
}

/// The files beside a record.
#[derive(Debug, Clone, Copy)]
pub struct CeremonyFiles<'a> {
    /// SHA-256 of the constraints.
    pub r1cs: &'a Digest,
    /// SHA-256 of the final key.
    pub zkey: &'a Digest,
    /// Head of the final key.
    pub head: &'a KeyHead,
    /// BLAKE2b-512 of the powers of tau, in hexadecimal.
    pub powers: &'a str,
}

impl CeremonyRecord {
    /// Parses `ceremony.json`.
    ///
    /// # Errors
    /// The text is no record of this version.
    pub fn from_json(text: &[u8]) -> Result<Self, CeremonyFault> {
        parse(text, "the record", |record: &Self| record.format)
    }

    /// The record as JSON, ending with a line break.
    pub fn to_json(&self) -> String {
        pretty(self)
    }

    /// Compares the record with the key and with its own rules. The key itself is verified elsewhere, see
    /// [`Powers::verify_key`](zkflow_groth16::setup::Powers::verify_key).
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, files: CeremonyFiles<'_>) -> Result<(), CeremonyFault> {
        self.check_files(&files)?;
        self.check_times()?;
        let Some((last, secrets)) = files.head.contributions.split_last() else {
            return Err(fault("the key has no contributions"));
        };
        let (found, expected) = (secrets.len(), self.contributions.len());
        if found != expected {
            return Err(fault(format!(
                "the key has {found} contributions before its last one, the record has {expected}"
            )));
        }
        for (number, (recorded, one)) in (1..).zip(self.contributions.iter().zip(secrets)) {
            let rebuilt = ReceivedContribution::new(number, one, recorded.zkey, recorded.received_at);
            if rebuilt != *recorded || one.kind != ContributionKind::Secret {
                return Err(fault(format!("contribution {number} differs between the record and the key")));
            }
        }
        if expected < self.rules.min_contributions as usize {
            return Err(fault(format!(
                "{expected} contributions, announced were at least {}",
                self.rules.min_contributions
            )));
        }
        match &last.kind {
            ContributionKind::Beacon { exponent, hash }
                if *exponent == self.rules.beacon.exponent
                    && hex::encode(hash.as_bytes()) == self.beacon.value =>
            {
                Ok(())
            }
            _ => Err(fault("the last contribution of the key is not the beacon of the record")),
        }
    }

    /// Reads a transcript of a key.
    ///
    /// # Errors
    /// See [`from_json`](Self::from_json).
    pub fn transcript(text: &[u8]) -> Result<Box<dyn Transcript>, String> {
        let record = Self::from_json(text).map_err(|fault| fault.to_string())?;
        Ok(Box::new(record))
    }

    fn check_files(&self, files: &CeremonyFiles<'_>) -> Result<(), CeremonyFault> {
        let CeremonyCircuit { r1cs, circuit_hash, powers, .. } = &self.circuit;
        for (equal, what) in [
            (files.r1cs == r1cs, "the constraints (.r1cs)"),
            (*files.zkey == self.zkey, "the key"),
            (hex::encode(files.head.circuit_hash) == *circuit_hash, "the circuit hash"),
            (files.powers == powers, "the powers of tau"),
        ] {
            if !equal {
                return Err(fault(format!("{what}: not that of the record")));
            }
        }
        Ok(())
    }

    /// Times are what the server says: attestations of contributors confirm them.
    fn check_times(&self) -> Result<(), CeremonyFault> {
        let CeremonyRules { deadline, beacon, .. } = &self.rules;
        if beacon.at < *deadline {
            return Err(fault("the beacon was known before the deadline"));
        }
        if self.beacon.given_at < beacon.at {
            return Err(fault("the beacon was given before its announced time"));
        }
        let mut before = self.announced_at;
        for ReceivedContribution { number, received_at, .. } in &self.contributions {
            if *received_at < before || received_at > deadline {
                return Err(fault(format!(
                    "contribution {number} was not received in its order before the deadline"
                )));
            }
            before = *received_at;
        }
        Ok(())
    }
}

impl Transcript for CeremonyRecord {
    fn compare(&self, head: &KeyHead, record: &SetupRecord, label: &Label) -> Result<(), String> {
        let r1cs = record.r1cs.as_ref().ok_or("the constraints have no digest")?;
        let files = CeremonyFiles { r1cs, zkey: &record.zkey, head, powers: &record.phase1.blake2b };
        self.check(files).map_err(|fault| fault.to_string())?;
        match label.provenance() == self.provenance {
            true => Ok(()),
            false => Err(format!("the label is {label}, the record has {}", self.provenance)),
        }
    }
}

/// What a contributor keeps: the announcement as it was at the contribution, and the contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attestation {
    format: u32,
    /// Id of the ceremony.
    pub ceremony: String,
    /// When the rules were announced.
    pub announced_at: Timestamp,
    /// The announcement.
    pub rules: CeremonyRules,
    /// The circuit and its initial key.
    pub circuit: CeremonyCircuit,
    /// Position of the contribution in the key, from 1.
    pub number: u32,
    /// Name in the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Hash of the contribution, in hexadecimal.
    pub hash: String,
    /// SHA-256 of the key that was received.
    pub previous: Digest,
    /// SHA-256 of the key with the contribution.
    pub zkey: Digest,
}

impl Attestation {
    /// An attestation of the last contribution of a key.
    pub fn new(
        ceremony: String,
        announced_at: Timestamp,
        rules: CeremonyRules,
        circuit: CeremonyCircuit,
        head: &KeyHead,
        [previous, zkey]: [Digest; 2],
    ) -> Option<Self> {
        let last = head.contributions.last()?;
        let number = u32::try_from(head.contributions.len()).ok()?;
        let name = last.name.as_ref().map(|name| name.as_str().to_owned());
        let hash = hex::encode(contribution_hash(last));
        let format = FORMAT;
        Some(Self { format, ceremony, announced_at, rules, circuit, number, name, hash, previous, zkey })
    }

    /// Parses an attestation.
    ///
    /// # Errors
    /// The text is no attestation of this version.
    pub fn from_json(text: &[u8]) -> Result<Self, CeremonyFault> {
        parse(text, "the attestation", |attestation: &Self| attestation.format)
    }

    /// The attestation as JSON, ending with a line break.
    pub fn to_json(&self) -> String {
        pretty(self)
    }

    /// Checks that the record contains the contribution, and the announcement that the contributor saw.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, record: &CeremonyRecord) -> Result<(), CeremonyFault> {
        let at = |number: u32| record.contributions.iter().find(|one| one.number == number);
        let own = at(self.number).is_some_and(|one| one.hash == self.hash && one.zkey == self.zkey);
        let before = match self.number.checked_sub(1) {
            None => false,
            // The initial key follows from the circuit hash.
            Some(0) => true,
            Some(number) => at(number).is_some_and(|one| one.zkey == self.previous),
        };
        for (equal, what) in [
            (self.ceremony == record.ceremony, "the ceremony"),
            (self.announced_at == record.announced_at && self.rules == record.rules, "the announcement"),
            (self.circuit == record.circuit, "the circuit or its powers of tau"),
            (own, "the contribution"),
            (before, "the key before the contribution"),
        ] {
            if !equal {
                return Err(fault(format!("{what}: the attestation differs from the record")));
            }
        }
        Ok(())
    }
}

/// A record or an attestation is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CeremonyFault(String);

impl fmt::Display for CeremonyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CeremonyFault {}

fn fault(what: impl Into<String>) -> CeremonyFault {
    CeremonyFault(what.into())
}

fn parse<T: DeserializeOwned>(text: &[u8], what: &str, format: fn(&T) -> u32) -> Result<T, CeremonyFault> {
    let parsed = serde_json::from_slice(text).map_err(|error| fault(format!("{what}: {error}")))?;
    match format(&parsed) {
        FORMAT => Ok(parsed),
        other => Err(fault(format!("{what}: format {other} is not supported, expected {FORMAT}"))),
    }
}

fn pretty(value: &impl Serialize) -> String {
    // Expect safety: strings and numbers.
    serde_json::to_string_pretty(value).expect("strings and numbers can be serialised") + "\n"
}
