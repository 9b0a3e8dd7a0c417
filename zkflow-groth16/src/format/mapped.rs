//! A file in memory without a copy.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::path::Path;

use memmap2::{Mmap, UncheckedAdvice};

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

impl MappedFile {
    /// Gives back the memory of bytes that are not needed soon. They are read from the file again when somebody looks.
    pub(crate) fn release(&self, range: Range<usize>) {
        // SAFETY: the mapping is read-only and backed by the file, so its pages have nothing to lose.
        let advice =
            unsafe { self.0.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
        // It is advice: without it more memory is in use.
        let _ = advice;
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
