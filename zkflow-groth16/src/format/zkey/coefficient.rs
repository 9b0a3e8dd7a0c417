//! Section 4: `n u32, { matrix u32, constraint u32, signal u32, value * R^2 }*`.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::format::FormatError;
use crate::format::cursor::Cursor;
use crate::format::encoding::{double_montgomery, double_montgomery_bytes};
use crate::format::records::read_records;

/// An entry of the matrix A or B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coefficient {
    /// The matrix of the entry.
    pub matrix: Matrix,
    /// Row: the index of a constraint, or the number of constraints plus `s` for the row that binds public
    /// signal `s`.
    pub constraint: u32,
    /// Column: a wire.
    pub signal: u32,
    /// Value of the entry. The file stores `value * R^2`, with `R = 2^256`.
    pub value: Fr,
}

/// The matrices in a `.zkey`; C is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    /// Left factors.
    A,
    /// Right factors.
    B,
}

/// Length in bytes of an entry.
pub(super) const COEFFICIENT_LEN: u64 = 44;

/// Reads the whole section.
pub(super) fn read_all(
    mut section: Cursor<'_>,
    n_vars: u32,
    domain_size: u32,
) -> Result<Vec<Coefficient>, FormatError> {
    let count = u64::from(section.u32()?);
    let (expected, found) = (count * COEFFICIENT_LEN, section.remaining());
    if expected != found {
        return Err(section.error(format!("{count} entries: expected {expected} bytes, found {found}")));
    }
    let start = section.position();
    let bytes = section.records(count, COEFFICIENT_LEN)?;
    let blank = Coefficient { matrix: Matrix::A, constraint: 0, signal: 0, value: Fr::ZERO };
    let mut coefficients = Vec::new();
    let entry = |bytes: &[u8]| read_entry(bytes, n_vars, domain_size);
    let read = read_records(bytes, COEFFICIENT_LEN as usize, WORTH_A_THREAD, blank, &mut coefficients, entry);
    read.map_err(|(index, detail)| {
        section.error_at(start + index * COEFFICIENT_LEN as usize, format!("entry {index}: {detail}"))
    })?;
    Ok(coefficients)
}

/// Reads the entry at the front of `bytes`; the error is the reason why it is none.
fn read_entry(bytes: &[u8], n_vars: u32, domain_size: u32) -> Result<Coefficient, String> {
    let mut entry = Cursor::new("zkey", 0, bytes);
    let mut number = || entry.u32().map_err(|error| error.detail);
    let [matrix, constraint, signal] = [number()?, number()?, number()?];
    let matrix = match matrix {
        0 => Matrix::A,
        1 => Matrix::B,
        other => return Err(format!("unknown matrix {other}")),
    };
    if constraint >= domain_size {
        return Err(format!("row {constraint} is outside the domain"));
    }
    if signal >= n_vars {
        return Err(format!("wire {signal} does not exist"));
    }
    let value = double_montgomery(&mut entry).map_err(|error| error.detail)?;
    Ok(Coefficient { matrix, constraint, signal, value })
}

/// With fewer entries, threads cost more than they gain.
const WORTH_A_THREAD: usize = 1024;

/// Writes the body of the section.
pub(super) fn put_all(out: &mut Vec<u8>, coefficients: &[Coefficient]) {
    out.extend((coefficients.len() as u32).to_le_bytes());
    coefficients.iter().for_each(|entry| put(out, entry));
}

/// Writes one entry.
pub(super) fn put(out: &mut Vec<u8>, entry: &Coefficient) {
    let matrix: u32 = match entry.matrix {
        Matrix::A => 0,
        Matrix::B => 1,
    };
    for n in [matrix, entry.constraint, entry.signal] {
        out.extend(n.to_le_bytes());
    }
    out.extend(double_montgomery_bytes(&entry.value));
}
