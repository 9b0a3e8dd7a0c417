//! `.ptau`, version 1: powers of tau, the result of phase 1 of a setup.
//!
//! Files have up to hundreds of gigabytes. A [`Ptau`] therefore has only the table of sections and the
//! contributions in memory, and reads points on request. With `p` the power:
//!
//! | section | content |
//! |---|---|
//! | 1 | `n8 u32, q, power u32, ceremony power u32` |
//! | 2, [`TAU_G1`] | tau^i in G1, `2^(p+1) - 1` points |
//! | 3, [`TAU_G2`] | tau^i in G2, `2^p` points |
//! | 4, [`ALPHA_TAU_G1`] | alpha tau^i, `2^p` points |
//! | 5, [`BETA_TAU_G1`] | beta tau^i, `2^p` points |
//! | 6, [`BETA_G2`] | beta, 1 point |
//! | 7 | `n u32`, then the [contributions](PtauContribution) |
//! | 12 to 15, [`LAGRANGE_TAU_G1`] and so on | Lagrange forms of 2 to 5 for the domains `2^0` to `2^p` (12: `2^(p+1)`), concatenated; the form for `2^k` begins at point `2^k - 1` |
//!
//! Section 12 of files of 2020 ends with the domain `2^p`. Such a file is read as one that is not prepared: phase 2 needs the
//! largest form, and `powersoftau convert` of snarkjs adds it.

use std::io::{Read, Seek};
use std::marker::PhantomData;

use ark_bn254::{Fq, G1Affine, G2Affine};

use super::container::{Layout, Sections};
use super::cursor::Cursor;
use super::encoding::{FilePoint, expect_field, put_field};
use super::sections::read_at;
use super::{FormatError, ReadError};

mod contribution;
mod writer;

pub use super::zkey::{BeaconHash, ContributionKind, ContributionName};
pub use contribution::{HASH_STATE_LEN, ParameterKey, PtauContribution, PublicKey};
pub use writer::PtauWriter;

/// A powers of tau file, read piece by piece.
#[derive(Debug)]
pub struct Ptau<R> {
    source: R,
    power: u32,
    ceremony_power: u32,
    sections: Sections,
    contributions: Vec<PtauContribution>,
    prepared: bool,
}

/// A section of points of type `P`.
#[derive(Debug)]
pub struct Section<P> {
    id: u32,
    /// Number of points as a function of the power.
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

    /// Id of the section in the file.
    pub fn id(self) -> u32 {
        self.id
    }

    /// Number of points in a file of this power.
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
    /// The medium fails, the bytes are not powers of tau on BN254, a section's length does not match the
    /// power, or only some of the sections 12 to 15 are present.
    pub fn open(mut source: R) -> Result<Self, ReadError> {
        let sections = Sections::read(LAYOUT, &mut source)?;
        let header = sections.load(&mut source, HEADER)?;
        let (power, ceremony_power) = read_header(sections.cursor(HEADER, &header)?)?;
        let body = sections.load(&mut source, CONTRIBUTIONS)?;
        let contributions = contribution::read_all(sections.cursor(CONTRIBUTIONS, &body)?)?;
        let mut file = Self { source, power, ceremony_power, sections, contributions, prepared: false };
        file.prepared = file.check_lengths()?;
        Ok(file)
    }

    /// Reads `count` points from index `first` on.
    ///
    /// # Behaviour
    /// Checks that each point is on its curve; does not check the subgroup of G2 points.
    ///
    /// # Errors
    /// The medium fails, the section has fewer points, or a point is off its curve.
    pub fn points<P: FilePoint>(
        &mut self,
        section: Section<P>,
        first: u64,
        count: u64,
    ) -> Result<Vec<P>, ReadError> {
        self.sections.points(&mut self.source, section.id, first, count)
    }

    /// The next `count` bytes after a section, unparsed; fewer at the end of the file.
    pub(crate) fn bytes_behind<P>(&mut self, section: Section<P>, count: u64) -> Result<Vec<u8>, ReadError> {
        let place = self.sections.get(section.id)?;
        let start = place.offset + place.size;
        Ok(read_at(&mut self.source, start, count.min(self.sections.file_len() - start))?)
    }
}

impl<R> Ptau<R> {
    /// The power `p`: powers in G1 go up to `tau^(2^(p+1) - 2)`, enough for circuits with a domain of `2^p`
    /// rows.
    pub fn power(&self) -> u32 {
        self.power
    }

    /// Power of the ceremony; a truncated file contains only the first part.
    pub fn ceremony_power(&self) -> u32 {
        self.ceremony_power
    }

    /// Whether all Lagrange forms, which phase 2 needs, are present.
    pub fn is_prepared(&self) -> bool {
        self.prepared
    }

    /// All contributions, in order.
    pub fn contributions(&self) -> &[PtauContribution] {
        &self.contributions
    }

    /// Returns the underlying medium.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// Returns whether all Lagrange forms are present.
    fn check_lengths(&self) -> Result<bool, FormatError> {
        self.check_length(TAU_G1)?;
        self.check_length(TAU_G2)?;
        self.check_length(ALPHA_TAU_G1)?;
        self.check_length(BETA_TAU_G1)?;
        self.check_length(BETA_G2)?;
        if !LAGRANGE_IDS.into_iter().any(|id| self.sections.has(id)) {
            return Ok(false);
        }
        let complete = self.check_length(LAGRANGE_TAU_G1);
        if complete.is_err() && self.check_length(LAGRANGE_TAU_G1_OF_2020).is_err() {
            return complete.map(|()| false);
        }
        self.check_length(LAGRANGE_TAU_G2)?;
        self.check_length(LAGRANGE_ALPHA_TAU_G1)?;
        self.check_length(LAGRANGE_BETA_TAU_G1)?;
        Ok(complete.is_ok())
    }

    fn check_length<P: FilePoint>(&self, section: Section<P>) -> Result<(), FormatError> {
        self.sections.check_length(section.id, 0, section.count(self.power), P::LEN as u64)
    }
}

pub(super) const LAYOUT: Layout = Layout { name: "ptau", version: 1, counts_sections: true };
const HEADER: u32 = 1;
const CONTRIBUTIONS: u32 = 7;
const LAGRANGE_IDS: [u32; 4] = [12, 13, 14, 15];
/// [`LAGRANGE_TAU_G1`] without the form for the largest domain.
const LAGRANGE_TAU_G1_OF_2020: Section<G1Affine> = Section::new(12, |power| (2 << power) - 1);

fn read_header(mut section: Cursor<'_>) -> Result<(u32, u32), FormatError> {
    expect_field::<Fq>(&mut section, "powers of tau")?;
    let start = section.position();
    let (power, ceremony_power) = (section.u32()?, section.u32()?);
    section.finish()?;
    if !(1..=MAX_POWER).contains(&power) || !(power..=MAX_POWER).contains(&ceremony_power) {
        let detail =
            format!("power {power} of a ceremony of {ceremony_power} is out of range (1..={MAX_POWER})");
        return Err(section.error_at(start, detail));
    }
    Ok((power, ceremony_power))
}

fn put_header(out: &mut Vec<u8>, power: u32, ceremony_power: u32) {
    put_field::<Fq>(out);
    out.extend(power.to_le_bytes());
    out.extend(ceremony_power.to_le_bytes());
}

#[cfg(test)]
mod tests;
