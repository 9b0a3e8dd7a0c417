//! Powers of tau in a file of the operator.

use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::path::PathBuf;

use super::super::ceremony::CeremonyError;
use super::super::checked::CheckedPowers;
use super::super::ptau::{self, file_hash, published};
use super::super::step::StepOptions;
use super::super::verdict::{Check, Verdict};
use super::{Medium, Origin, Powers, PowersSource, open, prepared};
use crate::digest::Hash;
use crate::format::ptau::Ptau;
use crate::format::{FileState, ReadError};
use crate::provenance::Provenance;
use crate::rng::SecureRng;

/// Powers of tau in a checked file of the operator.
#[derive(Debug)]
pub struct PowersFile {
    path: PathBuf,
    hash: Hash,
    origin: Origin,
    verdict: Verdict,
    /// The file when it was checked.
    seen: FileState,
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
        checked: Option<&CheckedPowers>,
        rng: &mut dyn SecureRng,
        options: StepOptions<'_>,
    ) -> Result<Self, CeremonyError> {
        let path = path.into();
        let mut medium = open(&path)?;
        let seen = FileState::of(&medium).map_err(ReadError::Io)?;
        let hash = file_hash(&mut medium).map_err(ReadError::Io)?;
        medium.rewind().map_err(ReadError::Io)?;
        let mut file = prepared(BufReader::new(medium))?;
        let by_hash = match published(&hash) {
            Some(ceremony) => Some((Origin::Published(ceremony), Check::PublishedHash)),
            None if checked.is_some_and(|list| list.contains(&hash)) => {
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
            list.add(&hash)?;
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
        if FileState::of(&file).map_err(ReadError::Io)? != self.seen {
            return Err(CeremonyError::invalid("the powers of tau changed since they were checked"));
        }
        Ok(file)
    }
}

impl PowersSource for PowersFile {
    fn powers(&self, _power: u32) -> Result<Powers, CeremonyError> {
        let file = self.open()?;
        let watched = Some((file.try_clone().map_err(ReadError::Io)?, self.seen));
        let medium: Box<dyn Medium> = Box::new(BufReader::new(file));
        let (origin, hash, verdict) = (self.origin, self.hash, self.verdict.clone());
        Ok(Powers { file: Ptau::open(medium)?, origin, hash, verdict, watched })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;
    use std::path::Path;

    use super::super::super::record_key::RecordKey;
    use super::*;
    use crate::rng::os_rng;

    fn check(path: &Path, list: &CheckedPowers) -> Result<PowersFile, CeremonyError> {
        PowersFile::check(path, Some(list), &mut os_rng(), StepOptions::default())
    }

    #[test]
    fn a_file_is_verified_once_and_refused_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.ptau");
        let list = CheckedPowers::new(folder.path().join("checked"), RecordKey::new([1; 32]));
        let mut bytes = Vec::new();
        ptau::development(2, Cursor::new(Vec::new()), &mut bytes, &mut os_rng()).unwrap();
        fs::write(&path, &bytes).unwrap();
        let file = check(&path, &list).unwrap();
        assert_eq!((file.origin(), *file.powers(2).unwrap().hash()), (Origin::Verified, *file.hash()));
        assert!(list.contains(file.hash()));
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
