//! `.ptau`, version 1: powers of tau, the outcome of phase 1 of a setup.
//!
//! Files have up to hundreds of gigabytes, so a [`Ptau`] holds the table of sections and the contributions
//! alone, and hands out points in the pieces asked for. With `p` the power:
//!
//! | section | what it holds |
//! |---|---|
//! | 1 | `n8 u32, q, power u32, ceremony power u32` |
//! | 2, [`TAU_G1`] | tau^i in G1, `2^(p+1) - 1` points |
//! | 3, [`TAU_G2`] | tau^i in G2, `2^p` points |
//! | 4, [`ALPHA_TAU_G1`] | alpha tau^i, `2^p` points |
//! | 5, [`BETA_TAU_G1`] | beta tau^i, `2^p` points |
//! | 6, [`BETA_G2`] | beta, 1 point |
//! | 7 | `n u32`, then the [contributions](PtauContribution) |
//! | 12 to 15, [`LAGRANGE_TAU_G1`] and so on | the Lagrange form of 2 to 5 for the domains of `2^0` to `2^p` (12: `2^(p+1)`) one after another; that of `2^k` begins at point `2^k - 1` |

use std::io::{Read, Seek, SeekFrom};
use std::marker::PhantomData;

use ark_bn254::{Fq, G1Affine, G2Affine};

use super::binfile::{Cursor, FILE_HEADER, Layout, SECTION_HEADER};
use super::encoding::{FilePoint, expect_field, points, put_field};
use super::{FormatError, ReadError};

mod contribution;
mod writer;

pub use super::zkey::{BeaconHash, ContributionKind, ContributionName};
pub use contribution::{HASH_STATE_LEN, ParameterKey, PtauContribution, PublicKey};
pub use writer::PtauWriter;

/// Powers of tau in a file, read piece by piece.
#[derive(Debug)]
pub struct Ptau<R> {
    source: R,
    power: u32,
    ceremony_power: u32,
    sections: Sections,
    contributions: Vec<PtauContribution>,
}

/// Where points of one kind stand in a file.
#[derive(Debug)]
pub struct Section<P> {
    id: u32,
    /// Points as a function of the power.
    count: fn(u32) -> u64,
    point: PhantomData<fn() -> P>,
}

impl<P> Clone for Section<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Section<P> {}

impl<P> Section<P> {
    const fn new(id: u32, count: fn(u32) -> u64) -> Self {
        Self { id, count, point: PhantomData }
    }

    /// The number of the section.
    pub fn id(self) -> u32 {
        self.id
    }

    /// How many points it has in a file of this power.
    pub fn count(self, power: u32) -> u64 {
        (self.count)(power)
    }
}

/// tau^i in G1.
pub const TAU_G1: Section<G1Affine> = Section::new(2, |power| (2 << power) - 1);
/// tau^i in G2.
pub const TAU_G2: Section<G2Affine> = Section::new(3, |power| 1 << power);
/// alpha tau^i in G1.
pub const ALPHA_TAU_G1: Section<G1Affine> = Section::new(4, |power| 1 << power);
/// beta tau^i in G1.
pub const BETA_TAU_G1: Section<G1Affine> = Section::new(5, |power| 1 << power);
/// beta in G2.
pub const BETA_G2: Section<G2Affine> = Section::new(6, |_| 1);
/// The Lagrange form of [`TAU_G1`].
pub const LAGRANGE_TAU_G1: Section<G1Affine> = Section::new(12, |power| (4 << power) - 1);
/// The Lagrange form of [`TAU_G2`].
pub const LAGRANGE_TAU_G2: Section<G2Affine> = Section::new(13, |power| (2 << power) - 1);
/// The Lagrange form of [`ALPHA_TAU_G1`].
pub const LAGRANGE_ALPHA_TAU_G1: Section<G1Affine> = Section::new(14, |power| (2 << power) - 1);
/// The Lagrange form of [`BETA_TAU_G1`].
pub const LAGRANGE_BETA_TAU_G1: Section<G1Affine> = Section::new(15, |power| (2 << power) - 1);

/// The largest power: r - 1 is divisible by 2^28.
pub const MAX_POWER: u32 = 28;

