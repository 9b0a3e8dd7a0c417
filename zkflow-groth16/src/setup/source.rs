//! Sources of powers of tau for making keys.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::ceremony::CeremonyError;
use super::ptau::{self, Ceremony, file_hash, published};
use super::step::StepOptions;
use crate::digest::Hash;
use crate::format::ptau::Ptau;
use crate::rng::{SecureRng, os_rng};

/// Provides powers of tau for circuits of a given size.
pub trait PowersSource: fmt::Debug + Send + Sync + 'static {
    /// Prepared powers of tau for circuits of up to `2^power` rows. Making them may take minutes.
    ///
    /// # Errors
    /// There are no powers for circuits of this size, or a file fails.
    fn powers(&self, power: u32) -> Result<Powers, CeremonyError>;
}

/// Prepared powers of tau, with origin and hash.
#[derive(Debug)]
pub struct Powers {
    /// The powers, read piece by piece.
    pub file: Ptau<Box<dyn Medium>>,
    /// Origin of the powers.
    pub origin: Origin,
    /// BLAKE2b-512 of the file.
    pub hash: Hash,
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
        Ok(Powers { file: Ptau::open(medium)?, origin: Origin::Development, hash })
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
    /// Length and modification time of the file when it was checked.
    seen: (u64, SystemTime),
}

impl PowersFile {
    /// Checks a file. A published file, or one listed in `checked`, is accepted by its hash. Another one is
    /// verified from the first contribution to the last point, which takes minutes for large files, and then
    /// listed.
    ///
    /// # Errors
    /// [`CeremonyError::NotPrepared`]; [`CeremonyError::Invalid`]; the file fails.
    pub fn check(
        path: impl Into<PathBuf>,
        checked: Option<&Path>,
        rng: &mut dyn SecureRng,
    ) -> Result<Self, CeremonyError> {
        let path = path.into();
        let seen = state(&path)?;
        let mut file = Ptau::open(BufReader::new(open(&path)?))?;
        if !file.is_prepared() {
            return Err(CeremonyError::NotPrepared);
        }
        let hash = file_hash(open(&path)?)?;
        let origin = match published(&hash) {
            Some(ceremony) => Origin::Published(ceremony),
            None if checked.is_some_and(|list| lists(list, &hash)) => Origin::Verified,
            None => {
                ptau::verify(&mut file, rng, StepOptions::default())?;
                if let Some(list) = checked {
                    add(list, &hash)?;
                }
                Origin::Verified
            }
        };
        Ok(Self { path, hash, origin, seen })
    }

    /// BLAKE2b-512 of the file.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// Origin of the powers.
    pub fn origin(&self) -> Origin {
        self.origin
    }
}

impl PowersSource for PowersFile {
    fn powers(&self, _power: u32) -> Result<Powers, CeremonyError> {
        if state(&self.path)? != self.seen {
            return Err(CeremonyError::invalid("the powers of tau changed since they were checked"));
        }
        let medium: Box<dyn Medium> = Box::new(BufReader::new(open(&self.path)?));
        Ok(Powers { file: Ptau::open(medium)?, origin: self.origin, hash: self.hash })
    }
}

fn open(path: &Path) -> Result<File, CeremonyError> {
    Ok(File::open(path).map_err(crate::format::ReadError::from)?)
}

fn state(path: &Path) -> Result<(u64, SystemTime), CeremonyError> {
    let read = || {
        let metadata = fs::metadata(path)?;
        Ok::<_, io::Error>((metadata.len(), metadata.modified()?))
    };
    Ok(read().map_err(crate::format::ReadError::from)?)
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
        (powers.file.points(TAU_G1, 1, 1).unwrap(), powers.hash)
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

    #[test]
    fn a_file_is_verified_once_and_refused_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, list) = (folder.path().join("p.ptau"), folder.path().join("checked"));
        let mut bytes = Vec::new();
        ptau::development(2, Cursor::new(Vec::new()), &mut bytes, &mut os_rng()).unwrap();
        fs::write(&path, &bytes).unwrap();
        let file = PowersFile::check(&path, Some(&list), &mut os_rng()).unwrap();
        assert_eq!((file.origin(), file.powers(2).unwrap().hash), (Origin::Verified, *file.hash()));
        assert_eq!(fs::read_to_string(&list).unwrap().trim(), hex::encode(file.hash()));
        PowersFile::check(&path, Some(&list), &mut os_rng()).unwrap();

        // Replaces the last point of the last Lagrange form with the one before it.
        let last = bytes.len() - 64;
        bytes.copy_within(last - 64..last, last);
        bytes.push(0);
        fs::write(&path, &bytes).unwrap();
        assert!(file.powers(2).unwrap_err().to_string().contains("changed"));
        bytes.pop();
        fs::write(&path, &bytes).unwrap();
        let error = PowersFile::check(&path, Some(&list), &mut os_rng()).unwrap_err();
        assert!(error.to_string().contains("Lagrange"), "{error}");
    }
}
