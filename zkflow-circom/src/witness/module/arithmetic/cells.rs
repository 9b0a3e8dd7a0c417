//! Functions on cells, with faster code for the frequent forms of elements before circom's code.
//!
//! A cell has 40 bytes: a short element of 32 bits with its sign, its form, and a long element of four limbs.
//!
//! | form, the word at 4 | element |
//! |---|---|
//! | 0, or 2^30 | short |
//! | 2^31 | long |
//! | 2^31 + 2^30 | long, times 2^256 (Montgomery) |
//!
//! circom's functions convert operands in place, and results have the form that follows from those of the operands. Code here
//! only runs where no operand is converted, and its results have the form that circom's code would give them.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use wasm_encoder::{BlockType, InstructionSink, MemArg, ValType};

use super::{Function, IMPORTS};

/// Numbers of functions in the runtime.
pub(super) const COPY: usize = 33;
pub(super) const IS_TRUE: usize = 35;
pub(super) const IS_NEGATIVE: usize = 40;
pub(super) const TO_INT: usize = 43;
pub(super) const ADD: usize = 44;
pub(super) const SUB: usize = 45;
pub(super) const EQ: usize = 48;
pub(super) const NEQ: usize = 49;
pub(super) const GT: usize = 50;
pub(super) const GEQ: usize = 51;
pub(super) const LT: usize = 52;
pub(super) const LEQ: usize = 53;
pub(super) const PRODUCT: usize = 54;
pub(super) const SHL: usize = 68;
pub(super) const SHR: usize = 69;
const RAW_SHL: usize = 66;
const RAW_SHR: usize = 67;

/// Elements above it are negative.
const HALF: [u64; 4] = Fr::MODULUS_MINUS_ONE_DIV_TWO.0;
/// Address of the cell with the number of bits of an element.
const BITS: i32 = 88;
/// The form of a long element that is not in Montgomery form, shifted by 30 bits.
const LONG: i32 = 2;

/// The body of a function of the runtime, if it has faster code here.
pub(super) fn faster(number: usize, function: &Function<'_>) -> Option<Vec<u8>> {
    Some(match number {
        ADD => arithmetic(function, |sink| {
            sink.i64_add();
        }),
        SUB => arithmetic(function, |sink| {
            sink.i64_sub();
        }),
        PRODUCT => arithmetic(function, |sink| {
            sink.i64_mul();
        }),
        EQ | NEQ | GT | GEQ | LT | LEQ => comparison(function, number),
        IS_NEGATIVE => is_negative(function),
        TO_INT => to_int(function),
        SHL => shift(function, RAW_SHL),
        SHR => shift(function, RAW_SHR),
        _ => return None,
    })
}

/// `(to, a, b)`: short operands with a short result.
fn arithmetic(function: &Function<'_>, operator: impl Fn(&mut InstructionSink<'_>)) -> Vec<u8> {
    let [to, a, b, result] = [0, 1, 2, function.free];
    function.after(&[(1, ValType::I64)], |sink| {
        sink.block(BlockType::Empty);
        sink.local_get(a).i32_load(form()).local_get(b).i32_load(form()).i32_or();
        sink.i32_const(0).i32_lt_s().br_if(0);
        sink.local_get(a).i64_load32_s(short()).local_get(b).i64_load32_s(short());
        operator(sink);
        sink.local_tee(result).local_get(result).i64_extend32_s().i64_ne().br_if(0);
        sink.local_get(to).local_get(result).i64_const(u32::MAX.into()).i64_and().i64_store(word());
        sink.return_().end();
    })
}

/// `(to, a, b)`: both operands are short, or both are long and not in Montgomery form.
fn comparison(function: &Function<'_>, number: usize) -> Vec<u8> {
    let [to, a, b] = [0, 1, 2];
    let [form_a, form_b, x, y] = [0, 1, 2, 6].map(|at| function.free + at);
    function.after(&[(2, ValType::I32), (8, ValType::I64)], |sink| {
        sink.block(BlockType::Empty).block(BlockType::Empty);
        sink.local_get(a).i32_load(form()).local_tee(form_a);
        sink.local_get(b).i32_load(form()).local_tee(form_b);
        sink.i32_or().i32_const(0).i32_lt_s().br_if(0);
        sink.local_get(to).local_get(a).i32_load(short()).local_get(b).i32_load(short());
        match number {
            EQ => sink.i32_eq(),
            NEQ => sink.i32_ne(),
            GT => sink.i32_gt_s(),
            GEQ => sink.i32_ge_s(),
            LT => sink.i32_lt_s(),
            _ => sink.i32_le_s(),
        };
        sink.i64_extend_i32_u().i64_store(word()).return_().end();
        for form in [form_a, form_b] {
            sink.local_get(form).i32_const(30).i32_shr_u().i32_const(LONG).i32_ne().br_if(0);
        }
        for (cell, first) in [(a, x), (b, y)] {
            for limb in 0..4 {
                sink.local_get(cell).i64_load(long(limb)).local_set(first + limb);
            }
        }
        sink.local_get(to);
        let (x, y) = (Limbs::Locals(x), Limbs::Locals(y));
        match number {
            EQ | NEQ => equal(sink, x, y),
            GT | LEQ => below(sink, y, x),
            _ => below(sink, x, y),
        }
        if matches!(number, NEQ | GEQ | LEQ) {
            sink.i32_eqz();
        }
        sink.i64_extend_i32_u().i64_store(word()).return_().end();
    })
}

