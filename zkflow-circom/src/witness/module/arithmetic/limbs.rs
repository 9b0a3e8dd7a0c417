//! Functions on numbers of 256 bits and on elements of four limbs, with limbs of 64 bits and without calls.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, ValType};

const LIMBS: u32 = 4;
const MODULUS: [u64; LIMBS as usize] = Fr::MODULUS.0;

/// Numbers of functions in the runtime.
pub(super) const INTEGER_ADD: usize = 7;
pub(super) const INTEGER_SUB: usize = 8;
pub(super) const ELEMENT_ADD: usize = 16;
pub(super) const ELEMENT_SUB: usize = 17;
pub(super) const LEFT: usize = 63;
pub(super) const RIGHT: usize = 64;

/// The body of a function of the runtime, if it has faster code here.
pub(super) fn faster(number: usize) -> Option<Vec<u8>> {
    Some(match number {
        INTEGER_ADD => integer_sum(),
        INTEGER_SUB => integer_difference(),
        ELEMENT_ADD => element_sum(),
        ELEMENT_SUB => element_difference(),
        LEFT | RIGHT => shift(number == LEFT),
        _ => return None,
    })
}

/// The arguments of the functions with two operands.
const X: u32 = 0;
const Y: u32 = 1;
const TO: u32 = 2;

/// `(x, y, to) -> carry`
fn integer_sum() -> Vec<u8> {
    let [carry, sum] = [TO + 1, TO + 2];
    body(1 + LIMBS, |sink| {
        add(sink, carry, sum);
        store(sink, sum);
        sink.local_get(carry).i32_wrap_i64();
    })
}

/// `(x, y, to) -> borrow`: 0 or −1
fn integer_difference() -> Vec<u8> {
    let [borrow, difference] = [TO + 1, TO + 2];
    body(1 + LIMBS, |sink| {
        subtract(sink, borrow, difference);
        store(sink, difference);
        sink.local_get(borrow).i32_wrap_i64();
    })
}

/// `(x, y, to)`: x + y − r if that is not negative, else x + y; modulo 2^256
fn element_sum() -> Vec<u8> {
    let [carry, borrow, sum, reduced] = [TO + 1, TO + 2, TO + 3, TO + 3 + LIMBS];
    body(2 + 2 * LIMBS, |sink| {
        add(sink, carry, sum);
        for limb in 0..LIMBS {
            sink.local_get(sum + limb).i64_const(0);
            sink.i64_const(MODULUS[limb as usize] as i64).i64_const(0);
            next_difference(sink, limb, borrow, reduced);
        }
        for limb in 0..LIMBS {
            sink.local_get(TO).local_get(reduced + limb).local_get(sum + limb);
            sink.local_get(carry).local_get(borrow).i64_add().i64_const(0).i64_ge_s();
            sink.select().i64_store(at(limb));
        }
    })
}

/// `(x, y, to)`: x − y if that is not negative, else x − y + r; modulo 2^256
fn element_difference() -> Vec<u8> {
    let [borrow, carry, difference, raised] = [TO + 1, TO + 2, TO + 3, TO + 3 + LIMBS];
    body(2 + 2 * LIMBS, |sink| {
        subtract(sink, borrow, difference);
        for limb in 0..LIMBS {
            sink.local_get(difference + limb).i64_const(0);
            sink.i64_const(MODULUS[limb as usize] as i64).i64_const(0);
            next_sum(sink, limb, carry, raised);
        }
        for limb in 0..LIMBS {
            sink.local_get(TO).local_get(raised + limb).local_get(difference + limb);
            sink.local_get(borrow).i32_wrap_i64().select().i64_store(at(limb));
        }
    })
}

/// `(to, a, bits)`: a shifted by a number of bits. The result replaces a limb by limb, if it does.
fn shift(left: bool) -> Vec<u8> {
    let [to, a, count] = [0, 1, 2];
    let [limbs, index, bits, result] = [3, 4, 5, 6];
    let mut function = Function::new([(2, ValType::I32), (2, ValType::I64)]);
    let mut sink = function.instructions();
    sink.local_get(count).i32_const(6).i32_shr_u().local_set(limbs);
    sink.local_get(count).i64_extend_i32_u().i64_const(63).i64_and().local_set(bits);
    for limb in 0..LIMBS {
        let mut operand = |further: i32| {
            match left {
                true => sink.i32_const(limb as i32 - further).local_get(limbs).i32_sub(),
                false => sink.i32_const(limb as i32 + further).local_get(limbs).i32_add(),
            };
            sink.local_tee(index).i32_const(LIMBS as i32).i32_lt_u();
            sink.if_(BlockType::Result(ValType::I64));
            sink.local_get(a).local_get(index).i32_const(3).i32_shl().i32_add().i64_load(at(0));
            sink.else_().i64_const(0).end();
            // The neighbour is shifted by 64 − bits, which may be 64.
            match (further > 0, left) {
                (false, true) => sink.local_get(bits).i64_shl(),
                (false, false) => sink.local_get(bits).i64_shr_u(),
                (true, true) => {
                    sink.i64_const(1).i64_shr_u().i64_const(63).local_get(bits).i64_sub().i64_shr_u()
                }
                (true, false) => {
                    sink.i64_const(1).i64_shl().i64_const(63).local_get(bits).i64_sub().i64_shl()
                }
            };
        };
        operand(0);
        operand(1);
        sink.i64_or().local_set(result);
        sink.local_get(to).local_get(result).i64_store(at(limb));
    }
    sink.end();
    function.into_raw_body()
}

/// The body of a function with operands at [`X`] and [`Y`], and this many further limbs.
fn body(locals: u32, code: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut function = Function::new([(locals, ValType::I64)]);
    let mut sink = function.instructions();
    code(&mut sink);
    sink.end();
    function.into_raw_body()
}

/// sum, carry = x + y
fn add(sink: &mut InstructionSink<'_>, carry: u32, sum: u32) {
    for limb in 0..LIMBS {
        operands(sink, limb);
        next_sum(sink, limb, carry, sum);
    }
}

/// difference, borrow = x − y; the borrow is 0 or −1
fn subtract(sink: &mut InstructionSink<'_>, borrow: u32, difference: u32) {
    for limb in 0..LIMBS {
        operands(sink, limb);
        next_difference(sink, limb, borrow, difference);
    }
}

fn operands(sink: &mut InstructionSink<'_>, limb: u32) {
    for operand in [X, Y] {
        sink.local_get(operand).i64_load(at(limb)).i64_const(0);
    }
}

/// Adds the operands on the stack, two limbs each, and the carry of the limb before.
fn next_sum(sink: &mut InstructionSink<'_>, limb: u32, carry: u32, sum: u32) {
    sink.i64_add128();
    if limb > 0 {
        sink.local_get(carry).i64_const(0).i64_add128();
    }
    sink.local_set(carry).local_set(sum + limb);
}

/// Subtracts the operands on the stack, two limbs each, and the borrow of the limb before.
fn next_difference(sink: &mut InstructionSink<'_>, limb: u32, borrow: u32, difference: u32) {
    sink.i64_sub128();
    if limb > 0 {
        sink.local_get(borrow).local_get(borrow).i64_add128();
    }
    sink.local_set(borrow).local_set(difference + limb);
}

fn store(sink: &mut InstructionSink<'_>, from: u32) {
    for limb in 0..LIMBS {
        sink.local_get(TO).local_get(from + limb).i64_store(at(limb));
    }
}

fn at(limb: u32) -> MemArg {
    MemArg { offset: u64::from(limb) * 8, align: 3, memory_index: 0 }
}
