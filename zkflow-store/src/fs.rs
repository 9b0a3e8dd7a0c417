//! [`FsStore`]: artifacts as files.

mod file;
mod folder;

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::io::ReaderStream;
use zkflow_core::digest::Digest;
use zkflow_core::service::store::{
    Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, Pieces, PutMode, StoreError, checked,
};

/// An [`ArtifactStore`] in a folder. Several processes may share it.
///
/// # Layout
/// - The artifact `a/b` is the file `a/b@`. A key cannot contain `@`, so the file of `a` and the folder of
///   `a/b` have different names.
/// - `body ‖ SHA-256 of the body (32 bytes) ‖ "zkflow1\n"` is the content of a file. A file without this
///   trailer is corrupt, so a truncated file is detected without reading it all.
/// - `.tmp` contains unfinished files. A put writes and syncs a file there, moves it to its place (by rename,
///   or by link for [`PutMode::Create`]) and syncs the folder. After a crash, an artifact is whole or absent.
/// - Opening the store removes files of crashed puts that are at least an hour old.
///
/// The file system must be case-sensitive.
#[derive(Clone)]
pub struct FsStore {
    root: Arc<Path>,
}

impl FsStore {
    /// Opens the store in the folder `root`, and creates it if needed. Blocks briefly.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if the folder cannot be created or written to.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let store = Self { root: root.into().into() };
        folder::create(&store.temp_folder())
            .and_then(|()| remove_leftovers(&store.temp_folder(), SystemTime::now()))
            .map_err(|e| StoreError::backend(format!("opening {}", store.root.display()), e))?;
        Ok(store)
    }

    fn temp_folder(&self) -> PathBuf {
        self.root.join(TEMP_FOLDER)
    }

    fn path(&self, key: &ArtifactKey) -> PathBuf {
        self.root.join(format!("{key}{FILE_SUFFIX}"))
    }

    /// Runs `work` on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        key: &ArtifactKey,
        work: impl FnOnce(&Self, &ArtifactKey) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, owned) = (self.clone(), key.clone());
        spawn_blocking(move || work(&store, &owned))
            .await
            .unwrap_or_else(|e| Err(StoreError::backend(format!("{action} {key}"), e)))
    }
}

impl fmt::Debug for FsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FsStore({:?})", self.root)
    }
}

#[async_trait]
impl ArtifactStore for FsStore {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        self.blocking("writing", key, move |store, key| {
            let sha256 = Digest::of(&body);
            let written = file::write(&store.temp_folder(), &store.path(key), &body, &sha256, mode);
            match written {
                Ok(()) => Ok(ArtifactMeta { key: key.clone(), size: body.len() as u64, sha256 }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && mode == PutMode::Create => {
                    Err(StoreError::Exists(key.clone()))
                }
                Err(e) => Err(StoreError::backend(format!("writing {key}"), e)),
            }
        })
        .await
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        self.blocking("reading", key, |store, key| file::read(&store.path(key), key)).await
    }

    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        let (meta, file) =
            self.blocking("reading", key, |store, key| file::open_checked(&store.path(key), key)).await?;
        let end = range.end.min(meta.size);
        let start = range.start.min(end);
        let failed = {
            let key = key.clone();
            move |e| StoreError::backend(format!("reading {key}"), e)
        };
        let mut file = tokio::fs::File::from_std(file);
        file.seek(io::SeekFrom::Start(start)).await.map_err(&failed)?;
        let pieces = ReaderStream::with_capacity(file.take(end - start), PIECE).map_err(failed).boxed();
        Ok(if start == 0 && end == meta.size { checked(meta, pieces) } else { pieces })
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.blocking("reading", key, |store, key| file::read_meta(&store.path(key), key)).await
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.blocking("deleting", key, |store, key| {
            folder::remove_file(&store.root, &store.path(key))
                .map_err(|e| StoreError::backend(format!("deleting {key}"), e))
        })
        .await
    }

    async fn rename(&self, from: &ArtifactKey, to: &ArtifactKey) -> Result<(), StoreError> {
        let to = to.clone();
        self.blocking("moving", from, move |store, from| {
            match file::rename(&store.path(from), &store.path(&to)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    return file::read_meta(&store.path(&to), &to).map(drop);
                }
                moved => moved.map_err(|e| StoreError::backend(format!("moving {from}"), e))?,
            }
            folder::remove_empty(&store.root, &store.path(from))
                .map_err(|e| StoreError::backend(format!("moving {from}"), e))
        })
        .await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        let (store, prefix) = (self.clone(), prefix.to_owned());
        let start = async move {
            let (sender, receiver) = mpsc::channel(64);
            // Ends when the receiver is dropped.
            spawn_blocking(move || {
                folder::walk(&store.root, &prefix, &mut |item| sender.blocking_send(item).is_ok())
            });
            stream::unfold(receiver, |mut receiver| async {
                receiver.recv().await.map(|item| (item, receiver))
            })
        };
        stream::once(start).flatten().boxed()
    }
}

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// Removes the files in `folder` that were last written at least [`LEFTOVER_AGE`] before `now`.
pub(crate) fn remove_leftovers(folder: &Path, now: SystemTime) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let written = entry.metadata().and_then(|meta| meta.modified());
        if written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age >= LEFTOVER_AGE)) {
            match std::fs::remove_file(entry.path()) {
                // Another process is opening the store too, and was faster.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                result => result?,
            }
        }
    }
    Ok(())
}

/// Never the folder of a key, because a segment cannot begin with a dot.
const TEMP_FOLDER: &str = ".tmp";

/// A character that no key contains.
const FILE_SUFFIX: &str = "@";

/// Longer than any put.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
