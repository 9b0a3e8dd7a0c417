//! Sparse matrices over Fr and their products with vectors.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, MontFp, Zero};
use rayon::prelude::*;

/// An entry of a matrix, the input of [`SparseMatrix::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Row index, from 0.
    pub row: u32,
    /// Column index, from 0.
    pub column: u32,
    /// Value; several entries of the same row and column are added.
    pub value: Fr,
}

/// A matrix stored by rows.
///
/// ```
/// use ark_bn254::Fr;
/// use zkflow_bn254::sparse::{Entry, SparseMatrix};
///
/// // (0 2)
/// // (1 0)
/// let entries = [(0, 1, 2u64), (1, 0, 1)].map(|(row, column, value)| Entry { row, column, value: value.into() });
/// let matrix = SparseMatrix::new(2, entries.into_iter());
/// let mut product = [Fr::from(0u64); 2];
/// matrix.product(&[Fr::from(7u64), Fr::from(5u64)], &mut product);
/// assert_eq!(product, [Fr::from(10u64), Fr::from(7u64)]);
/// ```
///
/// Most entries of a circom circuit are 1 or -1 and cost only an addition. In each row the entries 1 come
/// first, then the entries -1, then the others.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SparseMatrix {
    /// Start of each row, then the end of the last row.
    bounds: Vec<RowBounds>,
    /// Columns of all entries, row by row.
    columns: Vec<u32>,
    /// Entries other than 1 and -1, row by row.
    values: Vec<Fr>,
}

/// Start indices of the parts of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
struct RowBounds {
    /// Entries 1, in `columns`.
    ones: u32,
    /// Entries -1, in `columns`.
    minus_ones: u32,
    /// Other entries, in `columns`.
    others: u32,
    /// Values of the other entries, in `values`.
    values: u32,
}

/// Number of rows per task.
const TASK: usize = 1 << 10;

