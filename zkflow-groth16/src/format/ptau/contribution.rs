//! Section 7: `n u32 | contribution*`. A contribution consists of:
//! - `tau G1, tau G2, alpha G1, beta G1, beta G2` after it;
//! - its public key;
//! - the state of the response's hash (216 bytes) and the next challenge (64 bytes);
//! - type and parameters as in a `.zkey`.

use ark_bn254::{G1Affine, G2Affine};

use super::super::FormatError;
use super::super::cursor::Cursor;
use super::super::encoding::{FilePoint, point};
use super::super::zkey::contribution::{put_kind_and_name, read_kind_and_name};
use super::{ContributionKind, ContributionName};

/// One contribution to phase 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PtauContribution {
    /// tau in G1 after this contribution.
    pub tau_g1: G1Affine,
    /// tau in G2 after this contribution.
    pub tau_g2: G2Affine,
    /// alpha in G1 after this contribution.
    pub alpha_g1: G1Affine,
    /// beta in G1 after this contribution.
    pub beta_g1: G1Affine,
    /// beta in G2 after this contribution.
    pub beta_g2: G2Affine,
    /// Proof that the contributor knew the secrets.
    pub key: PublicKey,
    /// `block(128) | state(64) | compressed u64 | waiting u64 | zeros(8)`: BLAKE2b state of the response's
    /// hash before the public key.
    pub response_state: [u8; HASH_STATE_LEN],
    /// Hash of the next contributor's input.
    pub next_challenge: [u8; 64],
    /// Secret or beacon.
    pub kind: ContributionKind,
    /// Name of the contributor; `None` if not given.
    pub name: Option<ContributionName>,
}

/// Length in bytes of the state of an unfinished hash.
pub const HASH_STATE_LEN: usize = 216;

/// The public key of a contribution to phase 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Proof of knowledge of tau.
    pub tau: ParameterKey,
    /// Proof of knowledge of alpha.
    pub alpha: ParameterKey,
    /// Proof of knowledge of beta.
    pub beta: ParameterKey,
}

impl PublicKey {
    /// Points of G1, then points of G2, in the order of files and transcripts.
    pub(crate) fn points(&self) -> ([G1Affine; 6], [G2Affine; 3]) {
        let Self { tau, alpha, beta } = self;
        (
            [tau.g1_s, tau.g1_sx, alpha.g1_s, alpha.g1_sx, beta.g1_s, beta.g1_sx],
            [tau.g2_spx, alpha.g2_spx, beta.g2_spx],
        )
    }
}

/// Proof of knowledge of one secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterKey {
    /// A random point.
    pub g1_s: G1Affine,
    /// `g1_s` times the secret.
    pub g1_sx: G1Affine,
    /// The challenge point of G2 times the secret.
    pub g2_spx: G2Affine,
}

/// Reads the whole section.
pub(super) fn read_all(mut section: Cursor<'_>) -> Result<Vec<PtauContribution>, FormatError> {
    let count = u64::from(section.u32()?);
    if count * SHORTEST > section.remaining() {
        return Err(section.error(format!("expected {count} contributions, found fewer")));
    }
    let contributions = (0..count).map(|_| read(&mut section)).collect::<Result<_, _>>()?;
    section.finish()?;
    Ok(contributions)
}

/// Writes the body of the section.
pub(super) fn put_all(out: &mut Vec<u8>, contributions: &[PtauContribution]) {
    out.extend((contributions.len() as u32).to_le_bytes());
    contributions.iter().for_each(|contribution| put(out, contribution));
}

fn read(section: &mut Cursor<'_>) -> Result<PtauContribution, FormatError> {
    let tau_g1 = point(section)?;
    let tau_g2 = point(section)?;
    let alpha_g1 = point(section)?;
    let beta_g1 = point(section)?;
    let beta_g2 = point(section)?;
    let key = read_key(section)?;
    let response_state = section.array()?;
    let next_challenge = section.array()?;
    let (kind, name) = read_kind_and_name(section)?;
    Ok(PtauContribution {
        tau_g1,
        tau_g2,
        alpha_g1,
        beta_g1,
        beta_g2,
        key,
        response_state,
        next_challenge,
        kind,
        name,
    })
}

fn read_key(section: &mut Cursor<'_>) -> Result<PublicKey, FormatError> {
    let mut g1 = [G1Affine::default(); 6];
    for slot in &mut g1 {
        *slot = point(section)?;
    }
    let mut g2 = [G2Affine::default(); 3];
    for slot in &mut g2 {
        *slot = point(section)?;
    }
    let of = |i: usize| ParameterKey { g1_s: g1[2 * i], g1_sx: g1[2 * i + 1], g2_spx: g2[i] };
    Ok(PublicKey { tau: of(0), alpha: of(1), beta: of(2) })
}

fn put(out: &mut Vec<u8>, contribution: &PtauContribution) {
    contribution.tau_g1.put(out);
    contribution.tau_g2.put(out);
    contribution.alpha_g1.put(out);
    contribution.beta_g1.put(out);
    contribution.beta_g2.put(out);
    let (g1, g2) = contribution.key.points();
    g1.iter().for_each(|point| point.put(out));
    g2.iter().for_each(|point| point.put(out));
    out.extend(contribution.response_state);
    out.extend(contribution.next_challenge);
    put_kind_and_name(out, &contribution.kind, contribution.name.as_ref());
}

/// Length in bytes of a contribution without parameters: 9 points of G1, 5 of G2, two hashes, two numbers.
const SHORTEST: u64 = 9 * 64 + 5 * 128 + HASH_STATE_LEN as u64 + 64 + 4 + 4;
