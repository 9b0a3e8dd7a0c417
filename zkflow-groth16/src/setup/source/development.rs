//! Powers of tau for development.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::ceremony::CeremonyError;
use super::super::ptau::{self, file_hash};
use super::{Medium, Origin, Powers, PowersSource, open, prepared};
use crate::digest::Hash;
use crate::format::ReadError;
use crate::rng::os_rng;

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
                Some(path) => (file_hash(open(path)?).map_err(ReadError::Io)?, Arc::default()),
                None => {
                    let mut bytes = Vec::new();
                    ptau::development(power, Cursor::new(Vec::new()), &mut bytes, &mut os_rng())?;
                    (file_hash(bytes.as_slice()).map_err(ReadError::Io)?, bytes.into())
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
        Ok(Powers { file, origin: Origin::Development, hash, verdict, watched: None })
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
}
