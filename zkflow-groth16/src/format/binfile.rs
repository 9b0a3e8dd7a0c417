//! The container shared by `.r1cs`, `.wtns` and `.zkey`; all numbers are little-endian:
//! `magic(4) | version u32 | sections u32 | { id u32, size u64, body }*`.

use std::ops::Range;

use super::FormatError;

/// Ids from this value on belong to no format. Their sections are skipped, as `doc/r1cs_bin_format.md` of
/// iden3/r1csfile requires.
pub(crate) const KNOWN_IDS: usize = 16;

/// Required first eight bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The magic word; also the format's name in errors.
    pub(crate) name: &'static str,
    /// The only supported version.
    pub(crate) version: u32,
}

/// The sections of a file, in any order.
#[derive(Debug)]
pub(crate) struct BinFile<'a> {
    layout: Layout,
    sections: [Option<Cursor<'a>>; KNOWN_IDS],
}

impl<'a> BinFile<'a> {
    /// Splits `bytes` into sections.
    ///
    /// # Errors
    /// The magic word or the version differs, a section occurs twice or exceeds the file, or bytes follow
    /// the last section.
    pub(crate) fn parse(layout: Layout, bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(layout.name, 0, bytes);
        if cursor.array::<4>()? != layout.name.as_bytes() {
            return Err(cursor.error_at(0, format!("does not begin with {:?}", layout.name)));
        }
        let version = cursor.u32()?;
        if version != layout.version {
            let wanted = layout.version;
            return Err(cursor.error_at(4, format!("version {version}, expected {wanted}")));
        }
        let count = cursor.u32()?;
        let mut sections = [None; KNOWN_IDS];
        for _ in 0..count {
            let start = cursor.position;
            let id = cursor.u32()?;
            let size = cursor.u64()?;
            let body = cursor.sub(size)?;
            if let Some(slot) = sections.get_mut(id as usize) {
                if slot.is_some() {
                    return Err(cursor.error_at(start, format!("section {id} occurs twice")));
                }
                *slot = Some(body);
            }
        }
        cursor.finish()?;
        Ok(Self { layout, sections })
    }

    /// The body of section `id`.
    ///
    /// # Errors
    /// The section is missing.
    pub(crate) fn section(&self, id: u32) -> Result<Cursor<'a>, FormatError> {
        self.optional(id).ok_or_else(|| FormatError {
            format: self.layout.name,
            offset: 0,
            detail: format!("section {id} is missing"),
        })
    }

    /// The body of section `id`; `None` if it is missing.
    pub(crate) fn optional(&self, id: u32) -> Option<Cursor<'a>> {
        self.sections.get(id as usize).copied().flatten()
    }
}

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

/// Length in bytes of the header before the first section.
pub(crate) const FILE_HEADER: u64 = 12;
/// Length in bytes of the header before each section's body.
pub(crate) const SECTION_HEADER: u64 = 12;

/// Writes a file section by section, in call order.
#[derive(Debug)]
pub(crate) struct BinWriter {
    out: Vec<u8>,
    sections: u32,
}

impl BinWriter {
    /// Starts a file; `capacity` is its approximate length in bytes.
    pub(crate) fn new(layout: Layout, capacity: u64) -> Self {
        let mut out = Vec::with_capacity(usize::try_from(capacity).unwrap_or(0));
        out.extend(layout.name.as_bytes());
        out.extend(layout.version.to_le_bytes());
        out.extend(0u32.to_le_bytes());
        Self { out, sections: 0 }
    }

    /// Appends a section; `body` appends its content.
    pub(crate) fn section(mut self, id: u32, body: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.out.extend(id.to_le_bytes());
        self.out.extend(0u64.to_le_bytes());
        let start = self.out.len();
        body(&mut self.out);
        let size = (self.out.len() - start) as u64;
        self.out[start - 8..start].copy_from_slice(&size.to_le_bytes());
        self.sections += 1;
        self
    }

    /// The finished file.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out[8..12].copy_from_slice(&self.sections.to_le_bytes());
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { name: "test", version: 7 };

    fn file(sections: &[(u32, &[u8])]) -> Vec<u8> {
        sections
            .iter()
            .fold(BinWriter::new(LAYOUT, 0), |writer, (id, body)| {
                writer.section(*id, |out| out.extend(*body))
            })
            .finish()
    }

    fn refusal(bytes: &[u8]) -> FormatError {
        BinFile::parse(LAYOUT, bytes).unwrap_err()
    }

    #[test]
    fn sections_are_found_in_any_order() {
        let bytes = file(&[(3, b"three"), (1, b"one"), (99, b"of a later version")]);
        let parsed = BinFile::parse(LAYOUT, &bytes).unwrap();
        let mut one = parsed.section(1).unwrap();
        assert_eq!(one.take(3).unwrap(), b"one");
        assert_eq!(parsed.section(3).unwrap().remaining(), 5);
        assert!(parsed.optional(2).is_none());
        assert_eq!(parsed.section(2).unwrap_err().detail, "section 2 is missing");
    }

    #[test]
    fn a_section_that_stands_twice_is_refused_where_it_stands() {
        let error = refusal(&file(&[(1, b"a"), (1, b"b")]));
        assert_eq!((error.offset, error.detail.as_str()), (25, "section 1 occurs twice"));
    }

    #[test]
    fn sections_that_reach_beyond_the_end_and_bytes_behind_the_last_one_are_refused() {
        let bytes = file(&[(1, b"body")]);
        assert!(refusal(&bytes[..bytes.len() - 1]).detail.contains("expected 4 bytes, found 3"));
        let mut huge = bytes.clone();
        huge[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(refusal(&huge).detail.contains("bytes, found 4"));
        let longer = [bytes.as_slice(), b"x"].concat();
        assert_eq!(refusal(&longer).detail, "1 bytes too many");
    }

    #[test]
    fn another_magic_word_or_version_is_refused() {
        let mut bytes = file(&[]);
        bytes[4] = 8;
        assert_eq!(refusal(&bytes).to_string(), "test: version 8, expected 7 (at byte 4)");
        bytes[0] = b'T';
        assert!(refusal(&bytes).detail.contains("does not begin with"));
        assert!(refusal(b"te").detail.contains("expected 4 bytes, found 2"));
    }

    #[test]
    fn an_offset_counts_from_the_start_of_the_file() {
        let bytes = file(&[(5, b"\x01\0\0\0")]);
        let mut section = BinFile::parse(LAYOUT, &bytes).unwrap().section(5).unwrap();
        section.u8().unwrap();
        assert_eq!(section.u32().unwrap_err().offset, 25);
    }
}
