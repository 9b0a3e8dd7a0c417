//! From the sums over a key's points to a proof.

use std::fmt;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::CurveGroup;
use ark_ff::UniformRand;
use zeroize::Zeroizing;
use zkflow_bn254::Kernel;
use zkflow_bn254::points::products;

use crate::format::zkey::KeyHead;
use crate::proof::{Proof, VerifyingKey};
use crate::rng::SecureRng;

/// The factors r and s that blind a proof. Zeroised on drop, never printed.
pub struct Factors {
    r: Zeroizing<Fr>,
    s: Zeroizing<Fr>,
}

impl Factors {
    /// Draws r, then s.
    pub fn random(rng: &mut dyn SecureRng) -> Self {
        let mut random = || Zeroizing::new(Fr::rand(rng));
        Self { r: random(), s: random() }
    }
}

impl fmt::Debug for Factors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Factors")
    }
}

/// The sums over the points of a key, for one witness.
#[derive(Debug, Clone, Copy)]
pub struct Sums {
    /// `sum w_i a_i`.
    pub a: G1Projective,
    /// `sum w_i b_i` in G1.
    pub b1: G1Projective,
    /// `sum w_i b_i` in G2.
    pub b2: G2Projective,
    /// `sum over private wires w_i c_i + sum h_j H_j`.
    pub c: G1Projective,
}

/// `r delta`, `s delta` and `- r s delta` in G1, `s delta` in G2: the part of a proof that does not depend on the
/// witness.
#[derive(Debug)]
pub struct Multiples {
    in_g1: [G1Affine; 3],
    in_g2: G2Affine,
}

/// Assembles proofs of one key.
#[derive(Debug, Clone, Copy)]
pub struct Assembly<'a> {
    /// Instructions used for the computation.
    pub kernel: Kernel,
    /// The verification key.
    pub vk: &'a VerifyingKey,
    /// beta in G1.
    pub beta_g1: G1Affine,
    /// delta in G1.
    pub delta_g1: G1Affine,
}

impl<'a> Assembly<'a> {
    /// Assembles proofs of the key with this head.
    pub fn of(head: &'a KeyHead, kernel: Kernel) -> Self {
        Self { kernel, vk: &head.vk, beta_g1: head.beta_g1, delta_g1: head.delta_g1 }
    }

    /// The multiples of delta.
    pub fn multiples(&self, Factors { r, s }: &Factors) -> Multiples {
        let factors = Zeroizing::new([**r, **s, -(**r * **s)]);
        let in_g1 = products(self.kernel, &[self.delta_g1; 3], &*factors);
        let in_g2 = products(self.kernel, &[self.vk.delta_g2], &factors[1..2]);
        Multiples { in_g1: [in_g1[0], in_g1[1], in_g1[2]], in_g2: in_g2[0] }
    }

    /// The proof of [Groth16](https://eprint.iacr.org/2016/260), section 3.2, blinded with r and s:
    ///
    /// ```text
    /// A = alpha + sum w_i a_i + r delta
    /// B = beta  + sum w_i b_i + s delta
    /// C = sum over private wires w_i c_i + sum h_j H_j + s A + r B - r s delta
    /// ```
    ///
    /// B is in G2 in the proof; the sum in G1 is for C. `multiples` are those of the same factors.
    pub fn proof(&self, sums: &Sums, multiples: &Multiples, Factors { r, s }: &Factors) -> Proof {
        let [r_delta, s_delta, minus_rs_delta] = multiples.in_g1;
        let a = sums.a + self.vk.alpha_g1 + r_delta;
        let b1 = sums.b1 + self.beta_g1 + s_delta;
        let b2 = sums.b2 + self.vk.beta_g2 + multiples.in_g2;
        let affine = G1Projective::normalize_batch(&[a, b1]);
        let blinded = products(self.kernel, &affine, &*Zeroizing::new([**s, **r]));
        let c = sums.c + blinded[0] + blinded[1] + minus_rs_delta;
        Proof { a: affine[0], b: b2.into_affine(), c: c.into_affine() }
    }
}
