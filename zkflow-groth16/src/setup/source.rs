//! Sources of powers of tau for making keys.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::beacon::Replay;
use super::ceremony::CeremonyError;
use super::ptau::{self, Ceremony, file_hash, published};
use super::step::StepOptions;
use super::verdict::{Check, KeyVerdict, Verdict};
use super::{gate, phase2};
use crate::digest::Hash;
use crate::format::ptau::{Ptau, PtauContribution};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{KeyHead, ZKeyFile};
use crate::provenance::Provenance;
use crate::rng::{SecureRng, os_rng};

/// Provides powers of tau for circuits of a given size.
pub trait PowersSource: fmt::Debug + Send + Sync + 'static {
    /// Prepared powers of tau for circuits of up to `2^power` rows. Making them may take minutes.
    ///
    /// # Errors
    /// There are no powers for circuits of this size, or a file fails.
    fn powers(&self, power: u32) -> Result<Powers, CeremonyError>;
}

/// Prepared powers of tau, with their origin, their hash and the verdict on them.
#[derive(Debug)]
pub struct Powers {
    file: Ptau<Box<dyn Medium>>,
    origin: Origin,
    hash: Hash,
    verdict: Verdict,
}

impl Powers {
    /// Reads powers of tau, and verifies every contribution and every point. This takes minutes for large files.
    ///
    /// # Errors
    /// [`CeremonyError::NotPrepared`]; [`CeremonyError::Invalid`]; the medium fails.
    pub fn verify(
        mut medium: Box<dyn Medium>,
        rng: &mut dyn SecureRng,
        options: StepOptions<'_>,
    ) -> Result<Self, CeremonyError> {
        let hash = file_hash(&mut medium)?;
        medium.rewind()?;
        let mut file = prepared(medium)?;
        let verdict = ptau::verify(&mut file, rng, options)?;
        Ok(Self { file, origin: Origin::Verified, hash, verdict })
    }

    /// The points, read piece by piece.
    pub fn file(&mut self) -> &mut Ptau<Box<dyn Medium>> {
        &mut self.file
    }

    /// Origin of the powers.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// BLAKE2b-512 of the file.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The parties that could have the secrets of the powers.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The powers are sufficient for circuits of up to `2^power` rows.
    pub fn power(&self) -> u32 {
        self.file.power()
    }

    /// Power of the ceremony; larger than [`power`](Self::power) if the file is truncated.
    pub fn ceremony_power(&self) -> u32 {
        self.file.ceremony_power()
    }

    /// The contributions, in order.
    pub fn contributions(&self) -> &[PtauContribution] {
        self.file.contributions()
    }

    /// Checks a key against its circuit and these powers as [`phase2::verify`] does, and judges both phases.
    ///
    /// # Errors
    /// [`CeremonyError::Invalid`] contains the first problem; those of [`phase2::create`]; a file fails. A key that is
    /// valid but forgeable is no error: see [`KeyVerdict::admit`].
    pub fn verify_key<K: Read + Seek>(
        &mut self,
        r1cs: &R1cs,
        key: &mut ZKeyFile<K>,
        rng: &mut dyn SecureRng,
        options: StepOptions<'_>,
    ) -> Result<KeyVerdict, CeremonyError> {
        let replay = &mut options.replay();
        phase2::verify_within(r1cs, &mut self.file, key, rng, options, replay)?;
        Ok(self.judge_own(key.head(), replay))
    }

    /// The verdict on a key that is known to be the circuit's key from these powers.
    pub(super) fn judge_own(&self, key: &KeyHead, replay: &mut Replay) -> KeyVerdict {
        let phase2 = gate::judge_fully(key, replay).and_checked([Check::Circuit]);
        KeyVerdict::verified(self.verdict.clone(), phase2)
    }
}

fn prepared<M: Read + Seek>(medium: M) -> Result<Ptau<M>, CeremonyError> {
    let file = Ptau::open(medium)?;
    if file.is_prepared() { Ok(file) } else { Err(CeremonyError::NotPrepared) }
}

/// A readable medium, such as a file or memory.
pub trait Medium: Read + Seek + fmt::Debug + Send {}

impl<T: Read + Seek + fmt::Debug + Send> Medium for T {}

/// Origin of powers of tau.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Made by one process.
    Development,
    /// A file of a ceremony with verified contributions.
    Verified,
    /// A published file, identified by its hash.
    Published(Ceremony),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Development => f.write_str("development"),
            Self::Verified => f.write_str("verified file"),
            Self::Published(ceremony) => ceremony.fmt(f),
        }
    }
}

