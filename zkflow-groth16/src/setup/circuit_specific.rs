//! A key made by one process, which draws the secrets and erases them.

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, UniformRand, Zero};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::SetupError;
use super::qap::{self, Evaluations};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{KeyHead, ZKey};
use crate::proof::VerifyingKey;
use crate::rng::SecureRng;

/// Makes a Groth16 key for one circuit ([Groth16], section 3.2). tau, alpha, beta, gamma and delta come from
/// `rng`, so the provenance is [`Development`](crate::provenance::Provenance::Development).
///
/// # Behaviour
/// - The generators are the usual ones of BN254, as in a key of snarkjs. gamma is random, as in the paper; a
///   ceremony key of snarkjs has gamma = 1. Tools accept both.
/// - There is no phase 1, so the circuit hash is 64 zero bytes and there are no contributions. The file is
///   usable for proofs and exports, but `zkey verify` has nothing to check it against.
/// - The secrets and all values derived from them are zeroised. Anyone with the state of `rng` can
///   forge proofs.
/// - Takes some seconds for 60 000 wires on two cores.
///
/// # Errors
/// The circuit is too large, or its constraints refer to wires that do not exist.
///
/// [Groth16]: https://eprint.iacr.org/2016/260
pub fn circuit_specific(r1cs: &R1cs, rng: &mut dyn SecureRng) -> Result<ZKey, SetupError> {
    let domain_size = check(r1cs)?;
    let secrets = Secrets::draw(rng);
    let evaluations = loop {
        let tau = Zeroizing::new(Fr::rand(rng));
        if let Some(evaluations) = Evaluations::at(r1cs, domain_size, &tau) {
            break evaluations;
        }
    };
    Ok(key(r1cs, domain_size, &secrets, &evaluations))
}

/// Checks the system for consistency; returns the size of its domain.
pub(super) fn check(r1cs: &R1cs) -> Result<u32, SetupError> {
    let public = u64::from(r1cs.n_outputs) + u64::from(r1cs.n_public_inputs);
    let wires = r1cs.n_wires;
    if u64::from(wires) <= public {
        return Err(SetupError::TooFewWires { wires, public });
    }
    for (constraint, row) in r1cs.constraints.iter().enumerate() {
        for &(wire, _) in row.a.iter().chain(&row.b).chain(&row.c) {
            if wire >= wires {
                return Err(SetupError::UnknownWire { constraint, wire, wires });
            }
        }
    }
    qap::checked_domain_size(r1cs.constraints.len() as u64, public)
}

/// The trapdoor without tau. No value is zero, so gamma and delta have inverses.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Secrets {
    alpha: Fr,
    beta: Fr,
    gamma: Fr,
    delta: Fr,
    gamma_inverse: Fr,
    delta_inverse: Fr,
}

impl Secrets {
    fn draw(rng: &mut dyn SecureRng) -> Self {
        let mut draw = || loop {
            let value = Fr::rand(rng);
            if !value.is_zero() {
                break value;
            }
        };
        let (alpha, beta, gamma, delta) = (draw(), draw(), draw(), draw());
        let inverse = |value: Fr| value.inverse().expect("the value is not zero");
        Self { alpha, beta, gamma, delta, gamma_inverse: inverse(gamma), delta_inverse: inverse(delta) }
    }
}

fn key(r1cs: &R1cs, domain_size: u32, secrets: &Secrets, at_tau: &Evaluations) -> ZKey {
    let n_public = r1cs.n_public();
    let Evaluations { a, b, c, odd_lagrange } = at_tau;

    // (beta a_i + alpha b_i + c_i)(tau), divided by gamma for public wires and by delta for the others.
    let n_bound = n_public as usize + 1;
    let combined: Zeroizing<Vec<Fr>> = Zeroizing::new(
        (0..a.len())
            .into_par_iter()
            .map(|i| {
                let divisor = if i < n_bound { secrets.gamma_inverse } else { secrets.delta_inverse };
                (secrets.beta * a[i] + secrets.alpha * b[i] + c[i]) * divisor
            })
            .collect(),
    );
    let quotient: Zeroizing<Vec<Fr>> =
        Zeroizing::new(odd_lagrange.par_iter().map(|value| secrets.delta_inverse * value).collect());

    let g1_generator = G1Projective::from(G1Affine::generator());
    let g2_generator = G2Projective::from(G2Affine::generator());
    let in_g1 = BatchMulPreprocessing::new(g1_generator, 2 * a.len() + quotient.len());
    let (ic, c_points) = combined.split_at(n_bound);
    let g1 = |scalar: &Fr| (g1_generator * scalar).into_affine();
    let g2 = |scalar: &Fr| (g2_generator * scalar).into_affine();
    let head = KeyHead {
        n_vars: r1cs.n_wires,
        n_public,
        domain_size,
        vk: VerifyingKey {
            alpha_g1: g1(&secrets.alpha),
            beta_g2: g2(&secrets.beta),
            gamma_g2: g2(&secrets.gamma),
            delta_g2: g2(&secrets.delta),
            ic: in_g1.batch_mul(ic),
        },
        beta_g1: g1(&secrets.beta),
        delta_g1: g1(&secrets.delta),
        circuit_hash: [0; 64],
        contributions: Vec::new(),
    };
    ZKey {
        head,
        coefficients: qap::coefficients(r1cs).collect(),
        a: in_g1.batch_mul(a),
        b1: in_g1.batch_mul(b),
        b2: BatchMulPreprocessing::new(g2_generator, b.len()).batch_mul(b),
        c: in_g1.batch_mul(c_points),
        h: in_g1.batch_mul(&quotient),
    }
}
