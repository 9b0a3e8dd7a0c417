//! The quotient of a witness on the device. See `kernels/quotient.cu`.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use zkflow_groth16::format::zkey::{Coefficient, Matrix};

use crate::device::{Address, Argument, Buffer, Device, DeviceError, Launch, Stream};
use crate::msm::{WIDE_BLOCK, run};

/// Bytes of a scalar.
pub(crate) const SCALAR: usize = 32;
/// Binary logarithm of the values that a block transforms.
const TILE_BITS: u32 = 10;
/// Most layers of one pass over values that are not neighbours.
const MOST_LAYERS: u32 = 7;
/// Most entries that one thread multiplies.
const PIECE: usize = 32;

/// The matrices A and B of a circuit, and the tables of its domain.
#[derive(Debug)]
pub(crate) struct Quotient {
    bits: u32,
    matrices: [SparseMatrix; 2],
    powers: Buffer,
    inverse_powers: Buffer,
    factors: Buffer,
}

impl Quotient {
    /// Uploads the matrices and computes the tables for a domain of 2^`bits` rows. The coefficients are within it.
    pub(crate) fn new(
        device: &Arc<dyn Device>,
        stream: Stream,
        bits: u32,
        coefficients: &[Coefficient],
    ) -> Result<Self, DeviceError> {
        let rows = 1 << bits;
        let matrix = |matrix| SparseMatrix::new(device, stream, rows, coefficients, matrix);
        let matrices = [matrix(Matrix::A)?, matrix(Matrix::B)?];
        let new = || Buffer::new(device, rows * SCALAR);
        let tables = Self { bits, matrices, powers: new()?, inverse_powers: new()?, factors: new()? };
        // roots[k] is a primitive 2^k-th root of unity, the square of roots[k + 1].
        let roots: Vec<Fr> = (0..=bits + 1)
            .map(|k| Fr::get_root_of_unity(1 << k).expect("a power of two up to 2^28"))
            .collect();
        let inverse_roots: Vec<Fr> =
            roots.iter().map(|root| root.inverse().expect("a root of unity is not zero")).collect();
        let uploaded = |roots: &[Fr]| {
            let bytes: Vec<u8> = roots.iter().flat_map(encoded).collect();
            let buffer = Buffer::new(device, bytes.len())?;
            buffer.write(stream, 0, &bytes)?;
            Ok::<_, DeviceError>(buffer)
        };
        let (roots, inverse_roots) = (uploaded(&roots)?, uploaded(&inverse_roots)?);
        let rows = rows as u32;
        let fill = |roots: &Buffer, powers: &Buffer| {
            let arguments = [roots.address().into(), rows.into(), powers.address().into()];
            run(device, stream, "fill_powers", rows, WIDE_BLOCK, &arguments)
        };
        fill(&roots, &tables.powers)?;
        fill(&inverse_roots, &tables.inverse_powers)?;
        let inverse_size = Fr::from(rows).inverse().expect("a power of two is not zero");
        let factors = tables.factors.address().into();
        let arguments = [roots.address().into(), inverse_size.into(), bits.into(), factors];
        run(device, stream, "fill_factors", rows, WIDE_BLOCK, &arguments)?;
        device.finish(stream)?;
        Ok(tables)
    }

    /// Number of rows: the size of the domain.
    pub(crate) fn rows(&self) -> usize {
        1 << self.bits
    }

    /// Bytes on the device.
    pub(crate) fn bytes(&self) -> usize {
        let tables = [&self.powers, &self.inverse_powers, &self.factors].map(Buffer::bytes);
        tables.iter().sum::<usize>() + self.matrices.iter().map(SparseMatrix::bytes).sum::<usize>()
    }

    /// Products of pieces for which the memory of [`values`](Self::values) needs room.
    pub(crate) fn pieces(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.pieces).max().unwrap_or(0)
    }

    /// Computes the quotient's values at the odd roots, as the first third of `values`. `values` has room for three
    /// values of each row, `products` for one of each piece.
    pub(crate) fn values(
        &self,
        device: &Arc<dyn Device>,
        stream: Stream,
        witness: Address,
        values: &Buffer,
        products: &Buffer,
    ) -> Result<(), DeviceError> {
        let rows = self.rows();
        assert!(values.bytes() >= 3 * rows * SCALAR && products.bytes() >= self.pieces() * SCALAR);
        for (matrix, number) in self.matrices.iter().zip(0..) {
            let to = values.address().at(number * rows * SCALAR);
            matrix.multiply(device, stream, witness, products.address(), to, rows)?;
        }
        let by_row = |kernel| {
            let arguments = [values.address().into(), (rows as u32).into()];
            run(device, stream, kernel, rows as u32, WIDE_BLOCK, &arguments)
        };
        by_row("multiply_rows")?;
        self.shift(device, stream, values)?;
        by_row("subtract_rows")
    }

    /// Turns three polynomials' values at the n-th roots of unity into their values at the other 2n-th roots.
    fn shift(&self, device: &Arc<dyn Device>, stream: Stream, values: &Buffer) -> Result<(), DeviceError> {
        let rows = self.rows() as u32;
        let within = self.bits.min(TILE_BITS);
        let passes = passes(self.bits - within);
        let launch = |kernel, blocks, arguments: &[Argument]| {
            let launch = Launch { kernel, grid: [blocks, 3], block: WIDE_BLOCK, shared: 0, arguments };
            // SAFETY: these are the arguments of the kernels, and the buffers are as large as the domain.
            unsafe { device.launch(stream, &launch) }
        };
        let [values, powers, inverse_powers, factors] =
            [values, &self.powers, &self.inverse_powers, &self.factors]
                .map(|buffer| Argument::from(buffer.address()));
        let layers = |size: u32, layers: u32, powers, inverse: u32| {
            let arguments = [values, rows.into(), size.into(), layers.into(), powers, inverse.into()];
            launch("transform_layers", rows >> TILE_BITS, &arguments)
        };
        let mut size = rows;
        for &pass in &passes {
            layers(size, pass, inverse_powers, 1)?;
            size >>= pass;
        }
        let tiles = [values, rows.into(), within.into(), powers, inverse_powers, factors];
        launch("transform_tiles", rows >> within, &tiles)?;
        for &pass in passes.iter().rev() {
            size <<= pass;
            layers(size, pass, powers, 0)?;
        }
        Ok(())
    }
}

