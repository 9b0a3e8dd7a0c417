//! The operations of the EVM's words that unsigned numbers do not have.

use ruint::aliases::U256;

/// A word as a length, index or address; `None` if it is larger.
pub(super) fn small(number: U256) -> Option<usize> {
    usize::try_from(number).ok()
}

/// Quotient of two's complements, rounded to zero; 0 for a divisor of 0.
pub(super) fn signed_quotient(number: U256, divisor: U256) -> U256 {
    let quotient = magnitude(number).checked_div(magnitude(divisor)).unwrap_or_default();
    if is_negative(number) == is_negative(divisor) { quotient } else { quotient.wrapping_neg() }
}

/// Remainder of two's complements, with the sign of the number; 0 for a divisor of 0.
pub(super) fn signed_rest(number: U256, divisor: U256) -> U256 {
    let rest = magnitude(number).checked_rem(magnitude(divisor)).unwrap_or_default();
    if is_negative(number) { rest.wrapping_neg() } else { rest }
}

/// Whether the two's complement `a` is below `b`.
pub(super) fn signed_below(a: U256, b: U256) -> bool {
    match (is_negative(a), is_negative(b)) {
        (false, false) | (true, true) => a < b,
        (negative, _) => negative,
    }
}

/// Copies the sign bit of byte `at`, from the lowest, to all higher bits.
pub(super) fn sign_extended(number: U256, at: U256) -> U256 {
    match small(at) {
        Some(at @ 0..31) => {
            let unused = 256 - 8 * (at + 1);
            (number << unused).arithmetic_shr(unused)
        }
        _ => number,
    }
}

/// Byte `at`, from the highest; 0 behind the last.
pub(super) fn byte(number: U256, at: U256) -> U256 {
    small(at).and_then(|at| number.to_be_bytes::<32>().get(at).copied()).map_or(U256::ZERO, U256::from)
}

/// The shifted number; `by` of 256 and more shifts all bits out.
pub(super) fn shifted_left(number: U256, by: U256) -> U256 {
    small(by).filter(|by| *by < 256).map_or(U256::ZERO, |by| number << by)
}

/// See [`shifted_left`].
pub(super) fn shifted_right(number: U256, by: U256) -> U256 {
    small(by).filter(|by| *by < 256).map_or(U256::ZERO, |by| number >> by)
}

/// See [`shifted_left`]; copies of the sign bit are shifted in.
pub(super) fn shifted_right_signed(number: U256, by: U256) -> U256 {
    number.arithmetic_shr(small(by).unwrap_or(255).min(255))
}

fn is_negative(number: U256) -> bool {
    number.bit(255)
}

fn magnitude(number: U256) -> U256 {
    if is_negative(number) { number.wrapping_neg() } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plus(number: u64) -> U256 {
        U256::from(number)
    }

    fn minus(number: u64) -> U256 {
        plus(number).wrapping_neg()
    }

    #[test]
    fn signed_numbers_have_two_complements() {
        assert!(signed_below(minus(1), plus(0)) && !signed_below(plus(0), minus(1)));
        assert!(signed_below(minus(2), minus(1)) && !signed_below(plus(1), plus(1)));
        let divided = |a, b| (signed_quotient(a, b), signed_rest(a, b));
        assert_eq!(divided(minus(7), plus(2)), (minus(3), minus(1)));
        assert_eq!(divided(minus(7), minus(2)), (plus(3), minus(1)));
        assert_eq!(divided(plus(7), minus(2)), (minus(3), plus(1)));
        assert_eq!(divided(plus(7), plus(0)), (plus(0), plus(0)));
        let smallest = U256::from(1) << 255;
        assert_eq!(divided(smallest, minus(1)), (smallest, plus(0)));
        assert_eq!(sign_extended(plus(0xff), plus(0)), minus(1));
        assert_eq!(sign_extended(plus(0x7f), plus(0)), plus(0x7f));
        assert_eq!(sign_extended(plus(0x1_80ff), plus(1)), minus(0x7f01));
        assert_eq!(sign_extended(minus(5), plus(31)), minus(5));
        assert_eq!(sign_extended(plus(5), minus(1)), plus(5));
    }

    #[test]
    fn shifts_and_bytes_end_at_the_word() {
        assert_eq!(shifted_right_signed(minus(8), plus(2)), minus(2));
        assert_eq!(shifted_right_signed(minus(8), minus(1)), minus(1));
        assert_eq!(shifted_right_signed(plus(8), plus(300)), plus(0));
        assert_eq!(
            (shifted_left(plus(3), plus(255)), shifted_left(plus(3), plus(256))),
            (plus(1) << 255, plus(0))
        );
        assert_eq!(
            (shifted_right(minus(1), plus(255)), shifted_right(minus(1), plus(256))),
            (plus(1), plus(0))
        );
        assert_eq!((byte(plus(0x1234), plus(31)), byte(plus(0x1234), plus(30))), (plus(0x34), plus(0x12)));
        assert_eq!((byte(minus(1), plus(32)), byte(minus(1), minus(1))), (plus(0), plus(0)));
    }
}
