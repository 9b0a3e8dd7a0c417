//! Writes powers of tau section by section.

use std::io::{self, Seek, Write};

use super::{CONTRIBUTIONS, HEADER, LAYOUT, PtauContribution, Section, contribution, put_header};
use crate::format::encoding::FilePoint;
use crate::format::sections::SectionWriter;

/// Writes a `.ptau` from front to back: first the header, then each section as its points arrive.
#[derive(Debug)]
pub struct PtauWriter<W> {
    out: SectionWriter<W>,
    power: u32,
    /// File offset of the contributions.
    contributions_at: u64,
}

impl<W: Write> PtauWriter<W> {
    /// Starts a file with the sections 1 to 7; with 12 to 15 as well if `prepared`.
    ///
    /// # Errors
    /// The medium fails.
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

    /// Starts a section of points.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the previous section is incomplete.
    pub fn begin<P: FilePoint>(&mut self, section: Section<P>) -> io::Result<()> {
        self.out.begin(section.id(), section.count(self.power) * P::LEN as u64)
    }

    /// Appends points to the current section.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the section has no room for them.
    pub fn points<P: FilePoint>(&mut self, points: &[P]) -> io::Result<()> {
        self.out.points(points)
    }

    /// Writes the contributions.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the previous section is incomplete.
    pub fn contributions(&mut self, contributions: &[PtauContribution]) -> io::Result<()> {
        self.contributions_at = self.out.position();
        let mut body = Vec::new();
        contribution::put_all(&mut body, contributions);
        self.out.section(CONTRIBUTIONS, &body)
    }

    /// Flushes and returns the medium.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the last section is incomplete.
    pub fn finish(self) -> io::Result<W> {
        self.out.finish()
    }

    /// The medium, to read back written points.
    pub(crate) fn medium(&mut self) -> &mut W {
        self.out.medium()
    }

    /// The underlying section writer.
    pub(crate) fn sections(&mut self) -> &mut SectionWriter<W> {
        &mut self.out
    }
}

impl<W: Write + Seek> PtauWriter<W> {
    /// Replaces the contributions at the end of the file with others of at least the same length.
    pub(crate) fn rewrite_contributions(mut self, contributions: &[PtauContribution]) -> io::Result<()> {
        self.out.rewind(self.contributions_at)?;
        self.contributions(contributions)?;
        self.finish().map(drop)
    }
}
