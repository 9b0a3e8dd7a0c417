//! The sections of a file, without their content.

use std::io::{Read, Seek, SeekFrom};

use super::container::{Layout, Sections};
use super::sections::read_at;
use super::{FormatError, ReadError};
use super::{ptau, r1cs, wtns, zkey};

/// The sections of an `.r1cs`, `.wtns`, `.zkey` or `.ptau` file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SectionTable {
    /// Name of the format: its magic word.
    pub format: &'static str,
    /// Length of the file in bytes.
    pub file_len: u64,
    /// The sections in the order of their ids.
    pub sections: Vec<SectionEntry>,
}

/// A section of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SectionEntry {
    /// Id.
    pub id: u32,
    /// Offset of its header, which is 12 bytes long.
    pub offset: u64,
    /// Length of its body in bytes.
    pub size: u64,
}

/// Reads the sections of a file. Their content is not read.
///
/// # Errors
/// The medium fails; the file is of another format; a section occurs twice or exceeds the file.
pub fn section_table<R: Read + Seek>(source: &mut R) -> Result<SectionTable, ReadError> {
    let length = source.seek(SeekFrom::End(0))?;
    let magic = read_at(source, 0, length.min(4))?;
    let layout = LAYOUTS.into_iter().find(|layout| layout.name.as_bytes() == magic);
    let layout = layout.ok_or_else(|| FormatError {
        format: "file",
        offset: 0,
        detail: "expected r1cs, wtns, zkey or ptau".to_owned(),
    })?;
    let table = Sections::read(layout, source)?;
    let sections = table.all().map(|(id, place)| SectionEntry {
        id,
        offset: place.offset - super::container::SECTION_HEADER,
        size: place.size,
    });
    Ok(SectionTable { format: layout.name, file_len: length, sections: sections.collect() })
}

const LAYOUTS: [Layout; 4] = [r1cs::LAYOUT, wtns::LAYOUT, zkey::LAYOUT, ptau::LAYOUT];
