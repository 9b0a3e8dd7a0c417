//! Verifies a key against its circuit, its powers of tau and its contributions.

use std::io::{Read, Seek};

use super::super::beacon::Replay;
use super::super::ceremony::CeremonyError;
use super::super::step::StepOptions;
use super::super::{check, qap};
use super::comparison::{Comparison, demand, passed_through_parameters};
use super::head::check_head;
use super::initial::{InitialKey, Maker};
use crate::format::ptau::Ptau;
use crate::format::r1cs::R1cs;
use crate::format::zkey::{KeyHead, ZKeyFile};
use crate::rng::SecureRng;

/// Checks a key against its circuit and powers of tau: computes the initial key again, then compares as
/// [`verify_from_initial`] does.
///
/// # Behaviour
/// - Does not verify the powers of tau, and accepts a key without contributions. For a verdict on both phases, use
///   [`Powers::verify_key`](super::super::Powers::verify_key).
/// - Memory contains the circuit, its matrices, and what `options` allow for points.
///
/// # Errors
/// [`CeremonyError::Invalid`] contains the first problem; those of [`create`](super::create()); the key's file fails.
pub fn verify<R: Read + Seek, K: Read + Seek>(
    r1cs: &R1cs,
    ptau: &mut Ptau<R>,
    key: &mut ZKeyFile<K>,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<(), CeremonyError> {
    verify_within(r1cs, ptau, key, rng, options, &mut options.replay())
}

/// Like [`verify`], with beacons within the limits of `replay`, which knows those that were computed.
pub(in super::super) fn verify_within<R: Read + Seek, K: Read + Seek>(
    r1cs: &R1cs,
    ptau: &mut Ptau<R>,
    key: &mut ZKeyFile<K>,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
    replay: &mut Replay,
) -> Result<(), CeremonyError> {
    compare(&mut Maker::new(r1cs, ptau, options)?, key, rng, replay)
}

/// Checks a key against the circuit's initial key, which the caller trusts.
///
/// # Behaviour
/// - Every contribution: its transcript, its proof of knowledge, and that it follows the previous one. Beacons are
///   replayed.
/// - Everything that contributions do not change: compared for equality. The circuit hash can have the form of snarkjs
///   before 0.7.
/// - The points divided by delta: compared by a random linear combination of 128 bits from `rng`. A key that passed
///   through [parameters](super::import_params()) of other programs lacks the last power of H, which no proof needs.
///
/// # Errors
/// [`CeremonyError::Invalid`] contains the first problem; a file fails.
pub fn verify_from_initial<I: Read + Seek, K: Read + Seek>(
    initial: &mut ZKeyFile<I>,
    key: &mut ZKeyFile<K>,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<(), CeremonyError> {
    compare(initial, key, rng, &mut options.replay())
}

fn compare<K: Read + Seek>(
    initial: &mut impl InitialKey,
    key: &mut ZKeyFile<K>,
    rng: &mut dyn SecureRng,
    replay: &mut Replay,
) -> Result<(), CeremonyError> {
    compare_heads(initial.head(), key.head())?;
    demand(initial.has_matrices_of(key)?, "the matrices")?;
    check_head(key.head(), replay)?;
    let delta_g2 = key.head().vk.delta_g2;

    let mut comparison = Comparison::new(key, rng);
    let circuit_hash = initial.points(&mut comparison)?;
    let (c, h) = comparison.finish();
    demand(circuit_hash.is(&key.head().circuit_hash), "the circuit hash")?;
    if !c.is_divided(delta_g2) {
        return Err(CeremonyError::invalid("C is not divided by delta"));
    }
    if !h.is_divided(delta_g2) && !passed_through_parameters(initial, key, delta_g2, rng)? {
        return Err(CeremonyError::invalid("H is not divided by delta"));
    }
    Ok(())
}

/// Checks that a key has the sizes and the matrices A and B of a circuit. This finds the key of another circuit without
/// powers of tau; it does not find wrong points, nor another matrix C. For these, see [`verify`].
///
/// # Errors
/// [`CeremonyError::Invalid`] if they differ; the circuit is invalid or too large; the key's file fails.
pub fn compare_circuit<K: Read + Seek>(r1cs: &R1cs, key: &mut ZKeyFile<K>) -> Result<(), CeremonyError> {
    let domain_size = check(r1cs)?;
    let head = key.head();
    for (equal, what) in [
        (head.n_vars == r1cs.n_wires, "the number of wires"),
        (head.n_public == r1cs.n_public(), "the number of public signals"),
        (head.domain_size == domain_size, "the number of rows"),
    ] {
        of_circuit(equal, what)?;
    }
    of_circuit(key.has_coefficients(qap::coefficients(r1cs))?, "the matrices")
}

fn of_circuit(equal: bool, what: &str) -> Result<(), CeremonyError> {
    if equal { Ok(()) } else { Err(CeremonyError::invalid(format!("{what} differs from the circuit's"))) }
}

/// Compares what contributions do not change.
pub(super) fn compare_heads(ours: &KeyHead, theirs: &KeyHead) -> Result<(), CeremonyError> {
    let sizes = |head: &KeyHead| [head.n_vars, head.n_public, head.domain_size];
    for (equal, what) in [
        (sizes(theirs) == sizes(ours), "the size"),
        (theirs.vk.alpha_g1 == ours.vk.alpha_g1, "alpha"),
        (theirs.beta_g1 == ours.beta_g1 && theirs.vk.beta_g2 == ours.vk.beta_g2, "beta"),
        (theirs.vk.gamma_g2 == ours.vk.gamma_g2, "gamma"),
        (theirs.vk.ic == ours.vk.ic, "IC"),
    ] {
        demand(equal, what)?;
    }
    Ok(())
}
