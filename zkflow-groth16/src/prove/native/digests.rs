//! Digests of files, remembered by what the file system says of them.
//!
//! A key of a gigabyte takes a second to hash. As long as a file's device, inode, length and times of change are what they
//! were, its bytes are taken to be, too: the time of the last change of an inode cannot be set by programs. It has
//! a resolution, though, so a file that changed shortly before it was hashed may change again unseen; as `git` does for its
//! index, such a digest is not remembered.
//!
//! Remembered digests are believed: they lie in the folder of prepared keys, to which nobody else may write.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::digest::{Digest, Hasher};
use crate::own_folder;

const EXTENSION: &str = "zkdigest";
/// Bytes that all remembered digests may take: ten thousand of them.
const MAX_BYTES: u64 = 640_000;
/// A file is left alone for this long before its digest is remembered: more than the resolution of any file system's times.
const SETTLED: Duration = Duration::from_secs(3);

/// The digests remembered in a folder of this user.
pub(super) struct Digests<'a> {
    folder: &'a Path,
}

impl<'a> Digests<'a> {
    /// Those in a folder that only this user may write to.
    pub(super) fn in_folder(folder: &'a Path) -> Self {
        Self { folder }
    }

    /// The digest that the file had when it was hashed, if it is as it was then.
    pub(super) fn recall(&self, path: &Path) -> Option<Digest> {
        let text = fs::read_to_string(self.entry(&fs::metadata(path).ok()?)).ok()?;
        text.parse().ok()
    }

    /// Computes the digest of the file, which holds `bytes`, and remembers it. A failure to do so costs time alone.
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

    /// Where the digest of a file in this state is kept.
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

/// Whether the last change is long past; a time in the future is not.
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
        // The time of the inode's change is now, whatever the time of the content says.
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
        // As long, and with the same time of the content.
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "abd").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        assert_eq!(digests.recall(&file), None);
        // Another file under the same name.
        fs::write(folder.path().join("other"), "abc").unwrap();
        fs::rename(folder.path().join("other"), &file).unwrap();
        assert_eq!(digests.recall(&file), None);
    }
}
