//! Makes the key of a circuit.

use std::io::{self, Cursor, Write};

use super::beacon::Beacon;
use super::ceremony::CeremonyError;
use super::record::{RecordedFiles, SetupRecord};
use super::record_key::RecordKey;
use super::source::PowersSource;
use super::step::StepOptions;
use super::{check, development_name, phase2, qap};
use crate::digest::{Digest, Hasher};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{ContributionName, KeyHead, ZKey, ZKeyFile};
use crate::provenance::{Label, Provenance};
use crate::rng::SecureRng;

/// Options for making a key.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct KeyOptions<'a> {
    /// Beacon that ends phase 2; `None`: no beacon.
    pub beacon: Option<&'a Beacon>,
    /// SHA-256 of the circuit's file (.r1cs), for the record.
    pub r1cs: Option<Digest>,
    /// Key that seals the record; `None`: the record is not sealed, and no label follows from it later.
    pub record_key: Option<&'a RecordKey>,
}

impl<'a> KeyOptions<'a> {
    /// Ends phase 2 with a beacon.
    #[must_use]
    pub fn with_beacon(mut self, beacon: Option<&'a Beacon>) -> Self {
        self.beacon = beacon;
        self
    }

    /// Names the circuit's file (.r1cs) in the record by its SHA-256.
    #[must_use]
    pub fn with_r1cs(mut self, digest: Digest) -> Self {
        self.r1cs = Some(digest);
        self
    }

    /// Seals the record. Later, a label of the key follows only from a sealed record.
    #[must_use]
    pub fn with_record_key(mut self, key: &'a RecordKey) -> Self {
        self.record_key = Some(key);
        self
    }
}

/// Makes the key of a circuit: phase 1 from `source`, then one secret contribution from `rng`. Writes the key to
/// `out` as a `.zkey` file.
///
/// # Behaviour
/// - With powers for development the key is for development, and the name of its
///   contribution marks it. With other powers its provenance is `single-operator`.
/// - A seeded `rng` and the same powers give the same key; anyone can then forge proofs for it.
/// - [`phase2::verify`] accepts the key with the powers whose hash is in the record.
/// - Memory contains the key without its contributions; with a beacon, twice.
///
/// # Errors
/// There are no powers for a circuit of this size, anyone could have their secrets, the circuit is invalid, or a file
/// fails.
///
/// ```
/// use zkflow_groth16::format::r1cs::R1cs;
/// use zkflow_groth16::provenance::Provenance;
/// use zkflow_groth16::rng::os_rng;
/// use zkflow_groth16::setup::{DevelopmentPowers, KeyOptions, make_key};
///
/// # std::env::set_current_dir("tests/data")?;
/// let r1cs = R1cs::read(&std::fs::read("tiny.r1cs")?)?;
/// let mut zkey = Vec::new();
/// let made =
///     make_key(&r1cs, &DevelopmentPowers::in_memory(), &mut zkey, KeyOptions::default(), &mut os_rng())?;
/// assert_eq!(made.label.provenance(), Provenance::Development);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn make_key(
    r1cs: &R1cs,
    source: &dyn PowersSource,
    out: impl Write,
    options: KeyOptions<'_>,
    rng: &mut dyn SecureRng,
) -> Result<MadeKey, CeremonyError> {
    let domain_size = check(r1cs)?;
    let mut powers = source.powers(domain_size.ilog2())?;
    if powers.verdict().provenance().is_none() {
        return Err(CeremonyError::WeakPowers(Box::new(powers.verdict().clone())));
    }
    let mut out = Hashed { out, hasher: Hasher::default() };
    let steps = StepOptions::default();
    let mut initial = room(r1cs, domain_size);
    phase2::create(r1cs, powers.file(), &mut initial, steps)?;
    let mut initial = ZKeyFile::open(Cursor::new(initial))?;
    let name = match powers.verdict().provenance() {
        Some(Provenance::Development) => development_name(),
        _ => ContributionName::new("zkflow").expect("shorter than 255 bytes"),
    };
    let head = match options.beacon {
        None => phase2::contribute(&mut initial, &mut out, Some(name), "", rng, steps)?,
        Some(beacon) => {
            let mut contributed = room(r1cs, domain_size);
            phase2::contribute(&mut initial, &mut contributed, Some(name), "", rng, steps)?;
            drop(initial);
            let mut contributed = ZKeyFile::open(Cursor::new(contributed))?;
            phase2::beacon(&mut contributed, &mut out, None, beacon, steps)?
        }
    };
    let zkey = out.hasher.finish();
    let verdict = powers.judge_own(&head, &mut steps.replay());
    let label = verdict.admit(true)?;
    let record = SetupRecord::new(&powers, &head, &verdict, RecordedFiles { r1cs: options.r1cs, zkey })?;
    let record = match options.record_key {
        Some(key) => record.sealed(key),
        None => record,
    };
    Ok(MadeKey { head, label, record })
}

/// Memory for the key of a circuit, with room for a contribution.
fn room(r1cs: &R1cs, domain_size: u32) -> Vec<u8> {
    let entries = qap::coefficient_count(r1cs).unwrap_or_default();
    let length = ZKey::file_len(r1cs.n_wires.into(), domain_size.into(), entries.into());
    Vec::with_capacity(usize::try_from(length.saturating_add(1 << 12)).unwrap_or_default())
}

/// A key that this process made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MadeKey {
    /// The head of the key.
    pub head: KeyHead,
    /// The parties that could forge proofs.
    pub label: Label,
    /// The origin of the key.
    pub record: SetupRecord,
}

/// Hashes what it writes.
struct Hashed<W> {
    out: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
