//! Judges powers of tau by their contributions: which parties could have the secrets.

use std::io::{Read, Seek};

use ark_bn254::{Fr, G1Affine};
use rayon::prelude::*;

use super::super::beacon::Replay;
use super::super::ceremony::CeremonyError;
use super::super::coincidence;
use super::super::gate::known::Known;
use super::super::gate::search::Search;
use super::super::gate::{self, Contributor, Step};
use super::super::step::StepOptions;
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
        count if count > MOST => Ok(Verdict::new(Err(Weakness::TooMany { count, limit: MOST }), &CHECKS)),
        _ => judge_within(ptau, &mut Replay::quick()),
    }
}

/// Largest number of contributions that [`judge`] checks.
pub const MOST: usize = 80;

/// Like [`judge`], with any number of contributions, and with beacons up to the exponent of `options`.
///
/// # Errors
/// [`CeremonyError::Invalid`] if a contribution is invalid, or the file does not continue it; the file cannot be read.
pub fn judge_all<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    options: StepOptions<'_>,
) -> Result<Verdict, CeremonyError> {
    judge_fully(ptau, &mut options.replay())
}

/// Like [`judge_all`], with beacons within the limits of `replay`.
///
/// # Errors
/// [`CeremonyError::Invalid`] if a contribution is invalid, or the file does not continue it; the file cannot be read.
pub(in super::super) fn judge_fully<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    replay: &mut Replay,
) -> Result<Verdict, CeremonyError> {
    let verdict = judge_within(ptau, replay)?;
    match verdict.weakness() {
        Some(invalid @ (Weakness::Contribution(_) | Weakness::Inconsistent(_))) => {
            Err(invalid.clone().into())
        }
        _ => Ok(verdict),
    }
}

const CHECKS: [Check; 4] = [Check::Contributions, Check::Parameters, Check::NotKnown, Check::Independent];

fn judge_within<R: Read + Seek>(ptau: &mut Ptau<R>, replay: &mut Replay) -> Result<Verdict, CeremonyError> {
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
        None => finding(ptau.contributions(), &last, ptau.ceremony_power(), replay),
    };
    let found = coincidence::in_powers(ptau, &last, FEW_POWERS)?;
    Ok(Verdict::new(finding, &CHECKS).weakened(found))
}

/// Powers of each section that are compared with the parameters without the full verification.
const FEW_POWERS: u64 = 4096;

fn finding(
    contributions: &[PtauContribution],
    last: &PtauContribution,
    ceremony_power: u32,
    replay: &mut Replay,
) -> Result<Provenance, Weakness> {
    check_contributions(contributions, ceremony_power, replay).map_err(Weakness::Contribution)?;
    let beacons = contributions.iter().filter_map(|one| gate::beacon_of(&one.kind));
    let of_beacons = beacon_numbers(beacons, replay);
    let known = Known::with_beacons(&of_beacons);
    let numbers: Vec<[Option<Fr>; 3]> = contributions.par_iter().map(|one| numbers(one, &known)).collect();
    let contributors = contributions.iter().zip(&numbers).map(|(one, numbers)| Contributor {
        // A contribution with one known secret counts as public.
        public: one.kind != ContributionKind::Secret || numbers.iter().any(Option::is_some),
        development: gate::is_development(one.name.as_ref()),
        key: one.key.points().0.to_vec(),
    });
    let provenance = gate::provenance(contributors)?;
    let g1 = [("tau", last.tau_g1), ("alpha", last.alpha_g1), ("beta", last.beta_g1)]
        .map(|(name, point)| (name.to_owned(), point));
    gate::check_parameters(&g1, &[("tau", last.tau_g2), ("beta", last.beta_g2)])?;
    let steps = |place: usize, after: fn(&PtauContribution) -> G1Affine| {
        let steps = contributions.iter().zip(&numbers).map(|(one, numbers)| Step {
            after: after(one),
            number: numbers[place],
            is_beacon: one.kind != ContributionKind::Secret,
        });
        steps.collect()
    };
    let parameters = [
        ("tau", steps(0, |one| one.tau_g1)),
        ("alpha", steps(1, |one| one.alpha_g1)),
        ("beta", steps(2, |one| one.beta_g1)),
    ];
    gate::check_secrets(&parameters, &[], &Search::new(&of_beacons))?;
    Ok(provenance)
}

/// tau, alpha and beta of a contribution; `None` if they are secret.
fn numbers(contribution: &PtauContribution, known: &Known) -> [Option<Fr>; 3] {
    let key = &contribution.key;
    [key.tau, key.alpha, key.beta].map(|ParameterKey { g1_s, g1_sx, .. }| known.ratio(g1_s, g1_sx))
}

/// tau, alpha and beta of public beacons.
fn beacon_numbers(beacons: impl Iterator<Item = super::super::Beacon>, replay: &mut Replay) -> Vec<Fr> {
    let streams = gate::beacon_streams(beacons, replay);
    streams.into_iter().flat_map(|mut stream| [(); 3].map(|()| stream.scalar())).collect()
}
