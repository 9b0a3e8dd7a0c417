//! The matrices of a circuit by columns.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::One;

use crate::format::r1cs::{Constraint, LinearCombination, R1cs};

/// The matrices A, B and C by wire.
pub(super) struct Columns {
    /// A, with the rows that bind public signals.
    pub(super) a: Matrix,
    /// B.
    pub(super) b: Matrix,
    /// C.
    pub(super) c: Matrix,
    /// Values of the entries, each once; the first is 1.
    pub(super) values: Vec<Fr>,
}

/// A matrix, stored by columns.
pub(super) struct Matrix {
    /// End of each column in `entries`.
    ends: Vec<usize>,
    /// Column by column; in descending order of rows within a column.
    entries: Vec<Entry>,
}

/// An entry of a column.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) row: u32,
    /// Index in [`Columns::values`].
    pub(super) value: u32,
}

/// Index of the value 1 in [`Columns::values`].
pub(super) const ONE: u32 = 0;

impl Columns {
    /// The matrices of a circuit. Its wires and rows were checked.
    pub(super) fn of(r1cs: &R1cs) -> Self {
        let mut values = Values::default();
        values.place(&Fr::one());
        let rows = r1cs.constraints.len() as u32;
        let bindings = (0..=r1cs.n_public()).map(|signal| (rows + signal, signal));
        let wires = r1cs.n_wires as usize;
        let a = Matrix::of(r1cs, wires, |row| &row.a, bindings, &mut values);
        let b = Matrix::of(r1cs, wires, |row| &row.b, std::iter::empty(), &mut values);
        let c = Matrix::of(r1cs, wires, |row| &row.c, std::iter::empty(), &mut values);
        Self { a, b, c, values: values.list }
    }
}

impl Matrix {
    fn of(
        r1cs: &R1cs,
        wires: usize,
        terms: impl Fn(&Constraint) -> &LinearCombination,
        ones: impl Iterator<Item = (u32, u32)> + Clone,
        values: &mut Values,
    ) -> Self {
        let mut ends = vec![0usize; wires];
        for (wire, _) in r1cs.constraints.iter().flat_map(&terms) {
            ends[*wire as usize] += 1;
        }
        for (_, wire) in ones.clone() {
            ends[wire as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        // Each column is filled from its end.
        let mut free = ends.clone();
        let mut entries = vec![Entry::default(); sum];
        let mut put = |wire: u32, row: u32, value: u32| {
            let place = &mut free[wire as usize];
            *place -= 1;
            entries[*place] = Entry { row, value };
        };
        for (row, constraint) in (0..).zip(&r1cs.constraints) {
            for (wire, value) in terms(constraint) {
                put(*wire, row, values.place(value));
            }
        }
        ones.for_each(|(row, wire)| put(wire, row, ONE));
        Self { ends, entries }
    }

    /// The entries of a column, in descending order of rows.
    pub(super) fn column(&self, wire: usize) -> &[Entry] {
        let start = wire.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.entries[start..self.ends[wire]]
    }
}

/// Collects values, each once.
#[derive(Default)]
struct Values {
    list: Vec<Fr>,
    places: HashMap<Fr, u32>,
}

impl Values {
    fn place(&mut self, value: &Fr) -> u32 {
        if value.is_one() && !self.list.is_empty() {
            return ONE;
        }
        *self.places.entry(*value).or_insert_with(|| {
            self.list.push(*value);
            (self.list.len() - 1) as u32
        })
    }
}
