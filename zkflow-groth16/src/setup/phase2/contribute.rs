//! A contribution to phase 2, from a secret or a beacon.

use std::io::{Read, Seek, Write};

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::Field;
use zeroize::Zeroizing;
use zkflow_bn254::points::scale;

use super::super::beacon::Beacon;
use super::super::ceremony::CeremonyError;
use super::super::step::{StepOptions, pieces};
use super::super::stream::RandomStream;
use super::chain::transcript_of;
use super::head::check_head;
use crate::format::zkey::{
    Contribution, ContributionKind, ContributionName, KeyHead, KeySection, ZKeyFile, ZKeyWriter,
};
use crate::rng::SecureRng;

/// Multiplies a secret into delta and writes the new key to `out`; returns the new key's head.
///
/// The contributor publishes the [hash](super::contribution_hash) of the last contribution in the head.
///
/// # Behaviour
/// - The secret is derived from 64 bytes of `rng` and from `text`. It is zeroised and never written.
/// - Before the secret is drawn, the head of the key is checked: the contributions, and that alpha, beta and delta are in
///   the group of order r and equal in both groups. A point of a small order would publish a part of the secret.
/// - Sections that a contribution does not change are copied without parsing.
///
/// # Errors
/// [`CeremonyError::Invalid`] if the head is invalid; a file fails, or a point of the key is off its curve.
pub fn contribute<R: Read + Seek>(
    key: &mut ZKeyFile<R>,
    out: impl Write,
    name: Option<ContributionName>,
    text: &str,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<KeyHead, CeremonyError> {
    check_head(key.head(), &mut options.replay())?;
    apply(key, out, RandomStream::of_secret(rng, text), ContributionKind::Secret, name, options)
}

/// Multiplies the number of a public beacon into delta; the result does not depend on the caller.
///
/// A beacon is the last contribution. It does not protect a key that has no secret contribution.
///
/// # Errors
/// Those of [`contribute`].
pub fn beacon<R: Read + Seek>(
    key: &mut ZKeyFile<R>,
    out: impl Write,
    name: Option<ContributionName>,
    beacon: &Beacon,
    options: StepOptions<'_>,
) -> Result<KeyHead, CeremonyError> {
    check_head(key.head(), &mut options.replay())?;
    apply(key, out, beacon.stream(), beacon.kind(), name, options)
}

fn apply<R: Read + Seek>(
    key: &mut ZKeyFile<R>,
    out: impl Write,
    stream: RandomStream,
    kind: ContributionKind,
    name: Option<ContributionName>,
    options: StepOptions<'_>,
) -> Result<KeyHead, CeremonyError> {
    let mut head = key.head().clone();
    let inverse = add_contribution(&mut head, stream, kind, name);
    let sections = [KeySection::C, KeySection::H];
    let mut meter = options.meter(sections.iter().map(|section| section.count(&head)).sum());
    let mut writer = ZKeyWriter::contributed(out, &head)?;
    // IC, the matrices, A, B1 and B2.
    for _ in 0..5 {
        writer.copy(key)?;
    }
    for section in sections {
        writer.begin(section, &head)?;
        for (first, count) in pieces(section.count(&head)) {
            let points = key.points(section, first, count)?;
            writer.points(&scale(&points, &inverse))?;
            meter.add(count);
        }
    }
    writer.finish(&head)?;
    Ok(head)
}

/// Adds a contribution to the head of a key; returns the factor for the points of C and H.
pub(super) fn add_contribution(
    head: &mut KeyHead,
    mut stream: RandomStream,
    kind: ContributionKind,
    name: Option<ContributionName>,
) -> Zeroizing<Fr> {
    let secret = Zeroizing::new(stream.scalar());
    let g1_s = stream.g1();
    multiply(head, &secret, g1_s, kind, name);
    // Expect safety: the secret is a hash below r; it is zero with probability 2^-254.
    Zeroizing::new(secret.inverse().expect("the secret is not zero"))
}

/// Multiplies `secret` into delta, with a proof of knowledge on `g1_s`.
pub(in super::super) fn multiply(
    head: &mut KeyHead,
    secret: &Fr,
    g1_s: G1Affine,
    kind: ContributionKind,
    name: Option<ContributionName>,
) {
    let g1_sx = (g1_s * secret).into_affine();
    let mut transcript = transcript_of(head);
    transcript.points(&[g1_s, g1_sx]);
    let transcript = transcript.finish();
    let g2_s = RandomStream::of_hash(&transcript).g2();

    head.delta_g1 = (head.delta_g1 * secret).into_affine();
    head.vk.delta_g2 = (head.vk.delta_g2 * secret).into_affine();
    head.contributions.push(Contribution {
        delta_after: head.delta_g1,
        g1_s,
        g1_sx,
        g2_spx: (g2_s * secret).into_affine(),
        transcript,
        kind,
        name,
    });
}
