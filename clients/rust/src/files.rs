//! [`UploadFile`]: a file to upload, read in parts.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use crate::ClientError;

/// A file of a circuit to upload. A file on disk is read once for its digest and once in parts, and never held in memory
/// whole.
#[derive(Debug, Clone)]
pub struct UploadFile {
    role: String,
    /// Path in the source.
    path: Option<String>,
    size: u64,
    sha256: String,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Memory(Arc<[u8]>),
    /// The lock keeps a seek and the read after it together.
    Disk(PathBuf, Arc<Mutex<File>>),
}

impl UploadFile {
    /// A file on disk. Its role is that of the API: `r1cs`, `wasm`, `sym`, `zkey`, `verification_key`, `ptau`, `transcript` or
    /// `source_archive`. This call reads the file to its end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(role: &str, path: &Path) -> Result<Self, ClientError> {
        let file = File::open(path).map_err(|source| unreadable(path, source))?;
        Self::of_file(role, path, file)
    }

    /// As [`open`](Self::open), for a file that is open already; errors contain the path.
    ///
    /// # Errors
    /// The file cannot be read, or cannot be read twice, as a pipe.
    pub fn of_file(role: &str, path: &Path, mut file: File) -> Result<Self, ClientError> {
        let mut hash = Sha256::new();
        let read = file.rewind().and_then(|()| copy(&mut file, &mut hash));
        let size = read.map_err(|source| unreadable(path, source))?;
        let content = Content::Disk(path.to_path_buf(), Arc::new(Mutex::new(file)));
        let sha256 = hex::encode(hash.finalize());
        Ok(Self { role: role.to_owned(), path: None, size, sha256, content })
    }

    /// A file in memory, with a role of [`open`](Self::open).
    pub fn of_bytes(role: &str, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let (size, sha256) = (bytes.len() as u64, hex::encode(Sha256::digest(&bytes)));
        Self { role: role.to_owned(), path: None, size, sha256, content: Content::Memory(bytes) }
    }

    /// A source file with its path in the source, such as `lib/hash.circom`.
    pub fn of_source(path: &str, text: impl Into<Arc<[u8]>>) -> Self {
        Self { path: Some(path.to_owned()), ..Self::of_bytes("source", text) }
    }

    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    pub(crate) fn declaration(&self) -> Value {
        let mut declared = json!({"role": self.role, "size": self.size, "sha256": self.sha256});
        if let Some(path) = &self.path {
            declared["path"] = path.as_str().into();
        }
        declared
    }

    /// Whether an upload's entry is this file.
    pub(crate) fn is_declared(&self, entry: &Value) -> bool {
        entry["role"] == self.role.as_str() && entry["sha256"] == self.sha256.as_str()
    }

    /// Length of a part, if each part but the last has `length` bytes.
    pub(crate) fn part_length(&self, part: u64, length: u64) -> u64 {
        length.min(self.size.saturating_sub(part.saturating_mul(length)))
    }

    /// The bytes of a part. The server compares the whole file with its digest.
    pub(crate) async fn part(&self, part: u64, length: u64) -> Result<Vec<u8>, ClientError> {
        let (start, length) = (part.saturating_mul(length).min(self.size), self.part_length(part, length));
        match &self.content {
            Content::Memory(bytes) => Ok(bytes[start as usize..(start + length) as usize].to_vec()),
            Content::Disk(path, file) => {
                let file = Arc::clone(file);
                let read = spawn_blocking(move || read_at(&file, start, length)).await;
                let read = read.unwrap_or_else(|panic| Err(io::Error::other(panic)));
                read.map_err(|source| unreadable(path, source))
            }
        }
    }
}

fn read_at(file: &Mutex<File>, start: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    Read::by_ref(&mut *file).take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter")),
    }
}

/// Hashes a file to its end, and returns its length.
fn copy(file: &mut File, hash: &mut Sha256) -> io::Result<u64> {
    let (mut piece, mut length) = (vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(length),
            Ok(count) => {
                hash.update(&piece[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn unreadable(path: &Path, source: io::Error) -> ClientError {
    ClientError::File { path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_in_memory_and_on_disk_have_the_same_parts() {
        let folder = std::env::temp_dir().join(format!("zkflow-client-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, bytes) = (folder.join("main.r1cs"), b"0123456789".to_vec());
        std::fs::write(&path, &bytes).unwrap();
        let files = [UploadFile::open("r1cs", &path).unwrap(), UploadFile::of_bytes("r1cs", bytes)];
        for file in &files {
            assert_eq!(file.size(), 10);
            assert_eq!(file.sha256(), "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882");
            let expected = [(0, "0123"), (1, "4567"), (2, "89"), (3, ""), (u64::MAX, "")];
            for (part, text) in expected {
                assert_eq!(file.part(part, 4).await.unwrap(), text.as_bytes());
                assert_eq!(file.part_length(part, 4), text.len() as u64);
            }
            assert!(file.is_declared(&file.declaration()));
        }
        std::fs::write(&path, "012345").unwrap();
        let error = files[0].part(1, 4).await.unwrap_err();
        assert!(error.to_string().contains("main.r1cs"), "{error}");
        assert!(!files[0].is_declared(&UploadFile::of_source("main.r1cs", *b"0123456789").declaration()));
        let missing = UploadFile::open("r1cs", &folder.join("none")).unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
