//! The npm packages that `zkflow setup` installs, and the digest of each of their files.
//!
//! The table is `pinned.sha256`, in the form of `sha256sum`; `tools/pin.sh` writes it. Only digests are a part of
//! this crate: circom, circomlib and solc are under copyleft licences and are never linked or embedded.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use zkflow_groth16::digest::{Digest, Hasher};

const TABLE: &str = include_str!("pinned.sha256");

/// A package of the npm registry in a fixed version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedPackage {
    /// Name in the registry.
    pub name: &'static str,
    /// Exact version.
    pub version: &'static str,
    /// Digest of the registry's archive, `NAME-VERSION.tgz`.
    pub archive: Digest,
    /// The files that are installed. The archive contains more.
    pub files: Vec<PinnedFile>,
}

/// A file of a [`PinnedPackage`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedFile {
    /// Path in the package's folder, with `/`.
    pub path: &'static str,
    /// Digest of its content.
    pub digest: Digest,
}

/// All pinned packages.
pub fn pinned() -> &'static [PinnedPackage] {
    // Expect safety: the table is a part of the source, and a test parses it.
    static PACKAGES: LazyLock<Vec<PinnedPackage>> = LazyLock::new(|| parse(TABLE).expect("a valid table"));
    &PACKAGES
}

/// A file in a folder differs from the pinned package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// A file cannot be read, is missing, or is not one of the package.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The content of a file differs.
    #[error("{} has SHA-256 {found}, expected {expected}", .path.display())]
    Differs {
        /// Path of the file.
        path: PathBuf,
        /// Digest of its content.
        found: Digest,
        /// Digest in the table.
        expected: Digest,
    },
}

impl PinnedPackage {
    /// Compares every file in `folder` with its digest.
    ///
    /// # Errors
    /// Names the first file that is missing or differs.
    pub fn check(&self, folder: &Path) -> Result<(), PinError> {
        self.files.iter().try_for_each(|file| file.check(&folder.join(file.path)))
    }

    /// Reads a file of the package in `folder`. The returned bytes are those that were compared.
    ///
    /// # Errors
    /// The file is missing or differs.
    pub fn read(&self, folder: &Path, path: &str) -> Result<Vec<u8>, PinError> {
        let whole = folder.join(path);
        let unreadable = |source| PinError::Unreadable { path: whole.clone(), source };
        let file = self.files.iter().find(|file| file.path == path);
        let file = file.ok_or_else(|| unreadable(io::ErrorKind::NotFound.into()))?;
        let content = std::fs::read(&whole).map_err(unreadable)?;
        file.compare(Digest::of(&content), &whole)?;
        Ok(content)
    }
}

impl PinnedFile {
    fn check(&self, path: &Path) -> Result<(), PinError> {
        let mut hasher = Hasher::default();
        File::open(path)
            .and_then(|mut file| io::copy(&mut file, &mut hasher))
            .map_err(|source| PinError::Unreadable { path: path.to_owned(), source })?;
        self.compare(hasher.finish(), path)
    }

    fn compare(&self, found: Digest, path: &Path) -> Result<(), PinError> {
        if found == self.digest {
            return Ok(());
        }
        Err(PinError::Differs { path: path.to_owned(), found, expected: self.digest })
    }
}

/// Reads `DIGEST  PATH` lines: `NAME-VERSION.tgz`, followed by its files as `NAME/PATH`.
fn parse(table: &'static str) -> Option<Vec<PinnedPackage>> {
    let mut packages: Vec<PinnedPackage> = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let (digest, path) = line.split_once("  ")?;
        let digest = digest.parse().ok()?;
        if let Some(archive) = path.strip_suffix(".tgz") {
            let (name, version) = archive.rsplit_once('-')?;
            packages.push(PinnedPackage { name, version, archive: digest, files: Vec::new() });
        } else {
            let package = packages.last_mut()?;
            let path = path.strip_prefix(package.name)?.strip_prefix('/')?;
            package.files.push(PinnedFile { path, digest });
        }
    }
    Some(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_pins_the_versions_of_package_json() {
        let text = include_str!("../../../../tools/package.json");
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        let wanted: Vec<(&str, &str)> = json["dependencies"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, version)| (name.as_str(), version.as_str().unwrap()))
            .collect();
        let found: Vec<(&str, &str)> = pinned().iter().map(|one| (one.name, one.version)).collect();
        assert_eq!(found, wanted, "run tools/pin.sh");
    }

    #[test]
    fn every_path_stays_in_the_folder_of_its_package() {
        for package in pinned() {
            assert!(!package.files.is_empty(), "{}", package.name);
            for file in &package.files {
                let plain = Path::new(file.path)
                    .components()
                    .all(|part| matches!(part, std::path::Component::Normal(_)));
                assert!(plain, "{}", file.path);
            }
        }
    }

    #[test]
    fn a_changed_or_missing_file_is_named_with_both_digests() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of("content");
        let package = PinnedPackage {
            name: "one",
            version: "1.0.0",
            archive: digest,
            files: vec![PinnedFile { path: "file", digest }],
        };
        let missing = package.check(folder.path()).unwrap_err();
        assert!(matches!(missing, PinError::Unreadable { .. }), "{missing}");
        let path = folder.path().join("file");
        std::fs::write(&path, "content").unwrap();
        assert!(package.check(folder.path()).is_ok());
        assert_eq!(package.read(folder.path(), "file").unwrap(), b"content");
        assert!(matches!(package.read(folder.path(), "other"), Err(PinError::Unreadable { .. })));
        std::fs::write(&path, "other").unwrap();
        assert!(matches!(package.read(folder.path(), "file"), Err(PinError::Differs { .. })));
        let changed = package.check(folder.path()).unwrap_err().to_string();
        assert!(changed.contains(&digest.to_string()), "{changed}");
        assert!(changed.contains(&Digest::of("other").to_string()), "{changed}");
    }
}
