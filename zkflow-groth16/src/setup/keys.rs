//! Makes the key of a circuit.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::beacon::Beacon;
use super::ceremony::CeremonyError;
use super::record::{RecordedFiles, SetupRecord};
use super::record_key::RecordKey;
use super::source::PowersSource;
use super::step::StepOptions;
use super::{check, development_name, phase2, qap};
use crate::digest::{Digest, Hasher};
use crate::format::ReadError;
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
    /// Folder for the keys of the steps; `None`: they are in memory.
    pub folder: Option<&'a Path>,
    /// Options of the verification of a given key, in place of one that is made.
    pub verification: StepOptions<'a>,
}

/// Memory for the points of a step whose keys are in a folder.
const MEMORY_WITH_FOLDER: u64 = 256 << 20;

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

    /// Writes the keys of the steps to files in `folder`, which is then where [`key_file`](Self::key_file) is. A key is read and
    /// written in pieces, so memory does not grow with it.
    #[must_use]
    pub fn in_folder(mut self, folder: &'a Path) -> Self {
        self.folder = Some(folder);
        self
    }

    /// The file for the finished key in the folder; `None` without a folder.
    pub fn key_file(&self) -> Option<PathBuf> {
        Some(self.folder?.join("made.zkey"))
    }

    /// Limits the verification of a given key.
    #[must_use]
    pub fn with_verification(mut self, options: StepOptions<'a>) -> Self {
        self.verification = options;
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
/// - Memory contains the key without its contributions; with a beacon, twice. With a
///   [folder](KeyOptions::in_folder), memory contains the circuit, its matrices and up to 256 MiB of points.
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
    let steps = match options.folder {
        Some(_) => StepOptions::default().with_memory(MEMORY_WITH_FOLDER),
        None => StepOptions::default(),
    };
    let between = Between { folder: options.folder, r1cs, domain_size };
    let mut initial = between.key(|out| phase2::create(r1cs, powers.file(), out, steps))?;
    let name = match powers.verdict().provenance() {
        Some(Provenance::Development) => development_name(),
        _ => ContributionName::new("zkflow").expect("shorter than 255 bytes"),
    };
    let head = match options.beacon {
        None => phase2::contribute(&mut initial, &mut out, Some(name), "", rng, steps)?,
        Some(beacon) => {
            let mut contributed =
                between.key(|out| phase2::contribute(&mut initial, out, Some(name), "", rng, steps))?;
            drop(initial);
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

/// Keeps the keys between two steps, in memory or in files without a name.
struct Between<'a> {
    folder: Option<&'a Path>,
    r1cs: &'a R1cs,
    domain_size: u32,
}

/// A key between two steps.
trait ReadSeek: Read + Seek {}

impl<R: Read + Seek> ReadSeek for R {}

impl Between<'_> {
    /// The key that `step` writes.
    fn key(
        &self,
        step: impl FnOnce(&mut dyn Write) -> Result<KeyHead, CeremonyError>,
    ) -> Result<ZKeyFile<Box<dyn ReadSeek>>, CeremonyError> {
        let key: Box<dyn ReadSeek> = match self.folder {
            None => {
                let mut bytes = self.room();
                step(&mut bytes)?;
                Box::new(Cursor::new(bytes))
            }
            Some(folder) => {
                let mut file: File = tempfile::tempfile_in(folder)?;
                let mut out = BufWriter::with_capacity(BUFFER, &file);
                step(&mut out)?;
                out.flush()?;
                drop(out);
                file.rewind().map_err(ReadError::Io)?;
                Box::new(BufReader::with_capacity(BUFFER, file))
            }
        };
        Ok(ZKeyFile::open(key)?)
    }

    /// Memory for a key, with room for a contribution.
    fn room(&self) -> Vec<u8> {
        let entries = qap::coefficient_count(self.r1cs).unwrap_or_default();
        let length = ZKey::file_len(self.r1cs.n_wires.into(), self.domain_size.into(), entries.into());
        Vec::with_capacity(usize::try_from(length.saturating_add(1 << 12)).unwrap_or_default())
    }
}

const BUFFER: usize = 1 << 20;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::os_rng;
    use crate::setup::DevelopmentPowers;

    #[test]
    fn a_folder_contains_the_finished_key_only_and_powers_verify_it() {
        let r1cs = R1cs::read(&std::fs::read("tests/data/tiny.r1cs").unwrap()).unwrap();
        let powers = DevelopmentPowers::in_memory();
        let folder = tempfile::tempdir().unwrap();
        let beacon = Beacon::new(&[7; 32], 10).unwrap();
        for beacon in [None, Some(&beacon)] {
            let options = KeyOptions::default().with_beacon(beacon).in_folder(folder.path());
            let path = options.key_file().unwrap();
            let made =
                make_key(&r1cs, &powers, File::create(&path).unwrap(), options, &mut os_rng()).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(Digest::of(&bytes), made.record.zkey);
            let mut key = ZKeyFile::open(Cursor::new(bytes)).unwrap();
            assert_eq!(*key.head(), made.head);
            phase2::compare_circuit(&r1cs, &mut key).unwrap();
            let files = std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(files, 1, "a key between two steps is left");
        }
    }
}
