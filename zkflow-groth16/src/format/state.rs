//! [`FileState`]: whether a file is still the one that was opened.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

/// Identity of a file and of its content. A program can set the time of modification of a file, but not its time of
/// change, which is compared here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileState {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl FileState {
    /// The present state of an open file.
    ///
    /// # Errors
    /// The file system does not answer.
    pub fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}
