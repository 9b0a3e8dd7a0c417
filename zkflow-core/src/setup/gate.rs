//! Whether a key can be relied on: who could forge proofs for it.
//!
//! With gamma a known multiple of delta, public data suffice to prove anything: `A` and `B` cancel
//! alpha and beta, and `C` is the public part times that multiple, negated. A key without contributions has
//! gamma = delta. A beacon multiplies delta by a number that everybody computes from the file. Neither is
//! noticed by `snarkjs zkey verify`.

use std::fmt;

use ark_bn254::{Fr, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::One;

use super::Provenance;
use super::ceremony::Beacon;
use crate::format::zkey::{ContributionKind, ZKey};

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
}

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

/// Judges a key by what the file says.
///
/// # Behaviour
/// - A key whose circuit hash is zeros was made by [`circuit_specific`](super::circuit_specific), in one
///   process: `development`.
/// - One secret contribution is `single-operator`, more are `ceremony(n)`: the file cannot say whether they
///   are different people, nor whether what it calls a secret is one. It is for [`phase2::verify`](super::phase2::verify) to say that the contributions are
///   real.
pub fn judge(key: &ZKey) -> Verdict {
    let vk = &key.vk;
    let g2 = [vk.beta_g2, vk.gamma_g2, vk.delta_g2];
    if vk.alpha_g1.is_zero() || key.delta_g1.is_zero() || g2.iter().any(G2Affine::is_zero) {
        return Verdict::Forgeable(Weakness::Infinity);
    }
    let secret = key.contributions.iter().filter(|one| one.kind == ContributionKind::Secret).count();
    let known = known_delta(key).is_some();
    match (key.contributions.len(), secret) {
        _ if known && vk.gamma_g2 != vk.delta_g2 => Verdict::Forgeable(Weakness::BeaconOnly),
        (0, _) if vk.gamma_g2 == vk.delta_g2 => Verdict::Forgeable(Weakness::NoContribution),
        _ if vk.gamma_g2 == vk.delta_g2 => Verdict::Forgeable(Weakness::GammaIsDelta),
        (0, _) if key.circuit_hash == [0; 64] => Verdict::Held(Provenance::Development),
        (0, _) => Verdict::Forgeable(Weakness::NoContribution),
        (_, 0) => Verdict::Forgeable(Weakness::BeaconOnly),
        (_, 1) => Verdict::Held(Provenance::SingleOperator),
        (_, n) => Verdict::Held(Provenance::Ceremony(u32::try_from(n).unwrap_or(u32::MAX))),
    }
}

/// delta as a multiple of gamma, where it follows from public data: the product of the beacons, or of some
/// of them when the file names secret contributions that changed nothing.
pub fn known_delta(key: &ZKey) -> Option<Fr> {
    let beacons = key.contributions.iter().filter_map(|contribution| match &contribution.kind {
        ContributionKind::Beacon { exponent, hash } if *exponent <= REPLAYED => {
            Beacon::new(hash.as_bytes(), *exponent).ok()
        }
        _ => None,
    });
    let mut factor = Fr::one();
    let holds = |factor: &Fr| (key.vk.gamma_g2 * factor).into_affine() == key.vk.delta_g2;
    if holds(&factor) {
        return Some(factor);
    }
    for beacon in beacons {
        factor *= beacon.stream().scalar();
        if holds(&factor) {
            return Some(factor);
        }
    }
    None
}

/// Beacons of larger exponents take minutes and more to replay; they count as known without it.
const REPLAYED: u8 = 24;
