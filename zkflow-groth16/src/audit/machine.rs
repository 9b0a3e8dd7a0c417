//! A small EVM: runs the code of a verifier with precompiled contracts that accept everything.
//!
//! It shows what a contract checks by itself. There is no state, no other contract and no transaction; an instruction that
//! needs one ends the run. Work and memory are bounded.

use sha3::{Digest as _, Keccak256};

use super::number::Number;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The contract returned these bytes.
    Returned(Vec<u8>),
    /// The contract failed.
    Reverted,
    /// The run needs something that there is not, or exceeds a limit.
    Unknown,
}

/// Work of one run.
const MOST_WORK: usize = 1 << 18;
/// Work of a quotient, a power, and a product in a ring.
const POWER: usize = 64;
/// Bytes of memory.
const MOST_MEMORY: usize = 1 << 18;
/// Values on the stack.
const MOST_STACK: usize = 1024;

/// Calls the contract with the code. `work` is what is left of a budget for several runs: an instruction costs one, and more for
/// the bytes that it moves or hashes.
pub(super) fn run(code: &[u8], calldata: &[u8], work: &mut usize) -> End {
    let mut machine = Machine {
        code,
        calldata,
        at: 0,
        stack: Vec::new(),
        memory: Vec::new(),
        returned: Vec::new(),
        left: MOST_WORK.min(*work),
    };
    let (before, jumps) = (machine.left, jump_destinations(code));
    let end = loop {
        if let Err(end) = machine.spend(1).and_then(|()| machine.step(&jumps)) {
            break end;
        }
    };
    *work -= before - machine.left;
    end
}

/// The places that a jump may reach.
fn jump_destinations(code: &[u8]) -> Vec<bool> {
    let (mut places, mut at) = (vec![false; code.len()], 0);
    while let Some(instruction) = code.get(at) {
        places[at] = *instruction == 0x5b;
        at += 1 + pushed_bytes(*instruction);
    }
    places
}

/// Bytes behind an instruction that are its number.
pub(super) fn pushed_bytes(instruction: u8) -> usize {
    match instruction {
        0x60..=0x7f => usize::from(instruction - 0x5f),
        _ => 0,
    }
}

struct Machine<'a> {
    code: &'a [u8],
    calldata: &'a [u8],
    at: usize,
    stack: Vec<Number>,
    memory: Vec<u8>,
    returned: Vec<u8>,
    /// Work that is left.
    left: usize,
}

