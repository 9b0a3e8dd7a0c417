//! Files of this machine: large ones are mapped instead of read, and written in pieces, so that no artifact is held whole in
//! memory.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use futures::TryStreamExt as _;
use tokio::task::spawn_blocking;
use zkflow_core::digest::{Digest, Hasher};
use zkflow_core::format::MappedFile;
use zkflow_core::service::store::{Pieces, StoreError};

/// Length in bytes up to which a file is read into memory. A longer one is mapped.
pub const SMALL: u64 = 1 << 20;

/// The first `size` bytes of a file. Above [`SMALL`] they are mapped: the file must not be truncated or changed while the
/// bytes are in use, see [`MappedFile`]. It may be renamed and deleted.
///
/// # Errors
/// The file cannot be read, or is shorter.
pub fn bytes(file: &File, size: u64) -> io::Result<Bytes> {
    struct Mapped(MappedFile);

    impl AsRef<[u8]> for Mapped {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    let length = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
    if size <= SMALL {
        let mut body = vec![0; length];
        file.read_exact_at(&mut body, 0)?;
        return Ok(body.into());
    }
    let mapped = Bytes::from_owner(Mapped(MappedFile::of(file)?));
    if mapped.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(mapped.slice(..length))
}

/// A file that is written in pieces.
#[derive(Debug)]
pub struct Writing {
    file: File,
    hasher: Hasher,
    size: u64,
}

impl Writing {
    /// Starts at the present end of `file`.
    pub fn new(file: File) -> Self {
        Self { file, hasher: Hasher::default(), size: 0 }
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(mut self, piece: &[u8]) -> io::Result<Self> {
        self.file.write_all(piece)?;
        self.hasher.update(piece);
        self.size += piece.len() as u64;
        Ok(self)
    }

    /// Length and SHA-256 of what was written.
    pub fn finish(self) -> (u64, Digest) {
        (self.size, self.hasher.finish())
    }
}

/// Writes all pieces to a file; returns their length and SHA-256.
///
/// # Errors
/// The store fails, or the file cannot be written.
pub async fn copy(mut pieces: Pieces, file: File) -> Result<(u64, Digest), CopyError> {
    let mut writing = Writing::new(file);
    while let Some(piece) = pieces.try_next().await? {
        let written = spawn_blocking(move || writing.append(&piece)).await;
        writing = written.map_err(|error| CopyError::File(io::Error::other(error)))??;
    }
    Ok(writing.finish())
}

/// An artifact was not copied to a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The store failed, or the artifact is missing or corrupt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error("writing a copy of an artifact")]
    File(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};

    use super::*;

    #[tokio::test]
    async fn pieces_are_written_and_read_back_whatever_their_length() {
        for length in [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL + 5] {
            let body: Vec<u8> = (0..length).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect();
            let pieces: Vec<_> = body.chunks(70_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let file = tempfile::tempfile().unwrap();
            let copied = copy(stream::iter(pieces).boxed(), file.try_clone().unwrap()).await.unwrap();
            assert_eq!(copied, (length, Digest::of(&body)));
            assert!(bytes(&file, length).unwrap() == body, "{length}");
            assert!(bytes(&file, length / 2).unwrap() == body[..body.len() / 2], "half of {length}");
            assert!(bytes(&file, length + 1).is_err(), "a byte after the end of {length}");
        }
    }

    #[tokio::test]
    async fn a_failure_of_the_store_is_told_apart_from_one_of_the_file() {
        let lost = || StoreError::backend("reading", io::Error::other("lost"));
        let cut = stream::iter([Ok(Bytes::from_static(b"a")), Err(lost())]).boxed();
        let failed = copy(cut, tempfile::tempfile().unwrap()).await;
        assert!(matches!(failed, Err(CopyError::Store(StoreError::Backend { .. }))), "{failed:?}");
        let read_only = File::open(tempfile::NamedTempFile::new().unwrap().path()).unwrap();
        let whole = stream::iter([Ok(Bytes::from_static(b"a"))]).boxed();
        let failed = copy(whole, read_only).await;
        assert!(matches!(failed, Err(CopyError::File(_))), "{failed:?}");
    }
}
