//! Folders: durable creation and removal, and the search for artifacts.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use zkflow_core::service::store::{ArtifactKey, StoreError};

use super::FILE_SUFFIX;

/// Creates `folder` and its missing parents, durably.
pub(super) fn create(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create(parent)?;
        match fs::create_dir(folder) {
            // Another process was faster, or a delete removed the parent: the caller notices.
            Err(e) if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {}
            Err(e) => return Err(e),
            Ok(()) => ignore_missing(sync(parent))?,
        }
        return Ok(());
    }
    fs::create_dir_all(folder)
}

/// Makes the entries of `folder` durable; not the content of its files.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes the file at `path` durably, and the folders below `root` that become empty. Succeeds if the file
/// is missing.
pub(super) fn remove_file(root: &Path, path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        result => result?,
    }
    remove_empty(root, path)
}

/// Makes the removal of the file at `path` durable, and removes the folders below `root` that became empty.
pub(super) fn remove_empty(root: &Path, path: &Path) -> io::Result<()> {
    let mut folder = path.parent();
    while let Some(emptied) = folder.filter(|folder| *folder != root) {
        ignore_missing(sync(emptied))?;
        // Fails if the folder is not empty, or is already removed.
        if fs::remove_dir(emptied).is_err() {
            return Ok(());
        }
        folder = emptied.parent();
    }
    ignore_missing(sync(root))
}

/// Calls `found` with the key of every artifact under `prefix`, until it returns false.
pub(super) fn walk(
    root: &Path,
    prefix: &str,
    found: &mut dyn FnMut(Result<ArtifactKey, StoreError>) -> bool,
) {
    // Starts at the prefix itself, which may be a folder, an artifact or both.
    let start = if prefix.is_empty() {
        Some(String::new())
    } else if let Ok(key) = prefix.parse::<ArtifactKey>() {
        let is_artifact = root.join(format!("{key}{FILE_SUFFIX}")).is_file();
        (!is_artifact || found(Ok(key))).then(|| prefix.to_owned())
    } else {
        None
    };
    if let Some(start) = start {
        walk_folder(root, &start, found);
    }
}

/// Walks the folder with the keys below `inside`; returns whether to go on.
fn walk_folder(
    root: &Path,
    inside: &str,
    found: &mut dyn FnMut(Result<ArtifactKey, StoreError>) -> bool,
) -> bool {
    let failed = |e| Err(StoreError::backend(format!("listing {inside:?}"), e));
    let entries = match fs::read_dir(root.join(inside)) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return true,
        Err(e) => return found(failed(e)),
    };
    for entry in entries {
        let (entry, kind) = match entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind))) {
            Ok(pair) => pair,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return found(failed(e)),
        };
        let Ok(name) = entry.file_name().into_string() else { continue };
        let separator = if inside.is_empty() { "" } else { "/" };
        let (segment, is_artifact) = match name.strip_suffix(FILE_SUFFIX) {
            Some(segment) if kind.is_file() => (segment, true),
            None if kind.is_dir() => (name.as_str(), false),
            _ => continue,
        };
        // A name that is not a key was not written by a store, or is the folder of temporary files.
        let Ok(key) = format!("{inside}{separator}{segment}").parse::<ArtifactKey>() else { continue };
        let go_on = if is_artifact { found(Ok(key)) } else { walk_folder(root, key.as_str(), found) };
        if !go_on {
            return false;
        }
    }
    true
}

/// Accepts that the folder has been removed in the meantime: there is nothing left to sync.
fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
