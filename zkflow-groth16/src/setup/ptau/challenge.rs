//! Challenges: the hashes that contributors answer.

use std::io::{Read, Seek};

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;

use super::super::ceremony::CeremonyError;
use super::super::transcript::{CeremonyPoint, Transcript};
use super::pieces;
use super::published::{FIRST_CHALLENGE, POWER};
use crate::blake2b::Blake2b;
use crate::digest::Hash;
use crate::format::ptau::{ALPHA_TAU_G1, BETA_G2, BETA_TAU_G1, Ptau, Section, TAU_G1, TAU_G2};

/// The challenge that the next contributor answers.
pub(super) fn challenge<R>(ptau: &Ptau<R>) -> Result<Hash, CeremonyError> {
    let (power, ceremony_power) = (ptau.power(), ptau.ceremony_power());
    if power != ceremony_power {
        return Err(CeremonyError::Truncated { power, ceremony_power });
    }
    Ok(match ptau.contributions().last() {
        Some(last) => last.next_challenge,
        None => first_challenge(power),
    })
}

/// Hash of the response's hash and all powers.
pub(super) fn challenge_of<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    response_hash: &Hash,
) -> Result<Hash, CeremonyError> {
    let mut transcript = Transcript::new();
    transcript.bytes(response_hash);
    put_section(&mut transcript, ptau, TAU_G1)?;
    put_section(&mut transcript, ptau, TAU_G2)?;
    put_section(&mut transcript, ptau, ALPHA_TAU_G1)?;
    put_section(&mut transcript, ptau, BETA_TAU_G1)?;
    put_section(&mut transcript, ptau, BETA_G2)?;
    Ok(transcript.finish())
}

fn put_section<R: Read + Seek, P: CeremonyPoint>(
    transcript: &mut Transcript,
    ptau: &mut Ptau<R>,
    section: Section<P>,
) -> Result<(), CeremonyError> {
    for (first, count) in pieces(section.count(ptau.power())) {
        transcript.points(&ptau.points(section, first, count)?);
    }
    Ok(())
}

/// The challenge of the first contributor: a hash over the hash of no bytes, then all powers of one.
pub(super) fn first_challenge(power: u32) -> Hash {
    if power == POWER {
        return FIRST_CHALLENGE;
    }
    hash_of_ones(power)
}

fn hash_of_ones(power: u32) -> Hash {
    let mut transcript = Transcript::new();
    transcript.bytes(&Blake2b::hash(b""));
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    put_repeated(&mut transcript, TAU_G1.count(power), g1);
    put_repeated(&mut transcript, TAU_G2.count(power), g2);
    put_repeated(&mut transcript, ALPHA_TAU_G1.count(power), g1);
    put_repeated(&mut transcript, BETA_TAU_G1.count(power), g1);
    put_repeated(&mut transcript, BETA_G2.count(power), g2);
    transcript.finish()
}

fn put_repeated<P: CeremonyPoint>(transcript: &mut Transcript, count: u64, point: P) {
    let mut bytes = Vec::new();
    point.put_uncompressed(&mut bytes);
    (0..count).for_each(|_| transcript.bytes(&bytes));
}
