//! The sparse matrices A and B, to be multiplied with the witness.

use ark_bn254::Fr;
use ark_ff::{BigInt, Field, Zero};

use crate::format::zkey::{Coefficient, Matrix};

/// A matrix by rows.
///
/// Most entries of a circom circuit are 1 or -1 and cost an addition alone; they come first in each
/// row, the other entries follow.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// Where each row begins, and behind the last one where it ends.
    bounds: Vec<RowBounds>,
    /// The columns of all entries, row by row.
    wires: Vec<u32>,
    /// The entries other than 1 and -1, row by row.
    values: Vec<Fr>,
}

/// Where a row's parts begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
struct RowBounds {
    /// Its entries 1, in `wires`.
    ones: u32,
    /// Its entries -1, in `wires`.
    minus_ones: u32,
    /// Its other entries, in `wires`.
    others: u32,
    /// Their values, in `values`.
    values: u32,
}

impl Rows {
    /// Gathers the entries of `matrix`, in any order, into `rows` rows.
    ///
    /// # Panics
    /// If an entry stands in a row beyond; the key was checked.
    pub(super) fn new(coefficients: &[Coefficient], matrix: Matrix, rows: usize) -> Self {
        let entries = || {
            let wanted = coefficients.iter().filter(|entry| entry.matrix == matrix && !entry.value.is_zero());
            wanted.map(|entry| (entry.constraint as usize, class(&entry.value), entry))
        };
        let mut counts = vec![[0u32; 3]; rows + 1];
        for (row, class, _) in entries() {
            counts[row][class] += 1;
        }
        let mut next = RowBounds::default();
        let bounds: Vec<RowBounds> = counts
            .iter()
            .map(|[ones, minus_ones, others]| {
                let begins = next.ones;
                let row = RowBounds {
                    ones: begins,
                    minus_ones: begins + ones,
                    others: begins + ones + minus_ones,
                    values: next.values,
                };
                next = RowBounds { ones: row.others + others, values: row.values + others, ..row };
                row
            })
            .collect();
        let mut free = bounds.clone();
        let mut wires = vec![0; next.ones as usize];
        let mut values = vec![Fr::zero(); next.values as usize];
        for (row, class, entry) in entries() {
            let free = &mut free[row];
            let place = match class {
                ONE => &mut free.ones,
                MINUS_ONE => &mut free.minus_ones,
                _ => {
                    values[free.values as usize] = entry.value;
                    free.values += 1;
                    &mut free.others
                }
            };
            wires[*place as usize] = entry.signal;
            *place += 1;
        }
        Self { bounds, wires, values }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// The product of row `row` and `witness`.
    pub(super) fn product(&self, row: usize, witness: &[Fr]) -> Fr {
        let (row, next) = (self.bounds[row], self.bounds[row + 1]);
        let wires = |from: u32, to: u32| self.wires[from as usize..to as usize].iter();
        let mut sum = Fr::zero();
        for &wire in wires(row.ones, row.minus_ones) {
            sum += witness[wire as usize];
        }
        for &wire in wires(row.minus_ones, row.others) {
            sum -= witness[wire as usize];
        }
        let values = &self.values[row.values as usize..next.values as usize];
        for (&wire, value) in wires(row.others, next.ones).zip(values) {
            sum += witness[wire as usize] * value;
        }
        sum
    }

    /// The matrix as three runs of bytes, little endian.
    pub(super) fn to_bytes(&self) -> [Vec<u8>; 3] {
        let bounds = self.bounds.iter().flat_map(|row| [row.ones, row.minus_ones, row.others, row.values]);
        [
            bounds.flat_map(u32::to_le_bytes).collect(),
            self.wires.iter().flat_map(|wire| wire.to_le_bytes()).collect(),
            self.values.iter().flat_map(|value| value.0.0).flat_map(u64::to_le_bytes).collect(),
        ]
    }

    /// The matrix that [`to_bytes`](Self::to_bytes) wrote; `None` if it does not have `rows` rows and
    /// columns below `n_vars`.
    pub(super) fn from_bytes(
        [bounds, wires, values]: [&[u8]; 3],
        rows: usize,
        n_vars: usize,
    ) -> Option<Self> {
        let numbers = |bytes: &[u8]| -> Vec<u32> {
            bytes.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number)).collect()
        };
        let (bounds, wires) = (numbers(bounds), numbers(wires));
        let bounds: Vec<RowBounds> = bounds
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&[ones, minus_ones, others, values]| RowBounds { ones, minus_ones, others, values })
            .collect();
        let values: Vec<Fr> = values
            .as_chunks::<32>()
            .0
            .iter()
            .map(|bytes| {
                let words = bytes.as_chunks::<8>().0;
                Fr::new_unchecked(BigInt(std::array::from_fn(|i| u64::from_le_bytes(words[i]))))
            })
            .collect();
        let end = bounds.last()?;
        let ordered = bounds.windows(2).all(|pair| {
            let (row, next) = (pair[0], pair[1]);
            row.ones <= row.minus_ones
                && row.minus_ones <= row.others
                && row.others <= next.ones
                && row.values <= next.values
                && next.values - row.values == next.ones - row.others
        });
        let sound = bounds.len() == rows + 1
            && ordered
            && end.ones as usize == wires.len()
            && end.values as usize == values.len()
            && wires.iter().all(|wire| (*wire as usize) < n_vars);
        sound.then_some(Self { bounds, wires, values })
    }

    /// Memory that the matrix takes, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        let Self { bounds, wires, values } = self;
        (size_of_val(&bounds[..]) + size_of_val(&wires[..]) + size_of_val(&values[..])) as u64
    }
}