/// Powers of tau that this process makes on first use. Do not rely on their only contribution.
#[derive(Debug)]
pub struct DevelopmentPowers {
    /// Folder for files that outlive the process; `None`: files are in memory.
    folder: Option<PathBuf>,
    /// Files by power: their hashes and, without a folder, their content.
    made: Mutex<BTreeMap<u32, Made>>,
}

/// Hash and content of a file; the content is empty if the file is in the folder.
type Made = (Hash, Arc<[u8]>);

impl DevelopmentPowers {
    /// Stores the files in `folder`, which is created on first use. Processes may share it.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), made: Mutex::default() }
    }

    /// Stores the files in memory: about `1152 * 2^power` bytes.
    pub fn in_memory() -> Self {
        Self { folder: None, made: Mutex::default() }
    }
}

impl PowersSource for DevelopmentPowers {
    fn powers(&self, power: u32) -> Result<Powers, CeremonyError> {
        // One at a time: waiting callers then find the file.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.folder.as_deref().map(|folder| make_in(folder, power)).transpose()?;
        if let std::collections::btree_map::Entry::Vacant(slot) = made.entry(power) {
            slot.insert(match &path {
                Some(path) => (file_hash(open(path)?)?, Arc::default()),
                None => {
                    let mut bytes = Vec::new();
                    ptau::development(power, Cursor::new(Vec::new()), &mut bytes, &mut os_rng())?;
                    (file_hash(bytes.as_slice())?, bytes.into())
                }
            });
        }
        let (hash, bytes) = made[&power].clone();
        let medium: Box<dyn Medium> = match &path {
            Some(path) => Box::new(BufReader::new(open(path)?)),
            None => Box::new(Cursor::new(bytes)),
        };
        let mut file = prepared(medium)?;
        let verdict = ptau::judge(&mut file)?;
        Ok(Powers { file, origin: Origin::Development, hash, verdict })
    }
}

/// Path of the file in the folder; the file is made if it is missing. The first of several processes wins,
/// because a key can only be verified with the file that it was made from.
fn make_in(folder: &Path, power: u32) -> Result<PathBuf, CeremonyError> {
    let path = folder.join(format!("development_{power:02}.ptau"));
    if path.exists() {
        return Ok(path);
    }
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let scratch = tempfile::tempfile_in(folder)?;
    ptau::development(power, scratch, io::BufWriter::new(file.as_file_mut()), &mut os_rng())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(path),
        Err(error) => Err(error.error.into()),
    }
}

/// Powers of tau in a checked file of the operator.
#[derive(Debug)]
pub struct PowersFile {
    path: PathBuf,
    hash: Hash,
    origin: Origin,
    verdict: Verdict,
    /// The file when it was checked.
    seen: State,
}

impl PowersFile {
    /// Checks a file. A published file, or one listed in `checked`, is accepted by its hash. Another one is
    /// verified from the first contribution to the last point, which takes minutes for large files, and then
    /// listed. The contributions are judged in each case.
    ///
    /// # Errors
    /// [`CeremonyError::NotPrepared`]; [`CeremonyError::Invalid`]; the file fails.
    pub fn check(
        path: impl Into<PathBuf>,
        checked: Option<&Path>,
        rng: &mut dyn SecureRng,
        options: StepOptions<'_>,
    ) -> Result<Self, CeremonyError> {
        let path = path.into();
        let mut medium = open(&path)?;
        let seen = State::of(&medium)?;
        let hash = file_hash(&mut medium)?;
        medium.rewind()?;
        let mut file = prepared(BufReader::new(medium))?;
        let by_hash = match published(&hash) {
            Some(ceremony) => Some((Origin::Published(ceremony), Check::PublishedHash)),
            None if checked.is_some_and(|list| lists(list, &hash)) => {
                Some((Origin::Verified, Check::AllPoints))
            }
            None => None,
        };
        let (origin, verdict) = match by_hash {
            Some((origin, check)) => {
                (origin, ptau::judge_fully(&mut file, &mut options.replay())?.and_checked([check]))
            }
            None => (Origin::Verified, ptau::verify(&mut file, rng, options)?),
        };
        let powers = Self { path, hash, origin, verdict, seen };
        powers.open()?;
        if let (None, Some(list)) = (by_hash, checked) {
            add(list, &hash)?;
        }
        Ok(powers)
    }

