//! What all errors of the crate have in common: a kind to act on and a stable code.

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong and will be wrong again: mend the input.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// The state of the thing does not allow it, or somebody else was faster.
    Conflict,
    /// A limit on size, time or number was reached.
    Limit,
    /// Something outside (disk, database, network) failed; the same call may pass later.
    Unavailable,
    /// Bytes that were trusted are not what they should be.
    Corrupt,
    /// A fault of this program or its installation.
    Internal,
}

impl ErrorKind {
    /// Whether the same call may succeed when it is simply made again.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

/// An error that says what can be done about it.
pub trait Classified: std::error::Error {
    /// What a caller can do about it.
    fn kind(&self) -> ErrorKind;

    /// A stable, machine-readable name in snake_case, such as `constraint_failed`.
    fn code(&self) -> &'static str;
}