impl SparseMatrix {
    /// Builds a matrix of `rows` rows from entries in any order.
    ///
    /// # Panics
    /// Panics if the row of an entry is not below `rows`.
    pub fn new(rows: usize, entries: impl Iterator<Item = Entry> + Clone) -> Self {
        let entries = || {
            let present = entries.clone().filter(|entry| !is(&entry.value, &Fr::ZERO));
            present.map(|entry| (entry.row as usize, class(&entry.value), entry))
        };
        let mut counts = vec![[0u32; 3]; rows];
        for (row, class, _) in entries() {
            counts[row][class] += 1;
        }
        // The end of the last row.
        counts.push([0; 3]);
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
        let mut columns = vec![0; next.ones as usize];
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
            columns[*place as usize] = entry.column;
            *place += 1;
        }
        Self { bounds, columns, values }
    }

    /// A matrix without rows, with room for `rows` of them; see [`push`](Self::push).
    pub fn with_rows(rows: usize) -> Self {
        let mut bounds = Vec::with_capacity(rows + 1);
        bounds.push(RowBounds::default());
        Self { bounds, columns: Vec::new(), values: Vec::new() }
    }

    /// Appends a row with these columns and values. Columns that occur several times are added.
    pub fn push(&mut self, row: &[(u32, Fr)]) {
        if self.bounds.is_empty() {
            self.bounds.push(RowBounds::default());
        }
        let begins = self.columns.len() as u32;
        let columns = |wanted| row.iter().filter(move |entry| class(&entry.1) == wanted).map(|entry| entry.0);
        self.columns.extend(columns(ONE));
        let minus_ones = self.columns.len() as u32;
        self.columns.extend(columns(MINUS_ONE));
        let others = self.columns.len() as u32;
        for (column, value) in row {
            if class(value) == OTHER && !is(value, &Fr::ZERO) {
                self.columns.push(*column);
                self.values.push(*value);
            }
        }
        let last = self.bounds.len() - 1;
        self.bounds[last] = RowBounds { ones: begins, minus_ones, others, ..self.bounds[last] };
        let end = self.columns.len() as u32;
        let values = self.values.len() as u32;
        self.bounds.push(RowBounds { ones: end, minus_ones: end, others: end, values });
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns of all entries that are not zero, row by row.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// The product of row `row` and `vector`.
    ///
    /// # Panics
    /// Panics if there is no such row, or if an entry's column is outside the vector.
    pub fn row_product(&self, row: usize, vector: &[Fr]) -> Fr {
        // Witnesses of circom circuits consist mostly of bits.
        self.row_sum(row, vector, |sum, value, factor| match factor {
            factor if is(factor, &Fr::ZERO) => {}
            factor if is(factor, &Fr::ONE) => *sum += value,
            factor => *sum += *factor * value,
        })
    }

    /// The same product by operations on field elements whose number does not depend on the vector.
    ///
    /// # Panics
    /// As [`row_product`](Self::row_product).
    pub fn row_product_constant_work(&self, row: usize, vector: &[Fr]) -> Fr {
        self.row_sum(row, vector, |sum, value, factor| *sum += *factor * value)
    }

    /// The product of a row and `vector`; `add` adds the product of an entry and its factor to the sum.
    #[inline(always)]
    fn row_sum(&self, row: usize, vector: &[Fr], add: impl Fn(&mut Fr, &Fr, &Fr)) -> Fr {
        let (row, next) = (self.bounds[row], self.bounds[row + 1]);
        let columns = |from: u32, to: u32| self.columns[from as usize..to as usize].iter();
        let mut sum = Fr::zero();
        for &column in columns(row.ones, row.minus_ones) {
            sum += vector[column as usize];
        }
        for &column in columns(row.minus_ones, row.others) {
            sum -= vector[column as usize];
        }
        let values = &self.values[row.values as usize..next.values as usize];
        for (&column, value) in columns(row.others, next.ones).zip(values) {
            add(&mut sum, value, &vector[column as usize]);
        }
        sum
    }

    /// Writes the product of the matrix and `vector` to `product`, on the threads of the current pool.
    ///
    /// # Panics
    /// Panics if the length of `product` is not the number of rows, or if an entry's column is outside the
    /// vector.
    pub fn product(&self, vector: &[Fr], product: &mut [Fr]) {
        assert_eq!(product.len(), self.len(), "the product must have one value per row");
        product.par_chunks_mut(TASK).enumerate().for_each(|(task, values)| {
            for (row, value) in (task * TASK..).zip(values) {
                *value = self.row_product(row, vector);
            }
        });
    }

    /// The matrix as three byte arrays, little-endian: row bounds, columns, values.
    pub fn to_bytes(&self) -> [Vec<u8>; 3] {
        let bounds = self.bounds.iter().flat_map(|row| [row.ones, row.minus_ones, row.others, row.values]);
        [
            bounds.flat_map(u32::to_le_bytes).collect(),
            self.columns.iter().flat_map(|column| column.to_le_bytes()).collect(),
            self.values.iter().flat_map(|value| value.0.0).flat_map(u64::to_le_bytes).collect(),
        ]
    }

    /// Reads the bytes of [`to_bytes`](Self::to_bytes). `None` if they are inconsistent, do not have `rows`
    /// rows, or have a column that is not below `width`.
    pub fn from_bytes([bounds, columns, values]: [&[u8]; 3], rows: usize, width: usize) -> Option<Self> {
        // Records of four numbers, of one number and of four words.
        let (bounds, columns, values) =
            (bounds.as_chunks::<16>().0, columns.as_chunks().0, values.as_chunks().0);
        let bounds = read_all(bounds, |row: &[u8; 16]| {
            let [ones, minus_ones, others, values] = numbers(row, u32::from_le_bytes);
            RowBounds { ones, minus_ones, others, values }
        });
        let columns = read_all(columns, |column| u32::from_le_bytes(*column));
        let values = read_all(values, |value: &[u8; 32]| {
            Fr::new_unchecked(BigInt(numbers(value, u64::from_le_bytes)))
        });
        let end = bounds.last()?;
        let ordered = bounds.par_windows(2).all(|pair| {
            let (row, next) = (pair[0], pair[1]);
            row.ones <= row.minus_ones
                && row.minus_ones <= row.others
                && row.others <= next.ones
                && row.values <= next.values
                && next.values - row.values == next.ones - row.others
        });
        let sound = bounds.len() == rows + 1
            && ordered
            && end.ones as usize == columns.len()
            && end.values as usize == values.len()
            && columns.par_iter().all(|column| (*column as usize) < width);
        sound.then_some(Self { bounds, columns, values })
    }

    /// Size of the matrix in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let Self { bounds, columns, values } = self;
        (size_of_val(&bounds[..]) + size_of_val(&columns[..]) + size_of_val(&values[..])) as u64
    }
}

