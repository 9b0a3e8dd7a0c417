//! The reference prover, on ark-groth16.

use std::fmt;
use std::sync::Arc;

use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::{Groth16, ProvingKey, VerifyingKey as ArkVerifyingKey};
use ark_relations::utils::matrix::Matrix as Rows;
use zeroize::Zeroizing;

use super::consistency::check;
use super::reduction::CircomReduction;
use super::{PreparedKey, ProveError, Prover};
use crate::format::zkey::{Matrix, ZKey};
use crate::proof::{Proof, VerifyingKey};
use crate::rng::SecureRng;
use crate::witness::Witness;

/// Proves with ark-groth16: the reference for tests and measurements of other provers.
///
/// The blinding scalars are zeroised. ark-groth16 makes copies of the witness that are not.
#[derive(Debug, Clone, Copy, Default)]
pub struct ArkProver;

const NAME: &str = "ark";

impl Prover for ArkProver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        check(&key)?;
        Ok(Arc::new(ArkKey::new(Arc::unwrap_or_clone(key))))
    }
}

/// The matrices by rows, and the points under ark-groth16's names.
struct ArkKey {
    matrices: [Rows<Fr>; 2],
    /// Number of public signals, plus one for the constant one.
    n_inputs: usize,
    n_vars: usize,
    domain_size: usize,
    points: ProvingKey<Bn254>,
    vk: VerifyingKey,
}

impl ArkKey {
    /// Converts a checked key.
    fn new(key: ZKey) -> Self {
        let ZKey { head, coefficients, a, b1, b2, c, h } = key;
        let domain_size = head.domain_size as usize;
        let mut matrices = [vec![Vec::new(); domain_size], vec![Vec::new(); domain_size]];
        for entry in &coefficients {
            let rows = match entry.matrix {
                Matrix::A => &mut matrices[0],
                Matrix::B => &mut matrices[1],
            };
            rows[entry.constraint as usize].push((entry.value, entry.signal as usize));
        }
        let points = ProvingKey {
            vk: ArkVerifyingKey {
                alpha_g1: head.vk.alpha_g1,
                beta_g2: head.vk.beta_g2,
                gamma_g2: head.vk.gamma_g2,
                delta_g2: head.vk.delta_g2,
                gamma_abc_g1: head.vk.ic.clone(),
            },
            beta_g1: head.beta_g1,
            delta_g1: head.delta_g1,
            a_query: a,
            b_g1_query: b1,
            b_g2_query: b2,
            h_query: h,
            l_query: c,
        };
        let (n_inputs, n_vars) = (head.n_public as usize + 1, head.n_vars as usize);
        Self { matrices, n_inputs, n_vars, domain_size, points, vk: head.vk }
    }
}

impl PreparedKey for ArkKey {
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
        let proof = Groth16::<Bn254, CircomReduction>::create_proof_with_reduction_and_matrices(
            &self.points,
            *r,
            *s,
            &self.matrices,
            self.n_inputs,
            self.domain_size,
            values,
        )
        .map_err(|error| ProveError::Key(error.to_string()))?;
        Ok(Proof { a: proof.a, b: proof.b, c: proof.c })
    }

    fn memory_bytes(&self) -> u64 {
        let points = &self.points;
        let g1 = points.vk.gamma_abc_g1.len()
            + points.a_query.len()
            + points.b_g1_query.len()
            + points.l_query.len()
            + points.h_query.len();
        let rows = self.matrices.iter().map(Vec::len).sum::<usize>();
        let entries = self.matrices.iter().flatten().map(Vec::capacity).sum::<usize>();
        let bytes = g1 * size_of_val(&points.vk.alpha_g1)
            + points.b_g2_query.len() * size_of_val(&points.vk.beta_g2)
            + rows * size_of::<Vec<(Fr, usize)>>()
            + entries * size_of::<(Fr, usize)>();
        bytes as u64
    }
}

impl fmt::Debug for ArkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArkKey({} wires, domain {})", self.n_vars, self.domain_size)
    }
}
