//! Calculates witnesses: by the tape if there is one, else by the module.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ark_bn254::Fr;

use super::module::{Arranged, CircuitModule, WitnessLimits};
use super::signals::{InputSignals, ROOT};
use super::table::InputTable;
use super::tape::{Stop, Tape, TapeError, Unplayable};
use super::{Witness, WitnessCheck, WitnessError};
use crate::inputs::{Flattening, Index, InputError, Node, NotAnObject, NumberRule, Path, nested};
use crate::sandbox::Sandbox;
use crate::secret::CircuitInputs;
use zkflow_groth16::constraints::ConstraintCheck;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::format::FormatError;
use zkflow_groth16::format::r1cs::R1csFile;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::proof::PublicSignals;
use zkflow_groth16::rng::os_rng;

/// The witness calculator of one circuit.
///
/// It runs circom's module or, many times faster, plays an optional [`Tape`]. If the tape cannot be played or
/// its witness does not pass the check, the module calculates the witness. The only error of a tape is the time
/// limit.
pub struct WitnessCalculator {
    module: CircuitModule,
    tape: Option<Tape>,
    check: Option<WitnessCheck>,
    /// Names and shapes of the inputs of a circuit without constraints.
    names: Option<InputSignals>,
}

/// The files of a witness calculation.
#[derive(Debug, Clone, Copy)]
pub struct CalculatorFiles<'a> {
    /// The module that circom generates.
    pub wasm: &'a [u8],
    /// The constraints that every witness is checked with; `None`: no check, neither of constraints nor of inputs.
    pub r1cs: Option<&'a [u8]>,
    /// The names of the signals, for the check of inputs, and for errors that name every input and its shape. `None`:
    /// the module names the inputs.
    pub sym: Option<&'a [u8]>,
    /// The recorded calculation. Requires the constraints.
    pub tape: Option<&'a [u8]>,
}

/// A file of a witness calculation cannot be used. There is one variant for each file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The module.
    #[error(transparent)]
    Module(WitnessError),
    /// The constraints.
    #[error(transparent)]
    Constraints(FormatError),
    /// The names of the signals.
    #[error(transparent)]
    Names(FormatError),
    /// The names, the module and the constraints belong to different circuits.
    #[error(transparent)]
    Mismatch(WitnessError),
}

/// How a witness was calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Way {
    /// By the tape.
    Tape,
    /// By circom's module: there is no tape, or it needs more memory than the limits allow.
    Module,
    /// By the module: a guard of the tape failed. The tape does not cover these inputs, or they violate a
    /// constraint.
    ModuleAfterGuard,
    /// By the module: the witness of the tape violated a constraint, or had other inputs. The tape is wrong.
    ModuleAfterMismatch,
}

impl Way {
    /// Name in snake_case, such as `module_after_guard`.
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
    /// Reads all files of a calculation. A tape that does not fit is not used, and its error is returned with the
    /// calculator, which works without it. With a tape that fits, the module is compiled when it is needed first.
    ///
    /// # Errors
    /// Another file cannot be read.
    pub fn open(
        sandbox: &Arc<Sandbox>,
        files: CalculatorFiles<'_>,
        limits: WitnessLimits,
    ) -> Result<(Self, Option<TapeError>), OpenError> {
        let Some(r1cs) = files.r1cs else {
            let mut calculator = Self::new(sandbox, files.wasm, limits).map_err(OpenError::Module)?;
            let sym = files.sym.map(Sym::read).transpose().map_err(OpenError::Names)?;
            // Without its table, the module refuses wrong names itself.
            if let (Some(sym), Some(table)) = (sym, InputTable::read(files.wasm)) {
                let names = InputSignals::from_table_sym(&table, &sym).map_err(OpenError::Mismatch)?;
                calculator.names = Some(names);
            }
            return Ok((calculator, None));
        };
        let mut file = R1csFile::open(r1cs).map_err(OpenError::Constraints)?;
        let tape = files.tape.map(|tape| Tape::from_bytes(tape, &Digest::of(files.wasm)));
        let module = match &tape {
            // With a tape, the module is seldom needed.
            Some(Ok(_)) => CircuitModule::later(sandbox, files.wasm, limits),
            _ => CircuitModule::new(sandbox, files.wasm, limits),
        };
        let module = module.map_err(OpenError::Module)?;
        let sym = files.sym.map(|sym| Sym::read_labels(sym, InputSignals::labels(file.head())));
        let sym = sym.transpose().map_err(OpenError::Names)?;
        let constraints = ConstraintCheck::read(&mut file, &mut os_rng()).map_err(OpenError::Constraints)?;
        let check = WitnessCheck::with(constraints, file.head(), sym.as_ref(), files.wasm);
        let check = check.map_err(OpenError::Mismatch)?;
        let calculator = Self { module, tape: None, check: Some(check), names: None };
        match tape {
            Some(Ok(_)) if !calculator.allows_tapes() => Ok((calculator, Some(TapeError::Unchecked))),
            Some(Ok(tape)) => Ok((calculator.with_tape(tape), None)),
            Some(Err(error)) => Ok((calculator, Some(error))),
            None => Ok((calculator, None)),
        }
    }

