//! The list of files with powers of tau that an installation verified.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::record_key::RecordKey;
use crate::digest::Hash;

/// Powers of tau that an installation verified point by point: a text file with one line per file, its BLAKE2b-512 and a
/// code under the installation's [`RecordKey`]. A line that this key did not make is ignored, so that writing to the
/// list is not enough to have powers accepted.
#[derive(Debug, Clone)]
pub struct CheckedPowers {
    path: PathBuf,
    key: RecordKey,
}

impl CheckedPowers {
    /// The list in the file at `path`, which is made with the first entry.
    pub fn new(path: impl Into<PathBuf>, key: RecordKey) -> Self {
        Self { path: path.into(), key }
    }

    pub(super) fn contains(&self, hash: &Hash) -> bool {
        let Ok(text) = fs::read_to_string(&self.path) else { return false };
        let name = hex::encode(hash);
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(listed, _)| *listed == name)
            .filter_map(|(_, code)| hex::decode(code).ok())
            .any(|code| self.key.verifies(SUBJECT, hash, &code))
    }

    /// Appends the hash of a file. Errors contain the path of the list.
    pub(super) fn add(&self, hash: &Hash) -> io::Result<()> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        self.append(hash).map_err(named)
    }

    fn append(&self, hash: &Hash) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let code = self.key.code(SUBJECT, hash);
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        writeln!(file, "{} {}", hex::encode(hash), hex::encode(code))
    }
}

/// Ends with a number that changes when the checks become stricter: lines of weaker checks are then void.
const SUBJECT: &str = "zkflow verified powers of tau 2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_another_key_made_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/checked");
        let ours = CheckedPowers::new(&path, RecordKey::new([1; 32]));
        assert!(!ours.contains(&[7; 64]), "no file");
        ours.add(&[7; 64]).unwrap();
        ours.add(&[8; 64]).unwrap();
        assert!(ours.contains(&[7; 64]) && ours.contains(&[8; 64]) && !ours.contains(&[9; 64]));
        let theirs = CheckedPowers::new(&path, RecordKey::new([2; 32]));
        assert!(!theirs.contains(&[7; 64]));

        // A bare hash, and the hash of one file with the code of another.
        let listed = fs::read_to_string(&path).unwrap();
        let (_, code) = listed.lines().next().unwrap().split_once(' ').unwrap();
        for forged in [hex::encode([9; 64]), format!("{} {code}", hex::encode([9; 64]))] {
            fs::write(&path, forged + "\n").unwrap();
            assert!(!ours.contains(&[9; 64]));
        }
    }
}