impl<R: Read + Seek> Ptau<R> {
    /// Reads the table of sections, the header and the contributions.
    ///
    /// # Errors
    /// The medium fails; the bytes are no powers of tau on BN254; a section has another length than the
    /// power demands; only some of the sections 12 to 15 are there.
    pub fn open(mut source: R) -> Result<Self, ReadError> {
        let sections = Sections::read(&mut source)?;
        let header = sections.load(&mut source, HEADER)?;
        let (power, ceremony_power) = read_header(sections.cursor(HEADER, &header)?)?;
        let body = sections.load(&mut source, CONTRIBUTIONS)?;
        let contributions = contribution::read_all(sections.cursor(CONTRIBUTIONS, &body)?)?;
        let file = Self { source, power, ceremony_power, sections, contributions };
        file.check_lengths()?;
        Ok(file)
    }

    /// The points from the one of number `first` on, `count` of them.
    ///
    /// # Behaviour
    /// Each is checked to lie on its curve; the subgroup of points of G2 is not checked.
    ///
    /// # Errors
    /// The medium fails, the section has fewer points, or one of them is off its curve.
    pub fn points<P: FilePoint>(
        &mut self,
        section: Section<P>,
        first: u64,
        count: u64,
    ) -> Result<Vec<P>, ReadError> {
        let place = self.sections.get(section.id)?;
        let available = place.size / P::LEN as u64;
        if first.checked_add(count).is_none_or(|end| end > available) {
            let detail = format!("section {} has {available} points, not {count} from {first}", section.id);
            return Err(wrong(place.offset, detail).into());
        }
        let offset = place.offset + first * P::LEN as u64;
        let bytes = read_at(&mut self.source, offset, count * P::LEN as u64)?;
        // A position in a file that was just read fits the address space or only blurs an error.
        let base = usize::try_from(offset).unwrap_or(usize::MAX / 2);
        Ok(points(&mut Cursor::new(LAYOUT.name, base, &bytes), count)?)
    }

    /// The bytes behind the last point of a section, whatever they are; fewer at the end of the file.
    pub(crate) fn bytes_behind<P>(&mut self, section: Section<P>, count: u64) -> Result<Vec<u8>, ReadError> {
        let place = self.sections.get(section.id)?;
        let start = place.offset + place.size;
        Ok(read_at(&mut self.source, start, count.min(self.sections.file_len - start))?)
    }
}

impl<R> Ptau<R> {
    /// The powers in G1 go up to tau^(2^(power+1) - 2), enough for circuits of a domain of `2^power`.
    pub fn power(&self) -> u32 {
        self.power
    }

    /// The power of the ceremony, of which a truncated file holds the first part.
    pub fn ceremony_power(&self) -> u32 {
        self.ceremony_power
    }

    /// Whether the Lagrange forms are there, which phase 2 works with.
    pub fn is_prepared(&self) -> bool {
        self.sections.has(LAGRANGE_TAU_G1.id)
    }

    /// Who contributed, in order.
    pub fn contributions(&self) -> &[PtauContribution] {
        &self.contributions
    }

    /// Gives the file back.
    pub fn into_inner(self) -> R {
        self.source
    }

    fn check_lengths(&self) -> Result<(), FormatError> {
        self.check_length(TAU_G1)?;
        self.check_length(TAU_G2)?;
        self.check_length(ALPHA_TAU_G1)?;
        self.check_length(BETA_TAU_G1)?;
        self.check_length(BETA_G2)?;
        if LAGRANGE_IDS.into_iter().any(|id| self.sections.has(id)) {
            self.check_length(LAGRANGE_TAU_G1)?;
            self.check_length(LAGRANGE_TAU_G2)?;
            self.check_length(LAGRANGE_ALPHA_TAU_G1)?;
            self.check_length(LAGRANGE_BETA_TAU_G1)?;
        }
        Ok(())
    }

    fn check_length<P: FilePoint>(&self, section: Section<P>) -> Result<(), FormatError> {
        let Place { offset, size } = self.sections.get(section.id)?;
        let expected = section.count(self.power) * P::LEN as u64;
        if size == expected {
            return Ok(());
        }
        Err(wrong(offset, format!("section {} has {size} bytes, not {expected}", section.id)))
    }
}

const LAYOUT: Layout = Layout { name: "ptau", version: 1 };
const HEADER: u32 = 1;
const CONTRIBUTIONS: u32 = 7;
const LAGRANGE_IDS: [u32; 4] = [12, 13, 14, 15];

/// Bytes of section 1.
const HEADER_LEN: u64 = 4 + 32 + 4 + 4;

/// The table of sections.
#[derive(Debug)]
struct Sections {
    places: [Option<Place>; 16],
    file_len: u64,
}

