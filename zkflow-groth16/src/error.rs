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

/// Shows an error and its sources on one line, separated by colons.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut last = self.0.to_string();
        for cause in std::iter::successors(self.0.source(), |error| error.source()) {
            let cause = cause.to_string();
            // Some errors repeat their source in their own text.
            if !last.ends_with(&cause) {
                write!(f, ": {cause}")?;
            }
            last = cause;
        }
        Ok(())
    }
}

/// An error with a kind and a stable code.
pub trait Classified: std::error::Error {
    /// The kind of this error.
    fn kind(&self) -> ErrorKind;

    /// Stable, machine-readable code in snake_case, such as `constraint_failed`.
    fn code(&self) -> &'static str;
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::Chain;

    #[derive(Debug, thiserror::Error)]
    #[error("reading failed")]
    struct Outer(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("reading failed: {0}")]
    struct Repeating(#[source] io::Error);

    #[test]
    fn every_cause_is_shown_once() {
        let cause = || io::Error::other("the disk is full");
        assert_eq!(Chain(&Outer(cause())).to_string(), "reading failed: the disk is full");
        assert_eq!(Chain(&Repeating(cause())).to_string(), "reading failed: the disk is full");
        assert_eq!(Chain(&cause()).to_string(), "the disk is full");
    }
}
