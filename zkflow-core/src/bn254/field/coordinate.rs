//! What the arithmetic of points asks of the field of their coordinates.

use super::{Lanes, MAX_WIDTH, Mask, Row};

/// Elements of the field of a curve's coordinates, several at once: Fq for G1, Fq² for G2. Ranges are those
/// of [`Lanes`].
pub(crate) trait Coordinate: Copy + Send + Sync + 'static {
    /// Fq, where the costly half of an inversion takes place.
    type Base: Lanes;
    /// A point's affine coordinates as they lie in memory.
    type Packed: Copy + Default + Send + Sync + AsRef<[Row]> + AsMut<[Row]> + 'static;

    fn zero() -> Self;
    fn one() -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn neg(self) -> Self;
    fn double(self) -> Self;
    fn add_loose(self, other: Self) -> Self;
    fn sub_loose(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn square(self) -> Self;
    /// The norm over [`Coordinate::Base`]: zero just for zero.
    fn norm(self) -> Self::Base;
    /// The inverse, given that of the norm: a⁻¹ = ā · N(a)⁻¹.
    fn inverse_by_norm(self, inverse_of_norm: Self::Base) -> Self;
    fn canonical(self) -> Self;
    fn zero_mask(self) -> Mask;
    fn literal_zero_mask(self) -> Mask;
    fn perhaps_equal_mask(self, other: Self) -> Mask;
    fn select(mask: Mask, yes: Self, no: Self) -> Self;
    /// Coordinates x and y of `WIDTH` points.
    fn gather(points: &[&Self::Packed]) -> (Self, Self);
    /// Puts reduced coordinates of `WIDTH` points into memory.
    fn scatter(x: Self, y: Self, points: &mut [Self::Packed]);
}

impl<L: Lanes> Coordinate for L {
    type Base = L;
    type Packed = [Row; 1];

    #[inline(always)]
    fn zero() -> Self {
        Lanes::zero()
    }
    #[inline(always)]
    fn one() -> Self {
        Lanes::one()
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Lanes::add(self, other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Lanes::sub(self, other)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        Lanes::neg(self)
    }
    #[inline(always)]
    fn double(self) -> Self {
        Lanes::double(self)
    }
    #[inline(always)]
    fn add_loose(self, other: Self) -> Self {
        Lanes::add_loose(self, other)
    }
    #[inline(always)]
    fn sub_loose(self, other: Self) -> Self {
        Lanes::sub_loose(self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Lanes::mul(self, other)
    }
    #[inline(always)]
    fn square(self) -> Self {
        Lanes::square(self)
    }
    #[inline(always)]
    fn norm(self) -> L {
        self
    }
    #[inline(always)]
    fn inverse_by_norm(self, inverse_of_norm: L) -> Self {
        inverse_of_norm
    }
    #[inline(always)]
    fn canonical(self) -> Self {
        Lanes::canonical(self)
    }
    #[inline(always)]
    fn zero_mask(self) -> Mask {
        Lanes::zero_mask(self)
    }
    #[inline(always)]
    fn literal_zero_mask(self) -> Mask {
        Lanes::literal_zero_mask(self)
    }
    #[inline(always)]
    fn perhaps_equal_mask(self, other: Self) -> Mask {
        Lanes::perhaps_equal_mask(self, other)
    }
    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        Lanes::select(mask, yes, no)
    }
    #[inline(always)]
    fn gather(points: &[&[Row; 1]]) -> (Self, Self) {
        let mut rows = [&points[0][0]; MAX_WIDTH];
        for i in 0..L::WIDTH {
            rows[i] = &points[i][0];
        }
        L::gather_rows(&rows)
    }
    #[inline(always)]
    fn scatter(x: Self, y: Self, points: &mut [[Row; 1]]) {
        L::scatter_rows(x, y, points.as_flattened_mut());
    }
}
