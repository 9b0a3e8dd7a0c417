//! [`WitnessCheck`]: whether a witness is one of the given inputs.

use std::fmt;

use ark_bn254::Fr;
use zkflow_groth16::constraints::ConstraintCheck;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::proof::PublicSignals;
use zkflow_groth16::rng::SecureRng;

use super::module::Arranged;
use super::signals::InputSignals;
use super::table::InputTable;
use super::wires::{Difference, InputWires};
use super::{Witness, WitnessError};

/// Checks the witnesses of one circuit: every constraint holds, and the wires of every input contain the values that
/// were given.
///
/// The constraints alone do not show that a witness is one of these inputs. A tape or a module that swaps two inputs
/// calculates a valid witness, with a private input among the public signals.
///
/// # Limits
/// A private input without a wire cannot be compared. circom removes the wire of an input that occurs in linear
/// constraints only, or in none. Such a circuit uses no tape.
pub struct WitnessCheck {
    constraints: ConstraintCheck,
    wires: InputWires,
    signals: Option<InputSignals>,
    /// Whether the module names the inputs as the check does.
    names_are_the_modules: bool,
}

impl WitnessCheck {
    /// A check for the circuit of these constraints. The names of the inputs come from `sym`, and from the table of
    /// the module. If both are known, they must agree.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`]:
    /// - the files belong to different circuits;
    /// - the names do not cover exactly the wires of the inputs;
    /// - there is no `sym`, and the module's table cannot be read.
    pub fn new(
        r1cs: &R1cs,
        sym: Option<&Sym>,
        wasm: &[u8],
        rng: &mut dyn SecureRng,
    ) -> Result<Self, WitnessError> {
        Self::with(ConstraintCheck::new(r1cs, rng), r1cs, sym, wasm)
    }

    /// The same with constraints that are already prepared; those of `head` are not read.
    pub(super) fn with(
        constraints: ConstraintCheck,
        head: &R1cs,
        sym: Option<&Sym>,
        wasm: &[u8],
    ) -> Result<Self, WitnessError> {
        let table = InputTable::read(wasm);
        let signals = sym.map(|sym| InputSignals::from_r1cs_sym(head, sym)).transpose()?;
        let signals = signals.map(|signals| match &table {
            Some(table) => signals.with_table(table),
            None => signals,
        });
        let named = signals.as_ref().map(|signals| InputWires::from_signals(head, signals)).transpose()?;
        let table = table.map(|table| InputWires::from_table(head, &table)).transpose()?;
        let names_are_the_modules = table.is_some();
        let wires = match (named, table) {
            (Some(named), Some(table)) if !table.contain(&named) => {
                return Err(mismatch("the names differ from those of the module"));
            }
            (_, Some(wires)) | (Some(wires), None) => wires,
            (None, None) => {
                return Err(mismatch(
                    "the module has no table of inputs: give the names of the signals (.sym)",
                ));
            }
        };
        Ok(Self { constraints, wires, signals, names_are_the_modules })
    }

    /// Names and shapes of the inputs; `None` without a `.sym`.
    pub fn signals(&self) -> Option<&InputSignals> {
        self.signals.as_ref()
    }

    /// Whether the witness of a tape can be compared with every input.
    pub fn allows_tapes(&self) -> bool {
        self.names_are_the_modules && self.wires.are_complete()
    }

    /// The values of all inputs in the order of the signals.
    ///
    /// # Errors
    /// [`WitnessError::SignalsMismatch`] if the inputs are not those of the circuit.
    pub(super) fn values<'a>(&self, inputs: &Arranged<'a>) -> Result<Vec<&'a Fr>, WitnessError> {
        let given = self.wires.in_order(inputs)?;
        Ok(given.into_iter().flat_map(|(_, (_, values))| values).copied().collect())
    }

    /// Compares the public signals of a proof with the public inputs.
    pub(super) fn public(&self, inputs: &Arranged<'_>, signals: &PublicSignals) -> Result<(), WitnessError> {
        self.report(self.wires.public_difference(inputs, signals.values())?)
    }

    /// # Errors
    /// - [`WitnessError::InputMismatch`]: a wire does not contain the value of its input.
    /// - [`WitnessError::ConstraintFailed`]: a constraint does not hold.
    pub(super) fn check(&self, inputs: &Arranged<'_>, witness: &Witness) -> Result<(), WitnessError> {
        self.report(self.wires.difference(inputs, witness.values())?)?;
        if self.constraints.holds(witness) {
            return Ok(());
        }
        Err(WitnessError::ConstraintFailed {
            template: None,
            line: None,
            message: "the witness of the module violates a constraint that the module does not check"
                .to_owned(),
        })
    }

    fn report(&self, difference: Option<Difference<'_>>) -> Result<(), WitnessError> {
        let Some(Difference { name, index, size }) = difference else { return Ok(()) };
        let shape = self.signals.as_ref().and_then(|signals| signals.shape(name));
        let place = match shape {
            Some(shape) => shape.path(index),
            None if size == 1 => String::new(),
            None => format!("[{index}]"),
        };
        Err(WitnessError::InputMismatch(format!("{name}{place}")))
    }

    /// Approximate size in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.constraints.memory_bytes() + self.wires.memory_bytes()
    }
}

impl fmt::Debug for WitnessCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessCheck({:?})", self.constraints)
    }
}

fn mismatch(detail: &str) -> WitnessError {
    WitnessError::SignalsMismatch(detail.to_owned())
}
