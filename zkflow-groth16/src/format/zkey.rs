//! `.zkey`, version 1, Groth16: a proving key with its verification key and contributions.
//!
//! Points are stored in Montgomery form, infinity as zeros; see `section` for the content of each section.
//!
//! | type | is | size in memory |
//! |---|---|---|
//! | [`ZKey`] | a whole key | grows with the circuit |
//! | [`KeyHead`] | a key without its matrices and without the points that only a prover needs | small |
//! | [`ZKeyFile`] | a file whose head is in memory; points are read piece by piece | small |

use std::ops::Range;

use ark_bn254::{G1Affine, G2Affine};

use super::binfile::BinWriter;
use super::container::{FILE_HEADER, Layout, SECTION_HEADER};
use super::cursor::Cursor;
use super::encoding::{FilePoint, points, put_points};
use super::{FormatError, MappedFile};

mod coefficient;
pub(super) mod contribution;
mod encoded;
mod file;
mod head;
mod writer;

use coefficient::COEFFICIENT_LEN;
pub use coefficient::{Coefficient, Matrix};
pub use contribution::{BeaconHash, Contribution, ContributionKind, ContributionName};
pub use encoded::EncodedKey;
pub use file::{KeySection, ZKeyFile};
pub use head::KeyHead;
use head::{CONTRIBUTIONS_LEN, GROTH16, HEADER_LEN, PROTOCOL_LEN};
pub use writer::ZKeyWriter;

/// A proving key.
///
/// `m`, `l` and `n` are the numbers of wires, public signals and rows in its [head](KeyHead). Points at infinity
/// are common in `a`, `b1` and `b2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZKey {
    /// Sizes, verification key and contributions.
    pub head: KeyHead,
    /// The entries of the matrices A and B.
    pub coefficients: Vec<Coefficient>,
    /// `a_i(tau)` in G1, `m` points.
    pub a: Vec<G1Affine>,
    /// `b_i(tau)` in G1, `m` points.
    pub b1: Vec<G1Affine>,
    /// `b_i(tau)` in G2, `m` points.
    pub b2: Vec<G2Affine>,
    /// `(beta a_i + alpha b_i + c_i)(tau) / delta` for the private wires, `m - l - 1` points.
    pub c: Vec<G1Affine>,
    /// The odd-index Lagrange points of the domain of size `2n`, divided by delta; `n` points.
    pub h: Vec<G1Affine>,
}

