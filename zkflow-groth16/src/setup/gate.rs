//! Judges whether a key can be trusted: which parties could forge proofs for it.
//!
//! If delta is a known multiple of gamma, public data suffice to prove anything. `A` and `B` cancel alpha
//! and beta, and `C` is the negated public part times that multiple. A key without contributions has gamma =
//! delta. A beacon multiplies delta by a number that anyone can compute from the file. `snarkjs zkey verify`
//! detects neither case. A key from powers of tau with a known tau, alpha or beta is as weak.
//!
//! [`judge`] needs only the head of a key and takes less than a second. Its result is a claim: the contributions are
//! consistent, but may belong to another circuit, or to powers of tau whose secrets are known. The full verdict
//! comes from [`Powers::verify_key`](super::Powers::verify_key).
//!
//! # What a file does not prove
//! The kind of a contribution is not part of any hash, so a beacon can be presented as a secret. Known
//! beacon values are tried: the other beacons of the file, the one in snarkjs' documentation, and those from
//! the caller.
//!
//! Three cases look like honest contributions: an unknown beacon value, a secret that was stored or
//! published, and two names for one person. To trust a ceremony, you must know its contributors.

pub(super) mod known;
pub(super) mod relations;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;

use super::beacon::{Beacon, Replay};
use super::development_name;
use super::phase2::{Unreplayed, check_head};
use super::stream::RandomStream;
use super::verdict::{Check, KeyVerdict, Verdict, Weakness};
use crate::format::zkey::{Contribution, ContributionKind, ContributionName, KeyHead};
use crate::provenance::Provenance;
use known::Known;

/// Judges a key by its head; see the module for the limits.
///
/// # Behaviour
/// - Checks every contribution, and that delta is the result of the last one.
/// - Checks that gamma is the generator, as in every key from a ceremony, that alpha, beta and delta are equal in both
///   groups, and that neither they nor the points of the public signals are known multiples of each other.
/// - A key is `development` if all its secret contributions have the
///   [development name](development_name).
/// - One secret contribution is `single-operator`, more are `ceremony(n)`.
/// - A key with more contributions than [`MOST`] is not judged, and beacons of many hashes are not computed again.
///
/// ```
/// use zkflow_groth16::format::zkey::ZKey;
/// use zkflow_groth16::setup::Weakness;
/// use zkflow_groth16::setup::gate::judge;
///
/// # std::env::set_current_dir("tests/data")?;
/// // The key as `snarkjs groth16 setup` makes it, before any contribution.
/// let key = ZKey::read(&std::fs::read("tiny.initial.zkey")?)?;
/// assert_eq!(judge(&key.head).weakness(), Some(&Weakness::NoContribution));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn judge(key: &KeyHead) -> KeyVerdict {
    judge_knowing(key, &[])
}

/// Like [`judge`]; also tries `beacons`, which contributions may come from.
pub fn judge_knowing(key: &KeyHead, beacons: &[Beacon]) -> KeyVerdict {
    let finding = match key.contributions.len() {
        count if count > MOST => Err(Weakness::TooMany(count)),
        _ => judge_head(key, beacons, &mut Replay::up_to(QUICK), Unreplayed::Accept),
    };
    KeyVerdict::claimed(Verdict::new(finding, &OF_HEAD))
}

/// Largest number of contributions that [`judge`] checks.
pub const MOST: usize = 256;

/// Exponent of the largest beacon that [`judge`] computes again.
const QUICK: u8 = 21;

/// The head of a key whose contributions may be many and whose beacons may be large, within the limits of `replay`.
pub(super) fn judge_fully(key: &KeyHead, replay: &mut Replay) -> Verdict {
    Verdict::new(judge_head(key, &[], replay, Unreplayed::Refuse), &OF_HEAD)
}

/// The head of a key that was checked before: any number of contributions, without large beacons.
pub(super) fn judge_recorded(key: &KeyHead) -> Verdict {
    Verdict::new(judge_head(key, &[], &mut Replay::up_to(QUICK), Unreplayed::Accept), &OF_HEAD)
}

/// What [`judge_head`] checks.
const OF_HEAD: [Check; 4] = [Check::Contributions, Check::Parameters, Check::NotKnown, Check::PublicSignals];

fn judge_head(
    key: &KeyHead,
    beacons: &[Beacon],
    replay: &mut Replay,
    unreplayed: Unreplayed,
) -> Result<Provenance, Weakness> {
    check_head(key, replay, unreplayed)?;
    if key.contributions.is_empty() {
        return Err(Weakness::NoContribution);
    }
    if key.vk.gamma_g2 == key.vk.delta_g2 {
        return Err(Weakness::GammaIsDelta);
    }
    let numbers = numbers(key, beacons, replay);
    let contributors = key.contributions.iter().zip(&numbers).map(|(one, number)| Contributor {
        public: number.is_some() || one.kind != ContributionKind::Secret,
        development: is_development(one.name.as_ref()),
        key: vec![one.g1_s, one.g1_sx],
    });
    let provenance = provenance(contributors)?;
    check_known(key, &Known::with_beacons(&[]))?;
    Ok(provenance)
}

