//! A prepared key and the proofs made with it.

use std::fmt;
use std::sync::Arc;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::UniformRand;
use zeroize::Zeroizing;

use super::NAME;
use super::pools::Pools;
use super::quotient::Quotient;
use super::rows::Rows;
use crate::bn254::Kernel;
use crate::bn254::msm::{FixedBases, Options, Scalars};
use crate::format::zkey::{Matrix, ZKey};
use crate::prove::{PreparedKey, ProveError, SecureRng};
use crate::verify::{Proof, VerifyingKey};
use crate::witness::Witness;

/// The key of one circuit, in the kernel's form.
pub(super) struct NativeKey {
    pools: Arc<Pools>,
    vk: VerifyingKey,
    beta_g1: G1Affine,
    delta_g1: G1Affine,
    n_vars: usize,
    kernel: Kernel,
    quotient: Quotient,
    a: FixedBases<G1Projective>,
    b1: FixedBases<G1Projective>,
    b2: FixedBases<G2Projective>,
    /// One point a wire, like the three above: infinity for the public ones.
    c: FixedBases<G1Projective>,
    h: FixedBases<G1Projective>,
}

impl NativeKey {
    /// Takes a key that was checked.
    pub(super) fn new(key: ZKey, kernel: Kernel, pools: Arc<Pools>) -> Self {
        let rows = key.domain_size as usize;
        let matrix = |matrix| Rows::new(&key.coefficients, matrix, rows);
        let quotient = Quotient::new(matrix(Matrix::A), matrix(Matrix::B), kernel);
        let options = Options { kernel, table_bytes: 0 };
        let public = vec![G1Affine::identity(); key.n_public as usize + 1];
        let c = [public, key.c].concat();
        Self {
            pools,
            vk: key.vk,
            beta_g1: key.beta_g1,
            delta_g1: key.delta_g1,
            n_vars: key.n_vars as usize,
            kernel,
            quotient,
            a: FixedBases::prepare(&key.a, options),
            b1: FixedBases::prepare(&key.b1, options),
            b2: FixedBases::prepare(&key.b2, options),
            c: FixedBases::prepare(&c, options),
            h: FixedBases::prepare(&key.h, options),
        }
    }

    /// The proof of [Groth16](https://eprint.iacr.org/2016/260), section 3.2, blinded with r and s:
    ///
    /// ```text
    /// A = alpha + sum w_i a_i + r delta
    /// B = beta  + sum w_i b_i + s delta
    /// C = sum over private wires w_i c_i + sum h_j H_j + s A + r B - r s delta
    /// ```
    ///
    /// where B stands in G2 in the proof and is computed in G1 once more for C.
    fn proof(&self, witness: &[Fr], r: &Fr, s: &Fr) -> Proof {
        let wires = Scalars::new(self.kernel, witness);
        // The dearest task first: what the threads do last should be small.
        let (b2, (h, (c, (a, b1)))) = rayon::join(
            || self.b2.msm(&wires),
            || {
                rayon::join(
                    || self.h.msm(&Scalars::new(self.kernel, &self.quotient.values(witness))),
                    || {
                        rayon::join(
                            || self.c.msm(&wires),
                            || rayon::join(|| self.a.msm(&wires), || self.b1.msm(&wires)),
                        )
                    },
                )
            },
        );
        let a = a + self.vk.alpha_g1 + self.delta_g1 * r;
        let b1 = b1 + self.beta_g1 + self.delta_g1 * s;
        let b2 = b2 + self.vk.beta_g2 + self.vk.delta_g2 * s;
        let c = c + h + a * s + b1 * r - self.delta_g1 * (*r * s);
        Proof { a: a.into_affine(), b: b2.into_affine(), c: c.into_affine() }
    }
}

impl PreparedKey for NativeKey {
    fn prover(&self) -> &'static str {
        NAME
    }

    fn verifying_key(&self) -> &VerifyingKey {
        &self.vk
    }

    fn prove(&self, witness: &Witness, rng: &mut dyn SecureRng) -> Result<Proof, ProveError> {
        let values = witness.values();
        if values.len() != self.n_vars {
            return Err(ProveError::WitnessLength { expected: self.n_vars, found: values.len() });
        }
        let r = Zeroizing::new(Fr::rand(rng));
        let s = Zeroizing::new(Fr::rand(rng));
        Ok(self.pools.proof(|| self.proof(values, &r, &s)))
    }

    fn memory_bytes(&self) -> u64 {
        let g1 = [&self.a, &self.b1, &self.c, &self.h].map(FixedBases::bytes);
        let points = g1.iter().sum::<usize>() + self.b2.bytes() + size_of_val(&self.vk.ic[..]);
        points as u64 + self.quotient.memory_bytes()
    }
}

impl fmt::Debug for NativeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NativeKey({} wires, {:?})", self.n_vars, self.quotient)
    }
}
