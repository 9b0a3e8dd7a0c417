//! circom's operators on field elements, as its WebAssembly computes them.
//!
//! The semantics are those of [circom's documentation] and, where it leaves details open, of the code that
//! circom 2 generates:
//! - Comparisons treat elements above r/2 as negative.
//! - `\`, `%`, the bitwise operators and the shifts operate on the integer in `0..r`. Bitwise operators and
//!   shifts reduce their result modulo 2^254 and then modulo r.
//! - A shift by a negative distance shifts in the other direction.
//!
//! [circom's documentation]: https://docs.circom.io/circom-language/basic-operators/

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};

use super::value::Value;

/// Bits of r; results of bitwise operators and shifts are truncated to this length.
const BITS: u64 = 254;
const R: [u64; 4] = Fr::MODULUS.0;
/// The largest element that counts as positive, (r − 1) / 2.
const HALF: [u64; 4] = Fr::MODULUS_MINUS_ONE_DIV_TWO.0;

/// An operator of one or two operands. Unary operators ignore the second operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Quotient,
    Remainder,
    Power,
    Negate,
    ShiftLeft,
    ShiftRight,
    BitAnd,
    BitOr,
    BitXor,
    BitNot,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    And,
    Or,
    Not,
}

impl Operator {
    /// All operators, ordered by number.
    pub(super) const ALL: [Self; 23] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Quotient,
        Self::Remainder,
        Self::Power,
        Self::Negate,
        Self::ShiftLeft,
        Self::ShiftRight,
        Self::BitAnd,
        Self::BitOr,
        Self::BitXor,
        Self::BitNot,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::Greater,
        Self::LessEqual,
        Self::GreaterEqual,
        Self::And,
        Self::Or,
        Self::Not,
    ];

    /// The operator of a field function in circom's modules. `name` is its name without the prefix `Fr_`.
    pub(super) fn of_function(name: &str) -> Option<Self> {
        Some(match name {
            "add" => Self::Add,
            "sub" => Self::Sub,
            "mul" => Self::Mul,
            "div" => Self::Div,
            "idiv" => Self::Quotient,
            "mod" => Self::Remainder,
            "pow" => Self::Power,
            "neg" => Self::Negate,
            "shl" => Self::ShiftLeft,
            "shr" => Self::ShiftRight,
            "band" => Self::BitAnd,
            "bor" => Self::BitOr,
            "bxor" => Self::BitXor,
            "bnot" => Self::BitNot,
            "eq" => Self::Equal,
            "neq" => Self::NotEqual,
            "lt" => Self::Less,
            "gt" => Self::Greater,
            "leq" => Self::LessEqual,
            "geq" => Self::GreaterEqual,
            "land" => Self::And,
            "lor" => Self::Or,
            "lnot" => Self::Not,
            _ => return None,
        })
    }

    /// True for an operator with one operand.
    pub(super) fn is_unary(self) -> bool {
        matches!(self, Self::Negate | Self::BitNot | Self::Not)
    }

    /// The result of the operator. Division by zero gives zero.
    #[inline(always)]
    pub(super) fn apply(self, a: Value, b: Value) -> Value {
        if let (Some(a), Some(b)) = (a.as_small(), b.as_small())
            && let Some(result) = self.apply_small(a, b)
        {
            return result;
        }
        self.apply_any(a, b)
    }

    /// The result for small integers; `None` if it needs [`apply_any`](Self::apply_any).
    #[inline(always)]
    fn apply_small(self, a: i64, b: i64) -> Option<Value> {
        let non_negative = a | b >= 0;
        let small = match self {
            Self::Add => a.checked_add(b)?,
            Self::Sub => a.checked_sub(b)?,
            Self::Mul => a.checked_mul(b)?,
            Self::Negate => a.checked_neg()?,
            Self::Quotient if non_negative => a.checked_div(b).unwrap_or(0),
            Self::Remainder if non_negative => a.checked_rem(b).unwrap_or(0),
            Self::ShiftLeft if non_negative && b < 64 && b < i64::from(a.leading_zeros()) => a << b,
            Self::ShiftRight if non_negative => a >> b.min(63),
            Self::BitAnd if non_negative => a & b,
            Self::BitOr if non_negative => a | b,
            Self::BitXor if non_negative => a ^ b,
            Self::Equal => (a == b).into(),
            Self::NotEqual => (a != b).into(),
            Self::Less => (a < b).into(),
            Self::Greater => (a > b).into(),
            Self::LessEqual => (a <= b).into(),
            Self::GreaterEqual => (a >= b).into(),
            Self::And => (a != 0 && b != 0).into(),
            Self::Or => (a != 0 || b != 0).into(),
            Self::Not => (a == 0).into(),
            _ => return None,
        };
        Some(Value::small(small))
    }

    /// The result for elements of any size.
    fn apply_any(self, a: Value, b: Value) -> Value {
        let element = |operation: fn(Fr, Fr) -> Fr| Value::element(operation(a.to_element(), b.to_element()));
        match self {
            Self::Add => element(|a, b| a + b),
            Self::Sub => element(|a, b| a - b),
            Self::Mul => element(|a, b| a * b),
            Self::Negate => element(|a, _| -a),
            Self::Div => element(|a, b| b.inverse().map_or(Fr::ZERO, |inverse| a * inverse)),
            Self::Power => Value::element(a.to_element().pow(b.to_integer())),
            Self::Quotient => Value::integer(divide(a.to_integer(), b.to_integer()).0),
            Self::Remainder => Value::integer(divide(a.to_integer(), b.to_integer()).1),
            Self::ShiftLeft => shift(a, b, true),
            Self::ShiftRight => shift(a, b, false),
            Self::BitAnd => bitwise(a, b, |a, b| a & b),
            Self::BitOr => bitwise(a, b, |a, b| a | b),
            Self::BitXor => bitwise(a, b, |a, b| a ^ b),
            Self::BitNot => bitwise(a, a, |a, _| !a),
            Self::Equal => Value::truth(a.same(b)),
            Self::NotEqual => Value::truth(!a.same(b)),
            Self::Less => Value::truth(ordinal(a) < ordinal(b)),
            Self::Greater => Value::truth(ordinal(a) > ordinal(b)),
            Self::LessEqual => Value::truth(ordinal(a) <= ordinal(b)),
            Self::GreaterEqual => Value::truth(ordinal(a) >= ordinal(b)),
            Self::And => Value::truth(!a.is_zero() && !b.is_zero()),
            Self::Or => Value::truth(!a.is_zero() || !b.is_zero()),
            Self::Not => Value::truth(a.is_zero()),
        }
    }
}

