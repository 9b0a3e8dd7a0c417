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
pub(super) mod search;
mod vkey;

pub use vkey::judge_verification_key;

use std::collections::BTreeSet;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup as _};
use ark_ff::Field as _;

use super::beacon::{Beacon, Replay};
use super::development_name;
use super::phase2::check_head;
use super::stream::RandomStream;
use super::verdict::{Check, KeyVerdict, Verdict, Weakness};
use crate::format::zkey::{Contribution, ContributionKind, ContributionName, KeyHead};
use crate::provenance::Provenance;
use known::Known;
use search::Search;

/// Judges a key by its head; see the module for the limits.
///
/// # Behaviour
/// - Checks every contribution, and that delta is the result of the last one.
/// - Checks that gamma is the generator, as in every key from a ceremony, and that beta and delta are equal in both
///   groups.
/// - Checks that neither alpha, beta and delta nor the points of the public signals are known multiples of each other.
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
        count if count > MOST => Err(Weakness::TooMany { count, limit: MOST }),
        _ => judge_head(key, beacons, &mut Replay::quick()),
    };
    KeyVerdict::claimed(Verdict::new(finding, &OF_HEAD))
}

/// Largest number of contributions that [`judge`] checks.
pub const MOST: usize = 256;

/// Like [`judge`], for keys of public ceremonies with up to [`MOST_AT_LENGTH`] contributions. Each of them takes
/// milliseconds, so this takes up to a minute or two.
pub fn judge_at_length(key: &KeyHead) -> KeyVerdict {
    let finding = match key.contributions.len() {
        count if count > MOST_AT_LENGTH => Err(Weakness::TooMany { count, limit: MOST_AT_LENGTH }),
        _ => judge_head(key, &[], &mut Replay::quick()),
    };
    KeyVerdict::claimed(Verdict::new(finding, &OF_HEAD))
}

/// Largest number of contributions that [`judge_at_length`] checks.
pub const MOST_AT_LENGTH: usize = 1 << 13;

/// The head of a key whose contributions may be many and whose beacons may be large, within the limits of `replay`.
pub(super) fn judge_fully(key: &KeyHead, replay: &mut Replay) -> Verdict {
    Verdict::new(judge_head(key, &[], replay), &OF_HEAD)
}

/// The head of a key that was checked before: any number of contributions, without large beacons.
pub(super) fn judge_recorded(key: &KeyHead) -> Verdict {
    Verdict::new(judge_head(key, &[], &mut Replay::quick()), &OF_HEAD)
}

/// What [`judge_head`] checks.
const OF_HEAD: [Check; 5] =
    [Check::Contributions, Check::Parameters, Check::NotKnown, Check::Independent, Check::PublicSignals];

