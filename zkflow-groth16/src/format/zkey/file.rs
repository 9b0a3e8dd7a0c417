//! Keys that are read piece by piece, so that memory does not grow with the circuit.

use std::io::{Read, Seek, Write};
use std::marker::PhantomData;

use ark_bn254::{G1Affine, G2Affine};

use super::coefficient::{self, COEFFICIENT_LEN, Coefficient};
use super::{KeyHead, LAYOUT, section};
use crate::format::ReadError;
use crate::format::container::{Place, Sections};
use crate::format::encoding::FilePoint;
use crate::format::sections::{CopyError, SectionWriter, copy_bytes, read_at};

/// A section of points of type `P` that only a prover needs.
#[derive(Debug)]
pub struct KeySection<P> {
    id: u32,
    /// Number of points as a function of the key's sizes.
    count: fn(&KeyHead) -> u64,
    point: PhantomData<fn() -> P>,
}

impl<P> Clone for KeySection<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for KeySection<P> {}

impl<P> KeySection<P> {
    const fn new(id: u32, count: fn(&KeyHead) -> u64) -> Self {
        Self { id, count, point: PhantomData }
    }

    /// Id of the section in the file.
    pub fn id(self) -> u32 {
        self.id
    }

    /// Number of points in a key of these sizes.
    pub fn count(self, head: &KeyHead) -> u64 {
        (self.count)(head)
    }
}

impl KeySection<G1Affine> {
    /// `a_i(tau)` in G1.
    pub const A: Self = Self::new(section::A, |head| head.n_vars.into());
    /// `b_i(tau)` in G1.
    pub const B1: Self = Self::new(section::B1, |head| head.n_vars.into());
    /// The points of the private wires, divided by delta.
    pub const C: Self = Self::new(section::C, |head| {
        // A head with as many public signals as wires is refused when it is read.
        u64::from(head.n_vars).saturating_sub(u64::from(head.n_public) + 1)
    });
    /// The odd-index Lagrange points, divided by delta.
    pub const H: Self = Self::new(section::H, |head| head.domain_size.into());
}

impl KeySection<G2Affine> {
    /// `b_i(tau)` in G2.
    pub const B2: Self = Self::new(section::B2, |head| head.n_vars.into());
}

/// A `.zkey` whose head is in memory. Matrices and points stay in the file, or in any other medium, such as
/// [`Cursor`](std::io::Cursor) for bytes in memory.
#[derive(Debug)]
pub struct ZKeyFile<R> {
    source: R,
    sections: Sections,
    head: KeyHead,
}

impl<R: Read + Seek> ZKeyFile<R> {
    /// Reads the head of a key.
    ///
    /// # Errors
    /// - The medium fails.
    /// - The bytes are not a Groth16 key on BN254.
    /// - The length of a section does not match the sizes in the header.
    pub fn open(mut source: R) -> Result<Self, ReadError> {
        let sections = Sections::read(LAYOUT, &mut source)?;
        let ids = [section::PROTOCOL, section::HEADER, section::CONTRIBUTIONS];
        let mut load = |id| sections.load(&mut source, id);
        let bodies = [load(ids[0])?, load(ids[1])?, load(ids[2])?];
        let cursor = |i: usize| sections.cursor(ids[i], &bodies[i]);
        let head = KeyHead::read([cursor(0)?, cursor(1)?, cursor(2)?], |count| {
            sections.check_length(section::IC, 0, count, G1Affine::LEN as u64)?;
            sections.points(&mut source, section::IC, 0, count)
        })?;
        let mut file = Self { source, sections, head };
        file.check_lengths()?;
        Ok(file)
    }

    fn check_lengths(&mut self) -> Result<(), ReadError> {
        use KeySection as Section;
        for section in [Section::A, Section::B1, Section::C, Section::H] {
            self.sections.check_length(section.id, 0, section.count(&self.head), G1Affine::LEN as u64)?;
        }
        let b2 = Section::B2;
        self.sections.check_length(b2.id, 0, b2.count(&self.head), G2Affine::LEN as u64)?;
        let count = self.coefficient_count()?;
        Ok(self.sections.check_length(section::COEFFICIENTS, 4, count, COEFFICIENT_LEN)?)
    }

    /// The part of the key that is in memory.
    pub fn head(&self) -> &KeyHead {
        &self.head
    }

    /// Reads `count` points of a section from index `first` on.
    ///
    /// # Behaviour
    /// Checks that each point is on its curve; does not check the subgroup of G2 points.
    ///
    /// # Errors
    /// The medium fails, the section has fewer points, or a point is off its curve.
    pub fn points<P: FilePoint>(
        &mut self,
        section: KeySection<P>,
        first: u64,
        count: u64,
    ) -> Result<Vec<P>, ReadError> {
        self.sections.points(&mut self.source, section.id, first, count)
    }

    /// Number of entries of the matrices.
    fn coefficient_count(&mut self) -> Result<u64, ReadError> {
        let place = self.sections.get(section::COEFFICIENTS)?;
        let start = read_at(&mut self.source, place.offset, place.size.min(4))?;
        Ok(self.sections.cursor(section::COEFFICIENTS, &start)?.u32()?.into())
    }

    /// Whether the matrices are the entries of `expected`, in this order.
    ///
    /// # Errors
    /// The medium fails.
    pub(crate) fn has_coefficients(
        &mut self,
        mut expected: impl Iterator<Item = Coefficient>,
    ) -> Result<bool, ReadError> {
        let mut piece = Vec::new();
        let same = self.compare_coefficients(|_, length| {
            piece.clear();
            let entries = expected.by_ref().take((length / COEFFICIENT_LEN) as usize);
            entries.for_each(|entry| coefficient::put(&mut piece, &entry));
            Ok(std::mem::take(&mut piece))
        })?;
        Ok(same && expected.next().is_none())
    }

    /// Whether the matrices are those of another key.
    ///
    /// # Errors
    /// A medium fails.
    pub(crate) fn has_coefficients_of<O: Read + Seek>(
        &mut self,
        other: &mut ZKeyFile<O>,
    ) -> Result<bool, ReadError> {
        let [ours, theirs] =
            [&self.sections, &other.sections].map(|sections| sections.get(section::COEFFICIENTS));
        let (ours, theirs) = (ours?, theirs?);
        Ok(ours.size == theirs.size
            && self.compare_coefficients(|offset, length| {
                Ok(read_at(&mut other.source, theirs.offset + offset, length)?)
            })?)
    }

    /// Compares the section after its count with the bytes that `expected` returns for an offset in the section
    /// and a length.
    fn compare_coefficients(
        &mut self,
        mut expected: impl FnMut(u64, u64) -> Result<Vec<u8>, ReadError>,
    ) -> Result<bool, ReadError> {
        let Place { offset, size } = self.sections.get(section::COEFFICIENTS)?;
        for start in (4..size).step_by((COEFFICIENT_LEN << 14) as usize) {
            let length = (size - start).min(COEFFICIENT_LEN << 14);
            if read_at(&mut self.source, offset + start, length)? != expected(start, length)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies a section to the current section of `writer`, without parsing it.
    ///
    /// # Errors
    /// A medium fails, or the section is missing.
    pub(super) fn copy_section<W: Write>(
        &mut self,
        id: u32,
        writer: &mut SectionWriter<W>,
    ) -> Result<(), CopyError> {
        let place = self.sections.get(id).map_err(ReadError::from)?;
        writer.begin(id, place.size)?;
        copy_bytes(&mut self.source, place, writer)
    }
}
