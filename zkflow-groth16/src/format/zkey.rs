//! `.zkey`, version 1, Groth16: the proving key with its verification key and contributions.
//!
//! Points stand in Montgomery form, infinity as zeros; see `section` for what each section holds.

use std::ops::Range;

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ff::FftField;

use super::binfile::{BinFile, BinWriter};
use super::container::{FILE_HEADER, Layout, SECTION_HEADER};
use super::cursor::Cursor;
use super::encoding::{
    FilePoint, double_montgomery, double_montgomery_bytes, expect_field, point, points, put_field, put_points,
};
use super::{FormatError, MappedFile};
use crate::proof::VerifyingKey;

pub(super) mod contribution;
mod file;

pub use contribution::{BeaconHash, Contribution, ContributionKind, ContributionName};
pub use file::{KeySection, ZKeyFile, ZKeyWriter};

/// A proving key.
///
/// With `m = n_vars` wires, `l = n_public` of them public (without the constant one) and `n =
/// domain_size`. Points at infinity are usual in `a`, `b1`, `b2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZKey {
    /// Wires, the constant one included.
    pub n_vars: u32,
    /// Outputs and public inputs.
    pub n_public: u32,
    /// Rows of the evaluation domain, a power of two.
    pub domain_size: u32,
    /// alpha, beta, gamma, delta in G2 and the public-signal points (`n_public + 1`).
    pub vk: VerifyingKey,
    /// beta in G1.
    pub beta_g1: G1Affine,
    /// delta in G1.
    pub delta_g1: G1Affine,
    /// The matrices A and B, sparse; C is not stored.
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
    /// blake2b-512 of the initial key, with which section 10 begins.
    pub circuit_hash: [u8; 64],
    /// The contributions of phase 2.
    pub contributions: Vec<Contribution>,
}

/// One entry of the matrix A or B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coefficient {
    /// Which matrix.
    pub matrix: Matrix,
    /// The row: a constraint, or `constraints + s` for the row that binds public signal `s`.
    pub constraint: u32,
    /// The column: a wire.
    pub signal: u32,
    /// The entry, in normal arithmetic (the file holds `value * R^2`).
    pub value: Fr,
}

/// The matrices that a `.zkey` stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    /// Left factors.
    A,
    /// Right factors.
    B,
}