    /// Compiles the module, or loads it from the sandbox's cache.
    ///
    /// # Errors
    /// [`WitnessError::Limit`] if the module is too long, [`WitnessError::Calculator`] if the bytes are not a
    /// module.
    pub fn new(sandbox: &Arc<Sandbox>, wasm: &[u8], limits: WitnessLimits) -> Result<Self, WitnessError> {
        let module = CircuitModule::new(sandbox, wasm, limits)?;
        Ok(Self { module, tape: None, check: None, names: None })
    }

    /// Checks every witness. If the check has names and shapes, it checks the inputs against these first. Otherwise
    /// arrays may be nested in any way if the number of values is right, and the error for a missing input does
    /// not name it.
    pub fn with_check(mut self, check: WitnessCheck) -> Self {
        self.check = Some(check);
        self
    }

    /// Plays this tape where possible. It is only used with a [check](Self::with_check) that
    /// [allows](WitnessCheck::allows_tapes) it.
    pub fn with_tape(mut self, tape: Tape) -> Self {
        self.tape = Some(tape);
        self
    }

    /// Starts the module, and checks that it calculates this number of wires from the inputs of the
    /// [check](Self::with_check). Modules of circom 2.0.0 to 2.0.3 do not tell the names of inputs.
    ///
    /// # Errors
    /// - [`WitnessError::SignalsMismatch`] if the module has other inputs or another number of wires, or there are no names.
    /// - [`WitnessError::Calculator`] if the module was not generated by circom 2 for BN254.
    /// - [`WitnessError::Limit`] if time, memory or stack run out.
    pub fn check_module(&self, wires: usize) -> Result<(), WitnessError> {
        let Some(signals) = self.signals() else {
            return Err(WitnessError::SignalsMismatch("there are no names of inputs".to_owned()));
        };
        self.module.check_interface(signals.sizes(), wires)
    }

    /// Whether there is a [check](Self::with_check).
    pub fn checks(&self) -> bool {
        self.check.is_some()
    }

    /// Whether a tape is played: only with a [check](Self::with_check) that [allows](WitnessCheck::allows_tapes) it.
    pub(super) fn allows_tapes(&self) -> bool {
        self.check.as_ref().is_some_and(WitnessCheck::allows_tapes)
    }

    /// Calculates the value of every wire.
    ///
    /// # Errors
    /// - An error of kind `Invalid`, with the path of the value, if the inputs do not match the circuit.
    ///   Values are never reduced or rounded.
    /// - [`WitnessError::ConstraintFailed`] if the inputs do not satisfy the circuit.
    /// - [`WitnessError::InputMismatch`] if the module calculates the witness of other inputs.
    /// - [`WitnessError::Limit`] if time, memory or stack run out.
    /// - [`WitnessError::Calculator`] if the module was not generated by circom for BN254.
    pub fn calculate(&self, inputs: &CircuitInputs) -> Result<Witness, WitnessError> {
        self.calculate_by(inputs).map(|(witness, _)| witness)
    }

    /// Calculates the value of every wire and returns how it did so.
    ///
    /// # Errors
    /// The same as [`calculate`](Self::calculate).
    pub fn calculate_by(&self, inputs: &CircuitInputs) -> Result<(Witness, Way), WitnessError> {
        let (fields, rule) = (self.fields(inputs)?, inputs.numbers());
        let inputs = self.arrange(&fields, rule)?;
        let way = match self.play(&inputs)? {
            Ok(witness) => return Ok((witness, Way::Tape)),
            Err(way) => way,
        };
        let witness = self.module.calculate(&inputs, self.signals().is_some())?;
        if let Some(check) = &self.check {
            check.check(&inputs, &witness)?;
        }
        Ok((witness, way))
    }

    /// Checks that the public signals of a proof are the given public inputs, all of them and no others, after the
    /// outputs.
    ///
    /// # Errors
    /// - An error of kind `Invalid` if the inputs do not have the form of inputs.
    /// - [`WitnessError::SignalsMismatch`] if they are not the public inputs of the circuit, or there is no
    ///   [check](Self::with_check).
    /// - [`WitnessError::InputMismatch`] if a signal has another value.
    pub fn check_public(&self, inputs: &CircuitInputs, signals: &PublicSignals) -> Result<(), WitnessError> {
        let Some(check) = &self.check else {
            return Err(WitnessError::SignalsMismatch("there are no constraints".to_owned()));
        };
        let fields = self.fields(inputs)?;
        check.public(&self.values(&fields, inputs.numbers())?, signals)
    }

    fn signals(&self) -> Option<&InputSignals> {
        self.check.as_ref().and_then(WitnessCheck::signals).or(self.names.as_ref())
    }

