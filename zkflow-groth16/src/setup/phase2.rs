//! Phase 2: the key of one circuit from powers of tau, and contributions to its delta.
//!
//! [`create()`] makes the initial key, with which anybody can forge proofs. [`contribute()`] multiplies a secret
//! into delta, [`beacon`] a public number, [`verify()`] compares a key with the circuit and the powers of tau
//! that it was made from. All keys are those of snarkjs, byte for byte.

use std::io::{Read, Seek, Write};

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ff::Field;
use zeroize::Zeroizing;
use zkflow_bn254::points::scale;

use super::beacon::Beacon;
use super::ceremony::CeremonyError;
use super::step::StepOptions;
use super::stream::RandomStream;
use super::transcript::Transcript;
use crate::digest::Hash;
use crate::format::zkey::{
    Contribution, ContributionKind, ContributionName, KeySection, ZKey, ZKeyFile, ZKeyWriter,
};
use crate::rng::SecureRng;

mod columns;
mod create;
mod exchange;
mod initial;
mod quirk;
mod verify;

pub use create::{create, create_file};
pub use exchange::{export_params, import_params};
pub use verify::{verify, verify_file, verify_from_initial};

/// Multiplies a secret into the key's delta; returns the hash of the contribution, to publish.
///
/// The secret follows from 64 bytes of `rng` and from `text`; it is zeroised and never written.
pub fn contribute(
    key: &mut ZKey,
    name: Option<ContributionName>,
    text: &str,
    rng: &mut dyn SecureRng,
) -> Hash {
    apply(key, RandomStream::of_secret(rng, text), ContributionKind::Secret, name)
}

/// Multiplies the number of a public beacon into the key's delta; returns the hash of the contribution. It adds
/// nothing to a key without a secret contribution, and should be the last.
pub fn beacon(key: &mut ZKey, name: Option<ContributionName>, beacon: &Beacon) -> Hash {
    apply(key, beacon.stream(), beacon.kind(), name)
}

/// The hash of a contribution, which contributors publish.
pub fn contribution_hash(contribution: &Contribution) -> Hash {
    let mut transcript = Transcript::new();
    put_public_key(&mut transcript, contribution);
    transcript.finish()
}

/// As [`contribute`], from one file to another. Returns the new key's [head](ZKeyFile::head).
///
/// # Behaviour
/// Holds a piece of the points at a time; what a contribution leaves alone is copied unread.
///
/// # Errors
/// The files fail.
pub fn contribute_file<R: Read + Seek>(
    key: &mut ZKeyFile<R>,
    out: impl Write,
    name: Option<ContributionName>,
    text: &str,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<ZKey, CeremonyError> {
    apply_file(key, out, RandomStream::of_secret(rng, text), ContributionKind::Secret, name, options)
}

/// As [`beacon`], from one file to another; see [`contribute_file`].
///
/// # Errors
/// The files fail.
pub fn beacon_file<R: Read + Seek>(
    key: &mut ZKeyFile<R>,
    out: impl Write,
    name: Option<ContributionName>,
    beacon: &Beacon,
    options: StepOptions<'_>,
) -> Result<ZKey, CeremonyError> {
    apply_file(key, out, beacon.stream(), beacon.kind(), name, options)
}

fn apply(
    key: &mut ZKey,
    stream: RandomStream,
    kind: ContributionKind,
    name: Option<ContributionName>,
) -> Hash {
    let (inverse, hash) = add_contribution(key, stream, kind, name);
    key.c = scale(&key.c, &inverse);
    key.h = scale(&key.h, &inverse);
    hash
}

fn apply_file<R: Read + Seek>(
    key: &mut ZKeyFile<R>,
    out: impl Write,
    stream: RandomStream,
    kind: ContributionKind,
    name: Option<ContributionName>,
    options: StepOptions<'_>,
) -> Result<ZKey, CeremonyError> {
    let mut head = key.head().clone();
    let (inverse, _) = add_contribution(&mut head, stream, kind, name);
    let sections = [KeySection::C, KeySection::H];
    let mut meter = options.meter(sections.iter().map(|section| section.count(&head)).sum());
    let mut writer = ZKeyWriter::contributed(out, &head)?;
    // IC, the matrices, A, B1 and B2.
    for _ in 0..5 {
        writer.copy(key)?;
    }
    for section in sections {
        writer.begin(section, &head)?;
        let count = section.count(&head);
        for first in (0..count).step_by(PIECE as usize) {
            let points = key.points(section, first, (count - first).min(PIECE))?;
            writer.points(&scale(&points, &inverse))?;
            meter.add(points.len() as u64);
        }
    }
    writer.finish(&head)?;
    Ok(head)
}

/// Points that are scaled at one time.
const PIECE: u64 = 1 << 14;

/// Adds a contribution to the head of a key; returns by what its points are to be multiplied, and the contribution's
/// hash.
fn add_contribution(
    key: &mut ZKey,
    mut stream: RandomStream,
    kind: ContributionKind,
    name: Option<ContributionName>,
) -> (Zeroizing<Fr>, Hash) {
    let secret = Zeroizing::new(stream.scalar());
    let g1_s = stream.g1();
    let g1_sx = (g1_s * *secret).into_affine();
    let mut transcript = transcript_of(key);
    transcript.points(&[g1_s, g1_sx]);
    let transcript = transcript.finish();
    let g2_s = RandomStream::of_hash(&transcript).g2();

    key.delta_g1 = (key.delta_g1 * *secret).into_affine();
    key.vk.delta_g2 = (key.vk.delta_g2 * *secret).into_affine();
    let contribution = Contribution {
        delta_after: key.delta_g1,
        g1_s,
        g1_sx,
        g2_spx: (g2_s * *secret).into_affine(),
        transcript,
        kind,
        name,
    };
    let hash = contribution_hash(&contribution);
    key.contributions.push(contribution);
    (Zeroizing::new(secret.inverse().expect("a zero is never drawn in practice")), hash)
}

/// The hash of the circuit and of all contributions so far.
fn transcript_of(key: &ZKey) -> Transcript {
    let mut transcript = Transcript::new();
    transcript.bytes(&key.circuit_hash);
    key.contributions.iter().for_each(|contribution| put_public_key(&mut transcript, contribution));
    transcript
}

fn put_public_key(transcript: &mut Transcript, contribution: &Contribution) {
    transcript.points(&[contribution.delta_after, contribution.g1_s, contribution.g1_sx]);
    transcript.points(&[contribution.g2_spx]);
    transcript.bytes(&contribution.transcript);
}
