//! Keys that are written piece by piece.

use std::io::{self, Read, Seek, Write};

use super::coefficient::{self, COEFFICIENT_LEN, Coefficient};
use super::head::GROTH16;
use super::{INITIAL_ORDER, KeyHead, KeySection, LAYOUT, ORDER, ZKeyFile, section};
use crate::format::encoding::{FilePoint, put_points};
use crate::format::sections::{CopyError, SectionWriter};

/// Writes a `.zkey` piece by piece, section by section.
#[derive(Debug)]
pub struct ZKeyWriter<W> {
    out: SectionWriter<W>,
    /// Ids of the remaining sections, in order.
    order: &'static [u32],
}

impl<W: Write> ZKeyWriter<W> {
    /// Starts a key without contributions, in the order of snarkjs' `zkey new`: matrices, IC, H, C, A, B1, B2.
    ///
    /// # Errors
    /// The medium fails.
    pub fn initial(out: W, head: &KeyHead) -> io::Result<Self> {
        Self::new(out, head, &INITIAL_ORDER)
    }

    /// Starts a key with contributions, in ascending order: IC, matrices, A, B1, B2, C, H.
    ///
    /// # Errors
    /// The medium fails.
    pub fn contributed(out: W, head: &KeyHead) -> io::Result<Self> {
        Self::new(out, head, &ORDER)
    }

    fn new(out: W, head: &KeyHead, order: &'static [u32; 10]) -> io::Result<Self> {
        let mut writer = Self { out: SectionWriter::new(out, LAYOUT, 10)?, order };
        writer.whole(section::PROTOCOL, &GROTH16.to_le_bytes())?;
        let mut header = Vec::new();
        head.put_header(&mut header);
        writer.whole(section::HEADER, &header)?;
        Ok(writer)
    }

    /// Writes the IC points of the verification key.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the previous section is incomplete, or another section is next.
    pub fn ic(&mut self, head: &KeyHead) -> io::Result<()> {
        let mut body = Vec::new();
        put_points(&mut body, &head.vk.ic);
        self.whole(section::IC, &body)
    }

    /// Writes the matrices: `count` entries.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the previous section is incomplete, another section is next, or there are more than `count` entries.
    pub fn coefficients(&mut self, count: u32, entries: impl Iterator<Item = Coefficient>) -> io::Result<()> {
        self.next(section::COEFFICIENTS);
        self.out.begin(section::COEFFICIENTS, 4 + u64::from(count) * COEFFICIENT_LEN)?;
        let mut buffer = count.to_le_bytes().to_vec();
        for entry in entries {
            coefficient::put(&mut buffer, &entry);
            if buffer.len() >= 1 << 20 {
                self.out.bytes(&buffer)?;
                buffer.clear();
            }
        }
        self.out.bytes(&buffer)
    }

    /// Starts a section of points.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If the previous section is incomplete, or another section is next.
    pub fn begin<P: FilePoint>(&mut self, section: KeySection<P>, head: &KeyHead) -> io::Result<()> {
        self.next(section.id());
        self.out.begin(section.id(), section.count(head) * P::LEN as u64)
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

    /// Copies the next section from another key, without parsing it.
    ///
    /// # Errors
    /// A medium fails, or the section is missing.
    ///
    /// # Panics
    /// If the previous section is incomplete.
    pub(crate) fn copy<R: Read + Seek>(&mut self, from: &mut ZKeyFile<R>) -> Result<(), CopyError> {
        let id = self.order[0];
        self.next(id);
        from.copy_section(id, &mut self.out)
    }

    /// Writes the circuit hash and the contributions, the last section; flushes and returns the medium.
    ///
    /// # Errors
    /// The medium fails.
    ///
    /// # Panics
    /// If a section is missing or incomplete.
    pub fn finish(mut self, head: &KeyHead) -> io::Result<W> {
        let mut body = Vec::new();
        head.put_contributions(&mut body);
        self.whole(section::CONTRIBUTIONS, &body)?;
        self.out.finish()
    }

    fn whole(&mut self, id: u32, body: &[u8]) -> io::Result<()> {
        self.next(id);
        self.out.section(id, body)
    }

    fn next(&mut self, id: u32) {
        // Expect safety: the contributions are the last section, and `finish` consumes the writer.
        let (next, rest) = self.order.split_first().expect("no section follows the contributions");
        assert_eq!(*next, id, "the next section");
        self.order = rest;
    }
}
