use std::fmt;

use crate::error::{Classified, ErrorKind};
use crate::field::FieldError;

/// A JSON document is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct JsonError {
    /// Where in the document, such as `pi_b[1][0]`; empty for the document itself.
    pub path: String,
    /// What is wrong there.
    pub problem: JsonProblem,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProblem {
    /// The text is no JSON.
    #[error("not JSON (line {line}, column {column})")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// A key is missing.
    #[error("missing")]
    Missing,
    /// A value of another type.
    #[error("expected {0}")]
    Expected(&'static str),
    /// An array of another length.
    #[error("expected {expected} items, found {found}")]
    Length {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A text that is no number of the field.
    #[error(transparent)]
    Number(FieldError),
    /// A point with a third coordinate other than one.
    #[error("a point whose third coordinate is not one")]
    NotAffine,
    /// Coordinates that are no point.
    #[error("not a point of the curve")]
    NotOnCurve,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{path}: {}", self.problem)
    }
}

impl Classified for JsonError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        "malformed_json"
    }
}
