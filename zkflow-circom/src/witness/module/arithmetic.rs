//! [`fast`]: a circuit's module with faster arithmetic.
//!
//! Every module that circom generates starts with the same functions on field elements, its *runtime*. They calculate with
//! limbs of 32 bits, take 256 squares for any power, and call each other for one instruction. Functions that take most of the
//! time get other code, with the same results for all operands:
//!
//! | functions | code here |
//! |---|---|
//! | `Fr_F1m_mul (a, b, to)`: a · b / 2^256 mod r | limbs of 64 bits ([`montgomery`]) |
//! | `Fr_F1m_square (a, to)`: a · a / 2^256 mod r | the same |
//! | `Fr_F1m_fromMontgomery (a, to)`: a / 2^256 mod r | the same |
//! | `Fr_F1m_exp (base, exponent, bytes, to)`: base^exponent | the old code, for the exponent without its leading zeros |
//! | `Fr_F1m_add`, `Fr_F1m_sub`, `Fr_int_add`, `Fr_int_sub`, `Fr_rawshll`, `Fr_rawshrl` | limbs of 64 bits ([`limbs`]) |
//! | `Fr_int_div` | divisors of one limb and powers of two first, then the old code ([`division`]) |
//! | operators on cells, such as `Fr_add`, `Fr_lt` and `Fr_shr` | the frequent forms first, then the old code ([`cells`]) |
//! | calls of `Fr_copy`, `Fr_isTrue` and `Fr_toInt` in the circuit's functions | their code in place of the call ([`calls`]) |
//!
//! The code of the whole runtime and its constants are compared with digests first. A module with another runtime, such as
//! for another field, remains as it is.

use std::borrow::Cow;
use std::ops::Range;

use wasm_encoder::{BlockType, Encode, InstructionSink, MemArg, ValType};
use wasmparser::{
    BinaryReaderError, DataKind, FunctionBody, Operator, OperatorsReader, Parser, Payload, TypeRef,
};
use zkflow_groth16::digest::Digest;

mod calls;
mod cells;
mod division;
mod limbs;
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

/// Maximum growth of a module, beside its length, by calls that are replaced.
const ROOM: usize = 4 << 20;

/// More locals than validation accepts.
const MANY_LOCALS: u32 = 1 << 20;

/// Numbers of the replaced functions in the runtime.
const MUL: usize = 20;
const SQUARE: usize = 21;
const QUOTIENT: usize = 24;
const EXP: usize = 30;

/// The module with fast arithmetic, or the same module if its runtime is unknown or the bytes are no module.
pub(super) fn fast(wasm: &[u8]) -> Cow<'_, [u8]> {
    let rewritten =
        Outline::read(wasm).and_then(|outline| outline.map(|outline| outline.rewrite(wasm)).transpose());
    match rewritten {
        Ok(Some(wasm)) => Cow::Owned(wasm),
        Ok(None) | Err(_) => Cow::Borrowed(wasm),
    }
}

/// The places of what is replaced.
struct Outline {
    /// The section of code, without its number and length.
    section: Range<usize>,
    /// Start of that section's number.
    header: usize,
    /// The number of parameters of every function with code.
    parameters: Vec<u32>,
}

