//! A prepared key, and the proofs made with it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ark_bn254::{Fr, G1Affine};
use rayon::prelude::*;
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::FixedBases;
use zkflow_bn254::quotient::Quotient;
use zkflow_bn254::sparse::{Entry, SparseMatrix};

use super::NAME;
use super::engine::Engine;
use super::multiples::Multiples;
use super::points::Points;
use crate::format::FormatError;
use crate::format::zkey::{Coefficient, EncodedKey, KeyHead, KeySection, Matrix, ZKey};
use crate::proof::{Proof, VerifyingKey};
use crate::prove::assembly::{Assembly, Factors, Sums};
use crate::prove::blinding::Blinding;
use crate::prove::consistency::{check_columns, check_sizes};
use crate::prove::{PreparedKey, ProveError};
use crate::rng::SecureRng;
use crate::witness::Witness;

/// The key of a circuit, in the kernel's form.
#[derive(Clone)]
pub(super) struct NativeKey {
    pub(super) engine: Engine,
    pub(super) vk: VerifyingKey,
    pub(super) beta_g1: G1Affine,
    pub(super) delta_g1: G1Affine,
    pub(super) n_vars: usize,
    pub(super) quotient: Arc<Quotient>,
    pub(super) points: Points,
    pub(super) multiples: Multiples,
}

impl NativeKey {
    /// Prepares a key. The caller has checked its shape, and that its points are on their curves, and checks its
    /// [blinding](Self::blinding). `table_bytes` is the memory for points and their multiples.
    pub(super) fn new(key: ZKey, table_bytes: usize, engine: Engine) -> Self {
        let kernel = engine.kernel;
        let ZKey { head, coefficients, a, b1, b2, c, h } = key;
        let quotient = Arc::new(quotient(&head, coefficients, kernel));
        let public = vec![G1Affine::identity(); head.vk.ic.len()];
        let c = [public, c].concat();
        let points = Points::prepare([a, b1, c, h], b2, kernel, table_bytes);
        Self::of_parts(head, quotient, points, engine)
    }

    /// Reads a key of which only the [blinding](Self::blinding) is left to be checked. `done` gets the place of each
    /// large section after it is read.
    ///
    /// # Errors
    /// The bytes are not a key, a point is off its curve, or the key is inconsistent.
    pub(super) fn read(
        bytes: &[u8],
        done: &(dyn Fn(Range<usize>) + Sync),
        engine: Engine,
    ) -> Result<Self, ProveError> {
        let kernel = engine.kernel;
        let key = EncodedKey::parse(bytes)?;
        let head = &key.head;
        check_sizes(head)?;
        let g1 = |section: KeySection<G1Affine>, before: usize| {
            let read = key.points_by(section, |bytes| FixedBases::read(kernel, bytes, before));
            read.map(|(points, range)| (done(range), points).1)
        };
        let in_g2 = || {
            let read = key.points_by(KeySection::B2, |bytes| FixedBases::read(kernel, bytes, 0));
            read.map(|(points, range)| (done(range), points).1)
        };
        // The entries take more memory than the matrices, so they are dropped before most points are read.
        let matrices = || {
            let (entries, range) = key.coefficients()?;
            done(range);
            Ok::<_, FormatError>(quotient(head, entries, kernel))
        };
        let (quotient, (b2, (h, (c, (a, b1))))) = rayon::join(matrices, || {
            let small = || rayon::join(|| g1(KeySection::A, 0), || g1(KeySection::B1, 0));
            let rest = || rayon::join(|| g1(KeySection::C, head.vk.ic.len()), small);
            rayon::join(in_g2, || rayon::join(|| g1(KeySection::H, 0), rest))
        });
        // The first error in the order of the sections is reported.
        let quotient = quotient?;
        let points = Points { a: a?, b1: b1?, b2: b2?, c: c?, h: h? };
        let mut is_infinity = vec![true; points.b1.len()];
        points.b1.present().iter().for_each(|&wire| is_infinity[wire as usize] = false);
        let [_, b] = quotient.matrices();
        check_columns(b.columns().par_iter().copied(), |wire| is_infinity[wire as usize])?;
        Ok(Self::of_parts(key.head, Arc::new(quotient), points, engine))
    }

