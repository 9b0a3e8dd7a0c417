//! The chain of contributions: what each one hashes, and whether each one follows the previous one.

use ark_bn254::G1Affine;
use ark_ec::{AffineRepr, CurveGroup};
use rayon::prelude::*;

use super::super::beacon::{Beacon, Replay};
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

/// Checks the contributions after the first `trusted` ones; returns delta in G1 after the last one.
///
/// # Errors
/// The number of the first wrong contribution, and what is wrong.
pub(in super::super) fn check_contributions(
    head: &KeyHead,
    trusted: usize,
    replay: &mut Replay,
) -> Result<G1Affine, String> {
    let mut transcript = Transcript::new();
    transcript.bytes(&head.circuit_hash);
    let mut delta = G1Affine::generator();
    let mut links = Vec::new();
    for contribution in &head.contributions {
        let mut before = transcript.clone();
        before.points(&[contribution.g1_s, contribution.g1_sx]);
        links.push(Link { contribution, delta, transcript: before.finish() });
        put_public_key(&mut transcript, contribution);
        delta = contribution.delta_after;
    }
    let numbered = |number: usize, what: &str| format!("contribution {}: {what}", number + 1);
    let checked: Vec<_> = links.par_iter().skip(trusted).map(Link::check).collect();
    // The first error by position.
    for (number, checked) in (trusted..).zip(checked) {
        checked.map_err(|what| numbered(number, what))?;
    }
    for (number, contribution) in head.contributions.iter().enumerate().skip(trusted) {
        check_beacon(contribution, replay).map_err(|what| numbered(number, &what))?;
    }
    Ok(delta)
}

/// A contribution with what it follows.
struct Link<'a> {
    contribution: &'a Contribution,
    /// delta before the contribution.
    delta: G1Affine,
    /// The transcript that the contribution must contain.
    transcript: Hash,
}

impl Link<'_> {
    fn check(&self) -> Result<(), &'static str> {
        let Contribution { delta_after, g1_s, g1_sx, g2_spx, .. } = *self.contribution;
        if self.transcript != self.contribution.transcript {
            return Err("the transcript does not match");
        }
        let g2_s = RandomStream::of_hash(&self.transcript).g2();
        if !g2_spx.is_in_correct_subgroup_assuming_on_curve() || !same_ratio(g1_s, g1_sx, g2_s, g2_spx) {
            return Err("the key does not prove knowledge of the secret");
        }
        if !same_ratio(self.delta, delta_after, g2_s, g2_spx) {
            return Err("delta does not follow the previous contribution");
        }
        Ok(())
    }
}

fn check_beacon(contribution: &Contribution, replay: &mut Replay) -> Result<(), String> {
    let ContributionKind::Beacon { exponent, hash } = &contribution.kind else { return Ok(()) };
    let beacon = Beacon::new(hash.as_bytes(), *exponent).map_err(|error| error.to_string())?;
    let Some(mut stream) = replay.stream(&beacon).map_err(|error| error.to_string())? else { return Ok(()) };
    let secret = stream.scalar();
    let expected = stream.g1();
    if contribution.g1_s != expected || contribution.g1_sx != (expected * secret).into_affine() {
        return Err("the key does not match the beacon".to_owned());
    }
    Ok(())
}
