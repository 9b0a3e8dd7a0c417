//! [`Objects`]: where the files of the Node service come from.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use zkflow_core::digest::{Digest, Hasher};
#[cfg(feature = "s3")]
use zkflow_core::error::Chain;
#[cfg(feature = "s3")]
use zkflow_store::S3Reader;

use super::report::Refusal;

/// The objects of the Node service.
#[derive(Debug)]
pub enum Objects {
    /// A folder with the names of the bucket as paths, such as `circuits/ID/circuit_final.zkey`.
    Folder(PathBuf),
    /// Its bucket.
    #[cfg(feature = "s3")]
    S3(S3Reader),
}

/// A copy of an object.
#[derive(Debug, Clone)]
pub(super) struct Copied {
    pub(super) path: PathBuf,
    pub(super) sha256: Digest,
}

impl Objects {
    /// Copies the first of the named objects that exists to `to`; `None` if none of them exists.
    ///
    /// # Errors
    /// The object has more than `most` bytes, or cannot be read.
    pub(super) async fn copy(
        &self,
        names: &[String],
        to: &Path,
        most: u64,
    ) -> Result<Option<Copied>, Refusal> {
        for name in names {
            let Some(mut pieces) = self.open(name).await? else { continue };
            let unwritable = |error: io::Error| Refusal::new("file_unwritable", error.to_string());
            let mut file = File::create(to).map_err(unwritable)?;
            let (mut hasher, mut size) = (Hasher::default(), 0);
            while let Some(piece) = pieces.try_next().await? {
                size += piece.len() as u64;
                if size > most {
                    let reason =
                        format!("{name} has more than {most} bytes: raise upload_mib or upload_parts_mib");
                    return Err(Refusal::new("upload_too_large", reason));
                }
                hasher.update(&piece);
                file.write_all(&piece).map_err(unwritable)?;
            }
            return Ok(Some(Copied { path: to.to_path_buf(), sha256: hasher.finish() }));
        }
        Ok(None)
    }

    async fn open(&self, name: &str) -> Result<Option<BoxStream<'static, Result<Bytes, Refusal>>>, Refusal> {
        match self {
            Self::Folder(folder) => {
                let opened = open_within(folder, name);
                let opened =
                    opened.map_err(|error| Refusal::new("file_unreadable", format!("{name}: {error}")))?;
                let name = name.to_owned();
                Ok(opened.map(|file| {
                    let failed = move |error| Refusal::new("file_unreadable", format!("{name}: {error}"));
                    stream::iter(Chunks(file).map(move |piece| piece.map_err(&failed))).boxed()
                }))
            }
            #[cfg(feature = "s3")]
            Self::S3(reader) => {
                let failed = |error| Refusal::new("artifact_store_unavailable", Chain(&error).to_string());
                let found = reader.read(name).await.map_err(failed)?;
                Ok(found.map(|pieces| pieces.map_err(failed).boxed()))
            }
        }
    }
}

/// Opens a file below a folder; `None` if there is none. Links that lead out of the folder are refused.
fn open_within(folder: &Path, name: &str) -> io::Result<Option<File>> {
    let path = match fs::canonicalize(folder.join(name)) {
        Ok(path) => path,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if !path.starts_with(fs::canonicalize(folder)?) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is a link out of the folder"));
    }
    if !fs::metadata(&path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    File::open(path).map(Some)
}

/// The bytes of a file in pieces.
struct Chunks(File);

impl Iterator for Chunks {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = vec![0; 1 << 20];
        match self.0.read(&mut piece) {
            Ok(0) => None,
            Ok(length) => {
                piece.truncate(length);
                Some(Ok(piece.into()))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_object_is_copied_within_its_limit_and_its_folder() {
        let [folder, outside, to] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        fs::create_dir_all(folder.path().join("circuits/a")).unwrap();
        fs::write(folder.path().join("circuits/a/key"), "123456").unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("link")).unwrap();
        let objects = Objects::Folder(folder.path().to_path_buf());
        let copy = async |names: &[&str], most| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            objects.copy(&names, &to.path().join("copy"), most).await
        };
        let copied = copy(&["circuits/none", "circuits/a/key"], 6).await.unwrap().unwrap();
        assert_eq!(
            (fs::read(copied.path).unwrap(), copied.sha256),
            (b"123456".to_vec(), Digest::of("123456"))
        );
        assert!(copy(&["circuits/none", "circuits/a/key/x"], 6).await.unwrap().is_none());
        assert_eq!(copy(&["circuits/a/key"], 5).await.unwrap_err().code, "upload_too_large");
        for name in ["link", "circuits"] {
            assert_eq!(copy(&[name], 100).await.unwrap_err().code, "file_unreadable", "{name}");
        }
    }
}
