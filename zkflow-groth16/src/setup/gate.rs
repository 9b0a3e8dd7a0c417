//! Whether a key can be relied on: who could forge proofs for it.
//!
//! With gamma a known multiple of delta, public data suffice to prove anything: `A` and `B` cancel
//! alpha and beta, and `C` is the public part times that multiple, negated. A key without contributions has
//! gamma = delta. A beacon multiplies delta by a number that everybody computes from the file. Neither is
//! noticed by `snarkjs zkey verify`.
//!
//! # What a file cannot say
//! The kind of a contribution is no part of any hash, so a beacon can be passed off as a secret. The value
//! it came from is tried where it is known: the other beacons of the file, the one in snarkjs' documentation,
//! and those that the caller names. A value that nobody names, a secret that was kept or published, and two
//! names for one person look like honest contributions. It takes knowing the contributors to trust a ceremony.

use std::fmt;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::One;

use super::ceremony::Beacon;
use super::development_name;
use crate::format::zkey::{Contribution, ContributionKind, ZKey};
use crate::provenance::Provenance;

/// Who could forge proofs for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Everybody.
    Forgeable(Weakness),
    /// Whoever knows the secrets of its making.
    Held(Provenance),
}

/// Why everybody could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// Nobody contributed a secret.
    NoContribution,
    /// Beacons alone, which are public.
    BeaconOnly,
    /// gamma = delta, whatever the contributions say.
    GammaIsDelta,
    /// A point of the key is infinity.
    Infinity,
}

impl Verdict {
    /// Whether everybody could forge proofs.
    pub fn is_forgeable(&self) -> bool {
        matches!(self, Self::Forgeable(_))
    }

    /// Lets a key pass that proofs may be accepted for.
    ///
    /// # Errors
    /// [`Refused`] when it is forgeable, and when it is for development unless that is allowed.
    pub fn admit(self, allow_development: bool) -> Result<Provenance, Refused> {
        match self {
            Self::Held(Provenance::Development) if !allow_development => Err(Refused(self)),
            Self::Held(provenance) => Ok(provenance),
            Self::Forgeable(_) => Err(Refused(self)),
        }
    }
}

/// A key that nobody should accept proofs for.
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
            Self::NoContribution => "no contribution, anybody can prove anything",
            Self::BeaconOnly => "a beacon is public, and there is no secret contribution",
            Self::GammaIsDelta => "gamma is delta",
            Self::Infinity => "a point of the key is infinity",
        })
    }
}

/// Judges a key by what the file says; see the module for what it cannot say.
///
/// # Behaviour
/// - A key whose circuit hash is zeros was made by [`circuit_specific`](super::circuit_specific()), in one
///   process: `development`. So is one whose only secrets are named as [development](development_name).
/// - One secret contribution is `single-operator`, more are `ceremony(n)`.
/// - That the contributions are real is for [`phase2::verify`](super::phase2::verify()) to say.
pub fn judge(key: &ZKey) -> Verdict {
    judge_knowing(key, &[])
}

/// As [`judge`], for somebody who knows beacons that contributions may have come from.
pub fn judge_knowing(key: &ZKey, beacons: &[Beacon]) -> Verdict {
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

/// delta as a multiple of gamma, where it follows from public data.
pub fn known_delta(key: &ZKey) -> Option<Fr> {
    Known::of(key, &[]).delta(key)
}

/// The numbers that public beacons give, with the point of G1 that each would publish.
struct Known(Vec<(Fr, G1Affine)>);

impl Known {
    fn of(key: &ZKey, further: &[Beacon]) -> Self {
        let in_file = key.contributions.iter().filter_map(|one| match &one.kind {
            ContributionKind::Beacon { exponent, hash } => Beacon::new(hash.as_bytes(), *exponent).ok(),
            ContributionKind::Secret => None,
        });
        let documented = [31, 32].map(|length| {
            Beacon::new(&(1..=length).collect::<Vec<u8>>(), 10).expect("a value of 31 or 32 bytes")
        });
        let beacons = in_file.chain(documented).chain(further.iter().cloned());
        let replayed = beacons.filter(|beacon| beacon.exponent() <= REPLAYED).map(|beacon| {
            let mut stream = beacon.stream();
            (stream.scalar(), stream.g1())
        });
        Self(replayed.collect())
    }

    /// The number of a contribution: that of a beacon, or one.
    fn scalar(&self, contribution: &Contribution) -> Option<Fr> {
        if contribution.g1_sx == contribution.g1_s {
            return Some(Fr::one());
        }
        let of_beacon = |(scalar, g1_s): &&(Fr, G1Affine)| {
            *g1_s == contribution.g1_s && (*g1_s * scalar).into_affine() == contribution.g1_sx
        };
        self.0.iter().find(of_beacon).map(|(scalar, _)| *scalar)
    }

    /// delta as the product of known numbers: of the first, of the first two, and so on, since others may
    /// cancel each other.
    fn delta(&self, key: &ZKey) -> Option<Fr> {
        let holds = |factor: &Fr| (key.vk.gamma_g2 * factor).into_affine() == key.vk.delta_g2;
        let scalars = key.contributions.iter().filter_map(|one| self.scalar(one));
        let products = scalars.scan(Fr::one(), |product, scalar| {
            *product *= scalar;
            Some(*product)
        });
        std::iter::once(Fr::one()).chain(products).find(holds)
    }
}

/// Beacons of larger exponents take minutes and more to replay; they count as known without it.
const REPLAYED: u8 = 24;
