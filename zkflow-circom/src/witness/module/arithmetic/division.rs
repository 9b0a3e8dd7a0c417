//! `Fr_int_div (x, y, quotient, rest)`: faster code for the divisors of big integers of 64-bit registers before circom's code,
//! which finds a few bits of the quotient at a time.
//!
//! | divisor | code here |
//! |---|---|
//! | below 2^64, not zero | limb by limb ([`by_limb`]) |
//! | 2^64 to 2^127, a power of two | a shift |

use wasm_encoder::{BlockType, InstructionSink, MemArg, ValType};

use super::Function;

/// Number of the function in the runtime.
pub(super) const DIVIDE: usize = 14;
const LIMBS: u32 = 4;
/// The lower half of a limb.
const LOW: i64 = u32::MAX as i64;

/// The locals.
struct Locals {
    /// The dividend, four limbs.
    x: u32,
    /// The divisor, four limbs.
    y: u32,
    /// The quotient, four limbs.
    quotient: u32,
    rest: u32,
    /// Leading zeros of the lowest limb of the divisor.
    zeros: u32,
    /// That limb without its leading zeros.
    v: u32,
    /// The digit of 32 bits of the quotient, what it leaves, and the limb of the dividend that is being divided.
    digit: u32,
    left: u32,
    u: u32,
}

/// The body of the function.
pub(super) fn faster(function: &Function<'_>) -> Vec<u8> {
    let first = function.free;
    let [x, y, quotient] = [0, 1, 2].map(|number| first + number * LIMBS);
    let [rest, zeros, v, digit, left, u] = [0, 1, 2, 3, 4, 5].map(|number| first + 3 * LIMBS + number);
    let locals = Locals { x, y, quotient, rest, zeros, v, digit, left, u };
    function.after(&[(3 * LIMBS + 6, ValType::I64)], |sink| {
        let [dividend, divisor, to, to_rest] = [0, 1, 2, 3];
        sink.block(BlockType::Empty);
        // circom's code copies x to the rest before it reads y, and has other places for results without an address.
        sink.local_get(to).i32_eqz().local_get(to_rest).i32_eqz().i32_or();
        sink.local_get(to_rest).local_get(divisor).i32_eq().i32_or().br_if(0);
        for (address, first) in [(dividend, x), (divisor, y)] {
            for limb in 0..LIMBS {
                sink.local_get(address).i64_load(at(limb)).local_set(first + limb);
            }
        }
        sink.local_get(y + 2).local_get(y + 3).i64_or().i64_const(0).i64_ne().br_if(0);
        sink.local_get(y + 1).i64_eqz().if_(BlockType::Empty);
        sink.local_get(y).i64_eqz().br_if(1);
        by_limb(sink, &locals);
        for limb in 0..LIMBS {
            sink.local_get(to).local_get(quotient + limb).i64_store(at(limb));
            sink.local_get(to_rest);
            match limb {
                0 => sink.local_get(rest),
                _ => sink.i64_const(0),
            };
            sink.i64_store(at(limb));
        }
        sink.return_().end();
        sink.local_get(y).i64_const(0).i64_ne().local_get(y + 1).i64_popcnt().i64_const(1).i64_ne();
        sink.i32_or().br_if(0);
        by_shift(sink, &locals, to, to_rest);
        sink.return_().end();
    })
}

/// The divisor has one bit, in its second limb.
fn by_shift(sink: &mut InstructionSink<'_>, locals: &Locals, to: u32, to_rest: u32) {
    let Locals { x, y, u: bits, .. } = *locals;
    sink.local_get(y + 1).i64_ctz().local_set(bits);
    for limb in 0..LIMBS {
        sink.local_get(to);
        match limb + 1 {
            LIMBS => sink.i64_const(0),
            next => sink.local_get(x + next).local_get(bits).i64_shr_u(),
        };
        if limb + 2 < LIMBS {
            sink.local_get(x + limb + 2).i64_const(1).i64_shl();
            sink.i64_const(63).local_get(bits).i64_sub().i64_shl().i64_or();
        }
        sink.i64_store(at(limb));
        sink.local_get(to_rest);
        match limb {
            0 => sink.local_get(x),
            1 => sink.local_get(x + 1).local_get(y + 1).i64_const(1).i64_sub().i64_and(),
            _ => sink.i64_const(0),
        };
        sink.i64_store(at(limb));
    }
}

