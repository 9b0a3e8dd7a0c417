//! The chain of contributions to phase 1: whether each one proves knowledge of its secrets and follows the previous one.

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use rayon::prelude::*;

use super::super::beacon::{Beacon, Replay};
use super::super::ceremony::CeremonyError;
use super::super::ratio::same_ratio;
use super::challenge::first_challenge;
use super::key::{Parameter, Secrets, challenge_point};
use crate::digest::Hash;
use crate::format::ptau::{ContributionKind, ParameterKey, PtauContribution};

/// Checks every contribution of a ceremony of this power.
///
/// # Errors
/// The number of the first wrong contribution, and what is wrong.
pub(super) fn check_contributions(
    contributions: &[PtauContribution],
    ceremony_power: u32,
    replay: &mut Replay,
) -> Result<(), String> {
    let numbered = |number: usize, what| format!("contribution {}: {what}", number + 1);
    let first = State::first(ceremony_power);
    let states: Vec<State> = std::iter::once(first).chain(contributions.iter().map(State::after)).collect();
    let pairs = contributions.par_iter().zip(&states);
    let checked: Vec<_> = pairs.map(|(contribution, before)| check_secrets(before, contribution)).collect();
    // The first error by position.
    for (number, checked) in checked.into_iter().enumerate() {
        checked.map_err(|what| numbered(number, what))?;
    }
    for (number, (contribution, before)) in contributions.iter().zip(&states).enumerate() {
        check_beacon(before, contribution, replay).map_err(|what| numbered(number, what))?;
    }
    Ok(())
}

/// Checks the proofs of knowledge of a secret contribution that follows the earlier ones.
pub(super) fn check_next(
    earlier: &[PtauContribution],
    ceremony_power: u32,
    next: &PtauContribution,
) -> Result<(), CeremonyError> {
    let before = earlier.last().map_or_else(|| State::first(ceremony_power), State::after);
    check_secrets(&before, next).map_err(CeremonyError::Invalid)
}

/// The state before a contribution.
struct State {
    tau_g1: G1Affine,
    tau_g2: G2Affine,
    alpha_g1: G1Affine,
    beta_g1: G1Affine,
    beta_g2: G2Affine,
    challenge: Hash,
}

impl State {
    fn first(power: u32) -> Self {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        let challenge = first_challenge(power);
        Self { tau_g1: g1, tau_g2: g2, alpha_g1: g1, beta_g1: g1, beta_g2: g2, challenge }
    }

    fn after(contribution: &PtauContribution) -> Self {
        let &PtauContribution { tau_g1, tau_g2, alpha_g1, beta_g1, beta_g2, next_challenge, .. } =
            contribution;
        Self { tau_g1, tau_g2, alpha_g1, beta_g1, beta_g2, challenge: next_challenge }
    }
}

fn check_secrets(before: &State, after: &PtauContribution) -> Result<(), String> {
    let key = &after.key;
    let in_subgroup = |point: &G2Affine| point.is_in_correct_subgroup_assuming_on_curve();
    let (_, g2) = key.points();
    let all_in = g2.iter().chain([&after.tau_g2, &after.beta_g2]).all(in_subgroup);
    demand(all_in, "a point of G2 is outside the group of order r")?;

    let parameters = [
        ("tau", Parameter::Tau, key.tau, before.tau_g1, after.tau_g1),
        ("alpha", Parameter::Alpha, key.alpha, before.alpha_g1, after.alpha_g1),
        ("beta", Parameter::Beta, key.beta, before.beta_g1, after.beta_g1),
    ];
    for (name, parameter, ParameterKey { g1_s, g1_sx, g2_spx }, before_g1, after_g1) in parameters {
        let g2_sp = challenge_point(parameter, &before.challenge, g1_s, g1_sx);
        let knows = same_ratio(g1_s, g1_sx, g2_sp, g2_spx);
        demand(knows, format!("the key does not prove knowledge of the secret for {name}"))?;
        let follows = same_ratio(before_g1, after_g1, g2_sp, g2_spx);
        demand(follows, format!("{name} does not follow the previous contribution"))?;
    }
    let follows = same_ratio(key.tau.g1_s, key.tau.g1_sx, before.tau_g2, after.tau_g2);
    demand(follows, "tau in G2 does not follow the previous contribution")?;
    let follows = same_ratio(key.beta.g1_s, key.beta.g1_sx, before.beta_g2, after.beta_g2);
    demand(follows, "beta in G2 does not follow the previous contribution")
}

fn check_beacon(before: &State, contribution: &PtauContribution, replay: &mut Replay) -> Result<(), String> {
    let ContributionKind::Beacon { exponent, hash } = &contribution.kind else { return Ok(()) };
    let beacon = Beacon::new(hash.as_bytes(), *exponent).map_err(|error| error.to_string())?;
    let Some(mut stream) = replay.stream(&beacon).map_err(|error| error.to_string())? else { return Ok(()) };
    let (_, expected) = Secrets::draw(&mut stream, &before.challenge);
    demand(contribution.key == expected, "the key does not match the beacon")
}

fn demand(holds: bool, what: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}
