//! Makes the key of a circuit, and records its origin.

use std::io::{Cursor, Write};

use serde::Serialize;

use super::beacon::Beacon;
use super::ceremony::CeremonyError;
use super::source::{Origin, Powers, PowersSource};
use super::step::StepOptions;
use super::{check, development_name, gate, phase2, ptau, qap};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{ContributionKind, ContributionName, KeyHead, ZKey, ZKeyFile};
use crate::provenance::Provenance;
use crate::rng::SecureRng;

/// Options for making a key.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct KeyOptions<'a> {
    /// Beacon that ends phase 2; `None`: no beacon.
    pub beacon: Option<&'a Beacon>,
}

impl<'a> KeyOptions<'a> {
    /// Ends phase 2 with a beacon.
    #[must_use]
    pub fn with_beacon(mut self, beacon: Option<&'a Beacon>) -> Self {
        self.beacon = beacon;
        self
    }
}

/// Makes the key of a circuit: phase 1 from `source`, then one secret contribution from `rng`. Writes the key to
/// `out` as a `.zkey` file; returns its head and its record.
///
/// # Behaviour
/// - With [development](Origin::Development) powers the key is for development, and the name of its
///   contribution marks it. With other powers its provenance is `single-operator`.
/// - A seeded `rng` and the same powers give the same key; anyone can then forge proofs for it.
/// - [`phase2::verify`] accepts the key with the powers whose hash is in the record.
/// - Memory contains the key without its contributions; with a beacon, twice.
///
/// # Errors
/// There are no powers for a circuit of this size, the circuit is invalid, or a file fails.
///
/// ```
/// use zkflow_groth16::format::r1cs::R1cs;
/// use zkflow_groth16::provenance::Provenance;
/// use zkflow_groth16::rng::os_rng;
/// use zkflow_groth16::setup::gate::{Verdict, judge};
/// use zkflow_groth16::setup::{DevelopmentPowers, KeyOptions, make_key};
///
/// # std::env::set_current_dir("tests/data")?;
/// let r1cs = R1cs::read(&std::fs::read("tiny.r1cs")?)?;
/// let mut zkey = Vec::new();
/// let (head, _record) =
///     make_key(&r1cs, &DevelopmentPowers::in_memory(), &mut zkey, KeyOptions::default(), &mut os_rng())?;
/// assert_eq!(judge(&head), Verdict::Held(Provenance::Development));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn make_key(
    r1cs: &R1cs,
    source: &dyn PowersSource,
    out: impl Write,
    options: KeyOptions<'_>,
    rng: &mut dyn SecureRng,
) -> Result<(KeyHead, SetupRecord), CeremonyError> {
    let domain_size = check(r1cs)?;
    let mut powers = source.powers(domain_size.ilog2())?;
    let steps = StepOptions::default();
    let mut initial = room(r1cs, domain_size);
    phase2::create(r1cs, &mut powers.file, &mut initial, steps)?;
    let mut initial = ZKeyFile::open(Cursor::new(initial))?;
    let name = match powers.origin {
        Origin::Development => development_name(),
        _ => ContributionName::new("zkflow").expect("shorter than 255 bytes"),
    };
    let head = match options.beacon {
        None => phase2::contribute(&mut initial, out, Some(name), "", rng, steps)?,
        Some(beacon) => {
            let mut contributed = room(r1cs, domain_size);
            phase2::contribute(&mut initial, &mut contributed, Some(name), "", rng, steps)?;
            drop(initial);
            let mut contributed = ZKeyFile::open(Cursor::new(contributed))?;
            phase2::beacon(&mut contributed, out, None, beacon, steps)?
        }
    };
    let provenance = gate::judge(&head).admit(true)?;
    let record = SetupRecord::of(&powers, &head, provenance)?;
    Ok((head, record))
}

/// Memory for the key of a circuit, with room for a contribution.
fn room(r1cs: &R1cs, domain_size: u32) -> Vec<u8> {
    let entries = qap::coefficient_count(r1cs).unwrap_or_default();
    let length = ZKey::file_len(r1cs.n_wires.into(), domain_size.into(), entries.into());
    Vec::with_capacity(usize::try_from(length.saturating_add(1 << 12)).unwrap_or_default())
}

/// The origin of a key, for people and programs; the key itself proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetupRecord {
    /// The powers of tau.
    pub phase1: Phase1Record,
    /// BLAKE2b-512 of the initial key, in hexadecimal.
    pub circuit_hash: String,
    /// The contributions of phase 2, in order.
    pub phase2: Vec<ContributionRecord>,
    /// The parties that could forge proofs.
    pub provenance: Provenance,
}

/// The powers of tau used for a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

/// A contribution to one of the phases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContributionRecord {
    /// Name of the contributor as given in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `VALUE:EXPONENT`, with the value in hexadecimal; `None` if the contribution is not from a beacon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beacon: Option<String>,
    /// The hash that the contributor publishes, in hexadecimal.
    pub hash: String,
}

impl SetupRecord {
    fn of(powers: &Powers, head: &KeyHead, provenance: Provenance) -> Result<Self, CeremonyError> {
        let file = &powers.file;
        let response = |one| Ok::<_, CeremonyError>(hex::encode(ptau::response_hash(one)?));
        let contributions = file
            .contributions()
            .iter()
            .map(|one| Ok(ContributionRecord::of(one.name.as_ref(), &one.kind, response(one)?)))
            .collect::<Result<_, CeremonyError>>()?;
        let phase1 = Phase1Record {
            origin: powers.origin.to_string(),
            blake2b: hex::encode(powers.hash),
            power: file.power(),
            ceremony_power: file.ceremony_power(),
            contributions,
        };
        let hash = |one| hex::encode(phase2::contribution_hash(one));
        let phase2 = head.contributions.iter();
        let phase2 = phase2.map(|one| ContributionRecord::of(one.name.as_ref(), &one.kind, hash(one)));
        let (circuit_hash, phase2) = (hex::encode(head.circuit_hash), phase2.collect());
        Ok(Self { phase1, circuit_hash, phase2, provenance })
    }

    /// The record as JSON, ending with a line break.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("strings and numbers can be serialised");
        text + "\n"
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
