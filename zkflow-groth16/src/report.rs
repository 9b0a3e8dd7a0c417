//! Size and warnings of an R1CS.

use ark_ff::Zero;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::footprint::ProofFootprint;
use crate::format::r1cs::{Constraint, LinearCombination, R1cs};
use crate::format::sym::Sym;
use crate::format::zkey::ZKey;

mod open_outputs;

/// The size of a circuit, and warnings about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitReport {
    /// Constraints that multiply two signals.
    pub non_linear_constraints: u32,
    /// Constraints that do not multiply signals.
    pub linear_constraints: u32,
    /// Wires, including the constant one.
    pub wires: u32,
    /// Number of public inputs.
    pub public_inputs: u32,
    /// Names of the public inputs in the order of their signals, without indices; empty without names of the
    /// signals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_input_names: Vec<String>,
    /// Number of private inputs.
    pub private_inputs: u32,
    /// Number of outputs; all of them are public.
    pub outputs: u32,
    /// `2^(floor(log2(constraints + outputs + public_inputs)) + 1)`: rows of the evaluation domain, a power
    /// of two.
    pub domain_size: u64,
    /// Length of the `.zkey` file in bytes, without contributions.
    pub proving_key_bytes: u64,
    /// Predicted peak memory of one proof in bytes: [`ProofFootprint`].
    pub prover_memory_bytes: u64,
    /// Signals that may indicate a mistake.
    pub warnings: Vec<CircuitWarning>,
}

/// Signals of an R1CS that may indicate a mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitWarning {
    /// The reason.
    pub kind: WarningKind,
    /// Names of the signals from the `.sym` file, at most 32.
    pub signals: Vec<String>,
    /// Total number of signals concerned.
    pub count: u32,
}

impl fmt::Display for CircuitWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            WarningKind::UnconstrainedSignal => "are in no constraint",
            WarningKind::UndeterminedOutput => "are outputs that their only constraint leaves open",
            WarningKind::UnusedInput => "are inputs that no constraint uses",
        };
        let more = if self.count as usize > self.signals.len() { ", …" } else { "" };
        write!(f, "{} signals {what}: {}{more}", self.count, self.signals.join(", "))
    }
}

/// Kinds of [`CircuitWarning`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningKind {
    /// Wires in no constraint: any value satisfies the circuit. Outputs are left out if an input has no wire, because
    /// simplification replaces an input by an output that is equal to it.
    UnconstrainedSignal,
    /// Outputs in a single constraint that leaves them open: it is quadratic in the output, as in `out * out = in`, so that a
    /// second root satisfies it, or its coefficients of the output cancel.
    ///
    /// Left out if an input has no wire. No such warning does not prove that the outputs are unique.
    UndeterminedOutput,
    /// Inputs in no constraint. Of an input without a wire the constraints alone do not tell whether it is used, because
    /// simplification also removes an input that an equal signal replaces: see
    /// [`CircuitReport::add_unused_inputs`].
    UnusedInput,
}

impl CircuitReport {
    /// Computes the report in time linear in the number of terms.
    ///
    /// A signal without a name in `sym` is listed as `label N`.
    ///
    /// ```
    /// use zkflow_groth16::format::r1cs::R1cs;
    /// use zkflow_groth16::report::CircuitReport;
    ///
    /// # std::env::set_current_dir("tests/data")?;
    /// let r1cs = R1cs::read(&std::fs::read("tiny.r1cs")?)?;
    /// let report = CircuitReport::of(&r1cs, None);
    /// assert!(report.domain_size.is_power_of_two() && report.wires > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(r1cs: &R1cs, sym: Option<&Sym>) -> Self {
        let linear = r1cs.constraints.iter().filter(|constraint| is_linear(constraint)).count();
        let domain_size = r1cs.domain_size();
        let entries: usize = r1cs.constraints.iter().map(|one| one.a.len() + one.b.len()).sum();
        let entries = entries as u64 + u64::from(r1cs.n_public()) + 1;
        let wires = u64::from(r1cs.n_wires);
        Self {
            non_linear_constraints: (r1cs.constraints.len() - linear) as u32,
            linear_constraints: linear as u32,
            wires: r1cs.n_wires,
            public_inputs: r1cs.n_public_inputs,
            public_input_names: sym.map_or_else(Vec::new, |sym| public_input_names(r1cs, sym)),
            private_inputs: r1cs.n_private_inputs,
            outputs: r1cs.n_outputs,
            domain_size,
            proving_key_bytes: ZKey::file_len(wires, domain_size, entries),
            prover_memory_bytes: ProofFootprint::new(wires, domain_size, entries).bytes(),
            warnings: warnings(r1cs, sym),
        }
    }

    /// Adds a warning about inputs that are used nowhere, by the numbers of their values, from 0 in the order of the
    /// signals.
    pub fn add_unused_inputs(&mut self, values: impl Iterator<Item = u64>, sym: Option<&Sym>) {
        let first = u64::from(self.outputs) + 1;
        collect(&mut self.warnings, WarningKind::UnusedInput, sym, values.map(|value| first + value));
    }
}

