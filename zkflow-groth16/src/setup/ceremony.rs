//! What both phases of a ceremony share: errors, beacons, secrets.

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
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file could not be written.
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
    /// The circuit does not fit together.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// No such file is made.
    #[error("a power of {0}: 1 to 27 are possible")]
    Power(u32),
    /// Powers of tau that were truncated take no contributions.
    #[error("the file has power {power} of a ceremony of {ceremony_power}: it takes no contributions")]
    Truncated {
        /// Power of the file.
        power: u32,
        /// Power of the ceremony.
        ceremony_power: u32,
    },
    /// Phase 2 works with the Lagrange forms.
    #[error("the powers of tau are not prepared for phase 2: `zkflow ptau prepare` does it")]
    NotPrepared,
    /// The powers of tau are too few for the circuit.
    #[error("the circuit needs powers of tau of 2^{needed}, the file has 2^{found}")]
    TooFewPowers {
        /// What the circuit needs.
        needed: u32,
        /// What the file has.
        found: u32,
    },
    /// A key that anybody could forge proofs for.
    #[error(transparent)]
    Refused(#[from] super::gate::Refused),
    /// A beacon has a value and an exponent between 10 and 63.
    #[error("a beacon has 1 to 255 bytes and an exponent of 10 to 63")]
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

/// A public random value that ends a ceremony. It is no secret: it keeps the last contributor from choosing
/// the outcome, and adds nothing against somebody who knows all secrets before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    value: BeaconHash,
    exponent: u8,
}

impl Beacon {
    /// A beacon whose value is hashed `2^exponent` times.
    ///
    /// # Errors
    /// [`CeremonyError::Beacon`] unless the value has 1 to 255 bytes and the exponent lies between 10 and 63.
    pub fn new(value: &[u8], exponent: u8) -> Result<Self, CeremonyError> {
        let value = BeaconHash::new(value).filter(|value| !value.as_bytes().is_empty());
        match value {
            Some(value) if (10..=63).contains(&exponent) => Ok(Self { value, exponent }),
            _ => Err(CeremonyError::Beacon),
        }
    }

    /// How many times the value is hashed, as a power of two.
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

    /// Reads `VALUE:EXPONENT`, the value being hexadecimal.
    fn from_str(text: &str) -> Result<Self, CeremonyError> {
        let (value, exponent) = text.split_once(':').ok_or(CeremonyError::Beacon)?;
        let value = hex::decode(value.strip_prefix("0x").unwrap_or(value));
        let (Ok(value), Ok(exponent)) = (value, exponent.parse()) else { return Err(CeremonyError::Beacon) };
        Self::new(&value, exponent)
    }
}

/// The stream of a secret contribution: 64 random bytes mixed with a text.
pub(super) fn secret_stream(rng: &mut dyn SecureRng, text: &str) -> RandomStream {
    let mut entropy = Zeroizing::new(vec![0; 64]);
    rng.fill_bytes(&mut entropy);
    entropy.extend_from_slice(text.as_bytes());
    let seed = Zeroizing::new(Blake2b::hash(&entropy));
    RandomStream::of_hash(&seed)
}

/// Whether `a1 : b1` is the ratio of `a2 : b2`: `e(a1, b2) = e(b1, a2)`, no point being infinity.
pub(super) fn same_ratio(a1: G1Affine, b1: G1Affine, a2: G2Affine, b2: G2Affine) -> bool {
    let usable = ![a1, b1].iter().any(G1Affine::is_zero) && ![a2, b2].iter().any(G2Affine::is_zero);
    usable && Bn254::multi_pairing([a1, -b1], [b2, a2]).0 == <Bn254 as Pairing>::TargetField::ONE
}

/// Factors of 128 random bits.
pub(super) fn random_factors(count: usize, rng: &mut dyn SecureRng) -> Scalars {
    let factors: Vec<Fr> =
        (0..count).map(|_| Fr::from(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()))).collect();
    scalars(&factors)
}

/// A random element whose powers are the factors of a combination: wrong points cancel with a probability of at most
/// their number divided by the modulus.
pub(super) fn random_challenge(rng: &mut dyn SecureRng) -> Fr {
    Fr::rand(rng)
}

/// Factors for [`combine`].
pub(super) fn scalars(factors: &[Fr]) -> Scalars {
    Scalars::new(Kernel::detect(), factors)
}

/// The combination of points with factors.
pub(super) fn combine<C: Curve>(points: &[Affine<C>], factors: &Scalars) -> Projective<C> {
    let options = Options { kernel: Kernel::detect(), table_bytes: 0 };
    FixedBases::<C>::prepare(points, options).msm(factors)
}
