//! File format of an artifact: body, SHA-256, magic.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use zkflow_core::digest::Digest;
use zkflow_core::service::store::{Artifact, ArtifactKey, ArtifactMeta, PutMode, StoreError};

use super::folder;
use crate::local;

/// Last bytes of every file.
const MAGIC: &[u8; 8] = b"zkflow1\n";

/// Length of digest and magic in bytes.
const TRAILER: usize = 32 + MAGIC.len();

/// Writes a file durably and atomically.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if `mode` is [`PutMode::Create`] and there is a file at `path`.
pub(super) fn write(temp: &Path, path: &Path, body: &[u8], sha256: &Digest, mode: PutMode) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix("put-").tempfile_in(temp)?;
    file.write_all(body)?;
    file.write_all(sha256.as_bytes())?;
    file.write_all(MAGIC)?;
    file.as_file().sync_all()?;
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    // A concurrent delete may remove the empty folder before the rename: then try again.
    for _ in 0..ATTEMPTS {
        folder::create(parent)?;
        let moved = match mode {
            PutMode::Create => file.persist_noclobber(path),
            PutMode::Overwrite => file.persist(path),
        };
        match moved {
            Ok(_) => return folder::sync(parent),
            Err(e) if e.error.kind() == io::ErrorKind::NotFound => file = e.file,
            Err(e) => return Err(e.error),
        }
    }
    Err(io::Error::other("the folder was removed during every attempt"))
}

const ATTEMPTS: usize = 100;

/// Moves a file durably, and replaces one at `to`.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] if there is no file at `from`.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let parent = to.parent().ok_or(io::ErrorKind::InvalidInput)?;
    // A concurrent delete may remove the empty folder before the rename: then try again.
    for _ in 0..ATTEMPTS {
        folder::create(parent)?;
        match std::fs::rename(from, to) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && from.exists() => {}
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Err(io::ErrorKind::NotFound.into()),
            moved => return moved.and_then(|()| folder::sync(parent)),
        }
    }
    Err(io::Error::other("the folder was removed during every attempt"))
}

/// Reads a file, or maps a large one, and checks the body against the digest. The bytes stay as they are if the artifact is
/// replaced or deleted, because a file never changes.
pub(super) fn read(path: &Path, key: &ArtifactKey) -> Result<Artifact, StoreError> {
    let (meta, file) = open_checked(path, key)?;
    let body = local::bytes(&file, meta.size).map_err(|e| failed(key, e))?;
    if Digest::of(&body) != meta.sha256 {
        return Err(StoreError::Corrupt {
            key: key.clone(),
            detail: "its SHA-256 differs from the recorded one".to_owned(),
        });
    }
    Ok(Artifact { meta, body })
}

/// Reads only the trailer.
pub(super) fn read_meta(path: &Path, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
    open_checked(path, key).map(|(meta, _)| meta)
}

/// Opens a file, and reads its trailer.
pub(super) fn open_checked(path: &Path, key: &ArtifactKey) -> Result<(ArtifactMeta, File), StoreError> {
    let mut file = open(path, key)?;
    let length = file.metadata().map_err(|e| failed(key, e))?.len();
    let size = length.checked_sub(TRAILER as u64).ok_or_else(|| no_trailer(key))?;
    let mut trailer = [0; TRAILER];
    file.seek(SeekFrom::Start(size))
        .and_then(|_| file.read_exact(&mut trailer))
        .map_err(|e| failed(key, e))?;
    Ok((ArtifactMeta { key: key.clone(), size, sha256: parse_trailer(&trailer, key)? }, file))
}

fn open(path: &Path, key: &ArtifactKey) -> Result<File, StoreError> {
    File::open(path).map_err(|e| match e.kind() {
        // NotADirectory: a part of the path is a file, so there is nothing below it.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NotFound(key.clone()),
        _ => failed(key, e),
    })
}

fn parse_trailer(trailer: &[u8], key: &ArtifactKey) -> Result<Digest, StoreError> {
    let digest = trailer.strip_suffix(MAGIC).ok_or_else(|| no_trailer(key))?;
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.parse().map_err(|_| no_trailer(key))
}

fn no_trailer(key: &ArtifactKey) -> StoreError {
    StoreError::Corrupt { key: key.clone(), detail: "its trailer is missing or malformed".to_owned() }
}

fn failed(key: &ArtifactKey, error: io::Error) -> StoreError {
    StoreError::backend(format!("reading {key}"), error)
}
