//! A field element as stored by a tape.

use std::fmt;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};
use zeroize::Zeroize;

/// Marks small integers in the top limb. No element below r has this bit.
const SMALL: u64 = 1 << 63;

/// A field element, stored as a signed 64-bit integer (−x means r − x) or in Montgomery form.
///
/// Most values of a circuit are bits, counters and words. An operation on them costs 1 ns as an integer and
/// 20 ns as a field element. An element may have both forms: compare values with [`same`](Self::same).
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
#[repr(C, align(32))]
pub(super) struct Value([u64; 4]);

impl Value {
    pub(super) const ZERO: Self = Self::small(0);
    pub(super) const ONE: Self = Self::small(1);

    #[inline(always)]
    pub(super) const fn small(integer: i64) -> Self {
        Self([integer as u64, 0, 0, SMALL])
    }

    #[inline(always)]
    pub(super) fn truth(truth: bool) -> Self {
        Self::small(truth.into())
    }

    #[inline(always)]
    pub(super) fn element(element: Fr) -> Self {
        Self(element.0.0)
    }

    /// The value of an integer in `0..r`.
    #[inline(always)]
    pub(super) fn integer(limbs: [u64; 4]) -> Self {
        match limbs {
            [low, 0, 0, 0] if low <= i64::MAX as u64 => Self::small(low as i64),
            _ => Self::element(Fr::from_bigint(BigInt(limbs)).expect("the caller has reduced the integer")),
        }
    }

    /// The small integer; `None` for a value in Montgomery form.
    #[inline(always)]
    pub(super) fn as_small(self) -> Option<i64> {
        (self.0[3] == SMALL).then_some(self.0[0] as i64)
    }

    #[inline(always)]
    pub(super) fn to_element(self) -> Fr {
        match self.as_small() {
            None => Fr::new_unchecked(BigInt(self.0)),
            Some(0) => Fr::ZERO,
            Some(1) => Fr::ONE,
            Some(integer) => from_small(integer),
        }
    }

    /// The value as an integer in `0..r`, lowest limb first.
    #[inline(always)]
    pub(super) fn to_integer(self) -> [u64; 4] {
        match self.as_small() {
            Some(integer @ 0..) => [integer as u64, 0, 0, 0],
            _ => self.to_element().into_bigint().0,
        }
    }

    #[inline(always)]
    pub(super) fn is_zero(self) -> bool {
        self.0 == Self::ZERO.0 || self.0 == [0; 4]
    }

    /// True if both values are the same element, in any form.
    #[inline(always)]
    pub(super) fn same(self, other: Self) -> bool {
        self.0 == other.0
            || self.as_small().is_some() != other.as_small().is_some()
                && self.to_element() == other.to_element()
    }

    /// The stored limbs. The same element has different limbs in the two forms.
    pub(super) fn raw(self) -> [u64; 4] {
        self.0
    }

    /// The value with these limbs, as returned by [`raw`](Self::raw); `None` if they are invalid.
    pub(super) fn from_raw(limbs: [u64; 4]) -> Option<Self> {
        match limbs {
            [_, 0, 0, SMALL] => Some(Self(limbs)),
            _ => (BigInt(limbs) < Fr::MODULUS).then_some(Self(limbs)),
        }
    }
}

/// Prints nothing of the value, which may be secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value")
    }
}

fn from_small(integer: i64) -> Fr {
    let magnitude = Fr::from(integer.unsigned_abs());
    if integer < 0 { -magnitude } else { magnitude }
}
