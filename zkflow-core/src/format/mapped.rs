//! A file in memory without a copy.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// The bytes of a file that somebody else may be writing to.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps the file into memory. Its pages are read when they are looked at, and shared with every
    /// process that looks at them.
    ///
    /// The file has to stay as it is for as long as it is mapped: a process whose mapped file is cut short
    /// dies of a bus error, and one whose file changes may see either content. Command-line tools that
    /// work on files of their user can live with that; a service should read instead.
    ///
    /// # Errors
    /// The file cannot be opened or mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the bytes must not change while they are borrowed. That is asked of the caller above; the
        // parsers here read every byte once and check what they read, so that a change gives another
        // value or an error.
        Ok(Self(unsafe { Mmap::map(&file) }?))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
