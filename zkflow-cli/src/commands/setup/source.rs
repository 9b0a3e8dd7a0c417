//! [`Source`]: a registry or folder with packages.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zkflow_core::compile::tools::PinnedPackage;
use zkflow_core::digest::Digest;

use super::registry::Registry;
use super::unpack::{Files, LIMIT, unpack};
use crate::commands::Error;

/// Origin of the packages.
pub(super) enum Source {
    /// An npm registry.
    Registry(Registry),
    /// A folder with packages or their archives.
    Folder(PathBuf),
}

impl Source {
    /// The files of a package, each with its pinned digest.
    ///
    /// # Errors
    /// The package cannot be read, or a digest differs from the pinned one.
    pub(super) fn files(&self, package: &PinnedPackage) -> Result<Files, Error> {
        let archive = format!("{}-{}.tgz", package.name, package.version);
        let files = match self {
            Self::Registry(registry) => {
                from_archive(package, &archive, &registry.fetch(package.name, &archive)?)
            }
            Self::Folder(folder) if folder.join(&archive).is_file() => {
                from_archive(package, &archive, &read(&folder.join(&archive))?)
            }
            Self::Folder(folder) if folder.join(package.name).is_dir() => {
                let read = |path: &'static str| Ok((path, read(&folder.join(package.name).join(path))?));
                package.files.iter().map(|file| read(file.path)).collect()
            }
            Self::Folder(folder) => {
                Err(format!("{} contains neither {archive} nor {}/", folder.display(), package.name).into())
            }
        }?;
        for file in &package.files {
            let found = files.get(file.path).map(Digest::of);
            if found != Some(file.digest) {
                let found =
                    found.map_or_else(|| "is missing".to_owned(), |found| format!("has SHA-256 {found}"));
                let (name, version) = (package.name, package.version);
                return Err(format!(
                    "{name}/{} {found}, expected {}: the file is not from {name} {version}, or was altered",
                    file.path, file.digest
                )
                .into());
            }
        }
        Ok(files)
    }
}

/// Unpacks an archive if it has its pinned digest.
fn from_archive(package: &PinnedPackage, name: &str, bytes: &[u8]) -> Result<Files, Error> {
    let found = Digest::of(bytes);
    if found != package.archive {
        return Err(
            format!("{name} has SHA-256 {found}, expected {}: it was altered", package.archive).into()
        );
    }
    unpack(bytes, package).map_err(|error| format!("{name}: {error}").into())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LIMIT { Err(io::Error::other("too large")) } else { Ok(bytes) }
    };
    read().map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::super::unpack::tests::{archive, package};
    use super::*;

    #[test]
    fn an_archive_and_a_folder_of_npm_give_the_same_files() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, package) = (archive(&[("package/a", "A"), ("package/b/c", "C")]), package());
        let package = PinnedPackage { archive: Digest::of(&bytes), ..package };
        std::fs::write(folder.path().join("one-1.0.0.tgz"), bytes).unwrap();
        let packed = Source::Folder(folder.path().to_owned()).files(&package).unwrap();

        let modules = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(modules.path().join("one/b")).unwrap();
        std::fs::write(modules.path().join("one/a"), "A").unwrap();
        std::fs::write(modules.path().join("one/b/c"), "C").unwrap();
        assert_eq!(Source::Folder(modules.path().to_owned()).files(&package).unwrap(), packed);
    }

    #[test]
    fn altered_archives_and_files_are_refused_with_both_digests() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Folder(folder.path().to_owned());
        let error = source.files(&package()).unwrap_err().to_string();
        assert!(error.contains("contains neither one-1.0.0.tgz nor one/"), "{error}");

        std::fs::create_dir_all(folder.path().join("one/b")).unwrap();
        std::fs::write(folder.path().join("one/a"), "A").unwrap();
        std::fs::write(folder.path().join("one/b/c"), "changed").unwrap();
        let error = source.files(&package()).unwrap_err().to_string();
        let (found, expected) = (Digest::of("changed").to_string(), Digest::of("C").to_string());
        assert!(error.contains(&found) && error.contains(&expected), "{error}");

        std::fs::write(folder.path().join("one-1.0.0.tgz"), "no archive").unwrap();
        let error = source.files(&package()).unwrap_err().to_string();
        assert!(error.contains(&Digest::of("no archive").to_string()), "{error}");
    }
}
