//! Readers and writers of the file formats of Circom and snarkjs.
//!
//! # Behaviour
//! - For any bytes a reader returns a value or a [`FormatError`] (JSON: a [`JsonError`](json::JsonError)).
//!   It never panics, and never allocates more than a small multiple of the bytes present.
//! - Reading a file written here returns an equal value. A file of snarkjs, read and written again, has the
//!   same bytes.
//! - Numbers are never reduced: a number that is not below its modulus is refused.
//!
//! Readers check that points are on the curve. For proofs and keys from untrusted sources,
//! [`verify`](crate::verify) checks membership in the prime-order subgroup of G2.

use crate::error::{Classified, ErrorKind};

pub mod json;
pub mod ptau;
pub mod r1cs;
pub mod sym;
pub mod wtns;
pub mod zkey;

pub(crate) mod binfile;
pub(crate) mod container;
pub(crate) mod cursor;
mod detect;
pub(crate) mod encoding;
mod mapped;
pub(crate) mod records;
pub(crate) mod sections;
mod state;
mod table;

pub use detect::{Kind, detect};
pub use encoding::FilePoint;
pub use mapped::MappedFile;
pub use state::FileState;
pub use table::{SectionEntry, SectionTable, section_table};

/// A file that is read piece by piece cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The underlying medium failed.
    #[error("reading failed: {0}")]
    Io(#[from] std::io::Error),
    /// The content is malformed.
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

/// The bytes are not a file of the named format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{format}: {detail} (at byte {offset})")]
pub struct FormatError {
    /// Name of the format, such as `r1cs` or `zkey`.
    pub format: &'static str,
    /// Byte offset in the file.
    pub offset: u64,
    /// The problem at this offset.
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
