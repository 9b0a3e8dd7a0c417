//! Quotients of the kernels against those of the processor.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{One, UniformRand, Zero};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zkflow_bn254::Kernel;
use zkflow_bn254::sparse::{Entry, SparseMatrix};
use zkflow_groth16::format::zkey::{Coefficient, Matrix};

use crate::device::cuda::Gpu;
use crate::device::emulated::Emulated;
use crate::device::{Buffer, Device, OwnStream};
use crate::quotient::{Quotient, SCALAR, encoded};

/// Compares the quotient of random matrices and a random witness with the processor's.
fn check(device: &Arc<dyn Device>, bits: u32) {
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(bits));
    let (rows, wires) = (1u32 << bits, (1 << bits) + 3);
    let witness: Vec<Fr> = (0..wires).map(|_| Fr::rand(&mut rng)).collect();
    let mut coefficients = Vec::new();
    for row in 0..rows {
        for matrix in [Matrix::A, Matrix::B] {
            // Empty rows, short ones, and some that are cut into pieces.
            let entries = if row % 97 == 5 { 100 } else { row % 4 };
            coefficients.extend((0..entries).map(|_| Coefficient {
                matrix,
                constraint: row,
                signal: rng.gen_range(0..wires),
                value: if rng.r#gen() { Fr::one() } else { Fr::rand(&mut rng) },
            }));
        }
    }
    let matrix = |wanted| {
        let entries = coefficients.iter().filter(|entry| entry.matrix == wanted).map(|entry| Entry {
            row: entry.constraint,
            column: entry.signal,
            value: entry.value,
        });
        SparseMatrix::new(rows as usize, entries)
    };
    let expected =
        zkflow_bn254::quotient::Quotient::new(matrix(Matrix::A), matrix(Matrix::B), Kernel::detect());
    let expected = expected.values(&witness);
    let stream = OwnStream::new(device).unwrap();
    let quotient = Quotient::new(device, stream.id(), bits, &coefficients).unwrap();
    let new = |scalars: usize| Buffer::new(device, scalars * SCALAR).unwrap();
    let (at, values, products) = (new(wires as usize), new(3 * rows as usize), new(quotient.pieces()));
    at.write(stream.id(), 0, &witness.iter().flat_map(encoded).collect::<Vec<u8>>()).unwrap();
    quotient.values(device, stream.id(), at.address(), &values, &products).unwrap();
    let mut found = vec![0; rows as usize * SCALAR];
    values.read(stream.id(), 0, &mut found).unwrap();
    assert!(expected.iter().any(|value| !value.is_zero()) || bits < 4);
    assert!(found == expected.iter().flat_map(encoded).collect::<Vec<u8>>(), "2^{bits} rows");
}

#[test]
fn quotients_are_those_of_the_processor() {
    // One tile, part of one, one pass above tiles, and two.
    for bits in (0..=4).chain([9, 10, 11, 12, 18]) {
        check(&(Arc::new(Emulated::default()) as _), bits);
    }
}

#[test]
#[ignore = "needs a GPU"]
fn quotients_on_a_gpu() {
    let device: Arc<dyn Device> = Arc::new(Gpu::open(0).unwrap());
    for bits in 0..=22 {
        check(&device, bits);
    }
}