/// The layers above a tile, as numbers of layers of a pass.
fn passes(layers: u32) -> Vec<u32> {
    let number = layers.div_ceil(MOST_LAYERS);
    (0..number).map(|i| (layers + i) / number).collect()
}

/// A sparse matrix by rows. Long rows are cut into pieces, one for each thread.
#[derive(Debug)]
struct SparseMatrix {
    pieces: usize,
    starts: Buffer,
    columns: Buffer,
    values: Buffer,
    /// The first piece of each row; `None` if each row is one piece.
    firsts: Option<Buffer>,
}

impl SparseMatrix {
    fn new(
        device: &Arc<dyn Device>,
        stream: Stream,
        rows: usize,
        coefficients: &[Coefficient],
        matrix: Matrix,
    ) -> Result<Self, DeviceError> {
        let entries = || coefficients.iter().filter(|entry| entry.matrix == matrix);
        let mut ends = vec![0u32; rows + 1];
        entries().for_each(|entry| ends[entry.constraint as usize + 1] += 1);
        (0..rows).for_each(|row| ends[row + 1] += ends[row]);
        let (mut starts, mut firsts) = (Vec::with_capacity(rows + 1), Vec::with_capacity(rows + 1));
        for row in 0..rows {
            firsts.push(starts.len() as u32);
            starts.push(ends[row]);
            starts.extend((ends[row]..ends[row + 1]).step_by(PIECE).skip(1));
        }
        firsts.push(starts.len() as u32);
        let pieces = starts.len();
        starts.push(ends[rows]);
        let mut next = ends;
        let length = starts[pieces] as usize;
        let (mut columns, mut values) = (vec![0u32; length], vec![0; length * SCALAR]);
        for entry in entries() {
            let place = &mut next[entry.constraint as usize];
            columns[*place as usize] = entry.signal;
            values[*place as usize * SCALAR..][..SCALAR].copy_from_slice(&encoded(&entry.value));
            *place += 1;
        }
        let upload = |bytes: &[u8]| {
            let buffer = Buffer::new(device, bytes.len())?;
            buffer.write(stream, 0, bytes)?;
            Ok::<_, DeviceError>(buffer)
        };
        let numbers =
            |numbers: &[u32]| upload(&numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>());
        Ok(Self {
            pieces,
            starts: numbers(&starts)?,
            columns: numbers(&columns)?,
            values: upload(&values)?,
            firsts: (pieces > rows).then(|| numbers(&firsts)).transpose()?,
        })
    }

    fn bytes(&self) -> usize {
        let Self { starts, columns, values, firsts, .. } = self;
        [starts, columns, values].into_iter().chain(firsts).map(Buffer::bytes).sum()
    }

    /// Writes each row times the witness to `to`.
    fn multiply(
        &self,
        device: &Arc<dyn Device>,
        stream: Stream,
        witness: Address,
        products: Address,
        to: Address,
        rows: usize,
    ) -> Result<(), DeviceError> {
        let Self { pieces, starts, columns, values, firsts } = self;
        let pieces = *pieces as u32;
        let of_pieces = if firsts.is_some() { products } else { to };
        let [starts, columns, values] = [starts, columns, values].map(|buffer| buffer.address().into());
        let arguments = [starts, columns, values, witness.into(), pieces.into(), of_pieces.into()];
        run(device, stream, "multiply_pieces", pieces, WIDE_BLOCK, &arguments)?;
        let Some(firsts) = firsts else { return Ok(()) };
        let arguments = [firsts.address().into(), products.into(), (rows as u32).into(), to.into()];
        run(device, stream, "sum_pieces", rows as u32, WIDE_BLOCK, &arguments)
    }
}

/// The bytes of a scalar in the memory of the device.
pub(crate) fn encoded(scalar: &Fr) -> [u8; SCALAR] {
    let mut bytes = [0; SCALAR];
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(scalar.0.0) {
        *place = word.to_le_bytes();
    }
    bytes
}
