//! [`InputError`]: a path and a problem, without the value.

use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::field::FieldError;
use zkflow_groth16::field::json::NumberError;

/// Maximum number of names that an error lists.
pub(crate) const MAX_LISTED: usize = 16;

/// An input does not fit the circuit. The message never contains the value of an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct InputError {
    /// Path of the value, such as `inputs.path[3]`.
    pub path: String,
    /// The problem at this path.
    pub problem: InputProblem,
}

/// The problem of an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputProblem {
    /// The circuit has no input of this name.
    #[error("unknown input{}", among(known))]
    Unknown {
        /// Names of the circuit's inputs, at most 16; empty if unknown.
        known: Vec<String>,
    },
    /// An input has no value.
    #[error("missing")]
    Missing,
    /// A name occurs twice.
    #[error("given twice")]
    Duplicate,
    /// An input that is given in another object too.
    #[error("also given in {other}")]
    Elsewhere {
        /// Path of the other object.
        other: String,
    },
    /// The shape is wrong: for example an array in place of a value, or an array of the wrong length.
    #[error("expected {expected}, found {found}")]
    WrongShape {
        /// Shape that the circuit expects, such as `an array of 2`.
        expected: String,
        /// Shape that was found.
        found: String,
    },
    /// The value is not an exact element of the field.
    #[error(transparent)]
    Number(NumberError),
    /// Arrays or objects are nested more than 16 levels deep.
    #[error("nested too deeply")]
    TooDeep,
}

fn among(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; expected one of {}", known.join(", ")) }
}

impl Classified for InputError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn code(&self) -> &'static str {
        match &self.problem {
            InputProblem::Unknown { .. } => "unknown_input",
            InputProblem::Missing => "missing_input",
            InputProblem::Duplicate | InputProblem::Elsewhere { .. } => "duplicate_input",
            InputProblem::WrongShape { .. } => "wrong_shape",
            InputProblem::Number(NumberError::Inexact | NumberError::Fraction) => "unsafe_number",
            InputProblem::Number(NumberError::Field(FieldError::NotDecimal)) => "not_decimal",
            InputProblem::Number(NumberError::NotANumber(_)) => "not_a_value",
            InputProblem::Number(_) => "not_in_field",
            InputProblem::TooDeep => "too_deep",
        }
    }
}
