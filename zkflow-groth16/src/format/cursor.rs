//! Reads numbers and records from a slice of a file.

use std::ops::Range;

use super::FormatError;

/// Reads a slice from front to back; errors contain the offset in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    format: &'static str,
    base: usize,
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor over `bytes`, which begin at offset `base` of a file of the named format.
    pub(crate) fn new(format: &'static str, base: usize, bytes: &'a [u8]) -> Self {
        Self { format, base, bytes, position: 0 }
    }

    /// Range of its bytes in the file.
    pub(crate) fn range(&self) -> Range<usize> {
        self.base..self.base + self.bytes.len()
    }

    /// Number of bytes left.
    pub(crate) fn remaining(&self) -> u64 {
        (self.bytes.len() - self.position) as u64
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], FormatError> {
        if length > self.remaining() {
            let left = self.remaining();
            return Err(self.error(format!("expected {length} bytes, found {left}")));
        }
        let start = self.position;
        self.position += length as usize;
        Ok(&self.bytes[start..self.position])
    }

    /// The next `length` bytes as a separate cursor.
    pub(crate) fn sub(&mut self, length: u64) -> Result<Cursor<'a>, FormatError> {
        let base = self.base + self.position;
        let bytes = self.take(length)?;
        Ok(Cursor::new(self.format, base, bytes))
    }

    /// The next `count` records of `size` bytes each, as one slice.
    pub(crate) fn records(&mut self, count: u64, size: u64) -> Result<&'a [u8], FormatError> {
        let length = count
            .checked_mul(size)
            .ok_or_else(|| self.error(format!("size of {count} records overflows")))?;
        self.take(length)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    /// The next one-byte number.
    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(self.array::<1>()?[0])
    }

    /// The next four-byte number.
    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight-byte number.
    pub(crate) fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Fails if bytes are left.
    pub(crate) fn finish(&self) -> Result<(), FormatError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.error(format!("{left} bytes too many"))),
        }
    }

    /// An error at the current position.
    pub(crate) fn error(&self, detail: impl Into<String>) -> FormatError {
        self.error_at(self.position, detail)
    }

    /// An error at `position` in this cursor.
    pub(crate) fn error_at(&self, position: usize, detail: impl Into<String>) -> FormatError {
        FormatError { format: self.format, offset: (self.base + position) as u64, detail: detail.into() }
    }

    /// Number of bytes read so far, for a later [`Cursor::error_at`].
    pub(crate) fn position(&self) -> usize {
        self.position
    }
}
