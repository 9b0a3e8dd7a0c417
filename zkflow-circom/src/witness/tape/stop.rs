//! Why there is no tape.

/// Why a calculation has no tape; the circuit's module calculates all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// The names of its functions are missing.
    #[error("the module does not name its functions")]
    NoNames,
    /// It has another form than circom's modules, or inputs of another number.
    #[error("the module is not one that this version of ZKFlow can follow")]
    NotCircom,
    /// The number of rounds depends on inputs.
    #[error("the circuit has a loop whose rounds depend on inputs")]
    Loop,
    /// A function returns from within a branch that depends on inputs, in a way that is not followed.
    #[error("the circuit has a function that returns from nested conditions on inputs")]
    Return,
    /// An integer was used whose value depends on the branch taken.
    #[error("an address or a counter of the circuit depends on inputs")]
    Mixed,
    /// The bytes of an element that depends on inputs were looked at.
    #[error("the module looks at how an element is represented")]
    Representation,
    /// An index beyond the memory.
    #[error("the circuit reaches beyond its memory")]
    OutOfBounds,
    /// A division by the constant zero.
    #[error("the circuit divides by zero")]
    Division,
    /// A constraint fails for all inputs.
    #[error("the circuit fails for all inputs")]
    Fails,
    /// More operations than [`RecordLimits::operations`](super::RecordLimits::operations).
    #[error("the calculation has too many operations")]
    TooLong,
    /// Calls nested too deeply.
    #[error("the calculation nests too deeply")]
    TooDeep,
    /// More memory than [`RecordLimits::memory_bytes`](super::RecordLimits::memory_bytes).
    #[error("the calculation needs too much memory to be recorded")]
    Memory,
    /// Longer than [`RecordLimits::wall`](super::RecordLimits::wall).
    #[error("the calculation takes too long to be recorded")]
    Time,
}
