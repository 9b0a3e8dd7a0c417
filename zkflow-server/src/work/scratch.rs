//! [`Scratch`]: the files of an import or a ceremony on the disk of this machine, until it ends.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use zkflow_core::digest::Digest;
use zkflow_core::own_folder;
use zkflow_core::service::catalog::FileRole;
use zkflow_core::service::upload::UploadFile;
use zkflow_queue::JobError;
use zkflow_store::local::Writing;

use super::Stop;

/// Prefix of the folders.
const PREFIX: &str = "import-";
/// A file in each folder that its process holds locked. The lock ends with the process.
const LOCK: &str = "lock";
/// Age at which a folder without the file was left behind: it is made at once, or of an earlier version.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// A folder for the files of one job. It is removed on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    /// Held until the folder is removed.
    _lock: File,
    files: BTreeMap<FileRole, Gathered>,
}

/// A file that was compared with its digest.
#[derive(Debug, Clone)]
pub(super) struct Gathered {
    pub(super) path: PathBuf,
    pub(super) sha256: Digest,
}

impl Scratch {
    /// Creates a folder in `parent`, or in that of the system, for this user only.
    pub(crate) fn create(parent: Option<&Path>) -> io::Result<Self> {
        let folder = match parent {
            Some(parent) => {
                own_folder::open(parent)?;
                remove_left_behind(parent)?;
                tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?
            }
            None => tempfile::Builder::new().prefix(PREFIX).tempdir()?,
        };
        let lock = lock(folder.path())?;
        Ok(Self { folder, _lock: lock, files: BTreeMap::new() })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Folder of the source.
    pub(super) fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    /// A file that is not part of the source.
    pub(super) fn file(&self, role: FileRole) -> Option<&Gathered> {
        self.files.get(&role)
    }

    /// Path of a file that is not an uploaded one.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Creates a file that is not an uploaded one.
    pub(super) fn create_file(&self, name: &str) -> io::Result<Writing> {
        Ok(Writing::new(File::create_new(self.path(name))?))
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
        Ok(Writing::new(File::create_new(path)?))
    }
}

/// The disk of this worker is full or broken: another one, or a later time, can do the work.
pub(super) fn unwritable(error: io::Error) -> Stop {
    Stop::Later(JobError::retry("file_unwritable", format!("the folder for files of jobs: {error}")))
}

/// Removes the folders in `parent` whose processes have died.
///
/// # Errors
/// `parent` cannot be read.
pub(super) fn remove_left_behind(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.filter_map(Result::ok) {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && is_left_behind(&entry) {
            // Another worker may remove it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Locks a folder for this process. The file gets its name when it is locked, so no other process locks it first.
fn lock(folder: &Path) -> io::Result<File> {
    let new = folder.join("lock.new");
    let file = File::create_new(&new)?;
    file.lock()?;
    fs::rename(new, folder.join(LOCK))?;
    Ok(file)
}

fn is_left_behind(entry: &DirEntry) -> bool {
    if let Ok(file) = File::open(entry.path().join(LOCK)) {
        return file.try_lock().is_ok();
    }
    let changed = entry.metadata().and_then(|meta| meta.modified());
    let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age > LEFT_BEHIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_dead_processes_are_removed_and_those_of_living_ones_stay() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        };
        // A process that died has released its lock, and left its files.
        let dead = make("import-dead");
        drop(lock(&dead).unwrap());
        fs::write(dead.join("ProvingKey"), "key").unwrap();
        let [young, other] = ["import-young", "of-others"].map(make);
        let living = Scratch::create(Some(parent.path())).unwrap();
        assert!(!dead.exists() && young.exists() && other.exists() && living.folder().exists());
        remove_left_behind(parent.path()).unwrap();
        assert!(young.exists() && other.exists() && living.folder().exists());
        let path = living.folder().to_path_buf();
        drop(living);
        assert!(!path.exists());
    }
}
