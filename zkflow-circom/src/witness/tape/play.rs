//! Calculates a witness by playing a tape.

use std::time::Instant;

use ark_bn254::Fr;
use zeroize::Zeroizing;

use super::operation::{Operator, bit};
use super::value::Value;
use super::{Instruction, Kind, Tape};
use crate::witness::Witness;

/// Why the tape has no witness for these inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::witness) enum Unplayable {
    /// A guard failed, or the number of values differs from the recording.
    Guard,
    /// The deadline has passed.
    Time,
}

/// Number of instructions between two checks of the deadline.
const PATIENCE: usize = 1 << 14;

impl Tape {
    /// Calculates the value of every wire from the values of all inputs in the order of the signals. Copies of inputs and
    /// intermediate values are zeroised.
    pub(in crate::witness) fn play(&self, inputs: &[&Fr], deadline: Instant) -> Result<Witness, Unplayable> {
        let mut values = Zeroizing::new(vec![Value::ZERO; self.places as usize]);
        let wires = self.wires as usize;
        values[wires..wires + self.constants.len()].copy_from_slice(&self.constants);
        let places = self.inputs.iter().flat_map(|(_, places)| places);
        if self.inputs.iter().map(|(_, places)| places.len()).sum::<usize>() != inputs.len() {
            return Err(Unplayable::Guard);
        }
        for (place, value) in places.zip(inputs) {
            values[*place as usize] = small_if_possible(value);
        }
        for code in self.code.chunks(PATIENCE) {
            if Instant::now() > deadline {
                return Err(Unplayable::Time);
            }
            self.run(code, &mut values)?;
        }
        // The length is known, so the elements are never moved to a larger allocation.
        Ok(Witness::new(values[..wires].iter().map(|value| value.to_element()).collect()))
    }

    fn run(&self, code: &[Instruction], values: &mut [Value]) -> Result<(), Unplayable> {
        for instruction in code {
            let at = |place: u32| values[place as usize];
            let (a, b, c) = (instruction.a, instruction.b, instruction.c);
            // One arm per operator, so that each is compiled separately.
            macro_rules! result {
                ($($operator:ident)*) => {
                    match instruction.number() {
                        $(number if number == Operator::$operator as u8 => Operator::$operator.apply(at(a), at(b)),)*
                        Kind::BIT => bit(at(a), b),
                        Kind::SELECT => at(if at(a).is_zero() { c } else { b }),
                        Kind::LOOKUP => match index_below(at(a), c) {
                            Some(entry) => at(self.tables[(b + entry) as usize]),
                            None => Value::ZERO,
                        },
                        Kind::COPY => at(a),
                        Kind::GUARD if at(a).is_zero() => return Err(Unplayable::Guard),
                        Kind::GUARD => continue,
                        _ => return Err(Unplayable::Guard),
                    }
                };
            }
            values[instruction.target() as usize] = result!(
                Add Sub Mul Div Quotient Remainder Power Negate ShiftLeft ShiftRight BitAnd BitOr BitXor BitNot
                Equal NotEqual Less Greater LessEqual GreaterEqual And Or Not
            );
        }
        Ok(())
    }
}

/// The index as an integer if it is below `entries`.
#[inline(always)]
fn index_below(index: Value, entries: u32) -> Option<u32> {
    match index.to_integer() {
        [index, 0, 0, 0] if index < u64::from(entries) => Some(index as u32),
        _ => None,
    }
}

/// Stores an input as a small integer if possible, which is the common case.
fn small_if_possible(value: &Fr) -> Value {
    use ark_ff::PrimeField;
    match value.into_bigint().0 {
        [low, 0, 0, 0] if low <= i64::MAX as u64 => Value::small(low as i64),
        _ => Value::element(*value),
    }
}