impl Outline {
    /// `None` if the runtime is another one.
    fn read(wasm: &[u8]) -> Result<Option<Self>, BinaryReaderError> {
        let (mut imports, mut header, mut section, mut constants) = (0, 0, 0..0, false);
        let (mut types, mut parameters) = (Vec::new(), Vec::new());
        let (mut functions, mut end) = (0, 0);
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            match &payload {
                Payload::TypeSection(groups) => {
                    for kind in groups.clone().into_iter_err_on_gc_types() {
                        types.push(kind?.params().len() as u32);
                    }
                }
                Payload::ImportSection(all) => {
                    for import in all.clone().into_imports() {
                        imports += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(all) => {
                    for kind in all.clone() {
                        let Some(count) = types.get(kind? as usize) else { return Ok(None) };
                        parameters.push(*count);
                    }
                }
                // Validation refuses a second section.
                Payload::CodeSectionStart { .. } if !section.is_empty() => return Ok(None),
                Payload::CodeSectionStart { range, .. } => section = range.clone(),
                Payload::CodeSectionEntry(body) => {
                    functions += 1;
                    if functions == RUNTIME {
                        end = body.range().end;
                    }
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
        if functions < RUNTIME || parameters.len() != functions || imports != IMPORTS || !constants {
            return Ok(None);
        }
        let code = first_body(wasm, &section)..end;
        Ok(is(wasm, code, CODE).then_some(Self { section, header, parameters }))
    }

    fn rewrite(&self, wasm: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
        let mut code = Vec::with_capacity(self.section.len());
        self.parameters.len().encode(&mut code);
        let bodies = Parser::new(0).parse_all(wasm).filter_map(|payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => Some(body),
            _ => None,
        });
        let mut room = wasm.len() + ROOM;
        for (number, (body, parameters)) in bodies.zip(&self.parameters).enumerate() {
            let function = Function::read(wasm, &body, *parameters)?;
            let faster = match number {
                _ if number >= RUNTIME => calls::inlined(&function, &mut room)?,
                MUL => Some(montgomery::product(0, 1, 2)),
                SQUARE => Some(montgomery::product(0, 0, 1)),
                QUOTIENT => Some(montgomery::quotient(0, 1)),
                EXP => Some(without_leading_zeros(&function)),
                division::DIVIDE => Some(division::faster(&function)),
                _ => cells::faster(number, &function).or_else(|| limbs::faster(number)),
            };
            faster.as_deref().unwrap_or(&wasm[body.range()]).encode(&mut code);
        }
        let mut out = Vec::with_capacity(wasm.len() + code.len().saturating_sub(self.section.len()) + 8);
        out.extend(&wasm[..self.header]);
        out.push(wasm_encoder::SectionId::Code as u8);
        code.as_slice().encode(&mut out);
        out.extend(&wasm[self.section.end..]);
        Ok(out)
    }
}

/// A function of a module that gets further code.
struct Function<'a> {
    /// The module.
    wasm: &'a [u8],
    /// Number of groups of locals, and the bytes that declare them.
    groups: (u32, &'a [u8]),
    /// The first local that is not used.
    free: u32,
    /// The instructions.
    code: OperatorsReader<'a>,
    /// Their place in the module.
    place: Range<usize>,
}

impl<'a> Function<'a> {
    fn read(wasm: &'a [u8], body: &FunctionBody<'a>, parameters: u32) -> Result<Self, BinaryReaderError> {
        let mut locals = body.get_locals_reader()?;
        let (count, start) = (locals.get_count(), locals.original_position());
        let mut free = parameters;
        for _ in 0..count {
            free = free.saturating_add(locals.read()?.0).min(MANY_LOCALS);
        }
        let place = locals.original_position()..body.range().end;
        let groups = (count, &wasm[start..place.start]);
        Ok(Self { wasm, groups, free, code: body.get_operators_reader()?, place })
    }

    /// The start of a body: the locals of the function, and further ones.
    fn with_locals(&self, more: &[(u32, ValType)]) -> Vec<u8> {
        let (count, groups) = self.groups;
        let mut body = Vec::with_capacity(groups.len() + self.place.len() + 64);
        (count + more.len() as u32).encode(&mut body);
        body.extend(groups);
        for (count, kind) in more {
            count.encode(&mut body);
            kind.encode(&mut body);
        }
        body
    }

    /// The function with instructions before its own.
    fn after(&self, locals: &[(u32, ValType)], before: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
        let mut body = self.with_locals(locals);
        before(&mut InstructionSink::new(&mut body));
        body.extend(&self.wasm[self.place.clone()]);
        body
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
fn without_leading_zeros(function: &Function<'_>) -> Vec<u8> {
    let (exponent, bytes, to) = (1, 2, 3);
    let last = MemArg { offset: 0, align: 0, memory_index: 0 };
    function.after(&[], |sink| {
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
    })
}

#[cfg(test)]
mod tests;
