//! Keys that are read and written piece by piece, so that their size in memory does not grow with the circuit.

use std::io::{self, Read, Seek, Write};

use ark_bn254::{G1Affine, G2Affine};

use super::{
    COEFFICIENT_LEN, Coefficient, GROTH16, INITIAL_ORDER, LAYOUT, ORDER, ZKey, contribution, expect_groth16,
    put_coefficient, read_header, section,
};
use crate::format::ReadError;
use crate::format::container::Sections;
use crate::format::encoding::FilePoint;
use crate::format::sections::{CopyError, SectionWriter, copy_bytes, read_at};

/// A section of points of a key.
#[derive(Debug)]
pub struct KeySection<P> {
    id: u32,
    /// Points as a function of the key's sizes.
    count: fn(&ZKey) -> u64,
    points: fn(&ZKey) -> &Vec<P>,
    points_mut: fn(&mut ZKey) -> &mut Vec<P>,
}

impl<P> Clone for KeySection<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for KeySection<P> {}

impl<P> KeySection<P> {
    /// The number of the section.
    pub fn id(self) -> u32 {
        self.id
    }

    /// How many points it has in a key of these sizes.
    pub fn count(self, key: &ZKey) -> u64 {
        (self.count)(key)
    }

    /// The points of a key in memory.
    pub fn of(self, key: &ZKey) -> &[P] {
        (self.points)(key)
    }

    pub(crate) fn of_mut(self, key: &mut ZKey) -> &mut Vec<P> {
        (self.points_mut)(key)
    }
}

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident: $point:ty = $id:ident, $($field:ident).+, $count:expr;)*) => {$(
        impl KeySection<$point> {
            $(#[$doc])*
            pub const $name: Self = Self {
                id: section::$id,
                count: $count,
                points: |key| &key.$($field).+,
                points_mut: |key| &mut key.$($field).+,
            };
        }
    )*};
}

sections! {
    /// The public-signal points.
    IC: G1Affine = IC, vk.ic, |key| u64::from(key.n_public) + 1;
    /// `a_i(tau)`.
    A: G1Affine = A, a, |key| key.n_vars.into();
    /// `b_i(tau)` in G1.
    B1: G1Affine = B1, b1, |key| key.n_vars.into();
    /// `b_i(tau)` in G2.
    B2: G2Affine = B2, b2, |key| key.n_vars.into();
    /// The private-signal points, divided by delta.
    C: G1Affine = C, c, |key| (key.n_vars - key.n_public - 1).into();
    /// The odd Lagrange points, divided by delta.
    H: G1Affine = H, h, |key| key.domain_size.into();
}

/// A `.zkey` of which only what is small is in memory.
#[derive(Debug)]
pub struct ZKeyFile<R> {
    source: R,
    sections: Sections,
    head: ZKey,
}

impl<R: Read + Seek> ZKeyFile<R> {
    /// Reads everything but matrices and points.
    ///
    /// # Errors
    /// The medium fails; the bytes are no Groth16 key on BN254; a section has another length than the sizes demand.
    pub fn open(mut source: R) -> Result<Self, ReadError> {
        let sections = Sections::read(LAYOUT, &mut source)?;
        let mut load = |id| sections.load(&mut source, id);
        let (protocol, header, contributions) =
            (load(section::PROTOCOL)?, load(section::HEADER)?, load(section::CONTRIBUTIONS)?);
        expect_groth16(sections.cursor(section::PROTOCOL, &protocol)?)?;
        let mut head = read_header(sections.cursor(section::HEADER, &header)?)?;
        (head.circuit_hash, head.contributions) =
            contribution::read_all(sections.cursor(section::CONTRIBUTIONS, &contributions)?)?;
        let mut file = Self { source, sections, head };
        file.check_lengths()?;
        file.head.vk.ic = file.points(KeySection::IC, 0, KeySection::IC.count(&file.head))?;
        Ok(file)
    }

    fn check_lengths(&mut self) -> Result<(), ReadError> {
        use KeySection as Section;
        for section in [Section::IC, Section::A, Section::B1, Section::C, Section::H] {
            self.sections.check_length(section.id, 0, section.count(&self.head), G1Affine::LEN as u64)?;
        }
        let b2 = Section::B2;
        self.sections.check_length(b2.id, 0, b2.count(&self.head), G2Affine::LEN as u64)?;
        let count = self.coefficient_count()?;
        Ok(self.sections.check_length(section::COEFFICIENTS, 4, count, COEFFICIENT_LEN)?)
    }

    /// The key without its matrices and points, the public-signal points apart: those stay in the file.
    pub fn head(&self) -> &ZKey {
        &self.head
    }

    /// The points of a section from the one of number `first` on, `count` of them.
    ///
    /// # Behaviour
    /// Each is checked to lie on its curve; the subgroup of points of G2 is not checked.
    ///
    /// # Errors
    /// The medium fails, the section has fewer points, or one of them is off its curve.
    pub fn points<P: FilePoint>(
        &mut self,
        section: KeySection<P>,
        first: u64,
        count: u64,
    ) -> Result<Vec<P>, ReadError> {
        self.sections.points(&mut self.source, section.id, first, count)
    }

