//! [`Folder`]: files named by their SHA-256, with a limit on their total size.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use tempfile::NamedTempFile;
use zkflow_core::digest::Digest;

use crate::fs::remove_leftovers;
use crate::local;

/// Cache folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    pub(super) limit: u64,
}

/// Contains unfinished files.
const TEMP_FOLDER: &str = ".tmp";

impl Folder {
    pub(super) fn open(path: PathBuf, limit: u64) -> io::Result<Self> {
        let temp = path.join(TEMP_FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&temp)?;
        remove_leftovers(&temp, SystemTime::now())?;
        Ok(Self { path, limit })
    }

    /// The bytes with this digest; `None` if they are not cached.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged. A damaged file is removed.
    pub(super) fn read(&self, digest: &Digest) -> io::Result<Option<Bytes>> {
        let path = self.path.join(digest.to_string());
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result?,
        };
        let bytes = local::bytes(&file, file.metadata()?.len())?;
        if Digest::of(&bytes) != *digest {
            fs::remove_file(&path)?;
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the SHA-256 of a cached file differs from its name",
            ));
        }
        // The modification time is the time of last use. Fails if the file has been removed in the meantime.
        let _ =
            File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Ok(Some(bytes))
    }

    /// Caches bytes, and removes the least recently used files above the limit.
    pub(super) fn write(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() as u64 > self.limit {
            return Ok(());
        }
        let mut file = self.begin()?;
        file.write_all(bytes)?;
        self.place(file, digest)
    }

    /// A file for bytes that are written in pieces. It is removed on drop, unless it is [placed](Self::place).
    pub(super) fn begin(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix("put-").tempfile_in(self.path.join(TEMP_FOLDER))
    }

    /// Caches a file with this digest, and removes the least recently used files above the limit. A file above the limit is
    /// removed.
    pub(super) fn place(&self, file: NamedTempFile, digest: &Digest) -> io::Result<()> {
        if file.as_file().metadata()?.len() > self.limit {
            return Ok(());
        }
        // Not synced: damage by a crash is detected on read.
        file.persist(self.path.join(digest.to_string())).map_err(|error| error.error)?;
        self.shrink()
    }

    fn shrink(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // Another process may have removed the file.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_file() {
                files.push((about.modified()?, about.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if total <= self.limit {
                break;
            }
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => total -= size,
            }
        }
        Ok(())
    }
}