/// One contributor to a phase.
pub(super) struct Contributor {
    /// Whether anyone can compute the secret.
    pub(super) public: bool,
    /// Whether the contribution has the development name.
    pub(super) development: bool,
    /// Points that are equal for equal secrets from the same source.
    pub(super) key: Vec<G1Affine>,
}

/// Number of parties with a secret; the same secret counts once.
pub(super) fn provenance(contributors: impl Iterator<Item = Contributor>) -> Result<Provenance, Weakness> {
    let (mut secret, mut keys) = (false, Vec::new());
    for one in contributors.filter(|one| !one.public) {
        secret = true;
        if !one.development && !keys.contains(&one.key) {
            keys.push(one.key);
        }
    }
    match u32::try_from(keys.len()).unwrap_or(u32::MAX) {
        _ if !secret => Err(Weakness::BeaconOnly),
        0 => Ok(Provenance::Development),
        1 => Ok(Provenance::SingleOperator),
        n => Ok(Provenance::Ceremony(n)),
    }
}

/// No parameter is a known number or depends on the others in a known way, nor do the points of the public signals.
fn check_known(key: &KeyHead, known: &Known) -> Result<(), Weakness> {
    let vk = &key.vk;
    let generator = ("the generator".to_owned(), G1Affine::generator());
    let parameters = [("alpha", vk.alpha_g1), ("beta", key.beta_g1), ("delta", key.delta_g1)];
    let parameters = parameters.map(|(name, point)| (name.to_owned(), point));
    check_parameters(&parameters, &[("beta", vk.beta_g2), ("delta", vk.delta_g2)], known)?;
    let signals = vk.ic.iter().enumerate().map(|(i, point)| (format!("IC[{i}]"), *point));
    let points: Vec<_> = [generator].into_iter().chain(parameters).chain(signals).collect();
    relations::relation(&points).map_or(Ok(()), |what| Err(Weakness::Known(what)))
}

/// Parameters of a phase are not known numbers, known multiples or products of each other.
pub(super) fn check_parameters(
    g1: &[relations::Named],
    g2: &[(&'static str, G2Affine)],
    known: &Known,
) -> Result<(), Weakness> {
    for (i, (name, point)) in g1.iter().enumerate() {
        if known.ratio(G1Affine::generator(), *point).is_some() {
            return Err(Weakness::Known(format!("{name} is a known number")));
        }
        for (other, second) in &g1[..i] {
            if known.ratio(*second, *point).is_some() {
                return Err(Weakness::Known(format!("{name} is a known multiple of {other}")));
            }
        }
    }
    relations::products(g1, g2).map_or(Ok(()), |what| Err(Weakness::Known(what)))
}

/// delta as a multiple of gamma; `None` if public data do not determine it.
pub fn known_delta(key: &KeyHead) -> Option<Fr> {
    let numbers = numbers(key, &[], &mut Replay::up_to(QUICK));
    let of_all = known::product(numbers.into_iter());
    of_all.filter(|delta| key.vk.gamma_g2 * delta == key.vk.delta_g2.into_group())
}

/// The number of each contribution; `None` if it is secret.
fn numbers(key: &KeyHead, beacons: &[Beacon], replay: &mut Replay) -> Vec<Option<Fr>> {
    use rayon::prelude::*;

    let in_file = key.contributions.iter().filter_map(|one| beacon_of(&one.kind));
    let streams = beacon_streams(in_file.chain(beacons.iter().cloned()), replay);
    let of_beacons: Vec<Fr> = streams.into_iter().map(|mut stream| stream.scalar()).collect();
    let known = Known::with_beacons(&of_beacons);
    key.contributions.par_iter().map(|one: &Contribution| known.ratio(one.g1_s, one.g1_sx)).collect()
}

/// The beacon of a contribution; `None` if it is from a secret, or malformed.
pub(super) fn beacon_of(kind: &ContributionKind) -> Option<Beacon> {
    match kind {
        ContributionKind::Beacon { exponent, hash } => Beacon::new(hash.as_bytes(), *exponent).ok(),
        ContributionKind::Secret => None,
    }
}

/// Streams of these beacons and of the one in snarkjs' documentation, as far as `replay` allows.
pub(super) fn beacon_streams(
    beacons: impl Iterator<Item = Beacon>,
    replay: &mut Replay,
) -> Vec<RandomStream> {
    let documented = [31, 32].map(|length| {
        // Expect safety: the value has 31 or 32 bytes.
        Beacon::new(&(1..=length).collect::<Vec<u8>>(), 10).expect("the value is short")
    });
    let mut distinct: Vec<Beacon> = documented.into_iter().chain(beacons).collect();
    distinct.sort();
    distinct.dedup();
    distinct.iter().filter_map(|beacon| replay.stream(beacon)).collect()
}

/// Whether a contribution has the development name.
pub(super) fn is_development(name: Option<&ContributionName>) -> bool {
    name == Some(&development_name())
}