    /// The given names and values. If shapes are known, the parts of buses are in their places; else they have the names
    /// of the module.
    fn fields(&self, inputs: &CircuitInputs) -> Result<Vec<(String, Node)>, NotAnObject> {
        let fields = Node::read(inputs.expose(), inputs.numbers())?;
        Ok(if self.signals().is_some() { nested(fields) } else { Node::qualified(fields) })
    }

    /// Plays the tape. Returns its witness, or the reason why the module must calculate it.
    fn play(&self, inputs: &Arranged<'_>) -> Result<Result<Witness, Way>, WitnessError> {
        let (Some(tape), Some(check)) = (&self.tape, &self.check) else { return Ok(Err(Way::Module)) };
        let limits = self.module.limits();
        if !self.allows_tapes() || tape.working_bytes() > limits.memory_bytes as u64 {
            return Ok(Err(Way::Module));
        }
        let Ok(values) = check.values(inputs) else { return Ok(Err(Way::ModuleAfterGuard)) };
        match tape.play(&values, Instant::now() + limits.wall) {
            Ok(witness) => Ok(match check.check(inputs, &witness) {
                Ok(()) => Ok(witness),
                Err(_) => Err(Way::ModuleAfterMismatch),
            }),
            Err(Unplayable::Guard) => Ok(Err(Way::ModuleAfterGuard)),
            Err(Unplayable::Time) => Err(limits.out_of_time()),
        }
    }

    /// Compares the witness of a tape with that of the module.
    pub(super) fn compare(&self, tape: &Tape, inputs: &CircuitInputs) -> Result<(), Stop> {
        let Ok(fields) = self.fields(inputs) else { return Ok(()) };
        match self.arrange(&fields, inputs.numbers()) {
            Ok(arranged) => self.compare_arranged(tape, &arranged),
            Err(_) => Ok(()),
        }
    }

    /// As [`compare`](Self::compare), with the value that a function has for the number of each value.
    pub(super) fn compare_with(&self, tape: &Tape, value: impl Fn(u64) -> Fr) -> Result<(), Stop> {
        let Some(signals) = self.signals() else { return Ok(()) };
        let values: Vec<Fr> = (0..signals.total_size() as u64).map(value).collect();
        let mut rest = values.as_slice();
        let arranged = signals.sizes().map(|(name, size)| {
            let (first, others) = rest.split_at(size);
            rest = others;
            (name, first.iter().collect())
        });
        self.compare_arranged(tape, &arranged.collect::<Vec<_>>())
    }

    fn compare_arranged(&self, tape: &Tape, inputs: &Arranged<'_>) -> Result<(), Stop> {
        let Some(Ok(values)) = self.check.as_ref().map(|check| check.values(inputs)) else { return Ok(()) };
        let Ok(one) = tape.play(&values, Instant::now() + self.module.limits().wall) else { return Ok(()) };
        match self.module.calculate(inputs, true) {
            Ok(other) if one != other => Err(Stop::Differs),
            _ => Ok(()),
        }
    }

    /// Approximate size of the tape and the check in bytes, without the module.
    pub fn memory_bytes(&self) -> u64 {
        self.tape.as_ref().map_or(0, Tape::memory_bytes)
            + self.check.as_ref().map_or(0, WitnessCheck::memory_bytes)
    }

    /// The values of each input, in the order of its signals. Every input must be given.
    fn arrange<'a>(
        &self,
        fields: &'a [(String, Node)],
        rule: NumberRule,
    ) -> Result<Vec<(&'a str, Vec<&'a Fr>)>, InputError> {
        let inputs = self.values(fields, rule)?;
        let index = Index::new(fields);
        for name in self.signals().into_iter().flat_map(InputSignals::names) {
            index.only(name, Path::Field(&Path::Root(ROOT), name))?;
        }
        Ok(inputs)
    }

    /// The values of each given input, in the order of its signals.
    fn values<'a>(
        &self,
        fields: &'a [(String, Node)],
        rule: NumberRule,
    ) -> Result<Vec<(&'a str, Vec<&'a Fr>)>, InputError> {
        let index = Index::new(fields);
        let mut inputs = Vec::with_capacity(fields.len());
        for (name, node) in fields {
            let path = Path::Field(&Path::Root(ROOT), name);
            index.only(name, path)?;
            let values = match self.signals() {
                Some(signals) => signals.flatten(name, node, rule)?,
                None => {
                    let mut values = Flattening::new(rule);
                    values.freely(node, path)?;
                    values.values
                }
            };
            inputs.push((name.as_str(), values));
        }
        Ok(inputs)
    }
}

impl fmt::Debug for WitnessCalculator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WitnessCalculator");
        debug.field("limits", self.module.limits()).field("signals", &self.signals());
        debug.field("tape", &self.tape.is_some()).field("check", &self.check).finish_non_exhaustive()
    }
}
