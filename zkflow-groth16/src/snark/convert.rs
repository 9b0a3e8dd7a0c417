//! Conversions between the types of this crate and those of ark-groth16. They do not check the points:
//! [`Verifier`](crate::verify::Verifier) does.

use ark_bn254::Bn254;

use crate::format::zkey::ZKey;
use crate::proof::{Proof, VerifyingKey};

impl From<Proof> for ark_groth16::Proof<Bn254> {
    fn from(Proof { a, b, c }: Proof) -> Self {
        Self { a, b, c }
    }
}

impl From<ark_groth16::Proof<Bn254>> for Proof {
    fn from(proof: ark_groth16::Proof<Bn254>) -> Self {
        Self { a: proof.a, b: proof.b, c: proof.c }
    }
}

impl From<VerifyingKey> for ark_groth16::VerifyingKey<Bn254> {
    fn from(key: VerifyingKey) -> Self {
        let VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, ic } = key;
        Self { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1: ic }
    }
}

impl From<ark_groth16::VerifyingKey<Bn254>> for VerifyingKey {
    fn from(key: ark_groth16::VerifyingKey<Bn254>) -> Self {
        let ark_groth16::VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 } = key;
        Self { alpha_g1, beta_g2, gamma_g2, delta_g2, ic: gamma_abc_g1 }
    }
}

/// The same points as `ark_circom::read_zkey` reads.
///
/// The key proves only with `Groth16::<Bn254, ark_circom::CircomReduction>`, and the circuit's matrices. Its H points
/// are the odd Lagrange points of the domain of twice the size, divided by delta. ark-groth16's default reduction
/// needs other points, and makes proofs with this key that do not verify.
impl From<ZKey> for ark_groth16::ProvingKey<Bn254> {
    fn from(key: ZKey) -> Self {
        Self {
            vk: key.head.vk.into(),
            beta_g1: key.head.beta_g1,
            delta_g1: key.head.delta_g1,
            a_query: key.a,
            b_g1_query: key.b1,
            b_g2_query: key.b2,
            h_query: key.h,
            l_query: key.c,
        }
    }
}
