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
    let known = power.checked_sub(LARGE).and_then(|place| FIRST_CHALLENGES.get(place as usize));
    known.and_then(|text| hex::decode(text).ok()?.try_into().ok()).unwrap_or_else(|| hash_of_ones(power))
}

/// Smallest power in [`FIRST_CHALLENGES`].
const LARGE: u32 = 20;

/// First challenges of the powers from [`LARGE`] to 27: hashes of 0.4 to 51 GB, which a file of any size can ask for.
#[rustfmt::skip]
const FIRST_CHALLENGES: [&str; 8] = [
    "3393605118d83c21a2a1763bec8ebf7a6076c7546b4bbf01e35e71faad0214cf18fa19b6053dfd1102454d05754b1b21873da78e0d5d66be1f74169de3963011",
    "d27e24afa6f9d22893b893924ab301023e558340a2f0fe360497061d7f91a659d6bcd23467668ad92f65fb2998da8690014a8341cc795253cec84fb87fe195b8",
    "5b4d52085c949b60ab5060c93196dc51b2dc629c4dcfc5d1fdb9466e3c6c052bd1f9bada6ee24a60c0474017b7c08f51fce83c75845fb489547aa9453e256cf6",
    "da01c213149ff5065924f3ade76df2ec6ae7bb941ab4ffe25e3e2d1ae9f0474faebb201bddef89d841692d71e10f3f7a3d0ffe5ce2b6162d8b692b95c28b4039",
    "adc423b1cd43ea5a40601c30364febdcdf4796f0ffc56c01e1f64019146e60f9c9b68c75f1e36e275c336acbee5632f69569c9f2267dfda4ad59dcb15b8f3e84",
    "661de6f41b1150ac7448085558e5ecdaae345272e662da9851b0ff3816901a2b2141722a38a35a314b41a53abba15f7198f30c57891111864081aa38d3012a5b",
    "5140c98bda53f8c1fc3a25d574c409d5de41561b585b4224ab5ed369a98f2e41389c39c83b47470701e52261fa199918666181be3855d33e2ef19377365b038b",
    "36bcd31f9d5ed309ded4a17ee8279e34eceec40b56be88e2fb604aebe2c714bafbf99218e7269f20ec3392bab9d45f5198b826c94bd3d3c2d780f46dfd65be67",
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "hashes 100 GB, which takes minutes"]
    fn known_first_challenges_are_the_hashes_of_their_powers() {
        for power in LARGE..POWER {
            let hash = hash_of_ones(power);
            println!("    \"{}\",", hex::encode(hash));
            assert_eq!(first_challenge(power), hash, "{power}");
        }
    }

    #[test]
    fn the_smallest_known_first_challenge_is_the_hash_of_its_powers() {
        assert_eq!(first_challenge(LARGE), hash_of_ones(LARGE));
    }
}