impl Machine<'_> {
    fn step(&mut self, jumps: &[bool]) -> Result<(), End> {
        let Some(instruction) = self.code.get(self.at).copied() else {
            return Err(End::Returned(Vec::new()));
        };
        self.at += 1;
        match instruction {
            0x00 => return Err(End::Returned(Vec::new())),
            0x01..=0x0b | 0x10..=0x1d => self.calculate(instruction)?,
            0x20 => {
                let bytes = self.take_memory()?;
                self.push(Number::of_bytes(&Keccak256::digest(bytes)))?;
            }
            // Address, caller and value of the call: there is none.
            0x30 | 0x32..=0x34 => self.push(Number::ZERO)?,
            0x35 => {
                let from = self.pop()?;
                let bytes = part(self.calldata, from, 32);
                self.push(Number::of_bytes(&bytes))?;
            }
            0x36 => self.push(number(self.calldata.len()))?,
            0x37 => self.copy(self.calldata)?,
            0x38 => self.push(number(self.code.len()))?,
            0x39 => self.copy(self.code)?,
            0x3d => self.push(number(self.returned.len()))?,
            0x3e => {
                // Not a copy: it would cost more than a copy of few bytes pays for.
                let returned = std::mem::take(&mut self.returned);
                let copied = self.copy(&returned);
                self.returned = returned;
                copied?;
            }
            0x50 => self.pop().map(drop)?,
            0x51 => {
                let at = self.pop()?;
                let bytes = self.memory(at, Number([32, 0, 0, 0]))?;
                let value = Number::of_bytes(bytes);
                self.push(value)?;
            }
            0x52 => {
                let (at, value) = (self.pop()?, self.pop()?);
                self.memory(at, Number([32, 0, 0, 0]))?.copy_from_slice(&value.word());
            }
            0x53 => {
                let (at, value) = (self.pop()?, self.pop()?);
                self.memory(at, Number::ONE)?[0] = value.word()[31];
            }
            0x56 => {
                let to = self.pop()?;
                self.jump(to, jumps)?;
            }
            0x57 => {
                let (to, condition) = (self.pop()?, self.pop()?);
                if !condition.is_zero() {
                    self.jump(to, jumps)?;
                }
            }
            0x58 => self.push(number(self.at - 1))?,
            0x59 => self.push(number(self.memory.len()))?,
            // As much gas as any contract needs.
            0x5a => self.push(Number([1 << 40, 0, 0, 0]))?,
            0x5b => {}
            0x5f => self.push(Number::ZERO)?,
            0x60..=0x7f => {
                let length = pushed_bytes(instruction);
                let value = part(self.code, number(self.at), length);
                self.at += length;
                self.push(Number::of_bytes(&value))?;
            }
            0x80..=0x8f => {
                let depth = usize::from(instruction - 0x7f);
                let value = self.stack.len().checked_sub(depth).map(|at| self.stack[at]);
                self.push(value.ok_or(End::Reverted)?)?;
            }
            0x90..=0x9f => {
                let depth = usize::from(instruction - 0x8e);
                let other = self.stack.len().checked_sub(depth).ok_or(End::Reverted)?;
                // The depth is at least two.
                self.stack.swap(other, other + depth - 1);
            }
            0xf1 | 0xf2 | 0xfa => self.call(instruction)?,
            0xf3 => return Err(End::Returned(self.take_memory()?)),
            0xfd | 0xfe => return Err(End::Reverted),
            _ => return Err(End::Unknown),
        }
        Ok(())
    }

    fn spend(&mut self, work: usize) -> Result<(), End> {
        self.left = self.left.checked_sub(work).ok_or(End::Unknown)?;
        Ok(())
    }

    fn calculate(&mut self, instruction: u8) -> Result<(), End> {
        let a = self.pop()?;
        if matches!(instruction, 0x04..=0x0a) {
            self.spend(POWER)?;
        }
        let result = match instruction {
            0x15 => Number::of_flag(a.is_zero()),
            0x19 => a.inverted(),
            0x08 | 0x09 => {
                let (b, modulus) = (self.pop()?, self.pop()?);
                if instruction == 0x08 { a.plus_in(b, modulus) } else { a.times_in(b, modulus) }
            }
            _ => {
                let b = self.pop()?;
                match instruction {
                    0x01 => a.plus(b),
                    0x02 => a.times(b),
                    0x03 => a.minus(b),
                    0x04 => a.divided(b).0,
                    0x05 => a.signed_divided(b).0,
                    0x06 => a.divided(b).1,
                    0x07 => a.signed_divided(b).1,
                    0x0a => a.power(b),
                    0x0b => b.sign_extended(a),
                    0x10 => Number::of_flag(a.below(b)),
                    0x11 => Number::of_flag(b.below(a)),
                    0x12 => Number::of_flag(a.signed_below(b)),
                    0x13 => Number::of_flag(b.signed_below(a)),
                    0x14 => Number::of_flag(a == b),
                    0x16 => a.each(b, |a, b| a & b),
                    0x17 => a.each(b, |a, b| a | b),
                    0x18 => a.each(b, |a, b| a ^ b),
                    0x1a => b.byte(a),
                    0x1b => b.shifted_left(a),
                    0x1c => b.shifted_right(a),
                    0x1d => b.shifted_right_signed(a),
                    _ => return Err(End::Unknown),
                }
            }
        };
        self.push(result)
    }

    /// Calls a precompiled contract: sums and multiples are the generator, and every pairing holds.
    fn call(&mut self, instruction: u8) -> Result<(), End> {
        let (_gas, address) = (self.pop()?, self.pop()?);
        if instruction != 0xfa {
            self.pop()?;
        }
        let (from, length, to, room) = (self.pop()?, self.pop()?, self.pop()?, self.pop()?);
        let input = self.memory(from, length)?.to_vec();
        let generator = [Number::ONE, Number([2, 0, 0, 0])].map(Number::word).concat();
        self.returned = match address.small() {
            // The copy of bytes.
            Some(4) => input,
            // A power in a ring: contracts take roots with it, of compressed points.
            Some(5) => Number::ONE.word().to_vec(),
            Some(6 | 7) => generator,
            Some(8) => Number::ONE.word().to_vec(),
            _ => return Err(End::Unknown),
        };
        let length = room.small().map_or(self.returned.len(), |room| room.min(self.returned.len()));
        let part = self.returned[..length].to_vec();
        self.memory(to, room)?[..length].copy_from_slice(&part);
        self.push(Number::ONE)
    }

    fn jump(&mut self, to: Number, jumps: &[bool]) -> Result<(), End> {
        let to = to.small().filter(|to| jumps.get(*to) == Some(&true));
        self.at = to.ok_or(End::Reverted)?;
        Ok(())
    }

    fn push(&mut self, value: Number) -> Result<(), End> {
        if self.stack.len() == MOST_STACK {
            return Err(End::Reverted);
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Number, End> {
        self.stack.pop().ok_or(End::Reverted)
    }

    /// Memory, which grows.
    fn memory(&mut self, at: Number, length: Number) -> Result<&mut [u8], End> {
        let Some(length @ 1..) = length.small() else {
            return if length.is_zero() { Ok(&mut []) } else { Err(End::Unknown) };
        };
        self.spend(length / 32)?;
        let end = at.small().and_then(|at| Some((at, at.checked_add(length)?)));
        let (at, end) = end.filter(|(_, end)| *end <= MOST_MEMORY).ok_or(End::Unknown)?;
        if self.memory.len() < end {
            self.memory.resize(end.next_multiple_of(32), 0);
        }
        Ok(&mut self.memory[at..end])
    }

    /// The memory that the two topmost values name.
    fn take_memory(&mut self) -> Result<Vec<u8>, End> {
        let (at, length) = (self.pop()?, self.pop()?);
        Ok(self.memory(at, length)?.to_vec())
    }

    fn copy(&mut self, source: &[u8]) -> Result<(), End> {
        let (to, from, length) = (self.pop()?, self.pop()?, self.pop()?);
        let out = self.memory(to, length)?;
        let bytes = part(source, from, out.len());
        out.copy_from_slice(&bytes);
        Ok(())
    }
}

fn number(length: usize) -> Number {
    Number([length as u64, 0, 0, 0])
}

/// Bytes of a source, and zeros behind its end.
fn part(source: &[u8], from: Number, length: usize) -> Vec<u8> {
    let rest = from.small().and_then(|from| source.get(from..)).unwrap_or(&[]);
    let mut bytes = rest[..length.min(rest.len())].to_vec();
    bytes.resize(length, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returned_bytes_can_be_copied_again() {
        // Memory 0..32 is 7. The contract that copies bytes returns it; it is copied to 32 and to 64, and the last is returned.
        let code = "60075f52 5f5f60205f60045afa50 60205f60203e 60205f60403e 60206040f3".replace(' ', "");
        let mut work = MOST_WORK;
        let seven = Number([7, 0, 0, 0]).word().to_vec();
        assert_eq!(run(&hex::decode(code).unwrap(), &[], &mut work), End::Returned(seven));
        assert!(work < MOST_WORK);
    }

    #[test]
    fn quotients_cost_as_much_as_powers() {
        let spent = |instruction: u8| {
            let mut work = MOST_WORK;
            run(&[0x5f, 0x5f, 0x5f, instruction], &[], &mut work);
            MOST_WORK - work
        };
        for instruction in 0x04..=0x09 {
            assert_eq!(spent(instruction), spent(0x0a), "{instruction:02x}");
        }
        assert!(spent(0x02) < POWER);
    }
}