const ONE: usize = 0;
const MINUS_ONE: usize = 1;
const OTHER: usize = 2;

fn class(value: &Fr) -> usize {
    if *value == Fr::ONE {
        ONE
    } else if *value == -Fr::ONE {
        MINUS_ONE
    } else {
        OTHER
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::UniformRand;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn products_are_those_of_the_entries_one_by_one() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let (rows, columns) = (50, 20);
        let witness: Vec<Fr> = (0..columns).map(|_| Fr::rand(&mut rng)).collect();
        let coefficients: Vec<Coefficient> = (0..600)
            .map(|_| {
                let value = match rng.gen_range(0..5) {
                    0 => Fr::ONE,
                    1 => -Fr::ONE,
                    2 => Fr::zero(),
                    _ => Fr::rand(&mut rng),
                };
                let matrix = if rng.r#gen() { Matrix::A } else { Matrix::B };
                // The last rows stay empty, and entries may stand twice in one place.
                let (constraint, signal) = (rng.gen_range(0..rows - 5), rng.gen_range(0..columns));
                Coefficient { matrix, constraint, signal, value }
            })
            .collect();
        for matrix in [Matrix::A, Matrix::B] {
            let prepared = Rows::new(&coefficients, matrix, rows as usize);
            assert_eq!(prepared.len(), rows as usize);
            let mut expected = vec![Fr::zero(); rows as usize];
            for entry in coefficients.iter().filter(|entry| entry.matrix == matrix) {
                expected[entry.constraint as usize] += entry.value * witness[entry.signal as usize];
            }
            let found: Vec<Fr> = (0..prepared.len()).map(|row| prepared.product(row, &witness)).collect();
            assert_eq!(found, expected);

            let bytes = prepared.to_bytes();
            let parts = bytes.each_ref().map(Vec::as_slice);
            let again = Rows::from_bytes(parts, rows as usize, columns as usize).unwrap();
            assert_eq!(again, prepared);
            assert!(Rows::from_bytes(parts, rows as usize + 1, columns as usize).is_none());
            assert!(Rows::from_bytes(parts, rows as usize, 3).is_none());
            for short in 0..3 {
                let mut parts = parts;
                parts[short] = &parts[short][..parts[short].len() - 32];
                assert!(Rows::from_bytes(parts, rows as usize, columns as usize).is_none());
            }
        }
    }
}