/// The public inputs are the signals whose labels follow those of the outputs. Their names have the form `main.name`,
/// with an index or a field of a bus after it.
fn public_input_names(r1cs: &R1cs, sym: &Sym) -> Vec<String> {
    let first = u64::from(r1cs.n_outputs) + 1;
    let labels = first..first + u64::from(r1cs.n_public_inputs);
    let names = labels.map_while(|label| sym.by_label(label)).filter_map(|signal| {
        let name = signal.name.strip_prefix("main.")?;
        Some(name.split(['.', '[']).next().unwrap_or_default().to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.dedup();
    names
}

/// Whether one factor of the constraint is a constant, so that it multiplies no two signals.
fn is_linear(constraint: &Constraint) -> bool {
    is_constant(&constraint.a) || is_constant(&constraint.b)
}

fn is_constant(combination: &LinearCombination) -> bool {
    combination.iter().all(|(wire, coefficient)| *wire == 0 || coefficient.is_zero())
}

/// The wires of a constraint with a non-zero coefficient; a wire may occur up to three times.
fn wires(constraint: &Constraint) -> impl Iterator<Item = u32> {
    let terms = constraint.a.iter().chain(&constraint.b).chain(&constraint.c);
    terms.filter(|(wire, coefficient)| *wire != 0 && !coefficient.is_zero()).map(|(wire, _)| *wire)
}

fn warnings(r1cs: &R1cs, sym: Option<&Sym>) -> Vec<CircuitWarning> {
    let mut is_used = vec![false; r1cs.n_wires as usize];
    for wire in r1cs.constraints.iter().flat_map(wires) {
        is_used[wire as usize] = true;
    }
    let is_input = inputs(r1cs);
    let label = |wire: u32| r1cs.labels[wire as usize];

    // If an input has no wire, an output may have replaced it: such an output is free because the input is.
    let inputs = u64::from(r1cs.n_public_inputs) + u64::from(r1cs.n_private_inputs);
    let are_complete = is_input.iter().filter(|is_input| **is_input).count() as u64 == inputs;
    let first = if are_complete { 1 } else { r1cs.n_outputs + 1 };
    let unconstrained =
        (first..r1cs.n_wires).filter(|wire| !is_used[*wire as usize] && !is_input[*wire as usize]).map(label);
    let open = if are_complete { open_outputs::open_outputs(r1cs) } else { Vec::new() };
    let undetermined = open.into_iter().map(label);
    let unused =
        (1..r1cs.n_wires).filter(|wire| is_input[*wire as usize] && !is_used[*wire as usize]).map(label);

    let mut warnings = Vec::new();
    collect(&mut warnings, WarningKind::UnconstrainedSignal, sym, unconstrained);
    collect(&mut warnings, WarningKind::UndeterminedOutput, sym, undetermined);
    collect(&mut warnings, WarningKind::UnusedInput, sym, unused);
    warnings
}

/// Adds a warning about the signals with these labels, if there are any.
fn collect(
    warnings: &mut Vec<CircuitWarning>,
    kind: WarningKind,
    sym: Option<&Sym>,
    labels: impl Iterator<Item = u64>,
) {
    let mut signals = Vec::new();
    let mut count = 0;
    for label in labels {
        count += 1;
        if signals.len() < MOST_NAMES {
            let named = sym.and_then(|sym| sym.by_label(label));
            signals.push(named.map_or_else(|| format!("label {label}"), |signal| signal.name.to_string()));
        }
    }
    if count > 0 {
        warnings.push(CircuitWarning { kind, signals, count });
    }
}

/// Whether each wire is an input.
///
/// Before simplification circom numbers signals in this order: the constant one, outputs, public inputs,
/// private inputs, the rest.
fn inputs(r1cs: &R1cs) -> Vec<bool> {
    let first = u64::from(r1cs.n_outputs) + 1;
    let last = u64::from(r1cs.n_public()) + u64::from(r1cs.n_private_inputs);
    let mut is_input: Vec<bool> = r1cs.labels.iter().map(|label| (first..=last).contains(label)).collect();
    if let Some(one) = is_input.first_mut() {
        *one = false;
    }
    is_input
}

/// Maximum number of signals that a warning names.
const MOST_NAMES: usize = 32;

#[cfg(test)]
mod tests;
