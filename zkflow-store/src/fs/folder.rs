//! Folders: making them durable, and finding artifacts in them.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use zkflow_core::service::store::{ArtifactKey, StoreError};

use super::FILE_SUFFIX;

/// Creates `folder` and whatever lies above it, durably.
pub(super) fn create(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create(parent)?;
        match fs::create_dir(folder) {
            // Somebody was faster, or a delete took the parent away: the caller notices.
            Err(e) if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {}
            Err(e) => return Err(e),
            Ok(()) => ignore_missing(sync(parent))?,
        }
        return Ok(());
    }
    fs::create_dir_all(folder)
}

/// Makes the entries of `folder` durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes the file at `path`, durably, and the folders that it leaves empty, up to `root`.
/// A missing file is success.
pub(super) fn remove_file(root: &Path, path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        result => result?,
    }
    let mut folder = path.parent();
    while let Some(emptied) = folder.filter(|folder| *folder != root) {
        ignore_missing(sync(emptied))?;
        // Fails when it is not empty, or somebody else removed it.
        if fs::remove_dir(emptied).is_err() {
            return Ok(());
        }
        folder = emptied.parent();
    }
    ignore_missing(sync(root))
}

/// Hands the key of every artifact under `prefix` to `found`, until that returns false.
pub(super) fn walk(
    root: &Path,
    prefix: &str,
    found: &mut dyn FnMut(Result<ArtifactKey, StoreError>) -> bool,
) {
    // Begins as deep as it can: a prefix is a folder, a file, or both.
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

/// Walks the folder that holds the keys below `inside`; returns whether to go on.
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
        // What is no key was not put here by a store; the folder of temporary files is such.
        let Ok(key) = format!("{inside}{separator}{segment}").parse::<ArtifactKey>() else { continue };
        let go_on = if is_artifact { found(Ok(key)) } else { walk_folder(root, key.as_str(), found) };
        if !go_on {
            return false;
        }
    }
    true
}

/// For what may have been removed since: nothing is left to sync.
fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
