//! Reasons why there is no tape.

/// Why a calculation has no tape. The module still calculates witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// The module has no name section for its functions.
    #[error("the module has no names of functions")]
    NoNames,
    /// The module does not have the form that circom generates, or the circuit does not run when all inputs
    /// are set.
    #[error("the module does not have a form that this version of ZKFlow supports")]
    NotCircom,
    /// The module is for another field than that of BN254.
    #[error("the module is not for the field of BN254")]
    Field,
    /// The witness of a tape cannot be compared with every input, so no tape is played.
    #[error(
        "the witness of a tape cannot be compared with every input: a private input has no wire (it is in linear \
         constraints only, or in none), or the module has no table of inputs"
    )]
    Unchecked,
    /// The recorded calculation has another witness than the module for some inputs.
    #[error(
        "the recorded calculation differs from the module, which decides (circom 2.2.3 calculates x ** x under a comparison \
         wrongly)"
    )]
    Differs,
    /// The number of rounds of a loop depends on inputs.
    #[error("the circuit has a loop whose number of rounds depends on inputs")]
    Loop,
    /// A function returns within a branch that depends on inputs, in an unsupported way.
    #[error("the circuit has a function that returns from nested conditions on inputs")]
    Return,
    /// The module used an integer whose value depends on the branch.
    #[error("an address or a counter of the circuit depends on inputs")]
    Mixed,
    /// The module read the bytes of an element that depends on inputs.
    #[error("the module reads the representation of an element that depends on inputs")]
    Representation,
    /// An address is outside the memory.
    #[error("the circuit accesses an address outside its memory")]
    OutOfBounds,
    /// The circuit divides by the constant zero.
    #[error("the circuit divides by zero")]
    Division,
    /// A constraint fails for all inputs.
    #[error("the circuit fails for all inputs")]
    Fails,
    /// More operations than [`RecordLimits::operations`](super::RecordLimits::operations), more than 2^24
    /// places, or a module longer than [`RecordLimits::module_bytes`](super::RecordLimits::module_bytes).
    #[error("the calculation or its module is too long to be recorded")]
    TooLong,
    /// More than 1000 nested calls, or 65536 operands.
    #[error("the calls of the circuit are nested too deeply")]
    TooDeep,
    /// More memory than [`RecordLimits::memory_bytes`](super::RecordLimits::memory_bytes), or a branch that changes
    /// more than 2^22 words.
    #[error("the calculation needs too much memory to be recorded")]
    Memory,
    /// More work than [`RecordLimits::work`](super::RecordLimits::work).
    #[error("recording the calculation needs too much work")]
    Work,
}

impl Stop {
    /// True for a limit of the recording, which ends it in any branch.
    pub(super) fn is_limit(self) -> bool {
        matches!(self, Self::Work | Self::Memory | Self::TooLong)
    }
}
