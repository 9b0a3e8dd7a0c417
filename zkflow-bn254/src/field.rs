//! Several elements of a prime field at a time: [`Lanes`], its implementations, Fq² and inversion.
//!
//! # Ranges
//! Lanes contain values in Montgomery form. A value may be larger than the modulus p:
//! - **reduced**: below 1.9 p. Every operation returns reduced values unless its description says "loose".
//! - **loose**: a sum of up to four reduced values, or a difference of sums. Only multiplications, squarings and
//!   [`Lanes::reduce`] accept loose values.
//!
//! The **weight** of a loose value is the number of reduced values in it, added or subtracted. The weights A and B of factors
//! must satisfy AB ≤ 4, and AB + CD ≤ 4 for [`Lanes::mul_add_mul`].
//!
//! In vectors, loose values are below 8 p. R = 2^260 > 84 p is large enough: a product of two loose values is below
//! 64 p² < 0.76 R p, and its Montgomery reduction adds less than 1.13 p (`vectors::product` module). In words of the
//! portable kernel, reduced values are canonical, a value of weight A is below A p, and R = 2^256 > 5.2 p. All functions
//! that write values out of lanes write canonical values, below p, except [`Lanes::scatter_rows`].

mod coordinate;
#[cfg(test)]
pub(crate) mod counted;
mod divsteps;
mod inverse;
mod portable;
mod quadratic;
mod target;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vectors;

use ark_ff::PrimeField;

pub(crate) use coordinate::Coordinate;
pub(crate) use inverse::{Chains, invert_all};
pub(crate) use portable::{Portable, detect_instructions};
pub(crate) use quadratic::Quadratic;
pub(crate) use target::{TargetField, Tower};
#[cfg(target_arch = "x86_64")]
pub(crate) use vectors::{Avx2, Ifma, Sextic};

/// Maximum of [`Lanes::WIDTH`] over all kernels.
pub(crate) const MAX_WIDTH: usize = 8;

/// Two 256-bit field elements in the Montgomery form of a kernel: a point of G1, or one coordinate of a
/// point of G2. A row is one cache line. Zero bytes are two zero elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, zeroize::Zeroize)]
#[repr(C, align(64))]
pub struct Row(pub [u64; 8]);

/// One bit per lane; lane 0 is the lowest bit.
pub(crate) type Mask = u8;

/// Several elements of a field or of an extension field; see the [module](self) for the ranges.
pub(crate) trait Arithmetic: Copy + Send + Sync + 'static {
    /// Zero in every lane, canonical.
    fn zero() -> Self;
    /// One in every lane.
    fn one() -> Self;
    /// a + b of reduced values.
    fn add(self, other: Self) -> Self;
    /// a − b of reduced values.
    fn sub(self, other: Self) -> Self;
    /// a − b − c of reduced values.
    fn sub_both(self, b: Self, c: Self) -> Self;
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
    /// a + b, loose, for sums of reduced values, four of them in all at most.
    fn add_loose(self, other: Self) -> Self;
    /// a − b, loose, for reduced b and a sum a of at most two reduced values.
    fn sub_loose(self, other: Self) -> Self;
    /// a − b, loose, for sums of at most two reduced values.
    fn sub_sums(self, other: Self) -> Self;
    /// ab; in an extension field, `self` has a weight of at most two, and `other` is reduced.
    fn mul(self, other: Self) -> Self;
    /// a² of a value with a weight of at most two; in an extension field it must be reduced.
    fn square(self) -> Self;
    /// ab − c; a and b as for [`mul`](Self::mul), c reduced.
    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        self.mul(b).sub(c)
    }
    /// a² − b − c; a as for [`square`](Self::square), b and c reduced.
    #[inline(always)]
    fn square_sub_both(self, b: Self, c: Self) -> Self {
        self.square().sub_both(b, c)
    }
    /// The canonical value, below p, of a loose value.
    fn canonical(self) -> Self;
    /// The lanes of a reduced value that are zero modulo p.
    fn zero_mask(self) -> Mask;
    /// A superset of the lanes that contain canonical zero; any other lane is included with chance 2^-52.
    fn literal_zero_mask(self) -> Mask;
    /// A superset of the lanes where reduced a and b are equal modulo p; any other lane is included with
    /// chance 2^-50.
    fn perhaps_equal_mask(self, other: Self) -> Mask;
    /// Lanes of `yes` where the mask has a 1, lanes of `no` elsewhere.
    fn select(mask: Mask, yes: Self, no: Self) -> Self;
}

/// [`Lanes::WIDTH`] elements of a prime field.
///
/// Operations on slices panic if a slice is shorter than `WIDTH`.
pub(crate) trait Lanes: Arithmetic {
    /// The field of one lane, in arkworks' representation.
    type Field: PrimeField<BigInt = ark_ff::BigInt<4>>;
    /// Number of lanes, 1 or 8.
    const WIDTH: usize;
    /// The mask that selects all lanes.
    const ALL: Mask = ((1u16 << Self::WIDTH) - 1) as Mask;

    /// Loads elements from arkworks' Montgomery form.
    fn load(elements: &[Self::Field]) -> Self;
    /// Writes canonical elements in arkworks' Montgomery form.
    fn store(self, elements: &mut [Self::Field]);
    /// Writes the elements as integers in `0..p`: 64-bit words, lowest first.
    fn store_integers(self, integers: &mut [[u64; 4]]);

    /// The first elements and the second elements of `WIDTH` rows.
    fn gather_rows(rows: &[&Row]) -> (Self, Self);
    /// Converts elements that were gathered from rows in arkworks' Montgomery form. Also returns the lanes whose
    /// words are below the modulus; other lanes are meaningless, and may exceed every range.
    fn adopt(self) -> (Self, Mask);
    /// Writes reduced elements into rows: lane i of `first` and `second` into `rows[i]`. Only canonical
    /// zeros become zero bytes.
    fn scatter_rows(first: Self, second: Self, rows: &mut [Row]);

    /// Exchanges lane i of vector j with lane j of vector i, for the first `WIDTH` vectors.
    fn transpose(vectors: &mut [Self]);

    /// A reduced value congruent to a loose value modulo p.
    fn reduce(self) -> Self;
    /// ab + cd with one reduction. The weights A, B, C, D must satisfy AB + CD ≤ 4 and A + C ≤ 4.
    fn mul_add_mul(self, b: Self, c: Self, d: Self) -> Self;
    /// ab + cd − e; factors as for [`mul_add_mul`](Self::mul_add_mul), e reduced.
    #[inline(always)]
    fn mul_add_mul_sub(self, b: Self, c: Self, d: Self, e: Self) -> Self {
        self.mul_add_mul(b, c, d).sub(e)
    }
}
