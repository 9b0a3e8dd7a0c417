//! Reads files. Errors contain the path.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, StdinLock};
use std::ops::Deref;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;
use zkflow_core::digest::{Digest, Hasher};
use zkflow_core::format::{FileState, MappedFile};

use super::Error;

/// Size limit of an input file in bytes. No circuit with a larger file fits in memory.
const LARGEST_FILE: u64 = 64 << 30;

/// Whether a path is `-`: standard input for a file that is read, standard output for one that is written.
pub(super) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Refuses inputs of which two are standard input.
pub(super) fn one_standard_input(inputs: &[&Path]) -> Result<(), Error> {
    match inputs.iter().filter(|path| is_standard(path)).count() {
        0 | 1 => Ok(()),
        _ => Err("standard input cannot be two files: give a name in place of one `-`".into()),
    }
}

/// The regular files that arguments gave to this process to read, by device and number.
static INPUTS: Mutex<Option<HashSet<(u64, u64)>>> = Mutex::new(None);

/// Notes that a file is an input: [`is_input`] keeps outputs from replacing it.
fn note_input(file: &Metadata) {
    if file.is_file() {
        let mut inputs = INPUTS.lock().unwrap_or_else(PoisonError::into_inner);
        inputs.get_or_insert_default().insert((file.dev(), file.ino()));
    }
}

/// Whether [`read`], [`open`] or [`map`] has read this file, by this name or another one.
pub(super) fn is_input(file: &Metadata) -> bool {
    let inputs = INPUTS.lock().unwrap_or_else(PoisonError::into_inner);
    inputs.as_ref().is_some_and(|inputs| inputs.contains(&(file.dev(), file.ino())))
}

/// Reads a whole file or pipe of at most [`LARGEST_FILE`] bytes; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    if is_standard(path) {
        standard_input().map_err(failed)?.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(bytes);
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    note_input(&metadata);
    let length = metadata.len();
    if length > LARGEST_FILE {
        return Err(
            format!("cannot read {}: {length} bytes exceed the limit of 64 GiB", path.display()).into()
        );
    }
    bytes.reserve_exact(length as usize);
    file.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Standard input, once: a second argument `-` would read nothing.
fn standard_input() -> std::io::Result<StdinLock<'static>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    match TAKEN.swap(true, Ordering::Relaxed) {
        false => Ok(std::io::stdin().lock()),
        true => Err(std::io::Error::other("standard input was read already: give a file in its place")),
    }
}

/// Whether a path is standard input, a pipe or another file that can only be read from its beginning to its end.
pub(super) fn is_stream(path: &Path) -> bool {
    is_standard(path) || std::fs::metadata(path).is_ok_and(|meta| !meta.is_file())
}

/// Reads a file that no argument names, because it is beside another one. It must be a regular file of at most `most`
/// bytes: its content comes from any writer of the folder.
pub(super) fn read_found(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    // A pipe would block here, and a device might never end.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > most {
        return Err(format!(
            "cannot read {}: expected a regular file of at most {most} bytes",
            path.display()
        )
        .into());
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A file that must not change while it is read.
pub(super) struct Watched {
    file: File,
    seen: FileState,
}

impl Watched {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = open(path)?;
        let seen = FileState::of(&file).map_err(in_file(path))?;
        Ok(Self { file, seen })
    }

    /// The file, from its start.
    pub(super) fn reader(&self) -> std::io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// Maps the file into memory.
    pub(super) fn map(&self, path: &Path) -> Result<MappedFile, Error> {
        MappedFile::of(&self.file).map_err(in_file(path))
    }

    /// SHA-256 of the content. Fails if the file was changed since it was opened.
    pub(super) fn digest(&self, path: &Path) -> Result<Digest, Error> {
        let mut hasher = Hasher::default();
        std::io::copy(&mut self.reader().map_err(in_file(path))?, &mut hasher).map_err(in_file(path))?;
        match FileState::of(&self.file).map_err(in_file(path))? == self.seen {
            true => Ok(hasher.finish()),
            false => Err(format!("{}: the file was changed while it was read", path.display()).into()),
        }
    }
}

