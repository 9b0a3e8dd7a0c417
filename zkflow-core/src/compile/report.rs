//! What can be read off an R1CS.

use serde::{Deserialize, Serialize};

/// The size of a circuit, and what looks wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitReport {
    /// Constraints that multiply two signals.
    pub non_linear_constraints: u32,
    /// Constraints that do not.
    pub linear_constraints: u32,
    /// Wires, the constant one included.
    pub wires: u32,
    /// Public inputs.
    pub public_inputs: u32,
    /// Private inputs.
    pub private_inputs: u32,
    /// Outputs, all of them public.
    pub outputs: u32,
    /// Rows of the evaluation domain, a power of two:
    /// `2^(floor(log2(constraints + outputs + public_inputs)) + 1)`.
    pub domain_size: u64,
    /// Length of the `.zkey` file in bytes, without contributions.
    pub proving_key_bytes: u64,
    /// Peak memory of one proof in bytes, predicted.
    pub prover_memory_bytes: u64,
    /// What looks wrong.
    pub warnings: Vec<CircuitWarning>,
}

/// Something about an R1CS that deserves a look. Wires carry their name from the `.sym` file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitWarning {
    /// What it is about.
    pub kind: WarningKind,
    /// The signals concerned, at most 32 of them.
    pub signals: Vec<String>,
    /// How many signals are concerned.
    pub count: u32,
}

/// Kinds of [`CircuitWarning`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningKind {
    /// Wires that stand in no constraint: any value satisfies the circuit.
    UnconstrainedSignal,
    /// Outputs that no chain of constraints ties linearly to the inputs.
    UndeterminedOutput,
    /// Inputs that stand in no constraint.
    UnusedInput,
}

impl CircuitReport {
    /// STUB until the format work lands.
    pub fn of(r1cs: &crate::format::r1cs::R1cs, _: Option<&crate::format::sym::Sym>) -> Self {
        Self {
            non_linear_constraints: 0,
            linear_constraints: 0,
            wires: r1cs.n_wires,
            public_inputs: 0,
            private_inputs: 0,
            outputs: 0,
            domain_size: 0,
            proving_key_bytes: 0,
            prover_memory_bytes: 0,
            warnings: Vec::new(),
        }
    }
}
