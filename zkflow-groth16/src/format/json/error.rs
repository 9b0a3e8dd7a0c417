use std::fmt;

use crate::error::{Classified, ErrorKind};
use crate::field::FieldError;

/// A JSON document has wrong content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct JsonError {
    /// Path in the document, such as `pi_b[1][0]`; empty for the document itself.
    pub path: String,
    /// The problem at this path.
    pub problem: JsonProblem,
}

/// The problem of a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProblem {
    /// The text is not JSON.
    #[error("not JSON (line {line}, column {column})")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// A required key is missing.
    #[error("missing")]
    Missing,
    /// The value has another type, or is not the required string.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The array has another length.
    #[error("expected {expected} items, found {found}")]
    Length {
        /// Required number of items.
        expected: usize,
        /// Actual number of items.
        found: usize,
    },
    /// The string is not a number of the field.
    #[error(transparent)]
    Number(FieldError),
    /// The third coordinate of a point is not one.
    #[error("the point's third coordinate is not one")]
    NotAffine,
    /// The coordinates are not a point of the curve.
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
