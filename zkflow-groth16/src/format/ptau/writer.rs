//! Writing powers of tau, section by section.

use std::io::{self, Seek, Write};

use super::{CONTRIBUTIONS, HEADER, LAYOUT, PtauContribution, Section, contribution, put_header};
use crate::format::encoding::FilePoint;
use crate::format::sections::SectionWriter;

/// Writes a `.ptau` from front to back: the header at once, then each section as its points come.
#[derive(Debug)]
pub struct PtauWriter<W> {
    out: SectionWriter<W>,
    power: u32,
    /// Where the contributions begin.
    contributions_at: u64,
}

impl<W: Write> PtauWriter<W> {
    /// Begins a file: with the sections 1 to 7, or, `prepared`, with 12 to 15 as well.
    ///
    /// # Errors
    /// Those of the medium.
    pub fn new(out: W, power: u32, ceremony_power: u32, prepared: bool) -> io::Result<Self> {
        let mut out = SectionWriter::new(out, LAYOUT, if prepared { 11 } else { 7 })?;
        let mut header = Vec::new();
        put_header(&mut header, power, ceremony_power);
        out.section(HEADER, &header)?;
        Ok(Self { out, power, contributions_at: 0 })
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
        self.out.begin(section.id(), section.count(self.power) * P::LEN as u64)
    }

    /// Appends points to the section that was begun.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If they are more than the section has room for.
    pub fn points<P: FilePoint>(&mut self, points: &[P]) -> io::Result<()> {
        self.out.points(points)
    }

    /// Writes the contributions.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If the section before is not complete.
    pub fn contributions(&mut self, contributions: &[PtauContribution]) -> io::Result<()> {
        self.contributions_at = self.out.position();
        let mut body = Vec::new();
        contribution::put_all(&mut body, contributions);
        self.out.section(CONTRIBUTIONS, &body)
    }

    /// Flushes and gives the medium back.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If the last section is not complete.
    pub fn finish(self) -> io::Result<W> {
        self.out.finish()
    }

    /// The medium, for reading back what was written.
    pub(crate) fn medium(&mut self) -> &mut W {
        self.out.medium()
    }

    /// The sections as they are written.
    pub(crate) fn sections(&mut self) -> &mut SectionWriter<W> {
        &mut self.out
    }
}

impl<W: Write + Seek> PtauWriter<W> {
    /// Writes other contributions, at least as many bytes, over those that end the file.
    pub(crate) fn rewrite_contributions(mut self, contributions: &[PtauContribution]) -> io::Result<()> {
        self.out.rewind(self.contributions_at)?;
        self.contributions(contributions)?;
        self.finish().map(drop)
    }
}