/// Bit `place` of a value as an integer in `0..r`.
#[inline(always)]
pub(super) fn bit(value: Value, place: u32) -> Value {
    match value.as_small() {
        Some(small @ 0..) => Value::small(small >> place.min(63) & 1),
        _ => {
            let limb = value.to_integer().get(place as usize / 64).copied().unwrap_or(0);
            Value::small((limb >> (place % 64) & 1) as i64)
        }
    }
}

/// Sort key for comparisons: (is non-negative, integer with the highest limb first).
fn ordinal(value: Value) -> (bool, [u64; 4]) {
    let [a, b, c, d] = value.to_integer();
    let [e, f, g, h] = HALF;
    let key = [d, c, b, a];
    (key <= [h, g, f, e], key)
}

fn bitwise(a: Value, b: Value, operation: fn(u64, u64) -> u64) -> Value {
    let (a, b) = (a.to_integer(), b.to_integer());
    adjusted([0, 1, 2, 3].map(|i| operation(a[i], b[i])))
}

/// Shifts a value; a negative distance shifts in the other direction. Distances of [`BITS`] or more give
/// zero.
fn shift(a: Value, distance: Value, left: bool) -> Value {
    let (non_negative, _) = ordinal(distance);
    let magnitude = if non_negative { distance } else { Value::element(-distance.to_element()) };
    let [distance @ 0..BITS, 0, 0, 0] = magnitude.to_integer() else { return Value::ZERO };
    let limbs = a.to_integer();
    let (whole, rest) = ((distance / 64) as usize, distance % 64);
    let at = |index: Option<usize>| index.and_then(|index| limbs.get(index)).copied().unwrap_or(0);
    let beside = |limb: u64, shift: u64| if shift == 64 { 0 } else { limb >> shift };
    let below = |limb: u64, shift: u64| if shift == 64 { 0 } else { limb << shift };
    let shifted = [0usize, 1, 2, 3].map(|i| {
        if left == non_negative {
            at(i.checked_sub(whole)) << rest | beside(at(i.checked_sub(whole + 1)), 64 - rest)
        } else {
            at(Some(i + whole)) >> rest | below(at(Some(i + whole + 1)), 64 - rest)
        }
    });
    adjusted(shifted)
}

/// Reduces modulo 2^254, then modulo r.
fn adjusted(mut limbs: [u64; 4]) -> Value {
    limbs[3] &= u64::MAX >> 2;
    let (reduced, borrow) = subtract(limbs, R);
    Value::integer(if borrow { limbs } else { reduced })
}

