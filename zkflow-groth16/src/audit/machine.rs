//! A small EVM: runs the code of a verifier with precompiled contracts whose answers are given.
//!
//! It shows what a contract checks by itself, and which points it uses. There is no state, no other contract and no
//! transaction; an instruction that needs one ends the run. Work and memory are bounded.

use ruint::aliases::U256;
use sha3::{Digest as _, Keccak256};

use super::number::{
    byte, shifted_left, shifted_right, shifted_right_signed, sign_extended, signed_below, signed_quotient,
    signed_rest, small,
};

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

/// The answer of the precompiled contract that compares pairings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairings {
    Hold,
    Fail,
}

/// A run of a contract, with the inputs of its precompiled contracts.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) end: End,
    /// Inputs of the precompiled contract that adds points.
    pub(super) added: Vec<Vec<u8>>,
    /// Inputs of the precompiled contract that multiplies a point.
    pub(super) multiplied: Vec<Vec<u8>>,
    /// Inputs of the precompiled contract that compares pairings.
    pub(super) paired: Vec<Vec<u8>>,
}

/// Calls the contract with the code. `work` is what is left of a budget for several runs: an instruction costs one, and more for
/// the bytes that it moves or hashes.
pub(super) fn run(code: &[u8], calldata: &[u8], pairings: Pairings, work: &mut usize) -> Run {
    let mut machine = Machine {
        code,
        calldata,
        at: 0,
        stack: Vec::new(),
        memory: Vec::new(),
        returned: Vec::new(),
        pairings,
        added: Vec::new(),
        multiplied: Vec::new(),
        paired: Vec::new(),
        left: MOST_WORK.min(*work),
    };
    let (before, jumps) = (machine.left, jump_destinations(code));
    let end = loop {
        if let Err(end) = machine.spend(1).and_then(|()| machine.step(&jumps)) {
            break end;
        }
    };
    *work -= before - machine.left;
    Run { end, added: machine.added, multiplied: machine.multiplied, paired: machine.paired }
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
    stack: Vec<U256>,
    memory: Vec<u8>,
    returned: Vec<u8>,
    pairings: Pairings,
    added: Vec<Vec<u8>>,
    multiplied: Vec<Vec<u8>>,
    paired: Vec<Vec<u8>>,
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
                self.push(U256::from_be_bytes::<32>(Keccak256::digest(bytes).into()))?;
            }
            // Address, caller and value of the call: there is none.
            0x30 | 0x32..=0x34 => self.push(U256::ZERO)?,
            0x35 => {
                let from = self.pop()?;
                let bytes = part(self.calldata, from, 32);
                self.push(U256::from_be_slice(&bytes))?;
            }
            0x36 => self.push(number(self.calldata.len()))?,
            0x37 => self.copy(self.calldata)?,
            0x38 => self.push(number(self.code.len()))?,
            0x39 => self.copy(self.code)?,
            0x3d => self.push(number(self.returned.len()))?,
            0x3e => {
                // Not a copy: it would cost more than a copy of few bytes pays for.
                let returned = std::mem::take(&mut self.returned);
                let copied = self.copy_returned(&returned);
                self.returned = returned;
                copied?;
            }
            0x50 => self.pop().map(drop)?,
            0x51 => {
                let at = self.pop()?;
                let bytes = self.memory(at, WORD)?;
                let value = U256::from_be_slice(bytes);
                self.push(value)?;
            }
            0x52 => {
                let (at, value) = (self.pop()?, self.pop()?);
                self.memory(at, WORD)?.copy_from_slice(&value.to_be_bytes::<32>());
            }
            0x53 => {
                let (at, value) = (self.pop()?, self.pop()?);
                self.memory(at, U256::ONE)?[0] = value.byte(0);
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
            0x5a => self.push(U256::from(1u64 << 40))?,
            0x5b => {}
            0x5f => self.push(U256::ZERO)?,
            0x60..=0x7f => {
                let length = pushed_bytes(instruction);
                let value = part(self.code, number(self.at), length);
                self.at += length;
                self.push(U256::from_be_slice(&value))?;
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
            0x15 => flag(a.is_zero()),
            0x19 => !a,
            0x08 | 0x09 => {
                let (b, modulus) = (self.pop()?, self.pop()?);
                if instruction == 0x08 { a.add_mod(b, modulus) } else { a.mul_mod(b, modulus) }
            }
            _ => {
                let b = self.pop()?;
                match instruction {
                    0x01 => a.wrapping_add(b),
                    0x02 => a.wrapping_mul(b),
                    0x03 => a.wrapping_sub(b),
                    0x04 => a.checked_div(b).unwrap_or_default(),
                    0x05 => signed_quotient(a, b),
                    0x06 => a.checked_rem(b).unwrap_or_default(),
                    0x07 => signed_rest(a, b),
                    0x0a => a.wrapping_pow(b),
                    0x0b => sign_extended(b, a),
                    0x10 => flag(a < b),
                    0x11 => flag(b < a),
                    0x12 => flag(signed_below(a, b)),
                    0x13 => flag(signed_below(b, a)),
                    0x14 => flag(a == b),
                    0x16 => a & b,
                    0x17 => a | b,
                    0x18 => a ^ b,
                    0x1a => byte(b, a),
                    0x1b => shifted_left(b, a),
                    0x1c => shifted_right(b, a),
                    0x1d => shifted_right_signed(b, a),
                    _ => return Err(End::Unknown),
                }
            }
        };
        self.push(result)
    }

    /// Calls a precompiled contract: sums and multiples are the generator.
    fn call(&mut self, instruction: u8) -> Result<(), End> {
        let (_gas, address) = (self.pop()?, self.pop()?);
        if instruction != 0xfa {
            self.pop()?;
        }
        let (from, length, to, room) = (self.pop()?, self.pop()?, self.pop()?, self.pop()?);
        let input = self.memory(from, length)?.to_vec();
        let generator = || [1, 2].map(|number| U256::from(number).to_be_bytes::<32>()).concat();
        self.returned = match small(address) {
            // The copy of bytes.
            Some(4) => input,
            // A power in a ring: contracts take roots with it, of compressed points.
            Some(5) => word(U256::ONE),
            Some(6) => {
                self.added.push(input);
                generator()
            }
            Some(7) => {
                self.multiplied.push(input);
                generator()
            }
            Some(8) => {
                self.paired.push(input);
                word(flag(self.pairings == Pairings::Hold))
            }
            _ => return Err(End::Unknown),
        };
        let length = small(room).map_or(self.returned.len(), |room| room.min(self.returned.len()));
        let part = self.returned[..length].to_vec();
        self.memory(to, room)?[..length].copy_from_slice(&part);
        self.push(U256::ONE)
    }

    fn jump(&mut self, to: U256, jumps: &[bool]) -> Result<(), End> {
        let to = small(to).filter(|to| jumps.get(*to) == Some(&true));
        self.at = to.ok_or(End::Reverted)?;
        Ok(())
    }

    fn push(&mut self, value: U256) -> Result<(), End> {
        if self.stack.len() == MOST_STACK {
            return Err(End::Reverted);
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<U256, End> {
        self.stack.pop().ok_or(End::Reverted)
    }

    /// Memory, which grows.
    fn memory(&mut self, at: U256, length: U256) -> Result<&mut [u8], End> {
        let Some(length @ 1..) = small(length) else {
            return if length.is_zero() { Ok(&mut []) } else { Err(End::Unknown) };
        };
        self.spend(length / 32)?;
        let end = small(at).and_then(|at| Some((at, at.checked_add(length)?)));
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

    /// Copies returned bytes, of which there must be enough.
    fn copy_returned(&mut self, returned: &[u8]) -> Result<(), End> {
        let depth = self.stack.len().checked_sub(3).ok_or(End::Reverted)?;
        // The topmost values: place in the memory, place in the source, length.
        let (from, length) = (self.stack[depth + 1], self.stack[depth]);
        match from.checked_add(length) {
            Some(end) if end <= U256::from(returned.len()) => self.copy(returned),
            _ => Err(End::Reverted),
        }
    }

    /// Copies from a source that zeros follow.
    fn copy(&mut self, source: &[u8]) -> Result<(), End> {
        let (to, from, length) = (self.pop()?, self.pop()?, self.pop()?);
        let out = self.memory(to, length)?;
        let bytes = part(source, from, out.len());
        out.copy_from_slice(&bytes);
        Ok(())
    }
}

const WORD: U256 = U256::from_limbs([32, 0, 0, 0]);

fn number(length: usize) -> U256 {
    U256::from(length)
}

fn flag(holds: bool) -> U256 {
    U256::from(u8::from(holds))
}

fn word(number: U256) -> Vec<u8> {
    number.to_be_bytes::<32>().to_vec()
}

/// Bytes of a source, and zeros behind its end.
fn part(source: &[u8], from: U256, length: usize) -> Vec<u8> {
    let rest = small(from).and_then(|from| source.get(from..)).unwrap_or(&[]);
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
        let code = hex::decode(code).unwrap();
        assert_eq!(run(&code, &[], Pairings::Hold, &mut work).end, End::Returned(word(U256::from(7))));
        assert!(work < MOST_WORK);
    }

    #[test]
    fn quotients_cost_as_much_as_powers() {
        let spent = |instruction: u8| {
            let mut work = MOST_WORK;
            run(&[0x5f, 0x5f, 0x5f, instruction], &[], Pairings::Hold, &mut work);
            MOST_WORK - work
        };
        for instruction in 0x04..=0x09 {
            assert_eq!(spent(instruction), spent(0x0a), "{instruction:02x}");
        }
        assert!(spent(0x02) < POWER);
    }
}
