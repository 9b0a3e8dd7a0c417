//! Reads and writes files. Errors contain the path.

use std::fs::{File, Permissions};
use std::io::{Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zkflow_core::format::MappedFile;

use super::Error;

/// Size limit of an input file in bytes. No circuit with a larger file fits in memory.
const LARGEST_FILE: u64 = 64 << 30;

/// Reads a whole file of at most [`LARGEST_FILE`] bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > LARGEST_FILE {
        return Err(
            format!("cannot read {}: {length} bytes exceed the limit of 64 GiB", path.display()).into()
        );
    }
    Ok(std::fs::read(path).map_err(failed)?)
}

/// Maps a large file into memory.
pub(super) fn map(path: &Path) -> Result<MappedFile, Error> {
    MappedFile::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

/// Writes a file atomically, with the permissions of the umask.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, bytes, 0o666)
}

/// Writes a file with secrets atomically, readable only by its owner.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, bytes, 0o600)
}

fn write_with(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    written_with(path, mode, |file| Ok(file.write_all(bytes).map_err(failed)?))
}

/// Writes a file atomically; `make` writes the content.
pub(super) fn written<T>(path: &Path, make: impl FnOnce(&mut File) -> Result<T, Error>) -> Result<T, Error> {
    written_with(path, 0o666, make)
}

fn written_with<T>(
    path: &Path,
    mode: u32,
    make: impl FnOnce(&mut File) -> Result<T, Error>,
) -> Result<T, Error> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let permissions = Permissions::from_mode(mode);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder).map_err(failed)?;
    let made = make(file.as_file_mut())?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(made)
}

/// Writes a file atomically and resumably: `make` continues the file `PATH.part` of an interrupted run.
///
/// The file is truncated to the position where `make` ends.
pub(super) fn continued<T>(
    path: &Path,
    make: impl FnOnce(&mut File) -> Result<T, Error>,
) -> Result<T, Error> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    std::fs::create_dir_all(folder_of(path)).map_err(failed)?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&partial).map_err(failed)?;
    file.try_lock().map_err(|_| format!("another process is writing {}", path.display()))?;
    let made = make(&mut file)?;
    let end = file.stream_position().map_err(failed)?;
    file.set_len(end).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)?;
    Ok(made)
}

/// The folder of a file; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Adds the path to an error about the content of a file.
pub(super) fn in_file<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Error {
    move |error| format!("{}: {error}", path.display()).into()
}
