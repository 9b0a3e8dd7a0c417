//! A file mapped into memory without a copy.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::path::Path;

use memmap2::{Mmap, UncheckedAdvice};

/// The bytes of a mapped file; another process may still write to the file.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps the file into memory. Its pages are read on first access and shared with other processes.
    ///
    /// The file must not change while it is mapped. If it is truncated, the process dies of a bus error. If
    /// it changes, the process may see either content. Command-line tools map files of their user; a service maps only
    /// files that it never changes, in folders that other users cannot write to.
    ///
    /// # Errors
    /// The file cannot be opened or mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::of(&File::open(path)?)
    }

    /// Maps an open file; see [`open`](Self::open).
    ///
    /// # Errors
    /// The file cannot be mapped.
    pub fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the bytes must not change while they are borrowed; the caller must ensure this, see above.
        // The parsers here read every byte once and check it, so a change gives another value or an error.
        Ok(Self(unsafe { Mmap::map(file) }?))
    }
}

impl MappedFile {
    /// Releases the memory of bytes that are not needed soon. They are read from the file again on the next
    /// access.
    pub(crate) fn release(&self, range: Range<usize>) {
        // SAFETY: the mapping is read-only and backed by the file, so its pages contain nothing to lose.
        let advice =
            unsafe { self.0.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
        // This is advice: if it fails, more memory is in use.
        let _ = advice;
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