impl ZKey {
    /// Reads a `.zkey` file, its sections in any order.
    ///
    /// # Behaviour
    /// - Every point is checked to lie on its curve; the subgroup of the points of G2 is not checked.
    /// - Nothing is said about the sense of the key: that is the matter of a ceremony's verification.
    ///
    /// # Errors
    /// The bytes are no Groth16 key on BN254, counts and lengths do not fit together, a number is not below
    /// its modulus, a point is off its curve.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::read_by_section(bytes, &|_| ())
    }

    /// [`read`](Self::read)s a file in memory, which holds little of it twice.
    pub(crate) fn read_mapped(file: &MappedFile) -> Result<Self, FormatError> {
        Self::read_by_section(file, &|range| file.release(range))
    }

    /// Reads a key, and says of each large section where it stands when it is read.
    fn read_by_section(bytes: &[u8], done: &dyn Fn(Range<usize>)) -> Result<Self, FormatError> {
        let file = BinFile::parse(LAYOUT, bytes)?;
        expect_groth16(file.section(section::PROTOCOL)?)?;
        let mut key = read_header(file.section(section::HEADER)?)?;
        let (n_vars, domain_size) = (key.n_vars, key.domain_size);
        let (m, l) = (u64::from(n_vars), u64::from(key.n_public));
        (key.circuit_hash, key.contributions) =
            contribution::read_all(file.section(section::CONTRIBUTIONS)?)?;
        key.vk.ic = all_points(file.section(section::IC)?, l + 1)?;
        key.coefficients =
            read(section::COEFFICIENTS, done, &file, |s| read_coefficients(s, n_vars, domain_size))?;
        key.a = read(section::A, done, &file, |section| all_points(section, m))?;
        key.b1 = read(section::B1, done, &file, |section| all_points(section, m))?;
        key.b2 = read(section::B2, done, &file, |section| all_points(section, m))?;
        // The header was refused if it had more public signals than wires.
        key.c = read(section::C, done, &file, |section| all_points(section, m - l - 1))?;
        key.h = read(section::H, done, &file, |section| all_points(section, u64::from(domain_size)))?;
        Ok(key)
    }

    /// Writes a `.zkey` file with its sections in ascending order, byte for byte as snarkjs does after a
    /// contribution or a beacon (after `zkey new` it has another order).
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
            section::HEADER => self.put_header(out),
            section::IC => put_points(out, &self.vk.ic),
            section::COEFFICIENTS => put_coefficients(out, &self.coefficients),
            section::A => put_points(out, &self.a),
            section::B1 => put_points(out, &self.b1),
            section::B2 => put_points(out, &self.b2),
            section::C => put_points(out, &self.c),
            section::H => put_points(out, &self.h),
            _ => contribution::put_all(out, &self.circuit_hash, &self.contributions),
        }
    }

    /// Length of the file of a key without contributions, in bytes; saturates.
    pub fn file_len(n_vars: u64, domain_size: u64, n_coefficients: u64) -> u64 {
        let g1 = |count: u64| count.saturating_mul(G1Affine::LEN as u64);
        let g2 = |count: u64| count.saturating_mul(G2Affine::LEN as u64);
        let fixed = FILE_HEADER + 10 * SECTION_HEADER + PROTOCOL_LEN + HEADER_LEN + 4 + CONTRIBUTIONS_LEN;
        // IC and C together have one point a wire, like A and B1.
        [
            g1(n_vars.saturating_mul(3)),
            g2(n_vars),
            g1(domain_size),
            n_coefficients.saturating_mul(COEFFICIENT_LEN),
        ]
        .into_iter()
        .fold(fixed, u64::saturating_add)
    }

    fn put_header(&self, out: &mut Vec<u8>) {
        put_field::<Fq>(out);
        put_field::<Fr>(out);
        for n in [self.n_vars, self.n_public, self.domain_size] {
            out.extend(n.to_le_bytes());
        }
        self.vk.alpha_g1.put(out);
        self.beta_g1.put(out);
        self.vk.beta_g2.put(out);
        self.vk.gamma_g2.put(out);
        self.delta_g1.put(out);
        self.vk.delta_g2.put(out);
    }
}

