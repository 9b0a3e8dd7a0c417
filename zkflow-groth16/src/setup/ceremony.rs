//! Shared by both phases of a ceremony: errors, beacons, secrets.

use std::io;

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::{Field, UniformRand};
use zeroize::Zeroizing;
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options, Scalars};
use zkflow_bn254::points::Curve;

use super::SetupError;
use super::stream::RandomStream;
use crate::blake2b::Blake2b;
use crate::error::{Classified, ErrorKind};
use crate::format::ptau::{BeaconHash, ContributionKind};
use crate::format::sections::CopyError;
use crate::format::{FormatError, ReadError};
use crate::rng::SecureRng;

/// A step of a ceremony failed, or a file does not verify.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file cannot be written.
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
    /// The circuit is invalid.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The power is out of range.
    #[error("power {0} is out of range (1..=27)")]
    Power(u32),
    /// Truncated powers of tau accept no contributions.
    #[error("the file is truncated to power {power} of {ceremony_power}: it accepts no contributions")]
    Truncated {
        /// Power of the file.
        power: u32,
        /// Power of the ceremony.
        ceremony_power: u32,
    },
    /// The Lagrange forms, which phase 2 needs, are missing.
    #[error("the powers of tau are not prepared for phase 2: run `zkflow ptau prepare`")]
    NotPrepared,
    /// The powers of tau are too few for the circuit.
    #[error("the circuit needs powers of tau for 2^{needed} rows, the file has 2^{found}")]
    TooFewPowers {
        /// Power that the circuit needs.
        needed: u32,
        /// Power of the file.
        found: u32,
    },
    /// [`gate`](super::gate) refuses the key.
    #[error(transparent)]
    Refused(#[from] super::gate::Refused),
    /// The value or the exponent of a beacon is out of range.
    #[error("invalid beacon: expected 1 to 255 bytes and an exponent of 10 to 63")]
    Beacon,
    /// The file does not verify.
    #[error("not valid: {0}")]
    Invalid(String),
}

impl From<FormatError> for CeremonyError {
    fn from(error: FormatError) -> Self {
        Self::Read(error.into())
    }
}

impl From<CopyError> for CeremonyError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Read(error) => Self::Read(error),
            CopyError::Write(error) => Self::Write(error),
        }
    }
}

impl CeremonyError {
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }
}

impl Classified for CeremonyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(error) => error.kind(),
            Self::Write(_) => ErrorKind::Unavailable,
            Self::Setup(error) => error.kind(),
            Self::TooFewPowers { .. } => ErrorKind::Limit,
            _ => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Read(error) => error.code(),
            Self::Write(_) => "file_unwritable",
            Self::Setup(error) => error.code(),
            Self::Power(_) => "power_out_of_range",
            Self::Truncated { .. } => "powers_truncated",
            Self::NotPrepared => "powers_not_prepared",
            Self::TooFewPowers { .. } => "too_few_powers",
            Self::Beacon => "invalid_beacon",
            Self::Refused(_) => "key_refused",
            Self::Invalid(_) => "ceremony_invalid",
        }
    }
}

/// A public random value that ends a ceremony. It is not secret: it only prevents the last contributor from
/// choosing the result. It does not protect against a party that knows all secrets before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    value: BeaconHash,
    exponent: u8,
}

impl Beacon {
    /// A beacon with `value`, which is hashed `2^exponent` times.
    ///
    /// # Errors
    /// [`CeremonyError::Beacon`] unless the value has 1 to 255 bytes and the exponent is between 10 and 63.
    pub fn new(value: &[u8], exponent: u8) -> Result<Self, CeremonyError> {
        let value = BeaconHash::new(value).filter(|value| !value.as_bytes().is_empty());
        match value {
            Some(value) if (10..=63).contains(&exponent) => Ok(Self { value, exponent }),
            _ => Err(CeremonyError::Beacon),
        }
    }

    /// `2^exponent`: number of times the value is hashed.
    pub(super) fn exponent(&self) -> u8 {
        self.exponent
    }

    pub(super) fn kind(&self) -> ContributionKind {
        ContributionKind::Beacon { exponent: self.exponent, hash: self.value.clone() }
    }

    pub(super) fn stream(&self) -> RandomStream {
        RandomStream::of_beacon(self.value.as_bytes(), self.exponent)
    }
}

impl std::str::FromStr for Beacon {
    type Err = CeremonyError;

    /// Parses `VALUE:EXPONENT`; the value is hexadecimal, with or without `0x`.
    fn from_str(text: &str) -> Result<Self, CeremonyError> {
        let (value, exponent) = text.split_once(':').ok_or(CeremonyError::Beacon)?;
        let value = hex::decode(value.strip_prefix("0x").unwrap_or(value));
        let (Ok(value), Ok(exponent)) = (value, exponent.parse()) else { return Err(CeremonyError::Beacon) };
        Self::new(&value, exponent)
    }
}

/// The form that [`Beacon::from_str`](std::str::FromStr::from_str) parses.
impl std::fmt::Display for Beacon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", hex::encode(self.value.as_bytes()), self.exponent)
    }
}

/// The random stream of a secret contribution: 64 random bytes mixed with `text`.
pub(super) fn secret_stream(rng: &mut dyn SecureRng, text: &str) -> RandomStream {
    let mut entropy = Zeroizing::new(vec![0; 64]);
    rng.fill_bytes(&mut entropy);
    entropy.extend_from_slice(text.as_bytes());
    let seed = Zeroizing::new(Blake2b::hash(&entropy));
    RandomStream::of_hash(&seed)
}

/// `e(a1, b2) = e(b1, a2)`: whether the ratios `a1 : b1` and `a2 : b2` are equal; `false` if a point is
/// infinity.
pub(super) fn same_ratio(a1: G1Affine, b1: G1Affine, a2: G2Affine, b2: G2Affine) -> bool {
    let usable = ![a1, b1].iter().any(G1Affine::is_zero) && ![a2, b2].iter().any(G2Affine::is_zero);
    usable && Bn254::multi_pairing([a1, -b1], [b2, a2]).0 == <Bn254 as Pairing>::TargetField::ONE
}

/// `count` random factors of 128 bits.
pub(super) fn random_factors(count: usize, rng: &mut dyn SecureRng) -> Scalars {
    let factors: Vec<Fr> =
        (0..count).map(|_| Fr::from(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()))).collect();
    scalars(&factors)
}

/// A random element; its powers are the factors of a combination. Wrong points cancel with a probability of
/// at most their number divided by the modulus.
pub(super) fn random_challenge(rng: &mut dyn SecureRng) -> Fr {
    Fr::rand(rng)
}

/// Converts factors for [`combine`].
pub(super) fn scalars(factors: &[Fr]) -> Scalars {
    Scalars::new(Kernel::detect(), factors)
}

/// The linear combination of `points` with `factors`.
pub(super) fn combine<C: Curve>(points: &[Affine<C>], factors: &Scalars) -> Projective<C> {
    let options = Options { kernel: Kernel::detect(), table_bytes: 0 };
    FixedBases::<C>::prepare(points, options).msm(factors)
}