/// Quotient and remainder of integers below 2^255; both are zero if `b` is zero.
fn divide(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], [u64; 4]) {
    let (bits_a, bits_b) = (BigInt(a).num_bits(), BigInt(b).num_bits());
    if bits_b == 0 {
        return ([0; 4], [0; 4]);
    }
    let (mut quotient, mut rest) = ([0; 4], a);
    for place in (0..(bits_a + 1).saturating_sub(bits_b)).rev() {
        let (less, borrow) = subtract(rest, shifted_left(&b, place));
        if !borrow {
            rest = less;
            quotient[place as usize / 64] |= 1 << (place % 64);
        }
    }
    (quotient, rest)
}

fn shifted_left(limbs: &[u64; 4], places: u32) -> [u64; 4] {
    let (whole, rest) = (places as usize / 64, places % 64);
    let at = |index: Option<usize>| index.map_or(0, |index| limbs[index]);
    [0usize, 1, 2, 3].map(|i| {
        let low = at(i.checked_sub(whole)) << rest;
        if rest == 0 { low } else { low | at(i.checked_sub(whole + 1)) >> (64 - rest) }
    })
}

/// a − b modulo 2^256, and true if a is less than b.
fn subtract(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let mut difference = BigInt(a);
    let borrow = difference.sub_with_borrow(&BigInt(b));
    (difference.0, borrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values around zero, the limits of small integers, shift distances, and r / 2.
    fn edges() -> Vec<Fr> {
        let powers =
            [0u64, 1, 5, 31, 32, 62, 63, 64, 65, 127, 128, 252, 253].map(|bits| Fr::from(2u64).pow([bits]));
        let half = Value::integer(HALF).to_element();
        let near = |value: Fr| [value - Fr::ONE, value, value + Fr::ONE];
        let distances = [253u64, 254, 255].map(Fr::from);
        let positive: Vec<Fr> =
            powers.into_iter().chain(distances).chain([Fr::ZERO, half]).flat_map(near).collect();
        positive.iter().flat_map(|value| [*value, -*value]).collect()
    }

    /// All forms in which an element may be stored.
    fn forms(element: Fr) -> Vec<Value> {
        let (positive, negative) = (element.into_bigint().0, (-element).into_bigint().0);
        let small = match (positive, negative) {
            ([low, 0, 0, 0], _) => i64::try_from(low).ok(),
            (_, [low, 0, 0, 0]) => 0i64.checked_sub_unsigned(low),
            _ => None,
        };
        small.map(Value::small).into_iter().chain([Value::element(element)]).collect()
    }

    #[test]
    fn results_do_not_depend_on_how_operands_are_held() {
        let edges = edges();
        for operator in Operator::ALL {
            for (&a, &b) in edges.iter().flat_map(|a| edges.iter().map(move |b| (a, b))) {
                let expected = operator.apply_any(Value::element(a), Value::element(b));
                for (left, right) in forms(a).iter().flat_map(|l| forms(b).into_iter().map(move |r| (*l, r)))
                {
                    assert!(operator.apply(left, right).same(expected), "{operator:?} {a} {b}");
                }
            }
        }
    }

    #[test]
    fn bits_are_those_of_the_integer() {
        for element in edges() {
            for place in [0u32, 1, 30, 31, 32, 62, 63, 64, 65, 128, 252, 253, 254, 255, 256, u32::MAX] {
                let limb = element.into_bigint().0.get(place as usize / 64).copied().unwrap_or(0);
                let expected = Value::small((limb >> (place % 64) & 1) as i64);
                for value in forms(element) {
                    assert!(bit(value, place).same(expected), "{element} {place}");
                }
            }
        }
    }

    #[test]
    fn division_of_integers_is_long_division() {
        let mut state = 1u64;
        let mut random = |bits: u32| {
            let limbs = [(); 4].map(|()| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state ^ state >> 29
            });
            let value = num_bigint::BigUint::from_slice(&limbs.map(|limb| (limb >> 20) as u32));
            let high = num_bigint::BigUint::from_slice(&limbs.map(|limb| limb as u32));
            (value + (high << 128)) >> (256 - bits)
        };
        let limbs = |value: &num_bigint::BigUint| {
            let mut digits = value.to_u64_digits();
            digits.resize(4, 0);
            [digits[0], digits[1], digits[2], digits[3]]
        };
        for round in 0..2000u32 {
            let (a, b) = (random(1 + round % 254), random(1 + round * 7 % 254));
            if b == num_bigint::BigUint::ZERO {
                continue;
            }
            assert_eq!(divide(limbs(&a), limbs(&b)), (limbs(&(&a / &b)), limbs(&(&a % &b))), "{a} {b}");
        }
        assert_eq!(divide([7, 0, 0, 0], [0; 4]), ([0; 4], [0; 4]));
    }
}