/// The sections and what they hold.
mod section {
    /// `1 u32`: Groth16.
    pub(super) const PROTOCOL: u32 = 1;
    /// `n8q, q, n8r, r, nVars, nPublic, domainSize, alpha1, beta1, beta2, gamma2, delta1, delta2`.
    pub(super) const HEADER: u32 = 2;
    /// `nPublic + 1` points of G1.
    pub(super) const IC: u32 = 3;
    /// `n u32, { matrix u32, constraint u32, signal u32, value * R^2 }*`.
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

const LAYOUT: Layout = Layout { name: "zkey", version: 1 };
const GROTH16: u32 = 1;
/// Bytes of section 1.
const PROTOCOL_LEN: u64 = 4;
/// Bytes of section 2: two fields, three counts, three points of each group.
const HEADER_LEN: u64 = 2 * 36 + 3 * 4 + 3 * 64 + 3 * 128;
/// Bytes of an entry of section 4.
const COEFFICIENT_LEN: u64 = 44;
/// The order of sections after a contribution.
const ORDER: [u32; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/// The order of sections of a key without contributions.
const INITIAL_ORDER: [u32; 10] = [1, 2, 4, 3, 9, 8, 5, 6, 7, 10];
/// Bytes of section 10 without contributions: a hash and their number.
const CONTRIBUTIONS_LEN: u64 = 64 + 4;

/// Section 1.
fn expect_groth16(mut section: Cursor<'_>) -> Result<(), FormatError> {
    match section.u32()? {
        GROTH16 => section.finish(),
        other => Err(section.error_at(0, format!("protocol {other}, only Groth16 (1) is read"))),
    }
}

/// Section 2: a key of which the rest is still missing.
fn read_header(mut section: Cursor<'_>) -> Result<ZKey, FormatError> {
    expect_field::<Fq>(&mut section, "base field")?;
    expect_field::<Fr>(&mut section, "scalar field")?;
    let counts = section.position();
    let [n_vars, n_public, domain_size] = [section.u32()?, section.u32()?, section.u32()?];
    if n_public >= n_vars {
        let detail = format!("{n_public} public signals and the constant one in {n_vars} wires");
        return Err(section.error_at(counts, detail));
    }
    if !domain_size.is_power_of_two() || domain_size.ilog2() > Fr::TWO_ADICITY {
        let detail =
            format!("a domain of {domain_size} rows: not a power of two up to 2^{}", Fr::TWO_ADICITY);
        return Err(section.error_at(counts + 8, detail));
    }
    let (alpha_g1, beta_g1) = (point(&mut section)?, point(&mut section)?);
    let (beta_g2, gamma_g2) = (point(&mut section)?, point(&mut section)?);
    let (delta_g1, delta_g2) = (point(&mut section)?, point(&mut section)?);
    section.finish()?;
    Ok(ZKey {
        n_vars,
        n_public,
        domain_size,
        vk: VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic: Vec::new() },
        beta_g1,
        delta_g1,
        coefficients: Vec::new(),
        a: Vec::new(),
        b1: Vec::new(),
        b2: Vec::new(),
        c: Vec::new(),
        h: Vec::new(),
        circuit_hash: [0; 64],
        contributions: Vec::new(),
    })
}

/// Reads a section and says so.
fn read<T>(
    id: u32,
    done: &dyn Fn(Range<usize>),
    file: &BinFile<'_>,
    read: impl FnOnce(Cursor<'_>) -> Result<T, FormatError>,
) -> Result<T, FormatError> {
    let section = file.section(id)?;
    let range = section.range();
    let content = read(section)?;
    done(range);
    Ok(content)
}

/// The points of a section that must hold exactly `count` of them.
fn all_points<P: FilePoint>(mut section: Cursor<'_>, count: u64) -> Result<Vec<P>, FormatError> {
    if count * P::LEN as u64 != section.remaining() {
        let found = section.remaining();
        return Err(
            section.error(format!("{count} points need {} bytes, not {found}", count * P::LEN as u64))
        );
    }
    points(&mut section, count)
}

fn read_coefficients(
    mut section: Cursor<'_>,
    n_vars: u32,
    domain_size: u32,
) -> Result<Vec<Coefficient>, FormatError> {
    let count = u64::from(section.u32()?);
    if count * COEFFICIENT_LEN != section.remaining() {
        let found = section.remaining();
        let needed = count * COEFFICIENT_LEN;
        return Err(section.error(format!("{count} entries need {needed} bytes, not {found}")));
    }
    let mut coefficients = Vec::with_capacity(count as usize);
    for index in 0..count {
        let start = section.position();
        let wrong = |detail: String| section.error_at(start, format!("entry {index}: {detail}"));
        let mut entry = section;
        let [matrix, constraint, signal] = [entry.u32()?, entry.u32()?, entry.u32()?];
        let matrix = match matrix {
            0 => Matrix::A,
            1 => Matrix::B,
            other => return Err(wrong(format!("there is no matrix {other}"))),
        };
        if constraint >= domain_size {
            return Err(wrong(format!("row {constraint} is outside the domain")));
        }
        if signal >= n_vars {
            return Err(wrong(format!("wire {signal} does not exist")));
        }
        let value = double_montgomery(&mut entry)?;
        coefficients.push(Coefficient { matrix, constraint, signal, value });
        section = entry;
    }
    Ok(coefficients)
}

fn put_coefficients(out: &mut Vec<u8>, coefficients: &[Coefficient]) {
    out.extend((coefficients.len() as u32).to_le_bytes());
    coefficients.iter().for_each(|entry| put_coefficient(out, entry));
}

fn put_coefficient(out: &mut Vec<u8>, entry: &Coefficient) {
    let matrix: u32 = match entry.matrix {
        Matrix::A => 0,
        Matrix::B => 1,
    };
    for n in [matrix, entry.constraint, entry.signal] {
        out.extend(n.to_le_bytes());
    }
    out.extend(double_montgomery_bytes(&entry.value));
}

#[cfg(test)]
mod tests;
