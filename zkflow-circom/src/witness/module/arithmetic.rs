//! [`fast`]: a circuit's module with faster multiplication.
//!
//! Every module that circom generates starts with the same functions on field elements, its *runtime*. They multiply with
//! limbs of 32 bits, and take 256 squares for any power. Four of them get other code, with the same results for all
//! operands:
//!
//! | function | arguments | result | its code here |
//! |---|---|---|---|
//! | `Fr_F1m_mul` | `(a, b, to)` | a · b / 2^256 mod r | limbs of 64 bits ([`montgomery`]) |
//! | `Fr_F1m_square` | `(a, to)` | a · a / 2^256 mod r | the same |
//! | `Fr_F1m_fromMontgomery` | `(a, to)` | a / 2^256 mod r | the same |
//! | `Fr_F1m_exp` | `(base, exponent, bytes, to)` | base^exponent | the old code, for the exponent without its leading zeros |
//!
//! The code of the whole runtime and its constants are compared with digests first. A module with another runtime, such as
//! for another field, remains as it is.

use std::borrow::Cow;
use std::ops::Range;

use wasm_encoder::{BlockType, Encode, InstructionSink, MemArg};
use wasmparser::{BinaryReaderError, DataKind, Operator, Parser, Payload, TypeRef};
use zkflow_groth16::digest::Digest;

mod montgomery;

/// Number of imported functions, which come before the runtime.
const IMPORTS: usize = 4;
/// Number of functions of the runtime.
const RUNTIME: usize = 81;
/// SHA-256 of the code of the runtime, equal in circom 2.1.5 to 2.2.3.
const CODE: &str = "0a27d6c381678f36bb8eb5f48a2170a62fc0dd8c1c66898c7b496e98cb39676a";
/// Number of data segments with the constants of the runtime.
const SEGMENTS: usize = 15;
/// SHA-256 of these segments.
const CONSTANTS: &str = "14cc1ed32b44d77fa4c90ae448c7a541b17f8f6680a204b319e83a4548d2fcee";
/// Addresses of the constants.
const ADDRESSES: Range<u32> = 88..1952;

/// Numbers of the replaced functions in the runtime.
const MUL: usize = 20;
const SQUARE: usize = 21;
const QUOTIENT: usize = 24;
const EXP: usize = 30;

/// The module with fast arithmetic, or the same module if its runtime is unknown or the bytes are no module.
pub(super) fn fast(wasm: &[u8]) -> Cow<'_, [u8]> {
    match Outline::read(wasm) {
        Ok(Some(outline)) => Cow::Owned(outline.rewrite(wasm)),
        Ok(None) | Err(_) => Cow::Borrowed(wasm),
    }
}

/// The places of what is replaced.
struct Outline {
    /// The section of code, without its number and length.
    section: Range<usize>,
    /// Start of that section's number.
    header: usize,
    /// The bodies of the runtime, each with its length before it.
    bodies: Vec<Range<usize>>,
    /// The locals and the instructions of [`EXP`].
    exp: [Range<usize>; 2],
}

