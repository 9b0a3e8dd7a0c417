//! The container shared by `.r1cs`, `.wtns`, `.zkey` and `.ptau`; all numbers are little-endian:
//! `magic(4) | version u32 | sections u32 | { id u32, size u64, body }*`.

use super::cursor::Cursor;
use super::{FormatError, detect};

/// Required first eight bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The magic word; also the format's name in errors.
    pub(crate) name: &'static str,
    /// The only supported version.
    pub(crate) version: u32,
    /// Whether the number of sections in the header is right in all files; otherwise sections are read to the end of
    /// the file.
    pub(crate) counts_sections: bool,
}

/// Length in bytes of the header before the first section.
pub(crate) const FILE_HEADER: u64 = 12;
/// Length in bytes of the header before each section's body.
pub(crate) const SECTION_HEADER: u64 = 12;

/// Ids from this value on belong to no format. Their sections are skipped, as `doc/r1cs_bin_format.md` of
/// iden3/r1csfile requires.
const KNOWN_IDS: usize = 16;

/// The table of sections of a file.
#[derive(Debug, Clone)]
pub(crate) struct Sections {
    layout: Layout,
    places: [Option<Place>; KNOWN_IDS],
    file_len: u64,
}

/// Position of a section's body in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// Largest number of sections. No format has more than 15.
const MOST_SECTIONS: u32 = 64;

impl Sections {
    /// Reads the section headers, but no bodies. `fetch` returns bytes of the file by offset and length; they
    /// exist within `file_len`.
    ///
    /// # Errors
    /// Those of `fetch`; the magic word or the version differs, a section occurs twice or exceeds the file, or
    /// bytes follow the last section.
    pub(crate) fn parse<B: AsRef<[u8]>, E: From<FormatError>>(
        layout: Layout,
        file_len: u64,
        mut fetch: impl FnMut(u64, u64) -> Result<B, E>,
    ) -> Result<Self, E> {
        let mut sections = Self { layout, places: [None; KNOWN_IDS], file_len };
        let start = fetch(0, FILE_HEADER.min(file_len))?;
        let count = sections.read_file_header(start.as_ref())?;
        if count > MOST_SECTIONS {
            let detail = format!("{count} sections, at most {MOST_SECTIONS} are expected");
            return Err(sections.wrong(8, detail).into());
        }
        let mut offset = FILE_HEADER;
        let count = if layout.counts_sections { count } else { MOST_SECTIONS };
        for _ in 0..count {
            if !layout.counts_sections && offset == file_len {
                break;
            }
            let header = fetch(offset, SECTION_HEADER.min(file_len - offset))?;
            offset = sections.read_section_header(offset, header.as_ref())?;
        }
        if offset != file_len {
            return Err(sections.wrong(offset, format!("{} bytes too many", file_len - offset)).into());
        }
        Ok(sections)
    }

    /// Checks magic word and version; returns the number of sections.
    fn read_file_header(&self, bytes: &[u8]) -> Result<u32, FormatError> {
        let Layout { name, version: expected, .. } = self.layout;
        let mut cursor = self.cursor_at(0, bytes);
        let found = cursor.array::<4>()?;
        if found != name.as_bytes() {
            let mut detail = format!("does not begin with {name:?}");
            if detect(&found).is_some() {
                detail += &format!(": it begins with {:?}", String::from_utf8_lossy(&found));
            }
            return Err(self.wrong(0, detail));
        }
        let version = cursor.u32()?;
        if version != expected {
            return Err(self.wrong(4, format!("version {version}, expected {expected}")));
        }
        cursor.u32()
    }

    /// Records the section at `offset`; returns the offset of the next one, at most the length of the file.
    fn read_section_header(&mut self, offset: u64, bytes: &[u8]) -> Result<u64, FormatError> {
        let mut cursor = self.cursor_at(offset, bytes);
        let (id, size) = (cursor.u32()?, cursor.u64()?);
        let body = Place { offset: offset + SECTION_HEADER, size };
        let left = self.file_len - body.offset;
        if size > left {
            return Err(self.wrong(body.offset, format!("expected {size} bytes, found {left}")));
        }
        if let Some(slot) = self.places.get_mut(id as usize)
            && slot.replace(body).is_some()
        {
            return Err(self.wrong(offset, format!("section {id} occurs twice")));
        }
        Ok(body.offset + size)
    }

    /// Whether a section is present.
    pub(crate) fn has(&self, id: u32) -> bool {
        self.get(id).is_ok()
    }

    /// Position of a section's body.
    ///
    /// # Errors
    /// The section is missing.
    pub(crate) fn get(&self, id: u32) -> Result<Place, FormatError> {
        let place = self.places.get(id as usize).copied().flatten();
        place.ok_or_else(|| self.wrong(0, format!("section {id} is missing")))
    }

    /// All sections in the order of their ids.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, Place)> {
        (0..).zip(self.places).filter_map(|(id, place)| Some((id, place?)))
    }

    /// Length of the file in bytes.
    pub(crate) fn file_len(&self) -> u64 {
        self.file_len
    }

    /// A cursor over the body of a section.
    ///
    /// # Errors
    /// The section is missing.
    pub(crate) fn cursor<'a>(&self, id: u32, body: &'a [u8]) -> Result<Cursor<'a>, FormatError> {
        Ok(self.cursor_at(self.get(id)?.offset, body))
    }

    /// A cursor over bytes that begin at `offset`. An offset beyond the address space only makes the place in an
    /// error inexact.
    pub(crate) fn cursor_at<'a>(&self, offset: u64, bytes: &'a [u8]) -> Cursor<'a> {
        Cursor::new(self.layout.name, address(offset), bytes)
    }

    /// Checks that a section contains `before` bytes, then `count` records of `size` bytes.
    ///
    /// # Errors
    /// The section is missing or has another length.
    pub(crate) fn check_length(
        &self,
        id: u32,
        before: u64,
        count: u64,
        size: u64,
    ) -> Result<(), FormatError> {
        let place = self.get(id)?;
        let expected = count.checked_mul(size).and_then(|bytes| bytes.checked_add(before));
        if expected == Some(place.size) {
            return Ok(());
        }
        let expected = expected.map_or_else(|| "any".to_owned(), |bytes| bytes.to_string());
        let detail = format!("section {id}: expected {expected} bytes, found {}", place.size);
        Err(self.wrong(place.offset, detail))
    }

    /// An error at `offset` in the file.
    pub(crate) fn wrong(&self, offset: u64, detail: impl Into<String>) -> FormatError {
        FormatError { format: self.layout.name, offset, detail: detail.into() }
    }
}

pub(crate) fn address(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX / 2)
}
