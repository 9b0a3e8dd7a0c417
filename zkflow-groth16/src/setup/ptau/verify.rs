//! Verifies powers of tau against their contributions.

use std::io::{Read, Seek};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Zero;
use zkflow_bn254::points::Curve;

use super::super::ceremony::CeremonyError;
use super::super::coincidence;
use super::super::ratio::{combine, random_challenge, random_factors, same_ratio, scalars};
use super::super::step::{Meter, StepOptions};
use super::super::transcript::CeremonyPoint;
use super::super::verdict::{Check as Checked, Verdict};
use super::challenge::challenge_of;
use super::judge::judge_fully;
use super::lagrange::{point_factors, power_factors};
use super::{bytes_of_powers, pieces, response_hash};
use crate::format::encoding::FilePoint;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_TAU_G1, LAGRANGE_ALPHA_TAU_G1, LAGRANGE_BETA_TAU_G1, LAGRANGE_TAU_G1, LAGRANGE_TAU_G2,
    Ptau, PtauContribution, Section, TAU_G1, TAU_G2,
};
use crate::rng::SecureRng;

/// Checks powers of tau from the first contribution to the Lagrange forms.
///
/// # Behaviour
/// - Every contribution: its proofs of knowledge, and that it follows the previous one. Beacons are
///   replayed.
/// - All points: compared with the last contribution, by random linear combinations of 128 bits from `rng`.
///   The subgroup of every point of G2 is checked.
/// - The hash of the powers: compared with the last contribution's next challenge, unless the file is
///   truncated.
/// - The Lagrange forms, if present.
///
/// Returns which parties could have the secrets. Valid powers of tau can be forgeable, for example if a beacon is the
/// only contribution.
///
/// Two things cannot be checked:
/// - Whether a contributor destroyed the secret; one honest contributor is enough.
/// - The response hashes before the last one, because their points are gone. Their contributors must compare
///   them.
///
/// # Errors
/// [`CeremonyError::Invalid`] contains the first problem; [`CeremonyError::Read`].
pub fn verify<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<Verdict, CeremonyError> {
    let verdict = judge_fully(ptau, &mut options.replay())?;
    let Some(last) = ptau.contributions().last().cloned() else {
        return Err(CeremonyError::invalid("there is no contribution: tau = 1 is public"));
    };
    let meter = options.meter(bytes_of_points(ptau));
    let check = &mut Check { ptau, rng, meter };
    check_powers(check, &last)?;
    if check.ptau.power() == check.ptau.ceremony_power() {
        let hash = challenge_of(check.ptau, &response_hash(&last)?)?;
        demand_that(hash == last.next_challenge, "the next challenge", "is not the hash of the powers")?;
    }
    if check.ptau.is_prepared() {
        check_lagrange_tau_g1(check, last.tau_g2)?;
        for (name, powers, lagrange_form) in [
            ("alpha tau in G1", ALPHA_TAU_G1, LAGRANGE_ALPHA_TAU_G1),
            ("beta tau in G1", BETA_TAU_G1, LAGRANGE_BETA_TAU_G1),
        ] {
            let (difference, _) = compare_lagrange(check, powers, lagrange_form)?;
            demand_that(difference.is_zero(), name, WRONG_FORM)?;
        }
        let (difference, _) = compare_lagrange(check, TAU_G2, LAGRANGE_TAU_G2)?;
        demand_that(difference.is_zero(), "tau in G2", WRONG_FORM)?;
    }
    let found = coincidence::in_powers(check.ptau, &last, u64::MAX)?;
    Ok(verdict.and_checked([Checked::AllPoints]).weakened(found))
}

/// Number of bytes read from the file.
fn bytes_of_points<R>(ptau: &Ptau<R>) -> u64 {
    let power = ptau.power();
    let powers = bytes_of_powers(power);
    if !ptau.is_prepared() {
        return powers;
    }
    let forms = [LAGRANGE_TAU_G1, LAGRANGE_ALPHA_TAU_G1, LAGRANGE_BETA_TAU_G1];
    let forms = forms.iter().map(|one| one.count(power) * 64).sum::<u64>();
    powers + forms + LAGRANGE_TAU_G2.count(power) * 128
}

/// Checks the powers against the last contribution.
fn check_powers<R: Read + Seek>(
    check: &mut Check<'_, R>,
    last: &PtauContribution,
) -> Result<(), CeremonyError> {
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    for (name, section, start) in [
        ("tau in G1", TAU_G1, g1),
        ("alpha tau in G1", ALPHA_TAU_G1, last.alpha_g1),
        ("beta tau in G1", BETA_TAU_G1, last.beta_g1),
    ] {
        let (first, low, high) = adjacent(check, section)?;
        demand_that(first == start, name, "does not begin with the point of the contributions")?;
        demand_that(same_ratio(low, high, g2, last.tau_g2), name, "does not contain powers")?;
    }
    let name = "tau in G2";
    let (first, low, high) = adjacent(check, TAU_G2)?;
    demand_that(first == g2, name, "does not begin with the generator")?;
    demand_that(same_ratio(g1, last.tau_g1, low, high), name, "does not contain powers")?;
    Ok(())
}

