//! Why there is no witness. No message holds the value of an input.

use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::field::FieldError;

/// There is no witness for these inputs. A path looks like `inputs.path[3]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The inputs are not JSON, or no object.
    #[error("the inputs are not a JSON object (line {line}, column {column})")]
    InvalidJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The circuit has no input of this name.
    #[error("{path}: the circuit has no such input{}", among(known))]
    UnknownInput {
        /// Where.
        path: String,
        /// The names of inputs, as far as known.
        known: Vec<String>,
    },
    /// An input has no value.
    #[error("{path}: missing")]
    MissingInput {
        /// Where.
        path: String,
    },
    /// A name stands twice in an object.
    #[error("{path}: given twice")]
    DuplicateInput {
        /// Where.
        path: String,
    },
    /// An array where a value belongs, a wrong length, and the like.
    #[error("{path}: expected {expected}, found {found}")]
    WrongShape {
        /// Where.
        path: String,
        /// What the circuit wants.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A text or number that is no element of the field.
    #[error("{path}: {fault}")]
    NotInField {
        /// Where.
        path: String,
        /// What is wrong with it.
        fault: FieldError,
    },
    /// A JSON number that is no integer, or one above 2^53, which JSON tools silently round.
    #[error("{path}: a number that is not exact: write it as a decimal string")]
    UnsafeNumber {
        /// Where.
        path: String,
    },
    /// `true`, `false` or `null`.
    #[error("{path}: {found} is not a value: write a decimal string or an integer")]
    NotAValue {
        /// Where.
        path: String,
        /// What there is.
        found: &'static str,
    },
    /// Arrays or objects inside each other, beyond any circuit.
    #[error("{path}: nested too deeply")]
    TooDeep {
        /// Where.
        path: String,
    },
    /// The inputs do not satisfy an `assert` or `===` of the circuit.
    #[error("a constraint of the circuit is not satisfied: {message}")]
    ConstraintFailed {
        /// The template of the failing statement, without the number of its instance.
        template: Option<String>,
        /// The line of the failing statement in its file.
        line: Option<u32>,
        /// Template and line, then those of the templates around it.
        message: String,
    },
    /// A limit on time, memory or size was reached.
    #[error("the witness calculator reached its limit of {0}")]
    Limit(String),
    /// The module is not circom's, is for another field, or it crashed.
    #[error("the witness calculator failed: {0}")]
    Calculator(String),
    /// The names of the signals belong to another circuit.
    #[error("the names of the signals do not fit the circuit: {0}")]
    SignalsMismatch(String),
}

fn among(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(", it has {}", known.join(", ")) }
}

impl Classified for WitnessError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Limit(_) => ErrorKind::Limit,
            Self::Calculator(_) | Self::SignalsMismatch(_) => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidJson { .. } => "invalid_json",
            Self::UnknownInput { .. } => "unknown_input",
            Self::MissingInput { .. } => "missing_input",
            Self::DuplicateInput { .. } => "duplicate_input",
            Self::WrongShape { .. } => "wrong_shape",
            Self::NotInField { fault: FieldError::NotDecimal, .. } => "not_decimal",
            Self::NotInField { .. } => "not_in_field",
            Self::UnsafeNumber { .. } => "unsafe_number",
            Self::NotAValue { .. } => "not_a_value",
            Self::TooDeep { .. } => "too_deep",
            Self::ConstraintFailed { .. } => "constraint_failed",
            Self::Limit(_) => "witness_limit",
            Self::Calculator(_) => "witness_calculator_failed",
            Self::SignalsMismatch(_) => "signals_mismatch",
        }
    }
}
