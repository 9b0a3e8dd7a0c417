//! Judges powers of tau by their contributions: which parties could have the secrets.

use std::io::{Read, Seek};

use ark_bn254::Fr;
use rayon::prelude::*;

use super::super::beacon::Replay;
use super::super::ceremony::CeremonyError;
use super::super::gate::known::Known;
use super::super::gate::{self, Contributor};
use super::super::phase2::Unreplayed;
use super::super::verdict::{Check, Verdict, Weakness};
use super::chain::check_contributions;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, ContributionKind, ParameterKey, Ptau, PtauContribution, TAU_G1,
    TAU_G2,
};
use crate::provenance::Provenance;

/// Judges powers of tau by their contributions, in less than a second.
///
/// # Behaviour
/// - Checks every contribution, and that tau, alpha and beta of the file are the result of the last one.
/// - Does not check the other points: use [`verify`](super::verify()).
/// - At least one contribution must be secret: not from a beacon, and not a known number. Contributions with the
///   [development name](super::super::development_name) make powers for development.
/// - A file with more contributions than [`MOST`] is not judged, and beacons of many hashes are not computed again.
///
/// # Errors
/// The file cannot be read.
pub fn judge<R: Read + Seek>(ptau: &mut Ptau<R>) -> Result<Verdict, CeremonyError> {
    match ptau.contributions().len() {
        count if count > MOST => Ok(Verdict::new(Err(Weakness::TooMany(count)), &CHECKS)),
        _ => judge_within(ptau, &mut Replay::up_to(QUICK), Unreplayed::Accept),
    }
}

/// Largest number of contributions that [`judge`] checks.
pub const MOST: usize = 80;

/// Exponent of the largest beacon that [`judge`] computes again.
const QUICK: u8 = 21;

/// Judges any number of contributions, with beacons within the limits of `replay`.
///
/// # Errors
/// [`CeremonyError::Invalid`] if a contribution is invalid, or the file does not continue it; the file cannot be read.
pub(in super::super) fn judge_fully<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    replay: &mut Replay,
) -> Result<Verdict, CeremonyError> {
    let verdict = judge_within(ptau, replay, Unreplayed::Refuse)?;
    match verdict.weakness() {
        Some(invalid @ (Weakness::Contribution(_) | Weakness::Inconsistent(_))) => {
            Err(invalid.clone().into())
        }
        _ => Ok(verdict),
    }
}

const CHECKS: [Check; 3] = [Check::Contributions, Check::Parameters, Check::NotKnown];

fn judge_within<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    replay: &mut Replay,
    unreplayed: Unreplayed,
) -> Result<Verdict, CeremonyError> {
    let Some(last) = ptau.contributions().last().cloned() else {
        return Ok(Verdict::new(Err(Weakness::NoContribution), &CHECKS));
    };
    let equal = [
        (ptau.points(TAU_G1, 1, 1)?[0] == last.tau_g1, "tau in G1 does not match the last contribution"),
        (ptau.points(TAU_G2, 1, 1)?[0] == last.tau_g2, "tau in G2 does not match the last contribution"),
        (ptau.points(ALPHA_TAU_G1, 0, 1)?[0] == last.alpha_g1, "alpha does not match the last contribution"),
        (
            ptau.points(BETA_TAU_G1, 0, 1)?[0] == last.beta_g1,
            "beta in G1 does not match the last contribution",
        ),
        (ptau.points(BETA_G2, 0, 1)?[0] == last.beta_g2, "beta in G2 does not match the last contribution"),
    ];
    let finding = match equal.into_iter().find(|(equal, _)| !equal) {
        Some((_, what)) => Err(Weakness::Inconsistent(what)),
        None => finding(ptau.contributions(), &last, ptau.ceremony_power(), replay, unreplayed),
    };
    Ok(Verdict::new(finding, &CHECKS))
}

fn finding(
    contributions: &[PtauContribution],
    last: &PtauContribution,
    ceremony_power: u32,
    replay: &mut Replay,
    unreplayed: Unreplayed,
) -> Result<Provenance, Weakness> {
    check_contributions(contributions, ceremony_power, replay, unreplayed).map_err(Weakness::Contribution)?;
    let beacons = contributions.iter().filter_map(|one| gate::beacon_of(&one.kind));
    let known = Known::with_beacons(&beacon_numbers(beacons, replay));
    let public: Vec<bool> = contributions.par_iter().map(|one| is_public(one, &known)).collect();
    let contributors = contributions.iter().zip(public).map(|(one, public)| Contributor {
        public,
        development: gate::is_development(one.name.as_ref()),
        key: one.key.points().0.to_vec(),
    });
    let provenance = gate::provenance(contributors)?;
    let g1 = [("tau", last.tau_g1), ("alpha", last.alpha_g1), ("beta", last.beta_g1)]
        .map(|(name, point)| (name.to_owned(), point));
    gate::check_parameters(&g1, &[("tau", last.tau_g2), ("beta", last.beta_g2)], &Known::with_beacons(&[]))?;
    Ok(provenance)
}

/// Whether anyone can compute one of the secrets of a contribution.
fn is_public(contribution: &PtauContribution, known: &Known) -> bool {
    let key = &contribution.key;
    let number = |ParameterKey { g1_s, g1_sx, .. }| known.ratio(g1_s, g1_sx);
    contribution.kind != ContributionKind::Secret
        || [key.tau, key.alpha, key.beta].into_iter().any(|key| number(key).is_some())
}

/// tau, alpha and beta of public beacons.
fn beacon_numbers(beacons: impl Iterator<Item = super::super::Beacon>, replay: &mut Replay) -> Vec<Fr> {
    let streams = gate::beacon_streams(beacons, replay);
    streams.into_iter().flat_map(|mut stream| [(); 3].map(|()| stream.scalar())).collect()
}
