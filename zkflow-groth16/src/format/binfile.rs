//! A container in memory, read and written as a whole.

use super::FormatError;
use super::container::{Layout, Sections};
use super::cursor::Cursor;

/// The sections of a file, in any order.
#[derive(Debug)]
pub(crate) struct BinFile<'a> {
    bytes: &'a [u8],
    sections: Sections,
}

impl<'a> BinFile<'a> {
    /// Splits `bytes` into sections.
    ///
    /// # Errors
    /// See [`Sections::parse`].
    pub(crate) fn parse(layout: Layout, bytes: &'a [u8]) -> Result<Self, FormatError> {
        let sections = Sections::parse(layout, bytes.len() as u64, |offset, length| {
            Ok::<_, FormatError>(&bytes[offset as usize..][..length as usize])
        })?;
        Ok(Self { bytes, sections })
    }

    /// The body of section `id`.
    ///
    /// # Errors
    /// The section is missing.
    pub(crate) fn section(&self, id: u32) -> Result<Cursor<'a>, FormatError> {
        let place = self.sections.get(id)?;
        self.sections.cursor(id, &self.bytes[place.offset as usize..][..place.size as usize])
    }

    /// The body of section `id`; `None` if it is missing.
    pub(crate) fn optional(&self, id: u32) -> Option<Cursor<'a>> {
        self.section(id).ok()
    }
}

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
    use crate::format::ReadError;

    const LAYOUT: Layout = Layout { name: "test", version: 7, counts_sections: true };

    fn file(sections: &[(u32, &[u8])]) -> Vec<u8> {
        sections
            .iter()
            .fold(BinWriter::new(LAYOUT, 0), |writer, (id, body)| {
                writer.section(*id, |out| out.extend(*body))
            })
            .finish()
    }

    /// The refusal of a file in memory, which is also that of a file read piece by piece.
    fn refusal(bytes: &[u8]) -> FormatError {
        let error = BinFile::parse(LAYOUT, bytes).unwrap_err();
        match Sections::read(LAYOUT, &mut std::io::Cursor::new(bytes)) {
            Err(ReadError::Format(same)) => assert_eq!(same, error),
            other => panic!("{other:?}"),
        }
        error
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
    fn a_section_that_occurs_twice_is_refused_at_its_second_place() {
        let error = refusal(&file(&[(1, b"a"), (1, b"b")]));
        assert_eq!((error.offset, error.detail.as_str()), (25, "section 1 occurs twice"));
    }

    #[test]
    fn sections_that_exceed_the_file_and_bytes_after_the_last_one_are_refused() {
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
