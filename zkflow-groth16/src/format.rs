//! Readers and writers of the files of the Circom and snarkjs world.
//!
//! # Behaviour
//! - Total: on any bytes a reader returns a value or a [`FormatError`] (JSON: a
//!   [`JsonError`](json::JsonError)); it never panics and never allocates more than a small multiple of the
//!   bytes present.
//! - What a writer writes its reader reads back equal, and what snarkjs writes comes back byte for byte.
//! - Numbers are never reduced: one that is not below its modulus is refused.
//!
//! Points are checked to lie on the curve when they are read; membership in the prime-order
//! subgroup of G2 is checked by [`verify`](crate::verify) for proofs and keys from strangers.

use crate::error::{Classified, ErrorKind};

pub mod json;
pub mod ptau;
pub mod r1cs;
pub mod sym;
pub mod wtns;
pub mod zkey;

pub(crate) mod binfile;
mod detect;
pub(crate) mod encoding;
mod mapped;
pub(crate) mod sections;

pub use detect::{Kind, detect};
pub use mapped::MappedFile;

/// A file that is read piece by piece could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The medium failed.
    #[error("reading failed: {0}")]
    Io(#[from] std::io::Error),
    /// What was read is not what it should be.
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl Classified for ReadError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(_) => ErrorKind::Unavailable,
            Self::Format(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "file_unreadable",
            Self::Format(error) => error.code(),
        }
    }
}

/// Bytes are not a file of the named format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{format}: {detail} (at byte {offset})")]
pub struct FormatError {
    /// Such as `r1cs` or `zkey`.
    pub format: &'static str,
    /// Where in the file.
    pub offset: u64,
    /// What is wrong there.
    pub detail: String,
}

impl Classified for FormatError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        "malformed_file"
    }
}
