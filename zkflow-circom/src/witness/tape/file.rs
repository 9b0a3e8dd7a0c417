//! Tapes as bytes; all numbers are little-endian.
//!
//! | part | content |
//! |---|---|
//! | header | `"zktape"`, version u16, digest of the module (32 bytes), prime of the field (32 bytes) |
//! | counts | wires u32, places u32, constants u32, table entries u32, instructions u64, inputs u32 |
//! | body | constants (32 bytes each), table entries (4 bytes each), instructions (16 bytes each) |
//! | each input, in the order of the signals | hash of its name u64, number of its values u32, their places (4 bytes each) |
//! | checksum | SHA-256 over everything before |
//! | seal | 32 bytes: a MAC over everything before, or zeros; see [`sealed`] |

use ark_bn254::Fr;
use ark_ff::{BigInteger as _, PrimeField as _};

use super::value::Value;
use super::{Instruction, Kind, MAX_PLACES, Tape};
use zkflow_groth16::digest::Digest;

const MAGIC: &[u8; 6] = b"zktape";
/// Version of the format and of the operators. Tapes of another version are recorded again.
const VERSION: u16 = 3;
/// Length of the seal in bytes.
const SEAL: usize = 32;
/// Length of the checksum in bytes.
const CHECKSUM: usize = 32;

/// The seal of a tape and the bytes before it. `None` if the bytes are too few for a seal.
///
/// A service that stores tapes where others may write seals them with a MAC, and checks it before it uses one.
/// Reading a tape ignores its seal, so a sealed tape is also a tape for holders of no key.
pub fn sealed(tape: &[u8]) -> Option<(&[u8], &[u8; 32])> {
    tape.split_last_chunk()
}

/// Seals a tape of [`Tape::to_bytes`]: `mac` gets the bytes before the seal.
pub fn seal(tape: &mut [u8], mac: impl FnOnce(&[u8]) -> [u8; 32]) {
    if let Some((body, seal)) = tape.split_last_chunk_mut::<SEAL>() {
        *seal = mac(body);
    }
}

/// Bytes are not the requested tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TapeError {
    /// The bytes are not a tape, or a tape of another version.
    #[error("not a tape of this version")]
    Version,
    /// The tape calculates in another field than that of BN254.
    #[error("the tape is not for the field of BN254")]
    Field,
    /// The tape was recorded from another module.
    #[error("the tape belongs to another module")]
    Module,
    /// The witness of a tape cannot be compared with every input.
    #[error("an input has no wire, or the module has no table of inputs, so a tape cannot be checked")]
    Unchecked,
    /// The tape is truncated or inconsistent.
    #[error("the tape is damaged")]
    Damaged,
}

