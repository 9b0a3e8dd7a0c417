//! Judges whether a key can be trusted: which parties could forge proofs for it.
//!
//! If gamma is a known multiple of delta, public data suffice to prove anything. `A` and `B` cancel alpha
//! and beta, and `C` is the negated public part times that multiple. A key without contributions has gamma =
//! delta. A beacon multiplies delta by a number that anyone can compute from the file. `snarkjs zkey verify`
//! detects neither case.
//!
//! # What a file does not prove
//! The kind of a contribution is not part of any hash, so a beacon can be presented as a secret. Known
//! beacon values are tried: the other beacons of the file, the one in snarkjs' documentation, and those from
//! the caller.
//!
//! Three cases look like honest contributions: an unknown beacon value, a secret that was stored or
//! published, and two names for one person. To trust a ceremony, you must know its contributors.

use std::fmt;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::One;

use super::beacon::Beacon;
use super::development_name;
use crate::format::zkey::{Contribution, ContributionKind, KeyHead};
use crate::provenance::Provenance;

/// The parties that could forge proofs for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Anyone could.
    Forgeable(Weakness),
    /// Only a party with the secrets of its setup could.
    Held(Provenance),
}

/// Reason why anyone could forge proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// There are no contributions.
    NoContribution,
    /// All contributions come from beacons, which are public.
    BeaconOnly,
    /// gamma = delta, independent of the contributions.
    GammaIsDelta,
    /// A point of the key is infinity.
    Infinity,
}

impl Verdict {
    /// Whether anyone could forge proofs.
    pub fn is_forgeable(&self) -> bool {
        matches!(self, Self::Forgeable(_))
    }

    /// Returns the provenance of a key whose proofs may be accepted.
    ///
    /// # Errors
    /// [`Refused`] if the key is forgeable, or if it is for development and `allow_development` is `false`.
    pub fn admit(self, allow_development: bool) -> Result<Provenance, Refused> {
        match self {
            Self::Held(Provenance::Development) if !allow_development => Err(Refused(self)),
            Self::Held(provenance) => Ok(provenance),
            Self::Forgeable(_) => Err(Refused(self)),
        }
    }
}

/// Proofs for this key must not be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is refused: {0}")]
pub struct Refused(pub Verdict);

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forgeable(weakness) => write!(f, "forgeable: {weakness}"),
            Self::Held(provenance) => provenance.fmt(f),
        }
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoContribution => "no contribution, so anyone can prove anything",
            Self::BeaconOnly => "a beacon is public, and there is no secret contribution",
            Self::GammaIsDelta => "gamma equals delta",
            Self::Infinity => "a point of the key is infinity",
        })
    }
}

/// Judges a key by its head; see the module for the limits.
///
/// # Behaviour
/// - A key with a circuit hash of zeros was made by [`circuit_specific`](super::circuit_specific()), in one
///   process: `development`. A key is also `development` if all its secrets
///   have the [development name](development_name).
/// - One secret contribution is `single-operator`, more are `ceremony(n)`.
/// - Does not verify the contributions: use [`phase2::verify`](super::phase2::verify()).
///
/// ```
/// use zkflow_groth16::format::zkey::ZKey;
/// use zkflow_groth16::setup::gate::{Verdict, Weakness, judge};
///
/// # std::env::set_current_dir("tests/data")?;
/// // The key as `snarkjs groth16 setup` makes it, before any contribution.
/// let key = ZKey::read(&std::fs::read("tiny.initial.zkey")?)?;
/// assert_eq!(judge(&key.head), Verdict::Forgeable(Weakness::NoContribution));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn judge(key: &KeyHead) -> Verdict {
    judge_knowing(key, &[])
}

