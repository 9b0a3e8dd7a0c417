//! Verifies many proofs of one key at once.
//!
//! ```text
//! product over i of (e(A_i, B_i) e(L_i, -gamma) e(C_i, -delta) e(alpha, -beta))^(w_i) = 1
//! ```
//!
//! `L_i = IC_0 + sum s_ij IC_j`. The weights w_i move into the first arguments: n pairings `e(w_i A_i, B_i)`, three for
//! the sums over i, and one final exponentiation.
//!
//! # Soundness
//! - Every factor is in a group of prime order r: all points are on their curves, and every B_i is in the group of order
//!   r ([`Lines::new`]). Public signals are elements of the field.
//! - If the factor of proof j is not 1, then for any weights of the others at most one value of `w_j mod r` makes the
//!   product 1. A weight is one of 2^128 different values with equal probability, chosen after the proofs are fixed. So
//!   a batch with a bad proof passes with a probability of at most 2^-128.
//! - Weights come from the operating system, are new in every call, and never leave it. With weights known in advance,
//!   two bad proofs could cancel each other.

use ark_bn254::{Fq12, Fr, G1Affine, G1Projective, G2Affine, g1};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, One, Zero};
use rand::RngCore as _;
use rayon::prelude::*;
use zkflow_bn254::Kernel;
use zkflow_bn254::pairing::{Lines, final_exponentiation, miller_loops};

use super::{Verifier, VerifyError};
use crate::proof::{Proof, PublicSignals, SignalCountError};
use crate::rng::os_rng;

/// Pairings that one thread does at a time: they share the squarings of a loop, and their lines fit the cache.
const SHARE: usize = 16;

impl Verifier {
    /// Verifies many proofs of this key, with one result per proof, in order: each as [`verify`](Self::verify) returns
    /// it.
    ///
    /// # Behaviour
    /// - Verifies all proofs with one equation, weighted with random numbers of the operating system: `n + 3` pairings
    ///   and one final exponentiation. If the equation fails, or a point is malformed, verifies the proofs one by one.
    /// - A bad proof is accepted with a probability of at most 2^-128.
    ///
    /// Panics if the operating system provides no randomness.
    ///
    /// ```
    /// use zkflow_groth16::format::json;
    /// use zkflow_groth16::proof::PublicSignals;
    /// use zkflow_groth16::verify::Verifier;
    ///
    /// # std::env::set_current_dir("tests/data")?;
    /// let verifier = Verifier::new(json::read_vkey(&std::fs::read("tiny.vkey.json")?)?)?;
    /// let proof = json::read_proof(&std::fs::read("tiny.proof.json")?)?;
    /// let signals = json::read_public(&std::fs::read("tiny.public.json")?)?;
    /// let signals = PublicSignals::for_key(verifier.key(), signals)?;
    ///
    /// let mut wrong = signals.values().to_vec();
    /// wrong[0] += zkflow_groth16::field::Scalar::from(1u64);
    /// let wrong = PublicSignals::for_key(verifier.key(), wrong)?;
    /// let results = verifier.verify_batch(&[(signals, proof), (wrong, proof)]);
    /// assert_eq!(results, [Ok(true), Ok(false)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify_batch(&self, proofs: &[(PublicSignals, Proof)]) -> Vec<Result<bool, VerifyError>> {
        if let [(public, proof)] = proofs {
            return vec![self.verify(public, proof)];
        }
        if self.all_hold(proofs) {
            return vec![Ok(true); proofs.len()];
        }
        proofs.par_iter().map(|(public, proof)| self.verify(public, proof)).collect()
    }

    /// Whether all proofs are well-formed and valid.
    fn all_hold(&self, proofs: &[(PublicSignals, Proof)]) -> bool {
        let well_formed = |(public, Proof { a, c, .. }): &(PublicSignals, Proof)| {
            self.fits(public).is_ok() && a.is_on_curve() && c.is_on_curve()
        };
        let weights: Vec<Weight> = weights(proofs.len());
        let product = proofs.par_chunks(SHARE).zip(weights.par_chunks(SHARE)).map(|(proofs, weights)| {
            if proofs.iter().all(well_formed) { weighted_product(self.kernel, proofs, weights) } else { None }
        });
        let Some(product) = product.try_reduce(Fq12::one, |one, other| Some(one * other)) else {
            return false;
        };
        let rest = self.sums(proofs, &weights);
        final_exponentiation(self.kernel, &(product * rest)).is_zero()
    }

    /// Miller loops of `e(sum w_i L_i, -gamma) e(sum w_i C_i, -delta) e((sum w_i) alpha, -beta)`.
    fn sums(&self, proofs: &[(PublicSignals, Proof)], weights: &[Weight]) -> Fq12 {
        let mut scalars = vec![Fr::ZERO; self.key.ic.len()];
        for ((public, _), weight) in proofs.iter().zip(weights) {
            let weight = weight.value();
            scalars[0] += weight;
            for (sum, signal) in scalars[1..].iter_mut().zip(public.values()) {
                *sum += weight * signal;
            }
        }
        let alpha = self.key.alpha_g1 * scalars[0];
        let inputs = self.ic.sum(&scalars);
        let c = proofs.iter().map(|(_, proof)| proof.c);
        let points: Vec<G1Affine> = c.flat_map(|c| [c, g1::Config::endomorphism_affine(&c)]).collect();
        let halves: Vec<u64> = weights.iter().flat_map(|weight| [weight.low, weight.high]).collect();
        let c = G1Projective::msm_u64(&points, &halves);
        let points = G1Projective::normalize_batch(&[inputs, c, alpha]);
        let keys = [&self.minus_gamma, &self.minus_delta, &self.minus_beta];
        let pairs: Vec<(G1Affine, &Lines)> = points.into_iter().zip(keys).collect();
        miller_loops(self.kernel, &pairs)
    }

    /// Whether the number of signals is that of the key.
    pub(super) fn fits(&self, public: &PublicSignals) -> Result<(), SignalCountError> {
        let (expected, found) = (self.key.n_public(), public.values().len());
        if found == expected { Ok(()) } else { Err(SignalCountError { expected, found }) }
    }
}

