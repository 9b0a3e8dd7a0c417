//! [`Scratch`]: the files of an import on the disk of a worker, until it ends.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use zkflow_core::digest::{Digest, Hasher};
use zkflow_core::own_folder;
use zkflow_core::service::catalog::FileRole;
use zkflow_core::service::upload::UploadFile;

/// Prefix of the folders.
const PREFIX: &str = "import-";
/// Age at which a folder was left behind by a process that died.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// A folder for the files of one import. It is removed on drop.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    files: BTreeMap<FileRole, Gathered>,
}

/// A file that was compared with its digest.
#[derive(Debug, Clone)]
pub(super) struct Gathered {
    pub(super) path: PathBuf,
    pub(super) sha256: Digest,
}

/// A file that is being written.
pub(super) struct Writing {
    file: File,
    hasher: Hasher,
    size: u64,
}

impl Scratch {
    /// Creates a folder in `parent`, or in that of the system, for this user only.
    pub(super) fn create(parent: Option<&Path>) -> io::Result<Self> {
        let folder = match parent {
            Some(parent) => {
                own_folder::open(parent)?;
                remove_left_behind(parent)?;
                tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?
            }
            None => tempfile::Builder::new().prefix(PREFIX).tempdir()?,
        };
        Ok(Self { folder, files: BTreeMap::new() })
    }

    /// Folder of the source.
    pub(super) fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    /// A file that is not part of the source.
    pub(super) fn file(&self, role: FileRole) -> Option<&Gathered> {
        self.files.get(&role)
    }

    /// Creates a file. The path of a source file cannot leave the folder, see
    /// [`SourcePath`](zkflow_core::service::upload::SourcePath).
    pub(super) fn begin(&mut self, declared: &UploadFile) -> io::Result<Writing> {
        let path = match &declared.path {
            Some(path) => self.source().join(path.as_str()),
            None => {
                let path = self.folder.path().join(format!("{:?}", declared.role));
                let file = Gathered { path: path.clone(), sha256: declared.sha256 };
                self.files.insert(declared.role, file);
                path
            }
        };
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        Ok(Writing { file: File::create_new(path)?, hasher: Hasher::default(), size: 0 })
    }
}

impl Writing {
    pub(super) fn append(mut self, bytes: &[u8]) -> io::Result<Self> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(self)
    }

    /// Length and SHA-256.
    pub(super) fn finish(self) -> io::Result<(u64, Digest)> {
        Ok((self.size, self.hasher.finish()))
    }
}

fn remove_left_behind(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.filter_map(Result::ok) {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let changed = entry.metadata().and_then(|meta| meta.modified());
        let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if is_ours && age.is_some_and(|age| age > LEFT_BEHIND) {
            // Another worker may remove it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
