//! A contribution to phase 1, from a secret or a beacon.

use std::io::{Read, Seek, Write};

use ark_bn254::{Fr, G2Affine};
use ark_ec::short_weierstrass::Affine;
use ark_ff::{Field, One};
use zkflow_bn254::points::{Curve, scale_by_powers};

use super::super::beacon::Beacon;
use super::super::ceremony::CeremonyError;
use super::super::step::{Meter, StepOptions};
use super::super::stream::RandomStream;
use super::super::transcript::{CeremonyPoint, Transcript};
use super::chain::check_next;
use super::challenge::{challenge, challenge_of};
use super::judge::judge_fully;
use super::key::Secrets;
use super::{bytes_of_powers, pieces, put_public_key};
use crate::digest::Hash;
use crate::format::encoding::FilePoint;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, ContributionKind, ContributionName, Ptau, PtauContribution,
    PtauWriter, PublicKey, Section, TAU_G1, TAU_G2,
};
use crate::rng::SecureRng;

/// Result of a contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contributed {
    /// Hash of the response; the contributor publishes it.
    pub response_hash: Hash,
    /// The challenge for the next contributor.
    pub next_challenge: Hash,
}

/// Multiplies secrets into powers of tau and writes the result to `out`.
///
/// # Behaviour
/// - The secrets are derived from 64 bytes of `rng` and from `text`. They are zeroised and never written.
/// - Before the secrets are drawn, the contributions of the file are checked, and that every point of G2 is in the group
///   of order r. A point of a small order would publish a part of the secrets.
/// - The Lagrange forms of a prepared file are omitted, because they are no longer valid.
///
/// # Errors
/// [`CeremonyError::Truncated`]; [`CeremonyError::Invalid`] if the file is invalid; a file fails.
pub fn contribute<R: Read + Seek, W: Read + Write + Seek>(
    ptau: &mut Ptau<R>,
    out: W,
    name: Option<ContributionName>,
    text: &str,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<Contributed, CeremonyError> {
    check_received(ptau, options)?;
    apply(ptau, out, RandomStream::of_secret(rng, text), ContributionKind::Secret, name, options)
}

/// Multiplies the numbers of a public beacon in; the result does not depend on the caller.
///
/// # Errors
/// Those of [`contribute`].
pub fn beacon<R: Read + Seek, W: Read + Write + Seek>(
    ptau: &mut Ptau<R>,
    out: W,
    name: Option<ContributionName>,
    beacon: &Beacon,
    options: StepOptions<'_>,
) -> Result<Contributed, CeremonyError> {
    check_received(ptau, options)?;
    apply(ptau, out, beacon.stream(), beacon.kind(), name, options)
}

/// Checks a file from another contributor: its contributions, and that its points of G2 are in the group of order r.
fn check_received<R: Read + Seek>(ptau: &mut Ptau<R>, options: StepOptions<'_>) -> Result<(), CeremonyError> {
    judge_fully(ptau, &mut options.replay())?;
    for section in [TAU_G2, BETA_G2] {
        for (first, count) in pieces(section.count(ptau.power())) {
            if !G2Affine::all_in_group(&ptau.points(section, first, count)?) {
                return Err(CeremonyError::invalid(format!(
                    "a point of section {} is outside the group of order r",
                    section.id()
                )));
            }
        }
    }
    Ok(())
}

fn apply<R: Read + Seek, W: Read + Write + Seek>(
    ptau: &mut Ptau<R>,
    out: W,
    mut stream: RandomStream,
    kind: ContributionKind,
    name: Option<ContributionName>,
    options: StepOptions<'_>,
) -> Result<Contributed, CeremonyError> {
    let challenge = challenge(ptau)?;
    let (secrets, key) = Secrets::draw(&mut stream, &challenge);
    let power = ptau.power();
    let mut step = Step {
        ptau,
        writer: PtauWriter::new(out, power, power, false)?,
        response: Transcript::new(),
        meter: options.meter(bytes_of_powers(power)),
    };
    step.response.bytes(&challenge);
    step.section(TAU_G1, &Fr::one(), &secrets.tau)?;
    step.section(TAU_G2, &Fr::one(), &secrets.tau)?;
    step.section(ALPHA_TAU_G1, &secrets.alpha, &secrets.tau)?;
    step.section(BETA_TAU_G1, &secrets.beta, &secrets.tau)?;
    step.section(BETA_G2, &secrets.beta, &secrets.tau)?;
    drop(secrets);
    let Step { ptau, writer, response, .. } = step;
    conclude(writer, response, ptau.contributions(), key, kind, name)
}

/// Completes a file after its points: appends the new contribution to the earlier ones.
///
/// `response` is the hash of the response up to and including its points.
pub(super) fn conclude<W: Read + Write + Seek>(
    mut writer: PtauWriter<W>,
    mut response: Transcript,
    earlier: &[PtauContribution],
    key: PublicKey,
    kind: ContributionKind,
    name: Option<ContributionName>,
) -> Result<Contributed, CeremonyError> {
    // The next challenge begins with the hash of the response, so the written points are read again.
    let mut contributions = earlier.to_vec();
    writer.contributions(&contributions)?;
    writer.medium().flush()?;
    let power = writer.power();
    let mut written = Ptau::open(writer.medium())?;
    let mut contribution = PtauContribution {
        tau_g1: written.points(TAU_G1, 1, 1)?[0],
        tau_g2: written.points(TAU_G2, 1, 1)?[0],
        alpha_g1: written.points(ALPHA_TAU_G1, 0, 1)?[0],
        beta_g1: written.points(BETA_TAU_G1, 0, 1)?[0],
        beta_g2: written.points(BETA_G2, 0, 1)?[0],
        key,
        response_state: response.hasher().to_state(),
        next_challenge: [0; 64],
        kind,
        name,
    };
    if contribution.kind == ContributionKind::Secret {
        check_next(earlier, power, &contribution)?;
    }
    put_public_key(&mut response, &contribution);
    let response_hash = response.finish();
    let next_challenge = challenge_of(&mut written, &response_hash)?;
    contribution.next_challenge = next_challenge;
    contributions.push(contribution);
    writer.rewrite_contributions(&contributions)?;
    Ok(Contributed { response_hash, next_challenge })
}

/// State of a contribution while its sections are written.
struct Step<'a, R, W> {
    ptau: &'a mut Ptau<R>,
    writer: PtauWriter<W>,
    /// Hash of the challenge and of all new points in compressed form.
    response: Transcript,
    meter: Meter<'a>,
}

impl<R: Read + Seek, W: Read + Write + Seek> Step<'_, R, W> {
    /// Multiplies point `i` of a section by `first * step^i`.
    fn section<C: Curve>(
        &mut self,
        section: Section<Affine<C>>,
        first: &Fr,
        step: &Fr,
    ) -> Result<(), CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        self.writer.begin(section)?;
        for (start, count) in pieces(section.count(self.ptau.power())) {
            let points = self.ptau.points(section, start, count)?;
            let points = scale_by_powers(&points, &(*first * step.pow([start])), step);
            self.response.compressed(&points);
            self.writer.points(&points)?;
            self.meter.add(count * Affine::<C>::LEN as u64);
        }
        Ok(())
    }
}
