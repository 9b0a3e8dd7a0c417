//! Writing powers of tau, section by section.

use std::io::{self, Seek, SeekFrom, Write};

use super::{CONTRIBUTIONS, HEADER, HEADER_LEN, LAYOUT, PtauContribution, Section, contribution, put_header};
use crate::format::encoding::{FilePoint, put_points};

/// Writes a `.ptau` from front to back: the header at once, then each section as its points come.
#[derive(Debug)]
pub struct PtauWriter<W> {
    out: W,
    power: u32,
    buffer: Vec<u8>,
    /// Bytes that the section that is being written still lacks.
    missing: u64,
    /// Bytes written.
    position: u64,
    /// Where the contributions begin.
    contributions_at: u64,
}

impl<W: Write> PtauWriter<W> {
    /// Begins a file: with the sections 1 to 7, or, `prepared`, with 12 to 15 as well.
    ///
    /// # Errors
    /// Those of the medium.
    pub fn new(out: W, power: u32, ceremony_power: u32, prepared: bool) -> io::Result<Self> {
        let sections: u32 = if prepared { 11 } else { 7 };
        let mut writer =
            Self { out, power, buffer: Vec::new(), missing: 0, position: 0, contributions_at: 0 };
        writer.buffer.extend(LAYOUT.name.as_bytes());
        writer.buffer.extend(LAYOUT.version.to_le_bytes());
        writer.buffer.extend(sections.to_le_bytes());
        put_section_header(&mut writer.buffer, HEADER, HEADER_LEN);
        put_header(&mut writer.buffer, power, ceremony_power);
        writer.write()?;
        Ok(writer)
    }

    /// The power of the file.
    pub(crate) fn power(&self) -> u32 {
        self.power
    }

    /// Begins a section of points.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If the section before is not complete.
    pub fn begin<P: FilePoint>(&mut self, section: Section<P>) -> io::Result<()> {
        assert_eq!(self.missing, 0, "the section before section {} is complete", section.id());
        self.missing = section.count(self.power) * P::LEN as u64;
        put_section_header(&mut self.buffer, section.id(), self.missing);
        self.write()
    }

    /// Appends points to the section that was begun.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If they are more than the section has room for.
    pub fn points<P: FilePoint>(&mut self, points: &[P]) -> io::Result<()> {
        for chunk in points.chunks(AT_ONCE) {
            put_points(&mut self.buffer, chunk);
            let written = self.buffer.len() as u64;
            self.missing = self.missing.checked_sub(written).expect("the section has room for its points");
            self.write()?;
        }
        Ok(())
    }

    /// Writes the contributions.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If the section before is not complete.
    pub fn contributions(&mut self, contributions: &[PtauContribution]) -> io::Result<()> {
        assert_eq!(self.missing, 0, "the section before the contributions is complete");
        self.contributions_at = self.position;
        let mut body = Vec::new();
        contribution::put_all(&mut body, contributions);
        put_section_header(&mut self.buffer, CONTRIBUTIONS, body.len() as u64);
        self.buffer.extend(body);
        self.write()
    }

    /// Flushes and gives the medium back.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If the last section is not complete.
    pub fn finish(mut self) -> io::Result<W> {
        assert_eq!(self.missing, 0, "the last section is complete");
        self.out.flush()?;
        Ok(self.out)
    }

    /// The medium, for reading back what was written.
    pub(crate) fn medium(&mut self) -> &mut W {
        &mut self.out
    }

    /// Moves the buffer to the medium.
    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write + Seek> PtauWriter<W> {
    /// Writes other contributions, at least as many bytes, over those that end the file.
    pub(crate) fn rewrite_contributions(mut self, contributions: &[PtauContribution]) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(self.contributions_at))?;
        self.contributions(contributions)?;
        self.finish().map(drop)
    }
}

fn put_section_header(out: &mut Vec<u8>, id: u32, size: u64) {
    out.extend(id.to_le_bytes());
    out.extend(size.to_le_bytes());
}

/// Points that are encoded before they are written.
const AT_ONCE: usize = 1 << 12;