impl Outline {
    /// `None` if the runtime is another one.
    fn read(wasm: &[u8]) -> Result<Option<Self>, BinaryReaderError> {
        let (mut imports, mut header, mut section) = (0, 0, 0..0);
        let (mut bodies, mut exp, mut constants) = (Vec::with_capacity(RUNTIME), None, false);
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            match &payload {
                Payload::ImportSection(all) => {
                    for import in all.clone().into_imports() {
                        imports += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                // Validation refuses a second section.
                Payload::CodeSectionStart { .. } if !section.is_empty() => return Ok(None),
                Payload::CodeSectionStart { range, .. } => section = range.clone(),
                Payload::CodeSectionEntry(body) if bodies.len() < RUNTIME => {
                    let start = match bodies.last() {
                        Some(Range { end, .. }) => *end,
                        None => first_body(wasm, &section),
                    };
                    if bodies.len() == EXP {
                        let Range { start, end } = body.range();
                        let code = body.get_binary_reader_for_operators()?.original_position();
                        exp = Some([start..code, code..end]);
                    }
                    bodies.push(start..body.range().end);
                }
                Payload::DataSection(segments) => {
                    let (mut start, mut end) = (None, 0);
                    for (number, segment) in segments.clone().into_iter_with_offsets().enumerate() {
                        let (offset, segment) = segment?;
                        start.get_or_insert(offset);
                        if number < SEGMENTS {
                            end = segment.range.end;
                        } else if overlaps(&segment.kind, segment.data) {
                            return Ok(None);
                        }
                    }
                    constants = is(wasm, start.unwrap_or_default()..end, CONSTANTS);
                }
                _ => {}
            }
            // The header of the code begins where the section before it ends.
            if let (Some((_, range)), true) = (payload.as_section(), section.is_empty()) {
                header = range.end;
            }
        }
        let Some(exp) = exp.filter(|_| bodies.len() == RUNTIME && imports == IMPORTS && constants) else {
            return Ok(None);
        };
        let code = bodies[0].start..bodies[RUNTIME - 1].end;
        Ok(is(wasm, code, CODE).then_some(Self { section, header, bodies, exp }))
    }

    fn rewrite(&self, wasm: &[u8]) -> Vec<u8> {
        let [locals, instructions] = self.exp.clone();
        let exp = without_leading_zeros(&wasm[locals], &wasm[instructions]);
        let mut code = Vec::with_capacity(self.section.len());
        let mut copied = self.section.start;
        for (number, body) in [
            (MUL, montgomery::product(0, 1, 2)),
            (SQUARE, montgomery::product(0, 0, 1)),
            (QUOTIENT, montgomery::quotient(0, 1)),
            (EXP, exp),
        ] {
            let Range { start, end } = self.bodies[number];
            code.extend(&wasm[copied..start]);
            body.as_slice().encode(&mut code);
            copied = end;
        }
        code.extend(&wasm[copied..self.section.end]);
        let mut out = Vec::with_capacity(wasm.len() + code.len() - self.section.len() + 8);
        out.extend(&wasm[..self.header]);
        out.push(wasm_encoder::SectionId::Code as u8);
        code.as_slice().encode(&mut out);
        out.extend(&wasm[self.section.end..]);
        out
    }
}

/// Start of the first body: after the number of functions.
fn first_body(wasm: &[u8], section: &Range<usize>) -> usize {
    let rest = wasm.get(section.start..).unwrap_or_default();
    section.start + 1 + rest.iter().take_while(|byte| **byte & 0x80 != 0).count()
}

fn is(wasm: &[u8], range: Range<usize>, digest: &str) -> bool {
    wasm.get(range).is_some_and(|bytes| Digest::of(bytes).to_string() == digest)
}

/// Whether a data segment may change a constant of the runtime.
fn overlaps(kind: &DataKind<'_>, data: &[u8]) -> bool {
    let DataKind::Active { offset_expr, .. } = kind else { return true };
    let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else { return true };
    let start = u64::from(value as u32);
    start < ADDRESSES.end.into() && start + data.len() as u64 > ADDRESSES.start.into()
}

/// `Fr_F1m_exp` with code before it: leading zero bytes of the exponent are not counted. The old code would square one
/// for each of their bits. Where the result replaces the exponent, nothing is skipped, since the old code then reads
/// other bytes.
fn without_leading_zeros(locals: &[u8], code: &[u8]) -> Vec<u8> {
    let (exponent, bytes, to) = (1, 2, 3);
    let mut body = locals.to_vec();
    let last = MemArg { offset: 0, align: 0, memory_index: 0 };
    let mut sink = InstructionSink::new(&mut body);
    sink.block(BlockType::Empty);
    sink.local_get(to)
        .local_get(exponent)
        .i32_sub()
        .i32_const(31)
        .i32_add()
        .i32_const(63)
        .i32_lt_u()
        .br_if(0);
    sink.loop_(BlockType::Empty);
    sink.local_get(bytes).i32_const(1).i32_le_u().br_if(1);
    sink.local_get(exponent).local_get(bytes).i32_add().i32_const(1).i32_sub().i32_load8_u(last).br_if(1);
    sink.local_get(bytes).i32_const(1).i32_sub().local_set(bytes).br(0);
    sink.end().end();
    body.extend(code);
    body
}

#[cfg(test)]
mod tests;