/// Product of the Miller loops of `e(w_i A_i, B_i)`. `None` if a B is off its curve or outside the group of order r.
fn weighted_product(kernel: Kernel, proofs: &[(PublicSignals, Proof)], weights: &[Weight]) -> Option<Fq12> {
    let multiples = proofs.iter().zip(weights).map(|((_, proof), weight)| weight.times(&proof.a));
    let multiples = G1Projective::normalize_batch(&multiples.collect::<Vec<_>>());
    let points: Vec<G2Affine> = proofs.iter().map(|(_, proof)| proof.b).collect();
    let lines = Lines::of_all(kernel, &points)?;
    let pairs: Vec<(G1Affine, &Lines)> = multiples.into_iter().zip(&lines).collect();
    Some(miller_loops(kernel, &pairs))
}

/// A random weight `low + lambda high`. The endomorphism of G1 multiplies by lambda with one multiplication, so that
/// half the doublings suffice.
///
/// All 2^128 values are different: the shortest vector `(a, b)` with `a + lambda b = 0 mod r` is longer than 2^126.
struct Weight {
    low: u64,
    high: u64,
}

impl Weight {
    fn value(&self) -> Fr {
        Fr::from(self.low) + g1::Config::LAMBDA * Fr::from(self.high)
    }

    fn times(&self, point: &G1Affine) -> G1Projective {
        let image = g1::Config::endomorphism_affine(point);
        // 1 + lambda + lambda^2 = 0
        let both = -g1::Config::endomorphism_affine(&image);
        let mut sum = G1Projective::zero();
        for bit in (0..u64::BITS).rev() {
            sum.double_in_place();
            match (self.low >> bit & 1, self.high >> bit & 1) {
                (0, 0) => {}
                (_, 0) => sum += point,
                (0, _) => sum += image,
                _ => sum += both,
            }
        }
        sum
    }
}