/// Where the body of a section stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    size: u64,
}

impl Sections {
    fn read<R: Read + Seek>(source: &mut R) -> Result<Self, ReadError> {
        let file_len = source.seek(SeekFrom::End(0))?;
        let mut sections = Self { places: [None; 16], file_len };
        let start = read_at(source, 0, FILE_HEADER.min(file_len))?;
        let mut cursor = Cursor::new(LAYOUT.name, 0, &start);
        if cursor.array::<4>()? != LAYOUT.name.as_bytes() {
            return Err(wrong(0, "does not begin with \"ptau\"").into());
        }
        let version = cursor.u32()?;
        if version != LAYOUT.version {
            return Err(wrong(4, format!("version {version}, only {} is understood", LAYOUT.version)).into());
        }
        let count = cursor.u32()?;
        let mut offset = FILE_HEADER;
        for _ in 0..count {
            offset = sections.read_place(source, offset)?;
        }
        if offset != file_len {
            return Err(wrong(offset, format!("{} bytes too many", file_len - offset)).into());
        }
        Ok(sections)
    }

    /// Notes the section that begins at `offset`; returns where the next one does.
    fn read_place<R: Read + Seek>(&mut self, source: &mut R, offset: u64) -> Result<u64, ReadError> {
        let left = self.file_len - offset;
        let head = read_at(source, offset, SECTION_HEADER.min(left))?;
        let mut cursor = Cursor::new(LAYOUT.name, usize::try_from(offset).unwrap_or(usize::MAX / 2), &head);
        let (id, size) = (cursor.u32()?, cursor.u64()?);
        let body = Place { offset: offset + SECTION_HEADER, size };
        if size > left - SECTION_HEADER {
            let detail = format!("{size} bytes are announced, {} are left", left - SECTION_HEADER);
            return Err(wrong(offset, detail).into());
        }
        if let Some(slot) = self.places.get_mut(id as usize)
            && slot.replace(body).is_some()
        {
            return Err(wrong(offset, format!("section {id} stands twice")).into());
        }
        Ok(body.offset + size)
    }

    fn has(&self, id: u32) -> bool {
        self.get(id).is_ok()
    }

    fn get(&self, id: u32) -> Result<Place, FormatError> {
        let place = self.places.get(id as usize).copied().flatten();
        place.ok_or_else(|| wrong(0, format!("section {id} is missing")))
    }

    /// The whole body of a section that is small in every honest file.
    fn load<R: Read + Seek>(&self, source: &mut R, id: u32) -> Result<Vec<u8>, ReadError> {
        let Place { offset, size } = self.get(id)?;
        if size > LARGEST_LOADED {
            return Err(wrong(offset, format!("section {id} has {size} bytes, which are too many")).into());
        }
        Ok(read_at(source, offset, size)?)
    }

    fn cursor<'a>(&self, id: u32, body: &'a [u8]) -> Result<Cursor<'a>, FormatError> {
        let base = usize::try_from(self.get(id)?.offset).unwrap_or(usize::MAX / 2);
        Ok(Cursor::new(LAYOUT.name, base, body))
    }
}

/// The most that is read of header or contributions: tens of thousands of contributors.
const LARGEST_LOADED: u64 = 64 << 20;

fn read_header(mut section: Cursor<'_>) -> Result<(u32, u32), FormatError> {
    expect_field::<Fq>(&mut section, "powers of tau")?;
    let start = section.position();
    let (power, ceremony_power) = (section.u32()?, section.u32()?);
    section.finish()?;
    if !(1..=MAX_POWER).contains(&power) || !(power..=MAX_POWER).contains(&ceremony_power) {
        let detail =
            format!("power {power} of a ceremony of {ceremony_power}: 1 to {MAX_POWER} are possible");
        return Err(section.error_at(start, detail));
    }
    Ok((power, ceremony_power))
}

fn put_header(out: &mut Vec<u8>, power: u32, ceremony_power: u32) {
    put_field::<Fq>(out);
    out.extend(power.to_le_bytes());
    out.extend(ceremony_power.to_le_bytes());
}

/// Reads `length` bytes, which the caller knows to be there.
fn read_at<R: Read + Seek>(source: &mut R, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    let mut bytes = vec![0; length];
    source.seek(SeekFrom::Start(offset))?;
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn wrong(offset: u64, detail: impl Into<String>) -> FormatError {
    FormatError { format: LAYOUT.name, offset, detail: detail.into() }
}

#[cfg(test)]
mod tests;