impl ZKey {
    /// Reads a `.zkey` file; its sections can be in any order.
    ///
    /// # Behaviour
    /// - Checks that every point is on its curve; does not check the subgroup of G2 points.
    /// - Does not check that the key belongs to a circuit: use `setup::phase2::verify`.
    ///
    /// # Errors
    /// - The bytes are not a Groth16 key on BN254.
    /// - Counts and lengths do not match.
    /// - A number is not below its modulus, or a point is off its curve.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::read_by_section(bytes, &|_| ())
    }

    /// [`read`](Self::read)s a mapped file. Releases the memory of each section after it is read.
    pub(crate) fn read_mapped(file: &MappedFile) -> Result<Self, FormatError> {
        Self::read_by_section(file, &|range| file.release(range))
    }

    /// Reads a key; `done` gets the place of each large section after it is read.
    pub(crate) fn read_by_section(bytes: &[u8], done: &dyn Fn(Range<usize>)) -> Result<Self, FormatError> {
        let key = EncodedKey::parse(bytes)?;
        let coefficients = then(key.coefficients(), done)?;
        let a = then(key.points(KeySection::A), done)?;
        let b1 = then(key.points(KeySection::B1), done)?;
        let b2 = then(key.points(KeySection::B2), done)?;
        let c = then(key.points(KeySection::C), done)?;
        let h = then(key.points(KeySection::H), done)?;
        Ok(Self { head: key.head, coefficients, a, b1, b2, c, h })
    }

    /// Writes a `.zkey` file with its sections in ascending order, byte for byte as snarkjs does after a
    /// contribution or a beacon.
    pub fn write(&self) -> Vec<u8> {
        self.write_in_order(ORDER)
    }

    /// Writes a `.zkey` file with its sections in the order of snarkjs' `zkey new`, byte for byte.
    pub fn write_initial(&self) -> Vec<u8> {
        self.write_in_order(INITIAL_ORDER)
    }

    fn write_in_order(&self, sections: [u32; 10]) -> Vec<u8> {
        let [wires, rows, entries] = [self.a.len(), self.h.len(), self.coefficients.len()];
        let length = Self::file_len(wires as u64, rows as u64, entries as u64);
        let section = |writer: BinWriter, id: u32| writer.section(id, |out| self.put_section(out, id));
        sections.into_iter().fold(BinWriter::new(LAYOUT, length), section).finish()
    }

    fn put_section(&self, out: &mut Vec<u8>, id: u32) {
        match id {
            section::PROTOCOL => out.extend(GROTH16.to_le_bytes()),
            section::HEADER => self.head.put_header(out),
            section::IC => put_points(out, &self.head.vk.ic),
            section::COEFFICIENTS => coefficient::put_all(out, &self.coefficients),
            section::A => put_points(out, &self.a),
            section::B1 => put_points(out, &self.b1),
            section::B2 => put_points(out, &self.b2),
            section::C => put_points(out, &self.c),
            section::H => put_points(out, &self.h),
            _ => self.head.put_contributions(out),
        }
    }

    /// Length of the file of a key without contributions, in bytes; saturates.
    pub fn file_len(n_vars: u64, domain_size: u64, n_coefficients: u64) -> u64 {
        let g1 = |count: u64| count.saturating_mul(G1Affine::LEN as u64);
        let g2 = |count: u64| count.saturating_mul(G2Affine::LEN as u64);
        let fixed = FILE_HEADER + 10 * SECTION_HEADER + PROTOCOL_LEN + HEADER_LEN + 4 + CONTRIBUTIONS_LEN;
        // IC and C together have one point per wire, like A and B1.
        [
            g1(n_vars.saturating_mul(3)),
            g2(n_vars),
            g1(domain_size),
            n_coefficients.saturating_mul(COEFFICIENT_LEN),
        ]
        .into_iter()
        .fold(fixed, u64::saturating_add)
    }
}

/// The sections and their content.
mod section {
    /// `1 u32`: Groth16.
    pub(super) const PROTOCOL: u32 = 1;
    /// `n8q, q, n8r, r, nVars, nPublic, domainSize, alpha1, beta1, beta2, gamma2, delta1, delta2`.
    pub(super) const HEADER: u32 = 2;
    /// `nPublic + 1` points of G1.
    pub(super) const IC: u32 = 3;
    /// See [`super::coefficient`].
    pub(super) const COEFFICIENTS: u32 = 4;
    /// `nVars` points of G1.
    pub(super) const A: u32 = 5;
    /// `nVars` points of G1.
    pub(super) const B1: u32 = 6;
    /// `nVars` points of G2.
    pub(super) const B2: u32 = 7;
    /// `nVars - nPublic - 1` points of G1.
    pub(super) const C: u32 = 8;
    /// `domainSize` points of G1.
    pub(super) const H: u32 = 9;
    /// See [`super::contribution`].
    pub(super) const CONTRIBUTIONS: u32 = 10;
}

pub(super) const LAYOUT: Layout = Layout { name: "zkey", version: 1, counts_sections: true };
/// Order of the sections after a contribution.
const ORDER: [u32; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/// Order of the sections in a key without contributions.
const INITIAL_ORDER: [u32; 10] = [1, 2, 4, 3, 9, 8, 5, 6, 7, 10];

/// The content of a section that was read; calls `done` with its place.
fn then<T>(
    section: Result<(T, Range<usize>), FormatError>,
    done: &dyn Fn(Range<usize>),
) -> Result<T, FormatError> {
    let (content, range) = section?;
    done(range);
    Ok(content)
}

/// The points of a section that must contain exactly `count` of them.
fn all_points<P: FilePoint>(mut section: Cursor<'_>, count: u64) -> Result<Vec<P>, FormatError> {
    expect_points::<P>(&section, count)?;
    points(&mut section, count)
}

/// Checks that a section has the length of `count` points.
fn expect_points<P: FilePoint>(section: &Cursor<'_>, count: u64) -> Result<(), FormatError> {
    let (expected, found) = (count * P::LEN as u64, section.remaining());
    match expected == found {
        true => Ok(()),
        false => Err(section.error(format!("{count} points: expected {expected} bytes, found {found}"))),
    }
}

#[cfg(test)]
mod tests;