fn weights(n: usize) -> Vec<Weight> {
    let mut rng = os_rng();
    (0..n).map(|_| Weight { low: rng.next_u64(), high: rng.next_u64() }).collect()
}

#[cfg(test)]
mod tests {
    use ark_ec::AffineRepr;
    use ark_ff::{BigInteger as _, PrimeField as _};

    use super::*;
    use crate::format::json;

    #[test]
    fn a_weight_multiplies_points_by_its_value() {
        let point = (G1Affine::generator() * Fr::from(7u64)).into_affine();
        let edges = [(0, 0), (1, 0), (0, 1), (1, 1), (u64::MAX, u64::MAX), (1 << 63, 1)];
        let edges = edges.map(|(low, high)| Weight { low, high });
        for weight in edges.into_iter().chain(weights(8)) {
            assert_eq!(weight.times(&point), point * weight.value(), "{} {}", weight.low, weight.high);
        }
        assert!(Weight { low: 3, high: 4 }.times(&G1Affine::zero()).is_zero());
    }

    /// The two vectors that arkworks lists are a basis of the lattice of `a + lambda b = 0 mod r`, and nearly
    /// orthogonal: both have a coordinate above 2^126, and the other is below 2^64.
    #[test]
    fn weights_are_all_different() {
        let rows = g1::Config::SCALAR_DECOMP_COEFFS;
        let sign = |(positive, value): (bool, <Fr as ark_ff::PrimeField>::BigInt)| {
            let value = Fr::from(value);
            if positive { value } else { -value }
        };
        for row in [&rows[..2], &rows[2..]] {
            assert!((sign(row[0]) + g1::Config::LAMBDA * sign(row[1])).is_zero(), "not in the lattice");
            let mut bits = [row[0].1.num_bits(), row[1].1.num_bits()];
            bits.sort_unstable();
            assert!(bits[0] <= 64 && bits[1] > 126, "{bits:?}");
        }
        // The determinant is r: the vectors are a basis.
        let determinant = [(0, 3), (1, 2)].map(|(i, j): (usize, usize)| {
            num_bigint::BigUint::from(rows[i].1) * num_bigint::BigUint::from(rows[j].1)
        });
        assert_eq!(&determinant[0] + &determinant[1], num_bigint::BigUint::from(Fr::MODULUS));
    }

    #[test]
    fn every_kernel_accepts_good_batches_and_no_others() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let key = json::read_vkey(&read("tiny.vkey.json")).unwrap();
        let proof = json::read_proof(&read("tiny.proof.json")).unwrap();
        let signals = json::read_public(&read("tiny.public.json")).unwrap();
        let good = (PublicSignals::for_key(&key, signals).unwrap(), proof);
        let mut outside = good.clone();
        outside.1.b = (0u64..)
            .find_map(|x| G2Affine::get_point_from_x_unchecked(x.into(), true))
            .filter(|point| !point.is_in_correct_subgroup_assuming_on_curve())
            .expect("a point of the twist");
        let mut other = good.clone();
        other.1.c = (-other.1.c.into_group()).into_affine();
        for kernel in Kernel::available() {
            let verifier = Verifier::with_kernel(key.clone(), kernel).unwrap();
            for n in [2, 3, SHARE, SHARE + 1, 2 * SHARE + 3] {
                let mut proofs = vec![good.clone(); n];
                assert!(verifier.all_hold(&proofs), "{n} proofs with {}", kernel.name());
                for (bad, place) in [(&outside, 0), (&outside, n - 1), (&other, 0), (&other, n - 1)] {
                    proofs[place] = bad.clone();
                    assert!(!verifier.all_hold(&proofs), "place {place} of {n} with {}", kernel.name());
                    proofs[place] = good.clone();
                }
            }
        }
    }

    #[test]
    fn no_two_calls_share_a_weight() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3 {
            for Weight { low, high } in weights(1000) {
                assert!(seen.insert((low, high)));
            }
        }
    }
}
