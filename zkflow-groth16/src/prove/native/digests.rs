//! Digests of files, cached by file system metadata.
//!
//! Hashing a key of a gigabyte takes a second. A file counts as unchanged while its device, inode, length
//! and times of change stay the same. Programs cannot set the time of an inode's last change.
//!
//! This time has a limited resolution: a file that changed shortly before hashing may change again
//! unnoticed. The digest of such a file is not cached; `git` treats its index in the same way.
//!
//! Cached digests are trusted: they are stored in the folder of prepared keys, which only this user may
//! write to.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::digest::{Digest, Hasher};
use crate::own_folder;

const EXTENSION: &str = "zkdigest";
/// Maximum bytes of all cached digests: ten thousand digests.
const MAX_BYTES: u64 = 640_000;
/// Minimum age of a file's last change before its digest is cached: more than the time resolution of any
/// file system.
const SETTLED: Duration = Duration::from_secs(3);

/// The digests cached in a folder of this user.
pub(super) struct Digests<'a> {
    folder: &'a Path,
}

impl<'a> Digests<'a> {
    /// The digests in a folder that only this user may write to.
    pub(super) fn in_folder(folder: &'a Path) -> Self {
        Self { folder }
    }

    /// The cached digest of the file, if the file is unchanged.
    pub(super) fn recall(&self, path: &Path) -> Option<Digest> {
        let text = fs::read_to_string(self.entry(&fs::metadata(path).ok()?)).ok()?;
        text.parse().ok()
    }

    /// Computes the digest of a file with the content `bytes` and caches it. A failure to cache it only
    /// costs time.
    pub(super) fn of(&self, path: &Path, bytes: &[u8]) -> Digest {
        let before = fs::metadata(path);
        let digest = Digest::of(bytes);
        let remember = || -> io::Result<()> {
            let (before, after) = (before?, fs::metadata(path)?);
            if self.entry(&before) == self.entry(&after) && is_settled(&after) {
                let mut file = tempfile::NamedTempFile::new_in(self.folder)?;
                write!(file, "{digest}")?;
                file.persist(self.entry(&after))?;
                own_folder::prune(self.folder, EXTENSION, MAX_BYTES)?;
            }
            Ok(())
        };
        let _ = remember();
        digest
    }

    /// Path of the cached digest of a file in this state.
    fn entry(&self, file: &Metadata) -> PathBuf {
        let mut hasher = Hasher::default();
        for number in [file.dev(), file.ino(), file.size()] {
            hasher.field(number.to_le_bytes());
        }
        for time in [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()] {
            hasher.field(time.to_le_bytes());
        }
        self.folder.join(format!("{}.{EXTENSION}", hasher.finish()))
    }
}

/// Whether the last change is older than [`SETTLED`]; `false` for a time in the future.
fn is_settled(file: &Metadata) -> bool {
    let past = |seconds: i64| {
        let changed =
            SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX >> 2));
        changed.elapsed().is_ok_and(|age| age > SETTLED)
    };
    past(file.ctime()) && past(file.mtime())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path, age: Duration) {
        let time = SystemTime::now() - age;
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_believed_to_stay_so() {
        let folder = tempfile::tempdir().unwrap();
        let digests = Digests::in_folder(folder.path());
        let file = folder.path().join("key");
        fs::write(&file, "abc").unwrap();
        assert_eq!(digests.of(&file, b"abc"), Digest::of("abc"));
        assert_eq!(digests.recall(&file), None);
        // The time of the inode's change is now, independent of the content's time.
        touch(&file, Duration::from_secs(60));
        digests.of(&file, b"abc");
        assert_eq!(digests.recall(&file), None);
    }

    #[test]
    fn a_settled_file_is_known_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let digests = Digests::in_folder(folder.path());
        let file = folder.path().join("key");
        fs::write(&file, "abc").unwrap();
        std::thread::sleep(SETTLED + Duration::from_millis(1100));
        assert_eq!(digests.of(&file, b"abc"), Digest::of("abc"));
        assert_eq!(digests.recall(&file), Some(Digest::of("abc")));
        // The length and the content's time stay the same.
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "abd").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        assert_eq!(digests.recall(&file), None);
        // Another file with the same name.
        fs::write(folder.path().join("other"), "abc").unwrap();
        fs::rename(folder.path().join("other"), &file).unwrap();
        assert_eq!(digests.recall(&file), None);
    }
}