    /// Refuses powers whose secrets anyone could have, and powers for development.
    ///
    /// # Errors
    /// [`CeremonyError::WeakPowers`] contains the verdict.
    pub fn for_production(self) -> Result<Self, CeremonyError> {
        match self.verdict.provenance() {
            None | Some(Provenance::Development) => Err(CeremonyError::WeakPowers(Box::new(self.verdict))),
            Some(_) => Ok(self),
        }
    }

    /// BLAKE2b-512 of the file.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// Origin of the powers.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The parties that could have the secrets of the powers.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Opens the file if it is still the one that was checked.
    fn open(&self) -> Result<File, CeremonyError> {
        let file = open(&self.path)?;
        if State::of(&file)? != self.seen {
            return Err(CeremonyError::invalid("the powers of tau changed since they were checked"));
        }
        Ok(file)
    }
}

impl PowersSource for PowersFile {
    fn powers(&self, _power: u32) -> Result<Powers, CeremonyError> {
        let medium: Box<dyn Medium> = Box::new(BufReader::new(self.open()?));
        let (origin, hash, verdict) = (self.origin, self.hash, self.verdict.clone());
        Ok(Powers { file: Ptau::open(medium)?, origin, hash, verdict })
    }
}

fn open(path: &Path) -> Result<File, CeremonyError> {
    Ok(File::open(path).map_err(crate::format::ReadError::from)?)
}

/// Identity of a file and of its content: a program can set the time of modification, but not the time of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl State {
    fn of(file: &File) -> Result<Self, CeremonyError> {
        let found = file.metadata().map_err(crate::format::ReadError::from)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

fn lists(list: &Path, hash: &Hash) -> bool {
    let hash = hex::encode(hash);
    fs::read_to_string(list).is_ok_and(|text| text.lines().any(|line| line == hash))
}

fn add(list: &Path, hash: &Hash) -> io::Result<()> {
    if let Some(folder) = list.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::OpenOptions::new().create(true).append(true).open(list)?;
    writeln!(file, "{}", hex::encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ptau::TAU_G1;

    fn tau(source: &dyn PowersSource, power: u32) -> (Vec<ark_bn254::G1Affine>, Hash) {
        let mut powers = source.powers(power).unwrap();
        (powers.file().points(TAU_G1, 1, 1).unwrap(), *powers.hash())
    }

    #[test]
    fn development_powers_are_made_once_for_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let here = DevelopmentPowers::in_folder(folder.path().join("new"));
        let first = tau(&here, 2);
        assert_eq!(tau(&here, 2), first);
        let again = DevelopmentPowers::in_folder(folder.path().join("new"));
        assert_eq!(tau(&again, 2), first, "in another process");
        assert_ne!(tau(&DevelopmentPowers::in_memory(), 2), first);
        assert_ne!(tau(&here, 3).1, first.1);
    }

    fn check(path: &Path, list: &Path) -> Result<PowersFile, CeremonyError> {
        PowersFile::check(path, Some(list), &mut os_rng(), StepOptions::default())
    }

    #[test]
    fn a_file_is_verified_once_and_refused_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, list) = (folder.path().join("p.ptau"), folder.path().join("checked"));
        let mut bytes = Vec::new();
        ptau::development(2, Cursor::new(Vec::new()), &mut bytes, &mut os_rng()).unwrap();
        fs::write(&path, &bytes).unwrap();
        let file = check(&path, &list).unwrap();
        assert_eq!((file.origin(), *file.powers(2).unwrap().hash()), (Origin::Verified, *file.hash()));
        assert_eq!(fs::read_to_string(&list).unwrap().trim(), hex::encode(file.hash()));
        let again = check(&path, &list).unwrap();
        assert_eq!(again.verdict().provenance(), Some(Provenance::Development));
        assert!(again.for_production().is_err(), "powers for development");

        // The same bytes at the same time of modification, written again.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, &bytes).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(file.powers(2).unwrap_err().to_string().contains("changed"));

        // Replaces the last point of the last Lagrange form with the one before it.
        let last = bytes.len() - 64;
        bytes.copy_within(last - 64..last, last);
        bytes.push(0);
        fs::write(&path, &bytes).unwrap();
        assert!(file.powers(2).unwrap_err().to_string().contains("changed"));
        bytes.pop();
        fs::write(&path, &bytes).unwrap();
        let error = check(&path, &list).unwrap_err();
        assert!(error.to_string().contains("Lagrange"), "{error}");
    }
}
