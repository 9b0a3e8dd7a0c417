//! Sums of Lagrange points, weighted by the columns of the matrices.

use std::io::{Read, Seek};
use std::ops::Range;

use ark_bn254::G1Affine;
use ark_ec::short_weierstrass::Affine;
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{Combinations, Term, combine};
use zkflow_bn254::points::Curve;

use super::super::ceremony::CeremonyError;
use super::super::step::{StepOptions, pieces};
use super::columns::{Columns, Matrix, ONE};
use crate::format::encoding::FilePoint;
use crate::format::ptau::{LAGRANGE_TAU_G1, Ptau, Section};

/// Selects one of the matrices.
type ColumnsOf = fn(&Columns) -> &Matrix;

/// Lagrange points, and the matrix whose columns are their weights.
pub(super) type Part<C> = (Section<Affine<C>>, ColumnsOf);

/// Prepared powers of tau with the matrices of a circuit.
///
/// Memory contains the matrices by columns, 8 bytes per entry. Within the limit of the options it contains
/// Lagrange points of a range of rows, and sums for a range of wires.
pub(super) struct Lagrange<'a, R> {
    pub(super) ptau: &'a mut Ptau<R>,
    columns: Columns,
    /// Number of rows of the circuit's domain.
    rows: u64,
    options: StepOptions<'a>,
}

impl<'a, R: Read + Seek> Lagrange<'a, R> {
    pub(super) fn new(
        ptau: &'a mut Ptau<R>,
        columns: Columns,
        domain_size: u32,
        options: StepOptions<'a>,
    ) -> Self {
        Self { ptau, columns, rows: domain_size.into(), options }
    }

    /// For each wire, the sum over all parts of the Lagrange points of `section`, weighted by the wire's column.
    /// The sums go to `sink` in pieces, in the order of the wires; without wires it gets one empty piece.
    pub(super) fn combinations<C: Curve>(
        &mut self,
        parts: &[Part<C>],
        mut wires: Range<usize>,
        mut sink: impl FnMut(&[Affine<C>]) -> Result<(), CeremonyError>,
    ) -> Result<(), CeremonyError>
    where
        Affine<C>: FilePoint,
    {
        let n = self.rows;
        let bytes = parts.len() * size_of::<Affine<C>>();
        let block = self.options.room(4, bytes).clamp(1, n);
        let most_wires = self.options.room(16, size_of::<Affine<C>>()).clamp(1, 1 << 16) as usize;
        let (mut points, mut loaded) = (Vec::new(), None);
        if wires.is_empty() {
            return sink(&[]);
        }
        while wires.start < wires.end {
            let piece = self.piece(parts.iter().map(|part| part.1), &mut wires, most_wires);
            let mut sums = Vec::new();
            // The entries of a column are in descending order of rows.
            for start in (0..n).step_by(block as usize).collect::<Vec<_>>().into_iter().rev() {
                let rows = start..(start + block).min(n);
                if loaded != Some(start) {
                    points.clear();
                    for (section, _) in parts {
                        // The form for the domain of 2^k begins at point 2^k - 1.
                        points.extend(self.ptau.points(*section, n - 1 + start, rows.end - start)?);
                    }
                    loaded = Some(start);
                }
                sums = self.sums(parts, &mut points, rows, piece.clone(), &sums);
            }
            sink(&sums)?;
        }
        Ok(())
    }

    /// Takes wires from the front of `wires`: at least one, at most `most_wires`, and about [`MOST_ENTRIES`]
    /// entries.
    fn piece(
        &self,
        matrices: impl Iterator<Item = ColumnsOf> + Clone,
        wires: &mut Range<usize>,
        most_wires: usize,
    ) -> Range<usize> {
        let start = wires.start;
        let mut entries = 0;
        while wires.start < wires.end && wires.start - start < most_wires && entries < MOST_ENTRIES {
            entries += matrices.clone().map(|of| of(&self.columns).column(wires.start).len()).sum::<usize>();
            wires.start += 1;
        }
        start..wires.start
    }

    /// Adds the sums over the entries of some rows to the sums so far. `points` are the points of these rows, part
    /// by part.
    fn sums<C: Curve>(
        &self,
        parts: &[Part<C>],
        points: &mut Vec<Affine<C>>,
        rows: Range<u64>,
        wires: Range<usize>,
        so_far: &[Affine<C>],
    ) -> Vec<Affine<C>> {
        let (mut terms, mut ends) = (Vec::new(), Vec::with_capacity(wires.len()));
        let loaded = points.len();
        points.extend_from_slice(so_far);
        let height = (rows.end - rows.start) as u32;
        for (number, wire) in wires.enumerate() {
            if !so_far.is_empty() {
                terms.push(Term { point: (loaded + number) as u32, scalar: ONE });
            }
            for (part, (_, of)) in (0..).zip(parts) {
                let column = of(&self.columns).column(wire);
                let first = column.partition_point(|entry| u64::from(entry.row) >= rows.end);
                let here = column[first..].iter().take_while(|entry| u64::from(entry.row) >= rows.start);
                terms.extend(here.map(|entry| Term {
                    point: part * height + (entry.row - rows.start as u32),
                    scalar: entry.value,
                }));
            }
            ends.push(terms.len() as u32);
        }
        let combinations = Combinations { ends: &ends, terms: &terms, scalars: &self.columns.values };
        let sums = combine(Kernel::detect(), points, combinations);
        points.truncate(loaded);
        sums
    }

    /// The odd-index Lagrange points of the domain of twice the size, in pieces.
    pub(super) fn odd(
        &mut self,
        mut sink: impl FnMut(&[G1Affine]) -> Result<(), CeremonyError>,
    ) -> Result<(), CeremonyError> {
        let n = self.rows;
        for (first, count) in pieces(n) {
            let all = self.ptau.points(LAGRANGE_TAU_G1, 2 * n - 1 + 2 * first, 2 * count)?;
            let odd: Vec<_> = all.into_iter().skip(1).step_by(2).collect();
            sink(&odd)?;
        }
        Ok(())
    }
}

/// Entries of the columns that are added at once.
const MOST_ENTRIES: usize = 1 << 20;
