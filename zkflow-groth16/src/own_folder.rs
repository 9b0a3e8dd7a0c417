//! Folders of this user whose files are trusted: caches, and the folder of the record key.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Creates the folder with mode 0700, or checks that only this user may write to it.
pub fn open(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let meta = fs::metadata(folder)?;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("owned by another user, so its files cannot be trusted"));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(io::Error::other(
            "writable by other users, so its files cannot be trusted; set mode 0700",
        ));
    }
    Ok(())
}

/// Removes the oldest files with this extension until the remaining ones have at most `max_bytes` in total.
pub fn prune(folder: &Path, extension: &str, max_bytes: u64) -> io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == extension))
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            Some((meta.modified().ok()?, meta.len(), entry.path()))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in files {
        if total <= max_bytes {
            break;
        }
        fs::remove_file(path)?;
        total -= bytes;
    }
    Ok(())
}
