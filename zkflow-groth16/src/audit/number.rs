//! Numbers of 256 bits with the arithmetic of the EVM.

use std::cmp::Ordering;

use crate::calldata::Word;

/// A number of 256 bits: four limbs, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Number(pub(super) [u64; 4]);

impl Number {
    pub(super) const ZERO: Self = Self([0; 4]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0]);

    /// At most 32 bytes in big-endian order.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let mut word = [0; 32];
        let bytes = &bytes[bytes.len().saturating_sub(32)..];
        word[32 - bytes.len()..].copy_from_slice(bytes);
        Self::of_word(&word)
    }

    pub(super) fn of_word(word: &Word) -> Self {
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(word.rchunks_exact(8)) {
            *limb = bytes.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
        }
        Self(limbs)
    }

    pub(super) fn word(self) -> Word {
        let mut word = [0; 32];
        for (limb, bytes) in self.0.iter().zip(word.rchunks_exact_mut(8)) {
            bytes.copy_from_slice(&limb.to_be_bytes());
        }
        word
    }

    pub(super) fn of_flag(flag: bool) -> Self {
        if flag { Self::ONE } else { Self::ZERO }
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The number as an index; `None` if it is larger.
    pub(super) fn small(self) -> Option<usize> {
        match self.0 {
            [low, 0, 0, 0] => usize::try_from(low).ok(),
            _ => None,
        }
    }

    fn bit(self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    fn is_negative(self) -> bool {
        self.bit(255)
    }

    pub(super) fn below(self, other: Self) -> bool {
        self.0.iter().rev().cmp(other.0.iter().rev()) == Ordering::Less
    }

    pub(super) fn signed_below(self, other: Self) -> bool {
        match (self.is_negative(), other.is_negative()) {
            (true, false) => true,
            (false, true) => false,
            _ => self.below(other),
        }
    }

    pub(super) fn each(self, other: Self, apply: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|at| apply(self.0[at], other.0[at])))
    }

    pub(super) fn inverted(self) -> Self {
        Self(self.0.map(|limb| !limb))
    }

    /// The sum, and whether it is 2^256 or more.
    fn carrying(self, other: Self) -> (Self, bool) {
        let (mut sum, mut carry) = ([0; 4], false);
        for (at, limb) in sum.iter_mut().enumerate() {
            let (first, one) = self.0[at].overflowing_add(other.0[at]);
            let (second, two) = first.overflowing_add(u64::from(carry));
            (*limb, carry) = (second, one || two);
        }
        (Self(sum), carry)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.carrying(other).0
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    fn negated(self) -> Self {
        self.inverted().plus(Self::ONE)
    }

    pub(super) fn times(self, other: Self) -> Self {
        let mut product = [0u64; 4];
        for (low, a) in self.0.into_iter().enumerate() {
            let mut carry = 0u128;
            for (limb, b) in product[low..].iter_mut().zip(other.0) {
                let sum = u128::from(a) * u128::from(b) + u128::from(*limb) + carry;
                // The low half of a sum.
                *limb = sum as u64;
                carry = sum >> 64;
            }
        }
        Self(product)
    }

    /// Quotient and remainder; zeros for a divisor of zero.
    pub(super) fn divided(self, divisor: Self) -> (Self, Self) {
        if divisor.is_zero() {
            return (Self::ZERO, Self::ZERO);
        }
        let (mut quotient, mut rest) = (Self::ZERO, Self::ZERO);
        for at in (0..256).rev() {
            let (doubled, over) = rest.carrying(rest);
            rest = doubled.plus(Self::of_flag(self.bit(at)));
            if over || !rest.below(divisor) {
                rest = rest.minus(divisor);
                quotient.0[at / 64] |= 1 << (at % 64);
            }
        }
        (quotient, rest)
    }

    /// Quotient and remainder of signed numbers, rounded to zero.
    pub(super) fn signed_divided(self, divisor: Self) -> (Self, Self) {
        let positive = |number: Self| if number.is_negative() { number.negated() } else { number };
        let (quotient, rest) = positive(self).divided(positive(divisor));
        let quotient =
            if self.is_negative() == divisor.is_negative() { quotient } else { quotient.negated() };
        (quotient, if self.is_negative() { rest.negated() } else { rest })
    }

    /// `self + other` in the ring of a modulus.
    pub(super) fn plus_in(self, other: Self, modulus: Self) -> Self {
        let ([a, b], room) = ([self, other].map(|number| number.divided(modulus).1), modulus);
        let (sum, over) = a.carrying(b);
        if modulus.is_zero() {
            Self::ZERO
        } else if over || !sum.below(room) {
            sum.minus(room)
        } else {
            sum
        }
    }

    /// `self * other` in the ring of a modulus.
    pub(super) fn times_in(self, other: Self, modulus: Self) -> Self {
        (0..256).rev().fold(Self::ZERO, |sum, at| {
            let doubled = sum.plus_in(sum, modulus);
            if other.bit(at) { doubled.plus_in(self, modulus) } else { doubled }
        })
    }

    pub(super) fn power(self, exponent: Self) -> Self {
        (0..256).rev().fold(Self::ONE, |power, at| {
            let squared = power.times(power);
            if exponent.bit(at) { squared.times(self) } else { squared }
        })
    }

    pub(super) fn shifted_left(self, by: Self) -> Self {
        let Some(by @ 0..256) = by.small() else { return Self::ZERO };
        Self(std::array::from_fn(|at| {
            let limb = |at: Option<usize>| at.map_or(0, |at| self.0[at]);
            let (whole, bits) = (by / 64, by % 64);
            let low = if bits == 0 { 0 } else { limb(at.checked_sub(whole + 1)) >> (64 - bits) };
            limb(at.checked_sub(whole)) << bits | low
        }))
    }

    pub(super) fn shifted_right(self, by: Self) -> Self {
        let Some(by @ 0..256) = by.small() else { return Self::ZERO };
        let (whole, bits) = (by / 64, by % 64);
        Self(std::array::from_fn(|at| {
            let limb = |at: usize| self.0.get(at).copied().unwrap_or(0);
            let high = if bits == 0 { 0 } else { limb(at + whole + 1) << (64 - bits) };
            limb(at + whole) >> bits | high
        }))
    }

    pub(super) fn shifted_right_signed(self, by: Self) -> Self {
        let shifted = self.shifted_right(by);
        if !self.is_negative() {
            return shifted;
        }
        match by.small() {
            Some(0) => self,
            Some(by @ 1..256) => {
                let rest = Self([(256 - by) as u64, 0, 0, 0]);
                shifted.plus(Self::ZERO.inverted().shifted_left(rest))
            }
            _ => Self::ZERO.inverted(),
        }
    }

    /// Byte `at` from the highest.
    pub(super) fn byte(self, at: Self) -> Self {
        let byte = at.small().and_then(|at| self.word().get(at).copied());
        Self([u64::from(byte.unwrap_or(0)), 0, 0, 0])
    }

    /// Extends the sign of the number of `at + 1` bytes.
    pub(super) fn sign_extended(self, at: Self) -> Self {
        let Some(at @ 0..31) = at.small() else { return self };
        let unused = Self([(8 * (31 - at)) as u64, 0, 0, 0]);
        self.shifted_left(unused).shifted_right_signed(unused)
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use rand::{RngCore as _, SeedableRng as _};

    use super::*;

    fn big(number: Number) -> BigUint {
        BigUint::from_bytes_be(&number.word())
    }

    /// Numbers of every length, zeros and ones.
    fn numbers() -> Vec<Number> {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(7);
        let random = (0..40u32).map(|round| {
            let number = Number(std::array::from_fn(|_| rng.next_u64()));
            number.shifted_right(Number([u64::from(round * 13 % 256), 0, 0, 0]))
        });
        [Number::ZERO, Number::ONE, Number::ZERO.inverted()].into_iter().chain(random).collect()
    }

    #[test]
    fn arithmetic_is_that_of_big_numbers() {
        let whole = BigUint::from(1u8) << 256;
        let numbers = numbers();
        for a in &numbers {
            for b in &numbers {
                let (x, y) = (big(*a), big(*b));
                assert_eq!(big(a.plus(*b)), (&x + &y) % &whole);
                assert_eq!(big(a.minus(*b)), (&whole + &x - &y) % &whole);
                assert_eq!(big(a.times(*b)), (&x * &y) % &whole);
                assert_eq!(a.below(*b), x < y);
                if !b.is_zero() {
                    let (quotient, rest) = a.divided(*b);
                    assert_eq!((big(quotient), big(rest)), (&x / &y, &x % &y));
                    assert_eq!(big(a.plus_in(*a, *b)), (&x + &x) % &y);
                    assert_eq!(big(a.times_in(*a, *b)), (&x * &x) % &y);
                }
            }
            for by in [0, 1, 7, 63, 64, 65, 200, 255] {
                let shift = Number([by, 0, 0, 0]);
                assert_eq!(big(a.shifted_left(shift)), (big(*a) << by) % &whole, "{by}");
                assert_eq!(big(a.shifted_right(shift)), big(*a) >> by, "{by}");
            }
            assert_eq!(big(a.power(Number([5, 0, 0, 0]))), big(*a).pow(5) % &whole);
            assert_eq!(Number::of_bytes(&a.word()), *a);
        }
    }

    #[test]
    fn signed_numbers_have_two_complements() {
        let minus = |number: u64| Number::ZERO.minus(Number([number, 0, 0, 0]));
        let plus = |number: u64| Number([number, 0, 0, 0]);
        assert!(minus(1).signed_below(plus(0)) && !plus(0).signed_below(minus(1)));
        assert_eq!(minus(7).signed_divided(plus(2)), (minus(3), minus(1)));
        assert_eq!(minus(7).signed_divided(minus(2)), (plus(3), minus(1)));
        assert_eq!(minus(8).shifted_right_signed(plus(2)), minus(2));
        assert_eq!(minus(8).shifted_right_signed(plus(300)), minus(1));
        assert_eq!(plus(0xff).sign_extended(plus(0)), minus(1));
        assert_eq!(plus(0x7f).sign_extended(plus(0)), plus(0x7f));
    }
}
