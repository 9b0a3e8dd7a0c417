//! The quotient (A B - C) / t of a witness, as values at the odd roots of unity.
//!
//! As in circom's keys, let A, B and C be the polynomials with the values a_i = (A w)_i, b_i = (B w)_i
//! and c_i = a_i b_i at the n-th roots of unity, for `n` rows. A B - C vanishes there. Its values at
//! the other 2n-th roots are the scalars of the key's points H.

use std::fmt;

use ark_bn254::Fr;
use ark_ff::Zero;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use crate::field::{Arithmetic, Lanes, MAX_WIDTH};
use crate::sparse::SparseMatrix;
use crate::transform::{Transform, from_lanes, to_lanes};
use crate::wiped::Wiped;
use crate::{Backend, Kernel, Task};

/// Computes the quotients of one circuit.
pub struct Quotient {
    a: SparseMatrix,
    b: SparseMatrix,
    domain: Box<dyn Domain>,
}

impl Quotient {
    /// Prepares the matrices A and B. Their number of rows is the size of the domain.
    pub fn new(a: SparseMatrix, b: SparseMatrix, kernel: Kernel) -> Self {
        let size = a.len();
        Self { a, b, domain: domain(size, kernel) }
    }

    /// Number of rows: the size of the domain.
    pub fn rows(&self) -> usize {
        self.a.len()
    }

    /// The matrices A and B.
    pub fn matrices(&self) -> [&SparseMatrix; 2] {
        [&self.a, &self.b]
    }

    /// The values of A B - C at the odd roots of unity.
    pub fn values(&self, witness: &[Fr]) -> Zeroizing<Vec<Fr>> {
        self.domain.quotient([&self.a, &self.b], witness, SparseMatrix::row_product)
    }

    /// The same values by operations on field elements whose number does not depend on the witness.
    pub fn values_constant_work(&self, witness: &[Fr]) -> Zeroizing<Vec<Fr>> {
        self.domain.quotient([&self.a, &self.b], witness, SparseMatrix::row_product_constant_work)
    }

    /// Replaces the values of a polynomial at the n-th roots of unity by its values at the other 2n-th roots.
    /// A quotient needs three such transforms.
    ///
    /// # Panics
    /// Panics if the number of values is not the number of rows.
    pub fn shift(&self, values: &mut [Fr]) {
        self.domain.shift(values);
    }

    /// Approximate size of the matrices and tables in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.a.memory_bytes() + self.b.memory_bytes() + self.domain.memory_bytes()
    }
}

impl fmt::Debug for Quotient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quotient({} rows)", self.a.len())
    }
}

/// Computes the product of a row and a vector.
type RowProduct = fn(&SparseMatrix, usize, &[Fr]) -> Fr;

/// A [`Transform`] with its backend type erased.
trait Domain: Send + Sync {
    fn shift(&self, values: &mut [Fr]);
    fn quotient(
        &self,
        matrices: [&SparseMatrix; 2],
        witness: &[Fr],
        row_product: RowProduct,
    ) -> Zeroizing<Vec<Fr>>;
    fn memory_bytes(&self) -> u64;
}

fn domain(size: usize, kernel: Kernel) -> Box<dyn Domain> {
    struct Build(usize);
    impl Task for Build {
        type Output = Option<Box<dyn Domain>>;
        #[inline(always)]
        fn run<B: Backend>(self) -> Self::Output {
            Transform::<B>::fits(self.0).then(|| Box::new(Transform::<B>::new(self.0)) as Box<dyn Domain>)
        }
    }
    kernel.run(Build(size)).or_else(|| Kernel::Portable.run(Build(size))).expect("one lane fits every domain")
}

/// Number of vectors per task.
const CHUNK: usize = 64;

impl<B: Backend> Domain for Transform<B> {
    fn shift(&self, values: &mut [Fr]) {
        let mut lanes = Wiped::of(to_lanes::<B>(values));
        Transform::shift(self, &mut lanes);
        from_lanes::<B>(&lanes, values);
    }

    fn quotient(
        &self,
        matrices: [&SparseMatrix; 2],
        witness: &[Fr],
        row_product: RowProduct,
    ) -> Zeroizing<Vec<Fr>> {
        let zeros = || Wiped::<B::Fr>::zeros(self.vectors());
        let (mut at_a, mut at_b, mut at_c) = (zeros(), zeros(), zeros());
        let chunks =
            at_a.par_chunks_mut(CHUNK).zip(at_b.par_chunks_mut(CHUNK)).zip(at_c.par_chunks_mut(CHUNK));
        chunks.enumerate().for_each(|(index, ((at_a, at_b), at_c))| {
            B::run(Products::<B> {
                matrices,
                row_product,
                witness,
                first: index * CHUNK * B::Fr::WIDTH,
                out: [at_a, at_b, at_c],
            });
        });
        [&mut at_a, &mut at_b, &mut at_c].into_par_iter().for_each(|values| self.shift(values));
        let values = at_a.par_chunks(CHUNK).zip(at_b.par_chunks(CHUNK)).zip(at_c.par_chunks_mut(CHUNK));
        values.for_each(|((a, b), c)| B::run(Difference::<B> { a, b, c }));
        // Two vectors are freed before the next one is needed.
        drop((at_a, at_b));
        let mut quotient = Zeroizing::new(vec![Fr::zero(); matrices[0].len()]);
        let chunks = quotient.par_chunks_mut(CHUNK * B::Fr::WIDTH).zip(at_c.par_chunks(CHUNK));
        chunks.for_each(|(out, values)| from_lanes::<B>(values, out));
        quotient
    }

    fn memory_bytes(&self) -> u64 {
        self.table_bytes()
    }
}

/// Computes a, b and a b for the rows from `first` on.
struct Products<'a, B: Backend> {
    matrices: [&'a SparseMatrix; 2],
    row_product: RowProduct,
    witness: &'a [Fr],
    first: usize,
    out: [&'a mut [B::Fr]; 3],
}

impl<B: Backend> Task for Products<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<Same: Backend>(self) {
        let Self { matrices, row_product, witness, first, out: [at_a, at_b, at_c] } = self;
        let mut values = [[Fr::zero(); MAX_WIDTH]; 2];
        for i in 0..at_a.len() {
            let rows = first + i * B::Fr::WIDTH..;
            for (matrix, values) in matrices.into_iter().zip(&mut values) {
                for (row, value) in rows.clone().zip(&mut values[..B::Fr::WIDTH]) {
                    *value = row_product(matrix, row, witness);
                }
            }
            at_a[i] = B::Fr::load(&values[0]);
            at_b[i] = B::Fr::load(&values[1]);
            at_c[i] = at_a[i].mul(at_b[i]);
        }
        values.as_flattened_mut().iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Replaces c by a b - c.
struct Difference<'a, B: Backend> {
    a: &'a [B::Fr],
    b: &'a [B::Fr],
    c: &'a mut [B::Fr],
}

impl<B: Backend> Task for Difference<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<Same: Backend>(self) {
        let Self { a, b, c } = self;
        for i in 0..a.len() {
            c[i] = a[i].mul(b[i]).sub(c[i]);
        }
    }
}
