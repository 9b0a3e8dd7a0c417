//! The chain of contributions: what each one hashes, and whether each one follows the previous one.

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};

use super::super::beacon::Beacon;
use super::super::ceremony::CeremonyError;
use super::super::ratio::same_ratio;
use super::super::stream::RandomStream;
use super::super::transcript::Transcript;
use crate::digest::Hash;
use crate::format::zkey::{Contribution, ContributionKind, KeyHead};

/// Hash of a contribution; the contributor publishes it.
pub fn contribution_hash(contribution: &Contribution) -> Hash {
    let mut transcript = Transcript::new();
    put_public_key(&mut transcript, contribution);
    transcript.finish()
}

/// The transcript before the next contribution: the circuit hash and all contributions so far.
pub(super) fn transcript_of(head: &KeyHead) -> Transcript {
    let mut transcript = Transcript::new();
    transcript.bytes(&head.circuit_hash);
    head.contributions.iter().for_each(|contribution| put_public_key(&mut transcript, contribution));
    transcript
}

fn put_public_key(transcript: &mut Transcript, contribution: &Contribution) {
    transcript.points(&[contribution.delta_after, contribution.g1_s, contribution.g1_sx]);
    transcript.points(&[contribution.g2_spx]);
    transcript.bytes(&contribution.transcript);
}

/// Checks every contribution; returns delta in G1 after the last one.
///
/// # Errors
/// [`CeremonyError::Invalid`] contains the number of the first wrong contribution.
pub(super) fn check_contributions(head: &KeyHead) -> Result<G1Affine, CeremonyError> {
    let mut transcript = Transcript::new();
    transcript.bytes(&head.circuit_hash);
    let mut delta = G1Affine::generator();
    for (number, contribution) in (1..).zip(&head.contributions) {
        check(&transcript, delta, contribution)
            .map_err(|what| CeremonyError::invalid(format!("contribution {number}: {what}")))?;
        put_public_key(&mut transcript, contribution);
        delta = contribution.delta_after;
    }
    Ok(delta)
}

fn check(before: &Transcript, delta: G1Affine, contribution: &Contribution) -> Result<(), &'static str> {
    let Contribution { delta_after, g1_s, g1_sx, g2_spx, .. } = *contribution;
    let mut transcript = before.clone();
    transcript.points(&[g1_s, g1_sx]);
    if transcript.finish() != contribution.transcript {
        return Err("the transcript does not match");
    }
    let g2_s = RandomStream::of_hash(&contribution.transcript).g2();
    if !in_subgroup(&g2_spx) || !same_ratio(g1_s, g1_sx, g2_s, g2_spx) {
        return Err("the key does not prove knowledge of the secret");
    }
    if !same_ratio(delta, delta_after, g2_s, g2_spx) {
        return Err("delta does not follow the previous contribution");
    }
    if let ContributionKind::Beacon { exponent, hash } = &contribution.kind {
        let beacon = Beacon::new(hash.as_bytes(), *exponent)
            .map_err(|_| "the beacon's value or exponent is invalid")?;
        let mut stream = beacon.stream();
        let secret = stream.scalar();
        let expected = stream.g1();
        if g1_s != expected || g1_sx != (expected * secret).into_affine() {
            return Err("the key does not match the beacon");
        }
    }
    Ok(())
}

/// Whether a point, which is on its curve, is in the group of order r.
pub(super) fn in_subgroup(point: &G2Affine) -> bool {
    point.is_in_correct_subgroup_assuming_on_curve()
}