/// Reads a whole file of UTF-8 text.
pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|_| format!("{}: not UTF-8", path.display()).into())
}

/// Opens a file for reading and seeking. What comes from a [stream](is_stream) is stored in an unnamed file first.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    if !is_stream(path) {
        let file = File::open(path).map_err(failed)?;
        note_input(&file.metadata().map_err(failed)?);
        return Ok(file);
    }
    let mut file = tempfile::tempfile().map_err(failed)?;
    let copied = match is_standard(path) {
        true => standard_input().and_then(|mut input| std::io::copy(&mut input, &mut file)),
        false => std::io::copy(&mut File::open(path).map_err(failed)?, &mut file),
    };
    copied.and_then(|_| file.rewind()).map_err(failed)?;
    Ok(file)
}

/// Maps a large file into memory.
pub(super) fn map(path: &Path) -> Result<MappedFile, Error> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    Ok(MappedFile::of(&open(path)?).map_err(failed)?)
}

/// The bytes of a file that may contain secrets.
pub(super) enum Secrets {
    /// Of a regular file.
    Mapped(MappedFile),
    /// Of standard input, a pipe or the like: never stored, zeroised on drop.
    InMemory(Zeroizing<Vec<u8>>),
}

impl Deref for Secrets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(file) => file,
            Self::InMemory(bytes) => bytes,
        }
    }
}

/// Reads a file that may contain secrets.
pub(super) fn secrets(path: &Path) -> Result<Secrets, Error> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    if is_standard(path) {
        return Ok(Secrets::InMemory(read_wiped(standard_input().map_err(failed)?).map_err(failed)?));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    note_input(&metadata);
    Ok(match metadata.is_file() {
        true => Secrets::Mapped(MappedFile::of(&file).map_err(failed)?),
        false => Secrets::InMemory(read_wiped(file).map_err(failed)?),
    })
}

/// Reads at most [`LARGEST_FILE`] bytes. Memory that becomes too small is zeroised.
fn read_wiped(input: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    const FIRST: usize = 1 << 16;
    let mut input = input.take(LARGEST_FILE);
    let mut bytes = Zeroizing::new(vec![0; FIRST]);
    let mut end = 0;
    loop {
        if end == bytes.len() {
            let mut larger = Zeroizing::new(vec![0; 2 * end]);
            larger[..end].copy_from_slice(&bytes);
            bytes = larger;
        }
        match input.read(&mut bytes[end..]) {
            Ok(0) => break,
            Ok(count) => end += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(end);
    Ok(bytes)
}

/// The folder of a file; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file of the circuit of a witness calculator: beside it, or where circom writes it, `X.r1cs` for `X_js/X.wasm`.
pub(super) fn of_circuit(calculator: &Path, extension: &str) -> Option<PathBuf> {
    let beside = calculator.with_extension(extension);
    if beside.exists() {
        return Some(beside);
    }
    let folder = std::path::absolute(folder_of(calculator)).ok()?;
    let mut of_circom = calculator.file_stem()?.to_owned();
    of_circom.push("_js");
    let above = folder.parent()?.join(beside.file_name()?);
    (folder.file_name() == Some(&*of_circom) && above.exists()).then_some(above)
}

/// Adds the path to an error about the content of a file.
pub(super) fn in_file<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Error {
    move |error| format!("{}: {error}", path.display()).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_record_that_is_no_regular_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("record"), "12345").unwrap();
        symlink(path("record"), path("link")).unwrap();
        assert_eq!(read_found(&path("link"), 5).unwrap(), b"12345");
        assert!(read_found(&path("record"), 4).is_err(), "too large");

        symlink("/dev/zero", path("endless")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        for name in ["endless", "pipe", "missing", "."] {
            let error = read_found(&path(name), 1 << 20).unwrap_err().to_string();
            assert!(error.starts_with("cannot read"), "{error}");
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_watched_has_no_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "first").unwrap();
        let watched = Watched::open(&path).unwrap();
        assert_eq!(watched.digest(&path).unwrap(), Digest::of("first"));
        std::fs::write(&path, "again").unwrap();
        let error = watched.digest(&path).unwrap_err().to_string();
        assert!(error.contains("was changed"), "{error}");
    }
}
