//! Readers and writers of the files of the Circom and snarkjs world.
//!
//! # Behaviour
//! - Total: on any bytes a reader returns a value or a [`FormatError`]; it never panics and never
//!   allocates more than a small multiple of the bytes present.
//! - What a writer writes its reader reads back equal.
//!
//! Points are checked to lie on the curve when they are read; membership in the prime-order
//! subgroup of G2 is checked by [`verify`](crate::verify) for proofs and keys from strangers.

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

pub mod r1cs;
pub mod zkey;
