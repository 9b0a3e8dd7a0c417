//! Whether a key is the one of its circuit, its powers of tau and its contributions.

use std::io::{Read, Seek};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, FftField, Field, Zero};

use super::super::ceremony::{Beacon, CeremonyError, combine, combine_small, random_small, same_ratio};
use super::super::fourier;
use super::super::stream::RandomStream;
use super::super::transcript::Transcript;
use super::{create, put_public_key};
use crate::format::ptau::Ptau;
use crate::format::r1cs::R1cs;
use crate::format::zkey::{Contribution, ContributionKind, ZKey};
use crate::prove::SecureRng;

/// Checks a key against its circuit and powers of tau, by making the initial key again.
///
/// # Behaviour
/// Of the powers of tau nothing is checked: [`ptau::verify`](super::super::ptau::verify) does that. A key without
/// a contribution verifies; whether proofs for a key mean anything says [`gate`](super::super::gate).
///
/// # Errors
/// [`CeremonyError::Invalid`] says what is wrong first; those of [`create()`].
pub fn verify<R: Read + Seek>(
    r1cs: &R1cs,
    ptau: &mut Ptau<R>,
    key: &ZKey,
    rng: &mut dyn SecureRng,
) -> Result<(), CeremonyError> {
    verify_from_initial(&create(r1cs, ptau)?, key, rng)
}

/// Checks a key against the initial one of the circuit, which the caller trusts.
///
/// # Behaviour
/// - Every contribution's transcript and proof of knowledge, and that it follows the one before; beacons are
///   replayed.
/// - Everything that contributions leave alone is equal.
/// - The points divided by delta, by a random linear combination of 128 bits from `rng`; H may lack what
///   [other programs](super::import_params()) leave out.
///
/// # Errors
/// [`CeremonyError::Invalid`] says what is wrong first.
pub fn verify_from_initial(initial: &ZKey, key: &ZKey, rng: &mut dyn SecureRng) -> Result<(), CeremonyError> {
    let unlike = |what: &str| CeremonyError::invalid(format!("{what}: not that of the circuit"));
    let [theirs, ours] = [key, initial].map(|key| [key.n_vars, key.n_public, key.domain_size]);
    for (equal, what) in [
        (theirs == ours, "the size"),
        (key.circuit_hash == initial.circuit_hash, "the circuit hash"),
        (key.vk.alpha_g1 == initial.vk.alpha_g1, "alpha"),
        (key.beta_g1 == initial.beta_g1 && key.vk.beta_g2 == initial.vk.beta_g2, "beta"),
        (key.vk.gamma_g2 == initial.vk.gamma_g2, "gamma"),
        (key.vk.ic == initial.vk.ic, "IC"),
        (key.coefficients == initial.coefficients, "the matrices"),
        (key.a == initial.a, "A"),
        (key.b1 == initial.b1 && key.b2 == initial.b2, "B"),
        (key.c.len() == initial.c.len() && key.h.len() == initial.h.len(), "the number of points"),
    ] {
        if !equal {
            return Err(unlike(what));
        }
    }

    let delta = check_contributions(key)?;
    if delta != key.delta_g1 {
        return Err(CeremonyError::invalid("delta in G1 is not that of the last contribution"));
    }
    let delta_g2 = key.vk.delta_g2;
    if !in_subgroup(&delta_g2) || !same_ratio(G1Affine::generator(), delta, G2Affine::generator(), delta_g2) {
        return Err(CeremonyError::invalid("delta in G2 is another than in G1"));
    }
    if !are_divided(&initial.c, &key.c, delta_g2, rng) {
        return Err(CeremonyError::invalid("C is not divided by delta"));
    }
    if !are_divided(&initial.h, &key.h, delta_g2, rng) && !came_as_powers(&initial.h, &key.h, delta_g2, rng) {
        return Err(CeremonyError::invalid("H is not divided by delta"));
    }
    Ok(())
}

/// Whether each point is divided by delta, by a random combination.
fn are_divided(before: &[G1Affine], after: &[G1Affine], delta: G2Affine, rng: &mut dyn SecureRng) -> bool {
    let factors = random_small(before.len(), rng);
    let [before, after] = [before, after].map(|points| combine_small(points, &factors).into_affine());
    // Where all points are infinity, as for a circuit without private wires, there is no ratio.
    before.is_zero() && after.is_zero() || same_ratio(after, before, G2Affine::generator(), delta)
}

/// Whether H is divided by delta and passed through [parameters](super::export_params()) of other programs.
///
/// They hold H as multiples of powers of tau and leave out the last, which no quotient needs: a random
/// combination of the other powers is divided by delta, and the last is infinity.
fn came_as_powers(before: &[G1Affine], after: &[G1Affine], delta: G2Affine, rng: &mut dyn SecureRng) -> bool {
    let n = before.len();
    let Some(root) = Fr::get_root_of_unity(2 * n as u64) else { return false };
    // The factor of each Lagrange point when the power of number i has the factor c(i) (see `export_params`).
    let factors = |c: &mut dyn FnMut(usize) -> Fr| {
        let mut factors: Vec<Fr> = (0..n).map(|i| c(i) * root.pow([i as u64])).collect();
        fourier::forward(&mut factors);
        factors
    };
    let mut random = random_small(n - 1, rng).into_iter();
    let others = factors(&mut |_| random.next().map_or(Fr::ZERO, Fr::from));
    let last = factors(&mut |i| if i == n - 1 { Fr::ONE } else { Fr::ZERO });
    let [before, others] = [before, after].map(|points| combine(points, &others).into_affine());
    same_ratio(others, before, G2Affine::generator(), delta) && combine(after, &last).is_zero()
}

/// Checks the chain of contributions; returns the delta at its end.
pub(super) fn check_contributions(key: &ZKey) -> Result<G1Affine, CeremonyError> {
    let mut transcript = Transcript::new();
    transcript.bytes(&key.circuit_hash);
    let mut delta = G1Affine::generator();
    for (number, contribution) in (1..).zip(&key.contributions) {
        check(&transcript, delta, contribution)
            .map_err(|what| CeremonyError::invalid(format!("contribution {number}: {what}")))?;
        put_public_key(&mut transcript, contribution);
        delta = contribution.delta_after;
    }
    Ok(delta)
}

fn check(before: &Transcript, delta: G1Affine, contribution: &Contribution) -> Result<(), &'static str> {
    let Contribution { delta_after, g1_s, g1_sx, g2_spx, .. } = *contribution;
    let mut transcript = before.clone();
    transcript.points(&[g1_s, g1_sx]);
    if transcript.finish() != contribution.transcript {
        return Err("another transcript");
    }
    let g2_s = RandomStream::of_hash(&contribution.transcript).g2();
    if !in_subgroup(&g2_spx) || !same_ratio(g1_s, g1_sx, g2_s, g2_spx) {
        return Err("the key does not prove knowledge of the secret");
    }
    if !same_ratio(delta, delta_after, g2_s, g2_spx) {
        return Err("delta does not follow the contribution before");
    }
    if let ContributionKind::Beacon { exponent, hash } = &contribution.kind {
        let beacon = Beacon::new(hash.as_bytes(), *exponent).map_err(|_| "no such beacon is possible")?;
        let mut stream = beacon.stream();
        let secret = stream.scalar();
        let expected = stream.g1();
        if g1_s != expected || g1_sx != (expected * secret).into_affine() {
            return Err("the key is not that of the beacon");
        }
    }
    Ok(())
}

fn in_subgroup(point: &G2Affine) -> bool {
    point.is_in_correct_subgroup_assuming_on_curve()
}
