//! [`Installation`]: the user's folder of tools.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use zkflow_core::compile::tools::PinnedPackage;

use super::unpack::Files;
use crate::commands::Error;

/// Name prefix of unfinished folders.
const UNFINISHED: &str = ".unfinished-";

/// A folder of tools, locked against other runs of `zkflow setup`.
#[derive(Debug)]
pub(super) struct Installation {
    folder: PathBuf,
    /// Unlocked when dropped.
    _lock: File,
}

/// The folder of a package in a folder of tools.
pub(super) fn path(folder: &Path, package: &PinnedPackage) -> PathBuf {
    folder.join("node_modules").join(package.name)
}

impl Installation {
    /// Creates and locks the folder, and removes leftovers of an interrupted run.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn open(folder: PathBuf) -> Result<Self, Error> {
        let open = || -> io::Result<File> {
            fs::create_dir_all(folder.join("node_modules"))?;
            let lock = File::options().create(true).append(true).open(folder.join(".lock"))?;
            lock.lock()?;
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    fs::remove_dir_all(entry.path())?;
                }
            }
            Ok(lock)
        };
        let lock = open().map_err(cannot_write(&folder))?;
        Ok(Self { folder, _lock: lock })
    }

    /// The folder of a package.
    pub(super) fn path(&self, package: &PinnedPackage) -> PathBuf {
        path(&self.folder, package)
    }

    /// Replaces a package by these files atomically.
    ///
    /// # Errors
    /// The folder cannot be written. An existing package remains unchanged.
    pub(super) fn replace(&self, package: &PinnedPackage, files: &Files) -> Result<(), Error> {
        let replace = || -> io::Result<()> {
            let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&self.folder)?;
            let (new, old) = (unfinished.path().join("new"), unfinished.path().join("old"));
            for (path, content) in files {
                let path = new.join(path);
                fs::create_dir_all(path.parent().unwrap_or(&new))?;
                fs::write(path, content)?;
            }
            let path = self.path(package);
            match fs::rename(&path, &old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => fs::rename(&new, &path),
            }
        };
        replace().map_err(cannot_write(&self.folder))
    }
}

fn cannot_write(folder: &Path) -> impl FnOnce(io::Error) -> Error {
    let folder = folder.display().to_string();
    move |error| format!("cannot write {folder}: {error}; set XDG_DATA_HOME to use another folder").into()
}

#[cfg(test)]
mod tests {
    use super::super::unpack::tests::package;
    use super::*;

    fn files(content: &str) -> Files {
        Files::from([("a", content.into()), ("b/c", content.into())])
    }

    #[test]
    fn a_package_is_replaced_as_a_whole_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let installation = Installation::open(folder.path().to_owned()).unwrap();
        let path = installation.path(&package());
        installation.replace(&package(), &files("old")).unwrap();
        fs::write(path.join("stranger"), "").unwrap();
        installation.replace(&package(), &files("new")).unwrap();
        assert_eq!(fs::read_to_string(path.join("b/c")).unwrap(), "new");
        assert!(!path.join("stranger").exists());
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".lock", "node_modules"]);
    }

    #[test]
    fn what_an_interrupted_run_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".unfinished-x/new");
        fs::create_dir_all(&left).unwrap();
        Installation::open(folder.path().to_owned()).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Installation::open(file.join("tools")).unwrap_err().to_string();
        assert!(error.contains("file/tools") && error.contains("XDG_DATA_HOME"), "{error}");
    }
}
