//! Inputs to witness, the fastest way that the circuit has.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ark_bn254::Fr;

use super::inputs::{Node, Path};
use super::module::{Arranged, CircuitModule, WitnessLimits};
use super::signals::{InputSignals, flatten_freely, only};
use super::tape::{Tape, Unplayable};
use super::{Witness, WitnessError};
use crate::sandbox::Sandbox;
use crate::secret::CircuitInputs;
use zkflow_groth16::constraints::ConstraintCheck;

/// The witness calculator of one circuit.
///
/// Besides circom's module it may have a [`Tape`], which is many times faster. The module decides in the end: where a tape
/// cannot be played, or its witness breaks a constraint, the module calculates, and errors are always the module's.
pub struct WitnessCalculator {
    module: CircuitModule,
    signals: Option<InputSignals>,
    tape: Option<Tape>,
    check: Option<ConstraintCheck>,
}

/// How a witness was calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Way {
    /// By the tape.
    Tape,
    /// By circom's module: there is no tape, or it needs more memory than the limits allow.
    Module,
    /// By the module: these inputs are not what the tape was recorded for, or they break a constraint.
    ModuleAfterGuard,
    /// By the module: the witness of the tape broke a constraint. The tape is wrong.
    ModuleAfterMismatch,
}

impl Way {
    /// A name in snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tape => "tape",
            Self::Module => "module",
            Self::ModuleAfterGuard => "module_after_guard",
            Self::ModuleAfterMismatch => "module_after_mismatch",
        }
    }
}

impl WitnessCalculator {
    /// Compiles the module, or takes it from the sandbox's cache.
    ///
    /// # Errors
    /// [`WitnessError::Limit`] for a module that is too long, [`WitnessError::Calculator`] for bytes
    /// that are no module.
    pub fn new(sandbox: &Arc<Sandbox>, wasm: &[u8], limits: WitnessLimits) -> Result<Self, WitnessError> {
        let module = CircuitModule::new(sandbox, wasm, limits)?;
        Ok(Self { module, signals: None, tape: None, check: None })
    }

    /// Checks inputs against these names and shapes. Without them arrays may be nested in any way
    /// that gives the right number of values, and a missing input is not named.
    pub fn with_signals(mut self, signals: InputSignals) -> Self {
        self.signals = Some(signals);
        self
    }

    /// Checks every witness against the constraints.
    pub fn with_check(mut self, check: ConstraintCheck) -> Self {
        self.check = Some(check);
        self
    }

    /// Plays a tape where it can. It is used together with a [check](Self::with_check) alone.
    pub fn with_tape(mut self, tape: Tape) -> Self {
        self.tape = Some(tape);
        self
    }

    /// Calculates the value of every wire.
    ///
    /// # Errors
    /// - Of kind `Invalid`, with the path of the offending value, for inputs that are not what the
    ///   circuit takes; nothing is reduced or rounded.
    /// - [`WitnessError::ConstraintFailed`] when the inputs do not satisfy the circuit.
    /// - [`WitnessError::Limit`] when time, memory or stack run out.
    /// - [`WitnessError::Calculator`] when the module is not one that circom generated for BN254.
    pub fn calculate(&self, inputs: &CircuitInputs) -> Result<Witness, WitnessError> {
        self.calculate_by(inputs).map(|(witness, _)| witness)
    }

    /// As [`calculate`](Self::calculate), and tells how.
    ///
    /// # Errors
    /// Those of [`calculate`](Self::calculate).
    pub fn calculate_by(&self, inputs: &CircuitInputs) -> Result<(Witness, Way), WitnessError> {
        let fields = Node::read(inputs.expose())?;
        let inputs = self.arrange(&fields)?;
        let way = match self.play(&inputs)? {
            Ok(witness) => return Ok((witness, Way::Tape)),
            Err(way) => way,
        };
        let witness = self.module.calculate(&inputs, self.signals.is_some())?;
        match &self.check {
            Some(check) if !check.holds(&witness) => Err(WitnessError::ConstraintFailed {
                template: None,
                line: None,
                message: "the module gives a witness that breaks a constraint which it does not check"
                    .to_owned(),
            }),
            _ => Ok((witness, way)),
        }
    }

    /// The witness of the tape, or how the module is to calculate it.
    fn play(&self, inputs: &Arranged<'_>) -> Result<Result<Witness, Way>, WitnessError> {
        let (Some(tape), Some(check)) = (&self.tape, &self.check) else { return Ok(Err(Way::Module)) };
        let limits = self.module.limits();
        if tape.working_bytes() > limits.memory_bytes as u64 {
            return Ok(Err(Way::Module));
        }
        match tape.play(inputs, Instant::now() + limits.wall) {
            Ok(witness) if check.holds(&witness) => Ok(Ok(witness)),
            Ok(_) => Ok(Err(Way::ModuleAfterMismatch)),
            Err(Unplayable::Guard) => Ok(Err(Way::ModuleAfterGuard)),
            Err(Unplayable::Time) => Err(limits.out_of_time()),
        }
    }

    /// Memory that it keeps besides the module, in bytes, about.
    pub fn memory_bytes(&self) -> u64 {
        self.tape.as_ref().map_or(0, Tape::memory_bytes)
            + self.check.as_ref().map_or(0, ConstraintCheck::memory_bytes)
    }

    /// The values of each input, in the order of its signals.
    fn arrange<'a>(&self, fields: &'a [(String, Node)]) -> Result<Vec<(&'a str, Vec<&'a Fr>)>, WitnessError> {
        let mut inputs = Vec::with_capacity(fields.len());
        for (name, node) in fields {
            let path = Path::Field(&Path::Root, name);
            let values = match &self.signals {
                Some(signals) => signals.flatten(name, node)?,
                None => {
                    let mut values = Vec::new();
                    flatten_freely(node, path, &mut values)?;
                    values
                }
            };
            only(fields, name, path)?;
            inputs.push((name.as_str(), values));
        }
        for name in self.signals.iter().flat_map(InputSignals::names) {
            only(fields, name, Path::Field(&Path::Root, name))?;
        }
        Ok(inputs)
    }
}

impl fmt::Debug for WitnessCalculator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WitnessCalculator");
        debug.field("limits", self.module.limits()).field("signals", &self.signals);
        debug.field("tape", &self.tape.is_some()).field("check", &self.check).finish_non_exhaustive()
    }
}
