//! Phase 1: powers of tau, for any circuit up to a size.
//!
//! - [`create()`] makes powers of tau = 1.
//! - [`contribute()`] multiplies secrets in.
//! - [`beacon`] ends the ceremony.
//! - [`prepare()`] computes the Lagrange forms that [phase 2](super::phase2) needs.
//! - [`judge()`] shows which parties could have the secrets.
//! - [`verify()`] checks all of it.
//!
//! From the same file and the same randomness, snarkjs writes the same bytes.

use std::io::{Read, Seek, Write};

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;

use super::ceremony::CeremonyError;
use super::step::pieces;
use super::transcript::{CeremonyPoint, Transcript};
use crate::blake2b::Blake2b;
use crate::digest::Hash;
use crate::format::encoding::FilePoint;
use crate::format::ptau::{
    ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, Ptau, PtauContribution, PtauWriter, Section, TAU_G1, TAU_G2,
};

mod answer;
mod chain;
mod challenge;
mod contribute;
mod development;
mod exchange;
mod judge;
mod key;
mod lagrange;
mod prepare;
mod published;
mod truncate;
mod verify;

pub use answer::answer_challenge;
use challenge::first_challenge;
pub use contribute::{Contributed, beacon, contribute};
pub use development::development;
pub use exchange::{export_challenge, import_response};
pub(super) use judge::judge_fully;
pub use judge::{MOST, judge, judge_all};
pub use prepare::prepare;
pub use published::{Ceremony, file_hash, published};
pub use truncate::truncate;
pub use verify::verify;

/// Largest power of files made here: the odd Lagrange points need roots of unity of twice the domain's size,
/// and r - 1 is divisible by 2^28.
pub const MAX_POWER: u32 = 27;

/// Writes the start of a ceremony: powers of tau with tau = alpha = beta = 1. Returns the first challenge.
///
/// # Errors
/// [`CeremonyError::Power`] unless `power` is 1 to [`MAX_POWER`]; [`CeremonyError::Write`].
pub fn create(power: u32, out: impl Write) -> Result<Hash, CeremonyError> {
    if !(1..=MAX_POWER).contains(&power) {
        return Err(CeremonyError::Power { power, most: MAX_POWER });
    }
    let mut writer = PtauWriter::new(out, power, power, false)?;
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    repeat(&mut writer, TAU_G1, power, g1)?;
    repeat(&mut writer, TAU_G2, power, g2)?;
    repeat(&mut writer, ALPHA_TAU_G1, power, g1)?;
    repeat(&mut writer, BETA_TAU_G1, power, g1)?;
    repeat(&mut writer, BETA_G2, power, g2)?;
    writer.contributions(&[])?;
    writer.finish()?;
    Ok(first_challenge(power))
}

/// Hash of a contribution's response, which contributors publish.
///
/// # Errors
/// [`CeremonyError::Invalid`] if the hash state in the file is malformed.
pub fn response_hash(contribution: &PtauContribution) -> Result<Hash, CeremonyError> {
    let state = Blake2b::from_state(&contribution.response_state)
        .ok_or_else(|| CeremonyError::invalid("malformed BLAKE2b state of a response"))?;
    let mut transcript = Transcript::resume(state);
    put_public_key(&mut transcript, contribution);
    Ok(transcript.finish())
}

fn put_public_key(transcript: &mut Transcript, contribution: &PtauContribution) {
    let (g1, g2) = contribution.key.points();
    transcript.points(&g1);
    transcript.points(&g2);
}

fn repeat<P: CeremonyPoint>(
    writer: &mut PtauWriter<impl Write>,
    section: Section<P>,
    power: u32,
    point: P,
) -> Result<(), CeremonyError> {
    writer.begin(section)?;
    for (_, count) in pieces(section.count(power)) {
        writer.points(&vec![point; count as usize])?;
    }
    Ok(())
}

/// Copies powers and contributions, as far as they fit into the new file.
fn copy_powers<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    writer: &mut PtauWriter<impl Write>,
) -> Result<(), CeremonyError> {
    copy_points(ptau, writer)?;
    Ok(writer.contributions(ptau.contributions())?)
}

/// Copies powers, as far as they fit into the new file.
pub(super) fn copy_points<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    writer: &mut PtauWriter<impl Write>,
) -> Result<(), CeremonyError> {
    copy(ptau, writer, TAU_G1)?;
    copy(ptau, writer, TAU_G2)?;
    copy(ptau, writer, ALPHA_TAU_G1)?;
    copy(ptau, writer, BETA_TAU_G1)?;
    copy(ptau, writer, BETA_G2)
}

/// Copies the part of a section that fits into the new file.
fn copy<R: Read + Seek, P: CeremonyPoint>(
    ptau: &mut Ptau<R>,
    writer: &mut PtauWriter<impl Write>,
    section: Section<P>,
) -> Result<(), CeremonyError> {
    writer.begin(section)?;
    for (first, count) in pieces(section.count(writer.power())) {
        writer.points(&ptau.points(section, first, count)?)?;
    }
    Ok(())
}

/// Total length in bytes of the powers of a file.
fn bytes_of_powers(power: u32) -> u64 {
    let g1 = [TAU_G1, ALPHA_TAU_G1, BETA_TAU_G1].iter().map(|one| one.count(power)).sum::<u64>();
    g1 * G1Affine::LEN as u64 + (TAU_G2.count(power) + BETA_G2.count(power)) * G2Affine::LEN as u64
}

/// Prepared powers of tau with chosen secrets, for tests.
#[cfg(test)]
pub(super) fn with_secrets(
    power: u32,
    [tau, alpha, beta]: [ark_bn254::Fr; 3],
    name: Option<crate::format::ptau::ContributionName>,
) -> Vec<u8> {
    let secrets = key::Secrets { tau, alpha, beta };
    let stream = &mut super::stream::RandomStream::of_secret(&mut crate::rng::os_rng(), "");
    let public = secrets.prove(stream, &first_challenge(power));
    let (scratch, mut out) = (std::io::Cursor::new(Vec::new()), Vec::new());
    development::deal(power, scratch, &mut out, &secrets, public, name).expect("memory does not fail");
    out
}
