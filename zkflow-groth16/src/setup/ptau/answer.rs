//! Answers a challenge without the file of powers of tau that it came from; see [`exchange`](super::exchange).

use std::io::{Read, Seek, SeekFrom, Write};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::Affine;
use ark_ff::{Field, One};
use rayon::prelude::*;
use zkflow_bn254::points::{Curve, scale_by_powers};

use super::super::ceremony::CeremonyError;
use super::super::step::{Meter, StepOptions};
use super::super::stream::RandomStream;
use super::super::transcript::CeremonyPoint;
use super::key::Secrets;
use super::{bytes_of_powers, file_hash, pieces};
use crate::blake2b::Blake2b;
use crate::digest::Hash;
use crate::format::ReadError;
use crate::format::encoding::FilePoint;
use crate::format::ptau::{ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, MAX_POWER, Section, TAU_G1, TAU_G2};
use crate::rng::SecureRng;

/// Multiplies secrets into the powers of a challenge and writes the response; returns its hash, which the contributor
/// publishes.
///
/// # Behaviour
/// - The secrets are derived from 64 bytes of `rng` and from `text`. They are zeroised and never written.
/// - Before the secrets are drawn, every point of G2 is checked to be in the group of order r.
/// - A challenge does not contain the earlier contributions, so they are not checked:
///   [`import_response`](super::import_response()) and [`verify`](super::verify()) do that.
///
/// # Errors
/// [`CeremonyError::Invalid`] if the length is not that of a challenge, or a point is invalid; a file fails.
pub fn answer_challenge(
    challenge: impl Read + Seek,
    out: impl Write,
    text: &str,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<Hash, CeremonyError> {
    let mut challenge = Challenge::open(challenge)?;
    challenge.check_groups()?;
    let (secrets, key) = Secrets::draw(&mut RandomStream::of_secret(rng, text), &challenge.hash);
    let meter = options.meter(bytes_of_powers(challenge.power));
    let mut answer = Answer { out, hasher: Blake2b::new(), meter };
    answer.put(&challenge.hash)?;
    challenge.rewind()?;
    answer.section(&mut challenge, TAU_G1, &Fr::one(), &secrets.tau)?;
    answer.section(&mut challenge, TAU_G2, &Fr::one(), &secrets.tau)?;
    answer.section(&mut challenge, ALPHA_TAU_G1, &secrets.alpha, &secrets.tau)?;
    answer.section(&mut challenge, BETA_TAU_G1, &secrets.beta, &secrets.tau)?;
    answer.section(&mut challenge, BETA_G2, &secrets.beta, &secrets.tau)?;
    drop(secrets);
    let mut bytes = Vec::new();
    let (in_g1, in_g2) = key.points();
    in_g1.iter().for_each(|point| point.put_uncompressed(&mut bytes));
    in_g2.iter().for_each(|point| point.put_uncompressed(&mut bytes));
    answer.put(&bytes)?;
    answer.out.flush()?;
    Ok(answer.hasher.finish())
}

/// A challenge that is read section by section.
struct Challenge<R> {
    file: R,
    power: u32,
    /// Hash of the whole file.
    hash: Hash,
}

impl<R: Read + Seek> Challenge<R> {
    fn open(mut file: R) -> Result<Self, CeremonyError> {
        let length = file.seek(SeekFrom::End(0)).map_err(ReadError::Io)?;
        let power = (1..=MAX_POWER).find(|power| HASH + bytes_of_powers(*power) == length);
        let power = power.ok_or_else(|| {
            CeremonyError::invalid(format!(
                "no challenge has {length} bytes, for any power up to {MAX_POWER}"
            ))
        })?;
        file.rewind().map_err(ReadError::Io)?;
        let hash = file_hash(&mut file).map_err(ReadError::Io)?;
        Ok(Self { file, power, hash })
    }

    /// Goes to the first point.
    fn rewind(&mut self) -> Result<(), ReadError> {
        self.file.seek(SeekFrom::Start(HASH))?;
        Ok(())
    }

    fn check_groups(&mut self) -> Result<(), CeremonyError> {
        self.rewind()?;
        self.skip(TAU_G1)?;
        self.check_group(TAU_G2)?;
        self.skip(ALPHA_TAU_G1)?;
        self.skip(BETA_TAU_G1)?;
        self.check_group(BETA_G2)
    }

    fn skip(&mut self, section: Section<G1Affine>) -> Result<(), ReadError> {
        // Expect safety: a section is shorter than 2^40 bytes.
        let length =
            i64::try_from(section.count(self.power) * G1Affine::LEN as u64).expect("a short section");
        self.file.seek(SeekFrom::Current(length))?;
        Ok(())
    }

    fn check_group(&mut self, section: Section<G2Affine>) -> Result<(), CeremonyError> {
        for (_, count) in pieces(section.count(self.power)) {
            if !G2Affine::all_in_group(&self.points(section, count)?) {
                let id = section.id();
                return Err(CeremonyError::invalid(format!(
                    "a point of section {id} of the challenge is outside the group of order r"
                )));
            }
        }
        Ok(())
    }

    fn points<P: CeremonyPoint>(&mut self, section: Section<P>, count: u64) -> Result<Vec<P>, CeremonyError> {
        let mut bytes = vec![0; count as usize * P::LEN];
        self.file.read_exact(&mut bytes).map_err(ReadError::Io)?;
        let points: Option<Vec<P>> = bytes.par_chunks_exact(P::LEN).map(P::from_uncompressed).collect();
        points.ok_or_else(|| {
            let id = section.id();
            CeremonyError::invalid(format!("section {id} of the challenge contains an invalid point"))
        })
    }
}

/// Length of the hash before the points.
const HASH: u64 = size_of::<Hash>() as u64;

struct Answer<'a, W> {
    out: W,
    hasher: Blake2b,
    meter: Meter<'a>,
}

impl<W: Write> Answer<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), CeremonyError> {
        self.hasher.update(bytes);
        Ok(self.out.write_all(bytes)?)
    }

    /// Multiplies point `i` of a section by `first * step^i`.
    fn section<R: Read + Seek, C: Curve>(
        &mut self,
        challenge: &mut Challenge<R>,
        section: Section<Affine<C>>,
        first: &Fr,
        step: &Fr,
    ) -> Result<(), CeremonyError>
    where
        Affine<C>: CeremonyPoint,
    {
        for (start, count) in pieces(section.count(challenge.power)) {
            let points = challenge.points(section, count)?;
            let points = scale_by_powers(&points, &(*first * step.pow([start])), step);
            let mut bytes = Vec::with_capacity(points.len() * Affine::<C>::LEN / 2);
            points.iter().for_each(|point| point.put_compressed(&mut bytes));
            self.put(&bytes)?;
            self.meter.add(count * Affine::<C>::LEN as u64);
        }
        Ok(())
    }
}
