//! Errors of the witness calculation. No message contains the value of an input.

use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::field::FieldError;

/// There is no witness for these inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The inputs are not valid JSON, or not an object.
    #[error("the inputs are not a JSON object (line {line}, column {column})")]
    InvalidJson {
        /// Line of the error, from 1.
        line: usize,
        /// Column of the error, from 1.
        column: usize,
    },
    /// The circuit has no input of this name.
    #[error("{path}: unknown input{}", among(known))]
    UnknownInput {
        /// Path of the value, such as `inputs.path[3]`.
        path: String,
        /// Names of the circuit's inputs, at most 16; empty if unknown.
        known: Vec<String>,
    },
    /// An input has no value.
    #[error("{path}: missing")]
    MissingInput {
        /// Path of the value, such as `inputs.path[3]`.
        path: String,
    },
    /// A name occurs twice in an object.
    #[error("{path}: given twice")]
    DuplicateInput {
        /// Path of the value, such as `inputs.path[3]`.
        path: String,
    },
    /// The shape is wrong: for example an array in place of a value, or an array of the wrong length.
    #[error("{path}: expected {expected}, found {found}")]
    WrongShape {
        /// Path of the value, such as `inputs.path[3]`.
        path: String,
        /// Shape that the circuit expects, such as `an array of 2`.
        expected: String,
        /// Shape that was found.
        found: String,
    },
    /// A text or number is not an element of the field.
    #[error("{path}: {fault}")]
    NotInField {
        /// Path of the value, such as `inputs.path[3]`.
        path: String,
        /// Reason why the value is not an element.
        fault: FieldError,
    },
    /// A JSON number is not an integer, or is above 2^53: JSON tools silently round such numbers.
    #[error("{path}: not an exact integer; write the number as a decimal string")]
    UnsafeNumber {
        /// Path of the value, such as `inputs.path[3]`.
        path: String,
    },
    /// `true`, `false` or `null` in place of a value.
    #[error("{path}: expected a decimal string or an integer, found {found}")]
    NotAValue {
        /// Path of the value, such as `inputs.path[3]`.
        path: String,
        /// `true`, `false` or `null`.
        found: &'static str,
    },
    /// Arrays or objects are nested more than 16 levels deep.
    #[error("{path}: nested too deeply")]
    TooDeep {
        /// Path of the value, such as `inputs.path[3]`.
        path: String,
    },
    /// The inputs do not satisfy an `assert` or `===` of the circuit.
    #[error("a constraint of the circuit is not satisfied: {message}")]
    ConstraintFailed {
        /// Template of the failing statement, without the instance number; `None` if unknown.
        template: Option<String>,
        /// Line of the failing statement in its file; `None` if unknown.
        line: Option<u32>,
        /// Template and line of the statement, then of each enclosing template.
        message: String,
    },
    /// A limit on time, memory or size is reached.
    #[error("the witness calculator reached its limit of {0}")]
    Limit(String),
    /// The module is not from circom, is for another field, or crashed.
    #[error("the witness calculator failed: {0}")]
    Calculator(String),
    /// The names of the signals belong to another circuit.
    #[error("the signal names do not match the circuit: {0}")]
    SignalsMismatch(String),
}

fn among(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; expected one of {}", known.join(", ")) }
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