/// The first point of a section, and two random combinations with the same factors: of all points but the
/// last, and of all but the first. Their ratio is the ratio of neighbouring points.
#[expect(clippy::type_complexity, reason = "three points")]
fn adjacent<R: Read + Seek, C: Curve>(
    check: &mut Check<'_, R>,
    section: Section<Affine<C>>,
) -> Result<(Affine<C>, Affine<C>, Affine<C>), CeremonyError>
where
    Affine<C>: CeremonyPoint,
{
    let (mut low, mut high) = (Projective::<C>::zero(), Projective::<C>::zero());
    let mut first_point = Affine::zero();
    // Neighbouring pieces overlap by one point.
    for (first, count) in pieces(section.count(check.ptau.power()) - 1) {
        let points = check.points(section, first, count + 1)?;
        if first == 0 {
            first_point = points[0];
        }
        let factors = random_factors(points.len() - 1, check.rng);
        low += combine(&points[..points.len() - 1], &factors);
        high += combine(&points[1..], &factors);
    }
    Ok((first_point, low.into_affine(), high.into_affine()))
}

/// A file being checked.
struct Check<'a, R> {
    ptau: &'a mut Ptau<R>,
    rng: &'a mut dyn SecureRng,
    meter: Meter<'a>,
}

impl<R: Read + Seek> Check<'_, R> {
    /// Reads points, and checks that points of G2 are in the group of order r.
    fn points<C: Curve>(
        &mut self,
        section: Section<Affine<C>>,
        first: u64,
        count: u64,
    ) -> Result<Vec<Affine<C>>, CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        let points = self.ptau.points(section, first, count)?;
        demand_that(Affine::all_in_group(&points), "a point of G2", "is outside the group of order r")?;
        self.meter.add(count * Affine::<C>::LEN as u64);
        Ok(points)
    }
}

/// The largest domain of section 12 has one point more than section 2 has powers. In a truncated file the
/// missing power existed, and a pairing finds it; otherwise it counts as infinity.
fn check_lagrange_tau_g1<R: Read + Seek>(
    check: &mut Check<'_, R>,
    tau_g2: G2Affine,
) -> Result<(), CeremonyError> {
    let (difference, weight) = compare_lagrange(check, TAU_G1, LAGRANGE_TAU_G1)?;
    let ptau = &mut check.ptau;
    let holds = if ptau.power() == ptau.ceremony_power() {
        difference.is_zero()
    } else {
        let highest = ptau.points(TAU_G1, TAU_G1.count(ptau.power()) - 1, 1)?[0];
        let highest = (highest * weight).into_affine();
        same_ratio(highest, difference.into_affine(), G2Affine::generator(), tau_g2)
    };
    demand_that(holds, "tau in G1", WRONG_FORM)
}

/// Compares the Lagrange forms of all domains in one sum. Returns the difference, and the factor of the last
/// power of the largest domain.
fn compare_lagrange<R: Read + Seek, C: Curve>(
    check: &mut Check<'_, R>,
    powers: Section<Affine<C>>,
    lagrange_form: Section<Affine<C>>,
) -> Result<(Projective<C>, Fr), CeremonyError>
where
    Affine<C>: CeremonyPoint,
{
    let n_powers = powers.count(check.ptau.power());
    let largest = n_powers.next_power_of_two();
    let challenges: Vec<Fr> = (0..=largest.ilog2()).map(|_| random_challenge(check.rng)).collect();
    let mut difference = Projective::<C>::zero();
    for (level, challenge) in challenges.iter().enumerate() {
        let domain = 1u64 << level;
        for (first, count) in pieces(domain) {
            let points = check.points(lagrange_form, domain - 1 + first, count)?;
            difference += combine(&points, &scalars(&point_factors(challenge, first, count)));
        }
    }
    for (first, count) in pieces(n_powers) {
        let mut factors = vec![Fr::zero(); count as usize];
        for (level, challenge) in challenges.iter().enumerate() {
            let domain = 1u64 << level;
            let here = domain.saturating_sub(first).min(count);
            let of_level = power_factors(challenge, domain, first, here);
            factors.iter_mut().zip(of_level).for_each(|(sum, factor)| *sum += factor);
        }
        let points = check.ptau.points(powers, first, count)?;
        difference -= combine(&points, &scalars(&factors));
    }
    let last = challenges.last().expect("there is at least one level");
    Ok((difference, power_factors(last, largest, largest - 1, 1)[0]))
}

const WRONG_FORM: &str = "has a wrong Lagrange form";

fn demand_that(holds: bool, name: &str, what: &str) -> Result<(), CeremonyError> {
    if holds { Ok(()) } else { Err(CeremonyError::invalid(format!("{name} {what}"))) }
}
