//! Errors of the witness calculation. No message contains the value of an input.

use zkflow_groth16::error::{Classified, ErrorKind};

use crate::inputs::{InputError, NotAnObject};

/// There is no witness for these inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The inputs are not valid JSON, or not an object.
    #[error(transparent)]
    InvalidJson(#[from] NotAnObject),
    /// An input does not fit the circuit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The inputs do not satisfy an `assert` or `===` of the circuit, or the circuit divides integers by zero.
    #[error("a constraint of the circuit is not satisfied: {message}")]
    ConstraintFailed {
        /// Template of the failing statement, without the instance number; `None` if unknown.
        template: Option<String>,
        /// Line of the failing statement in its file; `None` if unknown.
        line: Option<u32>,
        /// Template and line of the statement, then of each enclosing template.
        message: String,
    },
    /// A wire of an input contains another value than the one given: the module or the names are wrong.
    #[error("input `{0}`: the witness contains another value")]
    InputMismatch(String),
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

impl Classified for WitnessError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Limit(_) => ErrorKind::Limit,
            Self::Calculator(_) | Self::SignalsMismatch(_) | Self::InputMismatch(_) => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidJson(_) => "invalid_json",
            Self::Input(error) => error.code(),
            Self::ConstraintFailed { .. } => "constraint_failed",
            Self::InputMismatch(_) => "input_mismatch",
            Self::Limit(_) => "witness_limit",
            Self::Calculator(_) => "witness_calculator_failed",
            Self::SignalsMismatch(_) => "signals_mismatch",
        }
    }
}