fn judge_head(key: &KeyHead, beacons: &[Beacon], replay: &mut Replay) -> Result<Provenance, Weakness> {
    check_head(key, replay)?;
    if key.contributions.is_empty() {
        return Err(Weakness::NoContribution);
    }
    if key.vk.gamma_g2 == key.vk.delta_g2 {
        return Err(Weakness::GammaIsDelta);
    }
    let of_beacons = numbers_of_beacons(key, beacons, replay);
    let numbers = numbers(key, &Known::with_beacons(&of_beacons));
    let contributors = key.contributions.iter().zip(&numbers).map(|(one, number)| Contributor {
        public: number.is_some() || one.kind != ContributionKind::Secret,
        development: is_development(one.name.as_ref()),
        key: vec![one.g1_s, one.g1_sx],
    });
    let provenance = provenance(contributors)?;
    check_known(key)?;
    let steps = key.contributions.iter().zip(&numbers).map(|(one, number)| Step {
        after: one.delta_after,
        number: *number,
        is_beacon: one.kind != ContributionKind::Secret,
    });
    let parameters = [("alpha".to_owned(), key.vk.alpha_g1), ("beta".to_owned(), key.beta_g1)];
    check_secrets(&[("delta", steps.collect())], &parameters, &Search::new(&of_beacons))?;
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

/// A parameter after a contribution.
pub(super) struct Step {
    /// The parameter.
    pub(super) after: G1Affine,
    /// The number of the contribution, if anyone can compute it.
    pub(super) number: Option<Fr>,
    /// Whether the contribution is from a beacon.
    pub(super) is_beacon: bool,
}

/// The secrets of no parameter cancel out: without the public contributions, neither the parameter nor the product of
/// some neighbouring secrets is a number that anyone can compute, or a known multiple of another parameter.
///
/// Parameters with a beacon that was not computed are left out.
pub(super) fn check_secrets(
    parameters: &[(&'static str, Vec<Step>)],
    others: &[relations::Named],
    search: &Search,
) -> Result<(), Weakness> {
    let generator = ("the generator".to_owned(), G1Affine::generator());
    let mut points: Vec<_> = [generator].into_iter().chain(others.iter().cloned()).collect();
    for (name, steps) in parameters {
        if steps.iter().any(|step| step.is_beacon && step.number.is_none()) {
            continue;
        }
        let mut public = Fr::ONE;
        for (number, step) in steps.iter().enumerate() {
            match step.number {
                Some(known) => public *= known,
                None => {
                    let Some(inverse) = public.inverse() else { continue };
                    let secret = (step.after * inverse).into_affine();
                    points.push((format!("{name} of the secret contributions up to {}", number + 1), secret));
                }
            }
        }
        if let Some((name, _)) = points.last().filter(|(_, secret)| search.knows(*secret)) {
            return Err(Weakness::Known(format!("{name} is a known number")));
        }
    }
    relations::relation(&points).map_or(Ok(()), |what| Err(Weakness::Known(what)))
}

/// No parameter is a known number or depends on the others in a known way, nor do the points of the public signals.
fn check_known(key: &KeyHead) -> Result<(), Weakness> {
    let vk = &key.vk;
    let generator = ("the generator".to_owned(), G1Affine::generator());
    let parameters = [("alpha", vk.alpha_g1), ("beta", key.beta_g1), ("delta", key.delta_g1)];
    let parameters = parameters.map(|(name, point)| (name.to_owned(), point));
    check_parameters(&parameters, &[("beta", vk.beta_g2), ("delta", vk.delta_g2)])?;
    let signals = vk.ic.iter().enumerate().map(|(i, point)| (format!("IC[{i}]"), *point));
    let points: Vec<_> = [generator].into_iter().chain(parameters).chain(signals).collect();
    relations::relation(&points).map_or(Ok(()), |what| Err(Weakness::Known(what)))
}

/// Parameters of a phase are not known numbers, known multiples or products of each other.
pub(super) fn check_parameters(
    g1: &[relations::Named],
    g2: &[(&'static str, G2Affine)],
) -> Result<(), Weakness> {
    let known = Known::numbers();
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
    let of_beacons = numbers_of_beacons(key, &[], &mut Replay::quick());
    let numbers = numbers(key, &Known::with_beacons(&of_beacons));
    let of_all = known::product(numbers.into_iter());
    of_all.filter(|delta| key.vk.gamma_g2 * delta == key.vk.delta_g2.into_group())
}

/// Numbers of the beacons of a key, of documented ones, and of `beacons`.
fn numbers_of_beacons(key: &KeyHead, beacons: &[Beacon], replay: &mut Replay) -> Vec<Fr> {
    let in_file = key.contributions.iter().filter_map(|one| beacon_of(&one.kind));
    let streams = beacon_streams(in_file.chain(beacons.iter().cloned()), replay);
    streams.into_iter().map(|mut stream| stream.scalar()).collect()
}

/// The number of each contribution; `None` if it is secret.
fn numbers(key: &KeyHead, known: &Known) -> Vec<Option<Fr>> {
    use rayon::prelude::*;

    key.contributions.par_iter().map(|one: &Contribution| known.ratio(one.g1_s, one.g1_sx)).collect()
}

/// The beacon of a contribution; `None` if it is from a secret, or malformed.
pub(super) fn beacon_of(kind: &ContributionKind) -> Option<Beacon> {
    match kind {
        ContributionKind::Beacon { exponent, hash } => Beacon::new(hash.as_bytes(), *exponent).ok(),
        ContributionKind::Secret => None,
    }
}

/// Streams of the beacons in snarkjs' documentation, then of those that `replay` computes.
pub(super) fn beacon_streams(
    beacons: impl Iterator<Item = Beacon>,
    replay: &mut Replay,
) -> Vec<RandomStream> {
    let documented = [31, 32].map(|length| {
        // Expect safety: the value has 31 or 32 bytes.
        Beacon::new(&(1..=length).collect::<Vec<u8>>(), 10).expect("the value is short")
    });
    let mut seen: BTreeSet<Beacon> = documented.iter().cloned().collect();
    let others: Vec<Beacon> = beacons.filter(|beacon| seen.insert(beacon.clone())).collect();
    // A beacon that is refused was refused before, by the check of its contribution.
    let others = others.iter().filter_map(|beacon| replay.stream(beacon).ok().flatten());
    // The documented ones take few hashes, and are not part of the budget.
    documented.iter().map(Beacon::stream).chain(others).collect()
}

/// Whether a contribution has the development name.
pub(super) fn is_development(name: Option<&ContributionName>) -> bool {
    name == Some(&development_name())
}

#[cfg(test)]
mod tests {
    use ark_ff::UniformRand as _;

    use super::*;
    use crate::rng::os_rng;

    /// The steps of contributions with these secrets; those with `true` are public.
    fn steps(secrets: &[(Fr, bool)]) -> Vec<Step> {
        let mut after = G1Affine::generator();
        let step = |(secret, public): &(Fr, bool)| {
            after = (after * secret).into_affine();
            Step { after, number: public.then_some(*secret), is_beacon: *public }
        };
        secrets.iter().map(step).collect()
    }

    #[test]
    fn secrets_that_cancel_out_are_no_secrets() {
        let rng = &mut os_rng();
        let [s, t, u, beacon] = [(); 4].map(|()| Fr::rand(rng));
        let over = |secret: Fr| secret.inverse().unwrap();
        let search = Search::new(&[beacon]);
        let check = |secrets: &[(Fr, bool)]| check_secrets(&[("tau", steps(secrets))], &[], &search);
        assert_eq!(check(&[(s, false)]), Ok(()));
        assert_eq!(check(&[(s, false), (t, false), (beacon, true), (u, false), (beacon, true)]), Ok(()));
        for wrong in [
            vec![(s, false), (over(s), false), (beacon, true)],
            vec![(s, false), (beacon, true), (over(s), false), (beacon, true)],
            vec![(s, false), (over(s) * Fr::from(7), false), (t, false)],
            vec![(t, false), (s, false), (over(s), false)],
            vec![(s, false), (t, false), (over(s * t) * beacon, false)],
            vec![(s, false), (over(s * beacon), false)],
        ] {
            assert!(check(&wrong).is_err(), "{wrong:?}");
        }
        let equal = [("tau", steps(&[(s, false)])), ("alpha", steps(&[(beacon, true), (s, false)]))];
        assert!(check_secrets(&equal, &[], &search).is_err(), "one secret for two parameters");
        let mut unknown = steps(&[(s, false), (beacon, true)]);
        unknown[1].number = None;
        assert_eq!(
            check_secrets(&[("tau", unknown)], &[], &search),
            Ok(()),
            "a beacon that was not computed"
        );
    }
}