impl Tape {
    /// The tape as bytes, bound to the module that it was recorded from, with a [seal] of zeros.
    pub fn to_bytes(&self, module: &Digest) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.memory_bytes() as usize + (1 << 12));
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(module.as_bytes());
        out.extend(Fr::MODULUS.to_bytes_le());
        let counts = [self.wires, self.places, self.constants.len() as u32, self.tables.len() as u32];
        counts.into_iter().for_each(|count| out.extend(count.to_le_bytes()));
        out.extend((self.code.len() as u64).to_le_bytes());
        out.extend((self.inputs.len() as u32).to_le_bytes());
        self.constants.iter().flat_map(|value| value.raw()).for_each(|limb| out.extend(limb.to_le_bytes()));
        self.tables.iter().for_each(|place| out.extend(place.to_le_bytes()));
        for Instruction { kind_and_target, a, b, c } in &self.code {
            [kind_and_target, a, b, c].into_iter().for_each(|word| out.extend(word.to_le_bytes()));
        }
        for (hash, places) in &self.inputs {
            out.extend(hash.to_le_bytes());
            out.extend((places.len() as u32).to_le_bytes());
            places.iter().for_each(|place| out.extend(place.to_le_bytes()));
        }
        let checksum = Digest::of(&out);
        out.extend(checksum.as_bytes());
        out.extend([0; SEAL]);
        out
    }

    /// Reads the bytes of [`to_bytes`](Self::to_bytes) for the same module.
    ///
    /// # Errors
    /// [`TapeError`]. Invalid bytes never cause a panic or an allocation much larger than the bytes.
    pub fn from_bytes(bytes: &[u8], module: &Digest) -> Result<Self, TapeError> {
        let mut reader = Reader(bytes);
        if reader.take(MAGIC.len()).ok() != Some(MAGIC) || reader.u16().ok() != Some(VERSION) {
            return Err(TapeError::Version);
        }
        if reader.take(32)? != module.as_bytes() {
            return Err(TapeError::Module);
        }
        if reader.take(32)? != Fr::MODULUS.to_bytes_le() {
            return Err(TapeError::Field);
        }
        let (body, checksum) =
            sealed(bytes).and_then(|(body, _)| body.split_last_chunk()).ok_or(TapeError::Damaged)?;
        if Digest::of(body).as_bytes() != checksum {
            return Err(TapeError::Damaged);
        }
        let [wires, places, constants, tables] = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
        let instructions = reader.u64()?;
        let inputs = reader.u32()?;
        let constants = reader.records(constants.into())?.iter().map(constant);
        let constants = constants.collect::<Option<_>>().ok_or(TapeError::Damaged)?;
        let tables = reader.places(tables)?;
        let code = reader.records(instructions)?.iter().map(instruction).collect();
        let mut hashed = Vec::new();
        for _ in 0..inputs {
            let (hash, count) = (reader.u64()?, reader.u32()?);
            hashed.push((hash, reader.places(count)?));
        }
        reader.take(CHECKSUM + SEAL)?;
        let tape = Self { inputs: hashed, wires, places, constants, tables, code };
        if reader.0.is_empty() && tape.fits_together() { Ok(tape) } else { Err(TapeError::Damaged) }
    }

    /// True if all places exist. Their number is bounded by wires, constants, instructions and input values.
    fn fits_together(&self) -> bool {
        let Self { inputs, wires, places, constants, tables, code } = self;
        let given: usize = inputs.iter().map(|(_, places)| places.len()).sum();
        let most = *wires as usize + constants.len() + code.len() + given + 1;
        let inside = |place: &u32| place < places;
        let instruction = |instruction: &Instruction| {
            let Instruction { a, b, c, .. } = instruction;
            let operands = match instruction.kind() {
                None => false,
                Some(Kind::Operation(_)) => inside(a) && inside(b),
                Some(Kind::Bit | Kind::Copy | Kind::Guard) => inside(a),
                Some(Kind::Select) => [a, b, c].into_iter().all(inside),
                Some(Kind::Lookup) => {
                    inside(a) && b.checked_add(*c).is_some_and(|end| end as usize <= tables.len())
                }
            };
            operands && inside(&instruction.target())
        };
        *places <= MAX_PLACES
            && *places as usize <= most
            && *wires as usize + constants.len() <= *places as usize
            && *wires as usize <= code.len() + given
            && inputs.iter().flat_map(|(_, places)| places).all(inside)
            && tables.iter().all(inside)
            && code.iter().all(instruction)
    }
}

/// A constant, if its limbs are valid.
fn constant(bytes: &[u8; 32]) -> Option<Value> {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    Value::from_raw(limbs)
}

fn instruction(bytes: &[u8; 16]) -> Instruction {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let [kind_and_target, a, b, c] = words;
    Instruction { kind_and_target, a, b, c }
}

/// Reads bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], TapeError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(TapeError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TapeError> {
        self.take(N)?.try_into().map_err(|_| TapeError::Damaged)
    }

    fn u16(&mut self) -> Result<u16, TapeError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, TapeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, TapeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Reads `count` records; checks the length before anything is allocated.
    fn records<const N: usize>(&mut self, count: u64) -> Result<&'a [[u8; N]], TapeError> {
        let count = usize::try_from(count).map_err(|_| TapeError::Damaged)?;
        let bytes = self.take(count.checked_mul(N).ok_or(TapeError::Damaged)?)?;
        Ok(bytes.as_chunks().0)
    }

    fn places(&mut self, count: u32) -> Result<Vec<u32>, TapeError> {
        Ok(self.records(count.into())?.iter().copied().map(u32::from_le_bytes).collect())
    }
}