/// The divisor has one limb: from the highest limb of x on, the rest and the next limb are divided by it.
fn by_limb(sink: &mut InstructionSink<'_>, locals: &Locals) {
    let Locals { x, y, quotient, rest, zeros, v, .. } = *locals;
    sink.local_get(y).i64_clz().local_set(zeros);
    sink.local_get(y).local_get(zeros).i64_shl().local_set(v);
    for limb in (0..LIMBS).rev() {
        let (x, quotient) = (x + limb, quotient + limb);
        sink.local_get(rest).i64_eqz().if_(BlockType::Empty);
        sink.local_get(x).local_set(rest);
        sink.local_get(x).local_get(y).i64_ge_u().if_(BlockType::Empty);
        sink.local_get(x).local_get(y).i64_div_u().local_set(quotient);
        sink.local_get(x).local_get(quotient).local_get(y).i64_mul().i64_sub().local_set(rest);
        sink.end().else_();
        two_limbs(sink, locals, x, quotient);
        sink.end();
    }
}

/// Divides the rest and a limb by one limb (Warren, *Hacker's Delight*, 2013, figure 9-3: Knuth's algorithm D for two
/// digits of 32 bits). The rest is below the divisor.
fn two_limbs(sink: &mut InstructionSink<'_>, locals: &Locals, x: u32, quotient: u32) {
    let Locals { rest, zeros, digit, u, .. } = *locals;
    // The rest and the limb, without as many leading zeros.
    sink.local_get(rest).local_get(zeros).i64_shl();
    sink.local_get(x).i64_const(1).i64_shr_u().i64_const(63).local_get(zeros).i64_sub().i64_shr_u();
    sink.i64_or().local_set(rest);
    sink.local_get(x).local_get(zeros).i64_shl().local_set(u);
    next_digit(sink, locals, |sink| {
        sink.local_get(u).i64_const(32).i64_shr_u();
    });
    sink.local_get(digit).i64_const(32).i64_shl().local_set(quotient);
    next_digit(sink, locals, |sink| {
        sink.local_get(u).i64_const(LOW).i64_and();
    });
    sink.local_get(quotient).local_get(digit).i64_or().local_set(quotient);
    sink.local_get(rest).local_get(zeros).i64_shr_u().local_set(rest);
}

/// Divides the rest and a digit of the dividend by v: the next digit of the quotient, and the new rest.
fn next_digit(sink: &mut InstructionSink<'_>, locals: &Locals, lower: impl Fn(&mut InstructionSink<'_>)) {
    let Locals { rest, v, digit, left, .. } = *locals;
    let high = |sink: &mut InstructionSink<'_>| {
        sink.local_get(v).i64_const(32).i64_shr_u();
    };
    // An estimate by the higher digit of v, at most two too high.
    sink.local_get(rest);
    high(sink);
    sink.i64_div_u().local_set(digit);
    sink.local_get(rest).local_get(digit);
    high(sink);
    sink.i64_mul().i64_sub().local_set(left);
    sink.block(BlockType::Empty);
    for _ in 0..2 {
        sink.local_get(digit).i64_const(LOW).i64_gt_u();
        sink.local_get(digit).local_get(v).i64_const(LOW).i64_and().i64_mul();
        sink.local_get(left).i64_const(32).i64_shl();
        lower(sink);
        sink.i64_or().i64_gt_u().i32_or().i32_eqz().br_if(0);
        sink.local_get(digit).i64_const(1).i64_sub().local_set(digit);
        sink.local_get(left);
        high(sink);
        sink.i64_add().local_tee(left).i64_const(LOW).i64_gt_u().br_if(0);
    }
    sink.end();
    sink.local_get(rest).i64_const(32).i64_shl();
    lower(sink);
    sink.i64_or().local_get(digit).local_get(v).i64_mul().i64_sub().local_set(rest);
}

fn at(limb: u32) -> MemArg {
    MemArg { offset: u64::from(limb) * 8, align: 3, memory_index: 0 }
}
