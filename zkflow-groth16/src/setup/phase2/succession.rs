//! Verifies one contribution: a key against the key that its contributor received.

use std::io::{Read, Seek};

use super::super::ceremony::CeremonyError;
use super::super::step::StepOptions;
use super::comparison::{Comparison, demand};
use super::head::check_head_after;
use super::initial::InitialKey;
use super::verify::compare_heads;
use crate::format::zkey::{Contribution, ContributionKind, KeyHead, ZKeyFile};
use crate::rng::SecureRng;

/// Checks that `key` is `previous` with one further secret contribution. The caller trusts `previous`.
///
/// # Behaviour
/// - The contributions of `previous` must be those of `key`, in order. Only the further one is verified.
/// - Everything that contributions do not change is compared for equality, piece by piece.
/// - The points divided by delta are compared by a random linear combination of 128 bits from `rng`.
/// - The secret can be a number that anyone knows: for that, see [`gate::judge`](super::super::gate::judge).
///
/// # Errors
/// [`CeremonyError::NotNext`] if the file continues another key, or none; [`CeremonyError::Invalid`] contains the first
/// problem; a file fails.
pub fn verify_step<P: Read + Seek, K: Read + Seek>(
    previous: &mut ZKeyFile<P>,
    key: &mut ZKeyFile<K>,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<Contribution, CeremonyError> {
    let contribution = further(previous.head(), key.head())?.clone();
    if contribution.kind != ContributionKind::Secret {
        return Err(CeremonyError::invalid("the contribution is a beacon, expected a secret one"));
    }
    let trusted = previous.head().contributions.len();
    check_head_after(key.head(), trusted, &mut options.replay())?;
    demand(previous.has_matrices_of(key)?, "the matrices")?;
    let (before, after) = (previous.head().vk.delta_g2, key.head().vk.delta_g2);
    let mut comparison = Comparison::new(key, rng);
    InitialKey::points(previous, &mut comparison)?;
    let (c, h) = comparison.finish();
    for (pair, section) in [(c, "C"), (h, "H")] {
        if !pair.is_divided_again(before, after) {
            return Err(CeremonyError::invalid(format!("{section} is not divided by the new delta")));
        }
    }
    Ok(contribution)
}

/// The contribution that `next` has and `previous` has not.
fn further<'a>(previous: &KeyHead, next: &'a KeyHead) -> Result<&'a Contribution, CeremonyError> {
    let refused = |what: String| Err(CeremonyError::NotNext(what));
    if next.circuit_hash != previous.circuit_hash {
        return refused("the file is the key of another ceremony: its circuit hash differs".to_owned());
    }
    let (ours, theirs) = (&previous.contributions, &next.contributions);
    if let Some(number) = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs) {
        return refused(format!("contribution {} differs from that of the present key", number + 1));
    }
    match theirs.get(ours.len()..) {
        Some([one]) => {
            compare_heads(previous, next)?;
            Ok(one)
        }
        _ => refused(format!(
            "the file has {} contributions, expected {}: those of the present key and one more",
            theirs.len(),
            ours.len() + 1
        )),
    }
}
