//! The provers of this library, by name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::native::{NativeOptions, NativeProver};
use super::{ProveError, Prover};

/// A prover of this library. All provers make proofs of the same form from the same keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ProverKind {
    /// [`NativeProver`]: fast.
    #[default]
    Native,
    /// [`ArkProver`](super::ark::ArkProver): the reference implementation.
    #[cfg(feature = "ark")]
    Ark,
}

impl ProverKind {
    /// All provers of this build, the default first.
    pub const ALL: &[Self] = &[
        Self::Native,
        #[cfg(feature = "ark")]
        Self::Ark,
    ];

    /// The name that [`FromStr`] accepts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            #[cfg(feature = "ark")]
            Self::Ark => "ark",
        }
    }

    /// Creates the prover; `options` apply only to the native one.
    ///
    /// # Errors
    /// Those of [`NativeProver::new`].
    pub fn open(self, options: NativeOptions) -> Result<Arc<dyn Prover>, ProveError> {
        Ok(match self {
            Self::Native => Arc::new(NativeProver::new(options)?),
            #[cfg(feature = "ark")]
            Self::Ark => Arc::new(super::ark::ArkProver),
        })
    }
}

impl fmt::Display for ProverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Unknown prover name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown prover; expected one of {}", names())]
pub struct UnknownProver;

fn names() -> String {
    ProverKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

impl FromStr for ProverKind {
    type Err = UnknownProver;

    fn from_str(text: &str) -> Result<Self, UnknownProver> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownProver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prover_is_found_by_the_name_it_gives_itself() {
        for kind in ProverKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(kind.open(NativeOptions::default()).unwrap().name(), kind.as_str());
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("arc".parse::<ProverKind>(), Err(UnknownProver));
    }
}