    /// Entries of the matrices.
    ///
    /// # Errors
    /// Those of the medium; the section is missing or cut short.
    fn coefficient_count(&mut self) -> Result<u64, ReadError> {
        let place = self.sections.get(section::COEFFICIENTS)?;
        let start = read_at(&mut self.source, place.offset, place.size.min(4))?;
        Ok(self.sections.cursor(section::COEFFICIENTS, &start)?.u32()?.into())
    }

    /// Whether the matrices are the `count` entries of `expected`, in this order.
    ///
    /// # Errors
    /// Those of the medium.
    pub(crate) fn has_coefficients(
        &mut self,
        mut expected: impl Iterator<Item = Coefficient>,
    ) -> Result<bool, ReadError> {
        let place = self.sections.get(section::COEFFICIENTS)?;
        let (mut offset, end) = (place.offset + 4, place.offset + place.size);
        let mut piece = Vec::new();
        while offset < end {
            let length = (end - offset).min(COEFFICIENT_LEN << 14);
            piece.clear();
            expected
                .by_ref()
                .take((length / COEFFICIENT_LEN) as usize)
                .for_each(|entry| put_coefficient(&mut piece, &entry));
            if read_at(&mut self.source, offset, length)? != piece {
                return Ok(false);
            }
            offset += length;
        }
        Ok(expected.next().is_none())
    }
}

/// Writes a `.zkey` piece by piece.
#[derive(Debug)]
pub struct ZKeyWriter<W> {
    out: SectionWriter<W>,
    /// The sections that are still to come.
    order: &'static [u32],
}

impl<W: Write> ZKeyWriter<W> {
    /// Begins a key without contributions, as snarkjs' `zkey new` orders it: the matrices come next.
    ///
    /// # Errors
    /// Those of the medium.
    pub fn initial(out: W, head: &ZKey) -> io::Result<Self> {
        Self::new(out, head, &INITIAL_ORDER)
    }

    /// Begins a key with contributions, its sections in ascending order.
    ///
    /// # Errors
    /// Those of the medium.
    pub fn contributed(out: W, head: &ZKey) -> io::Result<Self> {
        Self::new(out, head, &ORDER)
    }

    fn new(out: W, head: &ZKey, order: &'static [u32; 10]) -> io::Result<Self> {
        let mut writer = Self { out: SectionWriter::new(out, LAYOUT, 10)?, order };
        writer.whole(section::PROTOCOL, &GROTH16.to_le_bytes())?;
        let mut header = Vec::new();
        head.put_header(&mut header);
        writer.whole(section::HEADER, &header)?;
        Ok(writer)
    }

    /// Begins a section of points.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If the section before is not complete, or another one comes next.
    pub fn begin<P: FilePoint>(&mut self, section: KeySection<P>, head: &ZKey) -> io::Result<()> {
        self.next(section.id);
        self.out.begin(section.id, section.count(head) * P::LEN as u64)
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

    /// Writes the matrices, `count` entries.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If the section before is not complete, another one comes next, or there are not `count` entries.
    pub fn coefficients(&mut self, count: u32, entries: impl Iterator<Item = Coefficient>) -> io::Result<()> {
        self.next(section::COEFFICIENTS);
        self.out.begin(section::COEFFICIENTS, 4 + u64::from(count) * COEFFICIENT_LEN)?;
        let mut buffer = count.to_le_bytes().to_vec();
        for entry in entries {
            put_coefficient(&mut buffer, &entry);
            if buffer.len() >= 1 << 20 {
                self.out.bytes(&buffer)?;
                buffer.clear();
            }
        }
        self.out.bytes(&buffer)
    }

    /// Copies the section that comes next from another key, unread.
    ///
    /// # Errors
    /// Those of the media; the section is missing.
    ///
    /// # Panics
    /// If the section before is not complete.
    pub(crate) fn copy<R: Read + Seek>(&mut self, from: &mut ZKeyFile<R>) -> Result<(), CopyError> {
        let id = self.order[0];
        self.next(id);
        let place = from.sections.get(id).map_err(ReadError::from)?;
        self.out.begin(id, place.size)?;
        copy_bytes(&mut from.source, place, &mut self.out)
    }

    /// Writes hash and contributions, which end the file, and gives the medium back.
    ///
    /// # Errors
    /// Those of the medium.
    ///
    /// # Panics
    /// If a section is missing or not complete.
    pub fn finish(mut self, head: &ZKey) -> io::Result<W> {
        let mut body = Vec::new();
        contribution::put_all(&mut body, &head.circuit_hash, &head.contributions);
        self.whole(section::CONTRIBUTIONS, &body)?;
        self.out.finish()
    }

    fn whole(&mut self, id: u32, body: &[u8]) -> io::Result<()> {
        self.next(id);
        self.out.section(id, body)
    }

    fn next(&mut self, id: u32) {
        let (next, rest) = self.order.split_first().expect("no section follows the contributions");
        assert_eq!(*next, id, "the next section");
        self.order = rest;
    }
}
