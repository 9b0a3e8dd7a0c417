//! What the arithmetic of points asks of the field of their coordinates.

use super::{Arithmetic, Lanes, MAX_WIDTH, Row};

/// Elements of the field of a curve's coordinates, several at once: Fq for G1, Fq² for G2.
pub(crate) trait Coordinate: Arithmetic {
    /// Fq, where the costly half of an inversion takes place.
    type Base: Lanes;
    /// A point's affine coordinates as they lie in memory.
    type Packed: Copy + Default + Send + Sync + AsRef<[Row]> + AsMut<[Row]> + 'static;

    /// The norm over [`Coordinate::Base`] of a reduced value: zero just for zero.
    fn norm(self) -> Self::Base;
    /// The inverse, given that of the norm: a⁻¹ = ā · N(a)⁻¹.
    fn inverse_by_norm(self, inverse_of_norm: Self::Base) -> Self;
    /// Coordinates x and y of `WIDTH` points.
    fn gather(points: &[&Self::Packed]) -> (Self, Self);
    /// Puts reduced coordinates of `WIDTH` points into memory.
    fn scatter(x: Self, y: Self, points: &mut [Self::Packed]);
}

impl<L: Lanes> Coordinate for L {
    type Base = L;
    type Packed = [Row; 1];

    #[inline(always)]
    fn norm(self) -> L {
        self
    }

    #[inline(always)]
    fn inverse_by_norm(self, inverse_of_norm: L) -> Self {
        inverse_of_norm
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