/// Like [`judge`]; also tries `beacons`, which contributions may come from.
pub fn judge_knowing(key: &KeyHead, beacons: &[Beacon]) -> Verdict {
    let vk = &key.vk;
    let g2 = [vk.beta_g2, vk.gamma_g2, vk.delta_g2];
    if vk.alpha_g1.is_zero() || key.delta_g1.is_zero() || g2.iter().any(G2Affine::is_zero) {
        return Verdict::Forgeable(Weakness::Infinity);
    }
    let equal = vk.gamma_g2 == vk.delta_g2;
    if key.contributions.is_empty() {
        let in_one_process = !equal && key.circuit_hash == [0; 64];
        return if in_one_process {
            Verdict::Held(Provenance::Development)
        } else {
            Verdict::Forgeable(Weakness::NoContribution)
        };
    }
    if equal {
        return Verdict::Forgeable(Weakness::GammaIsDelta);
    }
    let known = Known::of(key, beacons);
    let is_secret = |one: &&Contribution| one.kind == ContributionKind::Secret && known.scalar(one).is_none();
    let secrets: Vec<&Contribution> = key.contributions.iter().filter(is_secret).collect();
    if secrets.is_empty() || known.delta(key).is_some() {
        return Verdict::Forgeable(Weakness::BeaconOnly);
    }
    let development = development_name();
    let named = secrets.iter().filter(|one| one.name.as_ref() != Some(&development)).count();
    Verdict::Held(match u32::try_from(named).unwrap_or(u32::MAX) {
        0 => Provenance::Development,
        1 => Provenance::SingleOperator,
        n => Provenance::Ceremony(n),
    })
}

/// delta as a multiple of gamma; `None` if public data do not determine it.
pub fn known_delta(key: &KeyHead) -> Option<Fr> {
    Known::of(key, &[]).delta(key)
}

/// The numbers of public beacons, each with the point of G1 that it would publish.
struct Known(Vec<(Fr, G1Affine)>);

impl Known {
    fn of(key: &KeyHead, further: &[Beacon]) -> Self {
        let in_file = key.contributions.iter().filter_map(|one| match &one.kind {
            ContributionKind::Beacon { exponent, hash } => Beacon::new(hash.as_bytes(), *exponent).ok(),
            ContributionKind::Secret => None,
        });
        let documented = [31, 32].map(|length| {
            Beacon::new(&(1..=length).collect::<Vec<u8>>(), 10).expect("the value has 31 or 32 bytes")
        });
        let beacons = in_file.chain(documented).chain(further.iter().cloned());
        let replayed = beacons.filter(|beacon| beacon.exponent() <= REPLAYED).map(|beacon| {
            let mut stream = beacon.stream();
            (stream.scalar(), stream.g1())
        });
        Self(replayed.collect())
    }

    /// The number of a contribution: 1, or that of a known beacon; `None` if it is unknown.
    fn scalar(&self, contribution: &Contribution) -> Option<Fr> {
        if contribution.g1_sx == contribution.g1_s {
            return Some(Fr::one());
        }
        let of_beacon = |(scalar, g1_s): &&(Fr, G1Affine)| {
            *g1_s == contribution.g1_s && (*g1_s * scalar).into_affine() == contribution.g1_sx
        };
        self.0.iter().find(of_beacon).map(|(scalar, _)| *scalar)
    }

    /// delta as a product of known numbers: of the first, of the first two, and so on, because others may
    /// cancel each other.
    fn delta(&self, key: &KeyHead) -> Option<Fr> {
        let holds = |factor: &Fr| (key.vk.gamma_g2 * factor).into_affine() == key.vk.delta_g2;
        let scalars = key.contributions.iter().filter_map(|one| self.scalar(one));
        let products = scalars.scan(Fr::one(), |product, scalar| {
            *product *= scalar;
            Some(*product)
        });
        std::iter::once(Fr::one()).chain(products).find(holds)
    }
}

/// Largest exponent of a replayed beacon. Replaying larger ones takes minutes or more; they count as known
/// without it.
const REPLAYED: u8 = 24;