/// `(a) -> truth`: a is short, or long and not in Montgomery form.
fn is_negative(function: &Function<'_>) -> Vec<u8> {
    let [a, form_a, x] = [0, function.free, function.free + 1];
    function.after(&[(1, ValType::I32), (4, ValType::I64)], |sink| {
        sink.local_get(a).i32_load(form()).local_tee(form_a).i32_const(0).i32_ge_s().if_(BlockType::Empty);
        sink.local_get(a).i32_load(short()).i32_const(0).i32_lt_s().return_().end();
        sink.local_get(form_a).i32_const(30).i32_shr_u().i32_const(LONG).i32_eq().if_(BlockType::Empty);
        for limb in 0..4 {
            sink.local_get(a).i64_load(long(limb)).local_set(x + limb);
        }
        less(sink, Limbs::Numbers(HALF), Limbs::Locals(x));
        sink.return_().end();
    })
}

/// `(a) -> integer`: a is short, or long, not in Montgomery form and not negative.
fn to_int(function: &Function<'_>) -> Vec<u8> {
    let [a, form_a] = [0, function.free];
    function.after(&[(1, ValType::I32)], |sink| {
        sink.local_get(a).i32_load(form()).local_tee(form_a).i32_const(0).i32_ge_s().if_(BlockType::Empty);
        sink.local_get(a).i32_load(short()).return_().end();
        sink.local_get(form_a).i32_const(30).i32_shr_u().i32_const(LONG).i32_eq();
        // Elements with a lower highest limb are not negative.
        sink.local_get(a).i64_load(long(3)).i64_const(HALF[3] as i64).i64_lt_u().i32_and();
        sink.if_(BlockType::Empty).local_get(a).i32_load(MemArg { align: 2, ..long(0) }).return_().end();
    })
}

/// `(to, a, b)`: b is short, not negative, and below the number of bits of an element.
fn shift(function: &Function<'_>, by_number: usize) -> Vec<u8> {
    let [to, a, b] = [0, 1, 2];
    function.after(&[], |sink| {
        sink.local_get(b).i32_load(form()).i32_const(BITS).i32_load(form()).i32_or();
        sink.i32_const(0).i32_ge_s().if_(BlockType::Empty);
        // As numbers without sign, negative ones are above it.
        sink.local_get(b)
            .i32_load(short())
            .i32_const(BITS)
            .i32_load(short())
            .i32_lt_u()
            .if_(BlockType::Empty);
        sink.local_get(to).local_get(a).local_get(b).i32_load(short());
        sink.call((by_number + IMPORTS) as u32).return_().end().end();
    })
}

/// Four limbs.
#[derive(Clone, Copy)]
enum Limbs {
    /// In locals, from this one on.
    Locals(u32),
    Numbers([u64; 4]),
}

impl Limbs {
    fn get(self, sink: &mut InstructionSink<'_>, limb: u32) {
        match self {
            Self::Locals(first) => sink.local_get(first + limb),
            Self::Numbers(limbs) => sink.i64_const(limbs[limb as usize] as i64),
        };
    }
}

/// Whether x = y.
fn equal(sink: &mut InstructionSink<'_>, x: Limbs, y: Limbs) {
    for limb in 0..4 {
        x.get(sink, limb);
        y.get(sink, limb);
        sink.i64_xor();
        if limb > 0 {
            sink.i64_or();
        }
    }
    sink.i64_eqz();
}

/// Whether x < y as numbers without sign.
fn less(sink: &mut InstructionSink<'_>, x: Limbs, y: Limbs) {
    for limb in 0..4 {
        if limb > 0 {
            x.get(sink, limb);
            y.get(sink, limb);
            sink.i64_eq().i32_and();
        }
        x.get(sink, limb);
        y.get(sink, limb);
        sink.i64_lt_u();
        if limb > 0 {
            sink.i32_or();
        }
    }
}

/// Whether x < y as elements: those above [`HALF`] are negative.
fn below(sink: &mut InstructionSink<'_>, x: Limbs, y: Limbs) {
    let half = Limbs::Numbers(HALF);
    // Elements with a lower highest limb are not negative.
    for limbs in [x, y] {
        limbs.get(sink, 3);
        half.get(sink, 3);
        sink.i64_lt_u();
    }
    sink.i32_and().if_(BlockType::Result(ValType::I32));
    less(sink, x, y);
    sink.else_();
    // Of elements with different signs, the greater number is negative.
    less(sink, x, y);
    less(sink, half, x);
    less(sink, half, y);
    sink.i32_xor().i32_xor();
    // They differ, so that x < y or y < x.
    sink.end();
}

/// The short element.
fn short() -> MemArg {
    MemArg { offset: 0, align: 2, memory_index: 0 }
}

/// The form; negative for long elements.
fn form() -> MemArg {
    MemArg { offset: 4, align: 2, memory_index: 0 }
}

/// The short element and the form.
fn word() -> MemArg {
    MemArg { offset: 0, align: 3, memory_index: 0 }
}

fn long(limb: u32) -> MemArg {
    MemArg { offset: 8 + u64::from(limb) * 8, align: 3, memory_index: 0 }
}
