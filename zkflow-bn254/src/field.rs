//! Prime fields several elements at a time: [`Lanes`], its two implementations, and what is built on it.
//!
//! # Ranges
//! Lanes hold values in Montgomery form that need not be below the modulus p:
//! - **reduced**: below 1.9 p. Every operation returns reduced values unless its name says `loose`.
//! - **loose**: below 8 p. Only multiplications, squarings and [`Lanes::reduce`] take loose values.
//!
//! With R = 2^260 > 84 p there is room: a product of two loose values is below 64 p² < 0.76 R p, and its
//! Montgomery reduction adds less than 1.13 p (`ifma` module). Values leave the lanes canonical, below p,
//! except through [`Lanes::scatter_rows`].

mod coordinate;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod inverse;
mod modulus;
mod portable;
mod quadratic;
#[cfg(test)]
mod tests;

use ark_ff::PrimeField;

pub(crate) use coordinate::Coordinate;
#[cfg(target_arch = "x86_64")]
pub(crate) use ifma::Ifma;
pub(crate) use inverse::{invert_all, invert_each};
pub(crate) use portable::Portable;
pub(crate) use quadratic::Quadratic;

/// The most lanes of any kernel.
pub(crate) const MAX_WIDTH: usize = 8;

/// Two field elements of 256 bits in a kernel's own Montgomery form, one cache line: a point of G1, or
/// one coordinate of a point of G2. Zero bytes are two zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, zeroize::Zeroize)]
#[repr(C, align(64))]
pub struct Row(pub [u64; 8]);

/// One bit for each lane, lane 0 lowest.
pub(crate) type Mask = u8;

/// Some elements of a field, or of an extension, at once; see the [module](self) for the ranges.
pub(crate) trait Arithmetic: Copy + Send + Sync + 'static {
    /// Zero in every lane, canonical.
    fn zero() -> Self;
    /// One in every lane.
    fn one() -> Self;
    /// a + b of reduced values.
    fn add(self, other: Self) -> Self;
    /// a − b of reduced values, or of a reduced value and the loose sum of two.
    fn sub(self, other: Self) -> Self;
    /// −a of a reduced value.
    #[inline(always)]
    fn neg(self) -> Self {
        Self::zero().sub(self)
    }
    /// 2a of a reduced value.
    #[inline(always)]
    fn double(self) -> Self {
        self.add(self)
    }
    /// a + b, loose: the sum of the bounds must be at most 8p.
    fn add_loose(self, other: Self) -> Self;
    /// a − b + 4p, loose, for a and b below 4p.
    fn sub_loose(self, other: Self) -> Self;
    /// ab of loose values; in an extension `self` may be below 6p and `other` must be reduced.
    fn mul(self, other: Self) -> Self;
    /// a² of a loose value, reduced in an extension.
    fn square(self) -> Self;
    /// The canonical value, below p, of a loose one.
    fn canonical(self) -> Self;
    /// Lanes that are zero modulo p, of a loose value.
    fn zero_mask(self) -> Mask;
    /// A superset of the lanes that hold canonical zeros, by chance with 2^-52 of all others.
    fn literal_zero_mask(self) -> Mask;
    /// A superset of the lanes where reduced a and b are equal modulo p, wrong for 2^-50 of others.
    fn perhaps_equal_mask(self, other: Self) -> Mask;
    /// Lanes of `yes` where the mask has a 1, of `no` elsewhere.
    fn select(mask: Mask, yes: Self, no: Self) -> Self;
}

/// [`Lanes::WIDTH`] elements of a prime field at once.
///
/// Slices given to operations must hold at least `WIDTH` elements; they panic otherwise.
pub(crate) trait Lanes: Arithmetic {
    /// The field.
    type Field: PrimeField<BigInt = ark_ff::BigInt<4>>;
    /// The number of lanes, 1 or 8.
    const WIDTH: usize;
    /// The mask of all lanes.
    const ALL: Mask = ((1u16 << Self::WIDTH) - 1) as Mask;

    /// Elements in arkworks' form.
    fn load(elements: &[Self::Field]) -> Self;
    /// Writes canonical elements in arkworks' form.
    fn store(self, elements: &mut [Self::Field]);
    /// Writes the integers in `0..p` that the elements stand for, in words of 64 bits.
    fn store_integers(self, integers: &mut [[u64; 4]]);

    /// The first and the second elements of rows.
    fn gather_rows(rows: &[&Row]) -> (Self, Self);
    /// Puts reduced elements into rows: lane i of `first` and `second` into `rows[i]`. Zeros become zero
    /// bytes if they are canonical.
    fn scatter_rows(first: Self, second: Self, rows: &mut [Row]);

    /// Exchanges lane i of vector j with lane j of vector i, for the first `WIDTH` vectors.
    fn transpose(vectors: &mut [Self]);

    /// A reduced value of the same class as a loose one.
    fn reduce(self) -> Self;
    /// ab + cd, with one reduction; for the bounds A, B, C, D in multiples of p, AB + CD ≤ 64.
    fn mul_add_mul(self, b: Self, c: Self, d: Self) -> Self;
}
