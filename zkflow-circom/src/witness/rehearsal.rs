//! [`rehearsed`]: records a tape, and compares it with the module before it is used.

use std::sync::Arc;
use std::time::Duration;

use ark_bn254::Fr;
use ark_ff::PrimeField as _;
use zkflow_groth16::digest::{Digest, Hasher};
use zkflow_groth16::threads::processor_time;

use super::WitnessCalculator;
use super::calculator::CalculatorFiles;
use super::module::WitnessLimits;
use super::tape::{RecordLimits, Stop, Tape};
use crate::sandbox::Sandbox;
use crate::secret::CircuitInputs;

/// Number of random inputs.
const ROUNDS: u32 = 10;
/// Processor time after which no further inputs are compared: the number does not depend on other work of the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A calculation that was recorded, and compared with the module.
#[derive(Debug)]
pub struct Rehearsal {
    /// The tape, or the reason why there is none.
    pub tape: Result<Tape, Stop>,
    /// The [unused inputs](Tape::unused_inputs) of the recording; empty if the calculation cannot be recorded. They are
    /// also known where the tape cannot be played.
    pub unused_inputs: Vec<u64>,
}

/// Records the calculation of a circuit, and compares its witnesses with those of the module for `examples` and for
/// pseudorandom inputs. Inputs that the tape or the module refuses are not compared.
///
/// The check of a witness against the constraints does not find every difference: a hint without a constraint can have
/// any value. The module decides, also where it is wrong: circom 2.2.3 calculates `x ** x` under a comparison wrongly.
///
/// There is no tape where a [calculator](WitnessCalculator) of the same files would not play it: see [`Stop::Unchecked`].
pub fn rehearsed(
    sandbox: &Arc<Sandbox>,
    files: CalculatorFiles<'_>,
    limits: RecordLimits,
    examples: &[CircuitInputs],
) -> Rehearsal {
    let tape = match Tape::record(files.wasm, limits) {
        Ok(tape) => tape,
        Err(stop) => return Rehearsal { tape: Err(stop), unused_inputs: Vec::new() },
    };
    match compare(sandbox, files, examples, &tape) {
        // Its operations are not those of the module.
        Err(Stop::Differs) => Rehearsal { tape: Err(Stop::Differs), unused_inputs: Vec::new() },
        compared => Rehearsal { unused_inputs: tape.unused_inputs(), tape: compared.map(|()| tape) },
    }
}

fn compare(
    sandbox: &Arc<Sandbox>,
    files: CalculatorFiles<'_>,
    examples: &[CircuitInputs],
    tape: &Tape,
) -> Result<(), Stop> {
    let files = CalculatorFiles { tape: None, ..files };
    // Without a usable module or constraints, there are no witnesses.
    let Ok((calculator, _)) = WitnessCalculator::open(sandbox, files, WitnessLimits::default()) else {
        return Ok(());
    };
    if !calculator.allows_tapes() {
        return Err(Stop::Unchecked);
    }
    let began = processor_time();
    for example in examples {
        calculator.compare(tape, example)?;
    }
    let seed = Digest::of(files.wasm);
    for round in 0..ROUNDS {
        if processor_time() - began > PATIENCE {
            break;
        }
        calculator.compare_with(tape, |index| value(&seed, round, index))?;
    }
    Ok(())
}

/// An input value: in the first rounds the same small number for all inputs, or consecutive ones, then bits, bytes,
/// 64-bit integers and field elements. Equal modules get equal values, so that a circuit always has a tape or never.
fn value(seed: &Digest, round: u32, index: u64) -> Fr {
    let random = || {
        let mut hasher = Hasher::default();
        hasher.field(seed.as_bytes());
        hasher.field(round.to_le_bytes());
        hasher.field(index.to_le_bytes());
        *hasher.finish().as_bytes()
    };
    match round {
        0 => Fr::from(0u64),
        1 => Fr::from(1u64),
        2 => Fr::from(3u64),
        3 => Fr::from(index + 1),
        4 | 5 => Fr::from(u64::from(random()[0] & 1)),
        6 => Fr::from(u64::from(random()[0])),
        7 => Fr::from_le_bytes_mod_order(&random()[..8]),
        _ => Fr::from_le_bytes_mod_order(&random()),
    }
}
