//! Montgomery multiplication in WebAssembly, with limbs of 64 bits.
//!
//! The algorithm is coarsely integrated operand scanning (Koç, Acar, Kaliski, *Analyzing and Comparing Montgomery
//! Multiplication Algorithms*, 1996), unrolled. It uses the instructions of the wide-arithmetic proposal: products and sums of
//! 128 bits.

use ark_bn254::{Fr, FrConfig};
use ark_ff::{MontConfig, PrimeField};
use wasm_encoder::{Function, InstructionSink, MemArg, ValType};

/// Limbs per element.
const LIMBS: u32 = 4;
/// The modulus.
const MODULUS: [u64; LIMBS as usize] = Fr::MODULUS.0;

/// Body of a function that stores `a · b / 2^256 mod r` at `to`; the arguments are the locals with their addresses, the
/// highest of which is the last parameter.
///
/// For any a and b below 2^256, the result is t − r if t ≥ r, else t, where t = (a · b + m · r) / 2^256 and m < 2^256. It is
/// below r if a · b < 2^256 · r. The result is stored after both operands were read.
pub(super) fn product(a: u32, b: u32, to: u32) -> Vec<u8> {
    let locals = Locals::after(to);
    let mut function = Function::new([(Locals::COUNT, ValType::I64)]);
    let mut sink = function.instructions();
    for limb in 0..LIMBS {
        sink.local_get(a).i64_load(at(limb)).local_set(locals.a + limb);
    }
    for limb in 0..LIMBS {
        sink.local_get(b).i64_load(at(limb)).local_set(locals.b);
        add_product(&mut sink, &locals);
        reduce(&mut sink, &locals);
    }
    store(&mut sink, &locals, to);
    function.into_raw_body()
}

/// Body of a function that stores `a / 2^256 mod r` at `to`: [`product`] for b = 1.
pub(super) fn quotient(a: u32, to: u32) -> Vec<u8> {
    let locals = Locals::after(to);
    let mut function = Function::new([(Locals::COUNT, ValType::I64)]);
    let mut sink = function.instructions();
    for limb in 0..LIMBS {
        sink.local_get(a).i64_load(at(limb)).local_set(locals.t + limb);
    }
    for _ in 0..LIMBS {
        reduce(&mut sink, &locals);
    }
    store(&mut sink, &locals, to);
    function.into_raw_body()
}

/// Stores t − r if that is not negative, else t, and ends the function.
fn store(sink: &mut InstructionSink<'_>, locals: &Locals, to: u32) {
    subtract(sink, locals);
    for limb in 0..LIMBS {
        sink.local_get(to);
        sink.local_get(locals.a + limb).local_get(locals.t + limb).local_get(locals.carry);
        sink.i32_wrap_i64().select().i64_store(at(limb));
    }
    sink.end();
}

/// The first of the locals for each value.
struct Locals {
    /// The limbs of a; at the end those of t − r.
    a: u32,
    /// One limb of b.
    b: u32,
    /// The sum so far: [`LIMBS`] limbs, and two for what exceeds them.
    t: u32,
    carry: u32,
    /// The multiple of the modulus.
    m: u32,
}

impl Locals {
    const COUNT: u32 = 2 * LIMBS + 5;

    fn after(last: u32) -> Self {
        let a = last + 1;
        let (b, t) = (a + LIMBS, a + LIMBS + 1);
        Self { a, b, t, carry: t + LIMBS + 2, m: t + LIMBS + 3 }
    }
}

/// t += a · b, for one limb of b.
fn add_product(sink: &mut InstructionSink<'_>, locals: &Locals) {
    let Locals { a, b, t, carry, .. } = *locals;
    for limb in 0..LIMBS {
        sink.local_get(a + limb).local_get(b).i64_mul_wide_u();
        add(sink, t + limb);
        if limb > 0 {
            add(sink, carry);
        }
        sink.local_set(carry).local_set(t + limb);
    }
    sink.local_get(t + LIMBS).i64_const(0);
    add(sink, carry);
    sink.local_set(t + LIMBS + 1).local_set(t + LIMBS);
}

/// t = (t + m · r) / 2^64, with the m that makes the lowest limb zero.
fn reduce(sink: &mut InstructionSink<'_>, locals: &Locals) {
    let Locals { t, carry, m, .. } = *locals;
    sink.local_get(t).i64_const(FrConfig::INV as i64).i64_mul().local_set(m);
    for (limb, modulus) in (0..).zip(MODULUS) {
        sink.local_get(m).i64_const(modulus as i64).i64_mul_wide_u();
        add(sink, t + limb);
        if limb == 0 {
            sink.local_set(carry).drop();
        } else {
            add(sink, carry);
            sink.local_set(carry).local_set(t + limb - 1);
        }
    }
    sink.local_get(t + LIMBS).local_get(t + LIMBS + 1);
    add(sink, carry);
    sink.local_set(t + LIMBS).local_set(t + LIMBS - 1);
}

/// a = t − r, and carry = 1 if that is not negative, else 0.
fn subtract(sink: &mut InstructionSink<'_>, locals: &Locals) {
    let Locals { a, t, carry, .. } = *locals;
    for (limb, modulus) in (0..).zip(MODULUS) {
        sink.local_get(t + limb).i64_const(0).i64_const(modulus as i64).i64_const(0).i64_sub128();
        if limb > 0 {
            // The borrow is 0 or −1.
            sink.local_get(carry).local_get(carry).i64_add128();
        }
        sink.local_set(carry).local_set(a + limb);
    }
    sink.local_get(t + LIMBS)
        .local_get(carry)
        .i64_add()
        .i64_const(0)
        .i64_ge_s()
        .i64_extend_i32_u()
        .local_set(carry);
}

/// Adds a local to the 128 bits on the stack.
fn add(sink: &mut InstructionSink<'_>, local: u32) {
    sink.local_get(local).i64_const(0).i64_add128();
}

fn at(limb: u32) -> MemArg {
    MemArg { offset: u64::from(limb) * 8, align: 3, memory_index: 0 }
}
