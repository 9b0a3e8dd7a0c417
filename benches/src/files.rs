//! Reads and writes files. Errors contain the path.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zkflow_core::format::MappedFile;

use super::Error;

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(in_file(path))
}

pub(super) fn map(path: &Path) -> Result<MappedFile, Error> {
    MappedFile::open(path).map_err(in_file(path))
}

/// Writes a file and the folder that contains it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    make_folder_of(path)?;
    fs::write(path, bytes).map_err(in_file(path))
}

/// As [`write()`], but readable only by the owner.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    make_folder_of(path)?;
    let mut file: File = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(in_file(path))?;
    file.write_all(bytes).map_err(in_file(path))
}

fn make_folder_of(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), |folder| fs::create_dir_all(folder).map_err(in_file(folder)))
}

/// Puts the path in front of an error.
fn in_file<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Error {
    move |error| format!("{}: {error}", path.display()).into()
}