/// Reads records on the threads of the current pool.
fn read_all<R: Sync, T: Send>(records: &[R], read: impl Fn(&R) -> T + Sync + Send) -> Vec<T> {
    records.par_iter().with_min_len(TASK).map(read).collect()
}

/// The numbers in a record.
fn numbers<T, const N: usize, const SIZE: usize>(record: &[u8], read: impl Fn([u8; SIZE]) -> T) -> [T; N] {
    let parts = record.as_chunks::<SIZE>().0;
    std::array::from_fn(|i| read(parts[i]))
}

const ONE: usize = 0;
const MINUS_ONE: usize = 1;
const OTHER: usize = 2;

fn class(value: &Fr) -> usize {
    const MINUS: Fr = MontFp!("-1");
    if is(value, &Fr::ONE) {
        ONE
    } else if is(value, &MINUS) {
        MINUS_ONE
    } else {
        OTHER
    }
}

/// Whether two elements are equal, without the call of a function for memory that `==` becomes.
#[inline(always)]
fn is(a: &Fr, b: &Fr) -> bool {
    let (a, b) = (a.0.0, b.0.0);
    (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) == 0
}

#[cfg(test)]
mod tests {
    use ark_ff::UniformRand;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    #[should_panic(expected = "out of bounds")]
    fn an_entry_in_the_row_after_the_last_is_refused() {
        SparseMatrix::new(2, std::iter::once(Entry { row: 2, column: 0, value: Fr::ONE }));
    }

    #[test]
    fn products_are_those_of_the_entries_one_by_one() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let (rows, columns) = (50, 20);
        let vector: Vec<Fr> = (0..columns).map(|_| Fr::rand(&mut rng)).collect();
        let entries: Vec<Entry> = (0..300)
            .map(|_| {
                let value = match rng.gen_range(0..5) {
                    0 => Fr::ONE,
                    1 => -Fr::ONE,
                    2 => Fr::zero(),
                    _ => Fr::rand(&mut rng),
                };
                // The last rows stay empty, and an entry may occur twice at one position.
                Entry { row: rng.gen_range(0..rows - 5), column: rng.gen_range(0..columns), value }
            })
            .collect();
        let prepared = SparseMatrix::new(rows as usize, entries.iter().copied());
        assert_eq!(prepared.len(), rows as usize);
        let mut pushed = SparseMatrix::with_rows(rows as usize);
        for row in 0..rows {
            let row = entries.iter().filter(|entry| entry.row == row);
            pushed.push(&row.map(|entry| (entry.column, entry.value)).collect::<Vec<_>>());
        }
        assert_eq!(pushed, prepared);
        let mut expected = vec![Fr::zero(); rows as usize];
        for entry in &entries {
            expected[entry.row as usize] += entry.value * vector[entry.column as usize];
        }
        let mut found = vec![Fr::ONE; rows as usize];
        prepared.product(&vector, &mut found);
        assert_eq!(found, expected);
        let other: Vec<_> =
            (0..rows as usize).map(|row| prepared.row_product_constant_work(row, &vector)).collect();
        assert_eq!(other, expected);

        let bytes = prepared.to_bytes();
        let parts = bytes.each_ref().map(Vec::as_slice);
        let again = SparseMatrix::from_bytes(parts, rows as usize, columns as usize).unwrap();
        assert_eq!(again, prepared);
        assert!(SparseMatrix::from_bytes(parts, rows as usize + 1, columns as usize).is_none());
        assert!(SparseMatrix::from_bytes(parts, rows as usize, 3).is_none());
        for short in 0..3 {
            let mut parts = parts;
            parts[short] = &parts[short][..parts[short].len() - 32];
            assert!(SparseMatrix::from_bytes(parts, rows as usize, columns as usize).is_none());
        }
    }
}
