//! The common interface of all errors in this crate: a kind and a stable code.

/// The kind of an error, which determines how a caller can react.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong. A retry fails again; correct the input.
    Invalid,
    /// The requested object does not exist.
    NotFound,
    /// The state of the object does not allow the operation, or another caller changed it first.
    Conflict,
    /// A limit on size, time or number is reached.
    Limit,
    /// A disk, database or network failed; a retry may succeed.
    Unavailable,
    /// Trusted data is damaged or was modified.
    Corrupt,
    /// A fault of this program or its installation.
    Internal,
}

impl ErrorKind {
    /// True if a retry of the same call may succeed.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

/// An error with a kind and a stable code.
pub trait Classified: std::error::Error {
    /// The kind of this error.
    fn kind(&self) -> ErrorKind;

    /// Stable, machine-readable code in snake_case, such as `constraint_failed`.
    fn code(&self) -> &'static str;
}