    fn of_parts(head: KeyHead, quotient: Arc<Quotient>, points: Points, engine: Engine) -> Self {
        let KeyHead { n_vars, vk, beta_g1, delta_g1, .. } = head;
        let (n_vars, multiples) = (n_vars as usize, Multiples::new(engine.later));
        Self { engine, vk, beta_g1, delta_g1, n_vars, quotient, points, multiples }
    }

    /// The points on which the blinding of proofs relies.
    pub(super) fn blinding(&self) -> Blinding<'_> {
        let Self { vk, beta_g1, delta_g1, points: Points { b1, b2, .. }, .. } = self;
        Blinding { vk, beta_g1: *beta_g1, delta_g1: *delta_g1, b1, b2 }
    }

    /// The values of a witness with as many wires as the key.
    pub(super) fn values_of<'a>(&self, witness: &'a Witness) -> Result<&'a [Fr], ProveError> {
        let (expected, values) = (self.n_vars, witness.values());
        match values.len() == expected {
            true => Ok(values),
            false => Err(ProveError::WitnessLength { expected, found: values.len() }),
        }
    }

    fn assembly(&self) -> Assembly<'_> {
        let &Self { ref engine, ref vk, beta_g1, delta_g1, .. } = self;
        Assembly { kernel: engine.kernel, vk, beta_g1, delta_g1 }
    }

    /// The proof for a witness, blinded with `factors`.
    pub(super) fn proof(&self, witness: &[Fr], factors: &Factors) -> Proof {
        let Points { a, b1, c, h, b2 } = self.multiples.or(&self.points);
        let wires = self.engine.secrets(witness);
        let quotient = || self.engine.quotient(&self.quotient, witness);
        let assembly = self.assembly();
        // The most expensive task starts first, so that the last tasks are small.
        let ((b1, b2), (h, (c, (a, multiples)))) = rayon::join(
            || wires.sums(b1, b2),
            || {
                let small = || rayon::join(|| wires.sum(a), || assembly.multiples(factors));
                let middle = || rayon::join(|| wires.sum(c), small);
                rayon::join(|| quotient().sum(h), middle)
            },
        );
        assembly.proof(&Sums { a, b1, b2, c: c + h }, &multiples, factors)
    }
}

/// The matrices of a key, prepared for quotients.
fn quotient(head: &KeyHead, coefficients: Vec<Coefficient>, kernel: Kernel) -> Quotient {
    let matrix = |wanted| {
        let entries = coefficients.iter().filter(|entry| entry.matrix == wanted).map(|entry| Entry {
            row: entry.constraint,
            column: entry.signal,
            value: entry.value,
        });
        SparseMatrix::new(head.domain_size as usize, entries)
    };
    let (left, right) = rayon::join(|| matrix(Matrix::A), || matrix(Matrix::B));
    drop(coefficients);
    Quotient::new(left, right, kernel)
}

impl PreparedKey for NativeKey {
    fn prover(&self) -> &'static str {
        NAME
    }

    fn verifying_key(&self) -> &VerifyingKey {
        &self.vk
    }

    fn prove(&self, witness: &Witness, rng: &mut dyn SecureRng) -> Result<Proof, ProveError> {
        let values = self.values_of(witness)?;
        let blinding = Factors::random(rng);
        let proof = self.engine.pools.proof(|| self.proof(values, &blinding));
        self.multiples.count(&self.points);
        Ok(proof)
    }

    fn memory_bytes(&self) -> u64 {
        let points = self.points.bytes() + self.multiples.bytes() + size_of_val(&self.vk.ic[..]);
        points as u64 + self.quotient.memory_bytes()
    }
}

impl fmt::Debug for NativeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NativeKey({} wires, {:?})", self.n_vars, self.quotient)
    }
}
