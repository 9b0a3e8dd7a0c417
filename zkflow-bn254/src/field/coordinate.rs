//! Field operations that the point arithmetic needs for coordinates.

use super::{Arithmetic, Lanes, MAX_WIDTH, Mask, Row};

/// Several elements of a curve's coordinate field: Fq for G1, Fq² for G2.
pub(crate) trait Coordinate: Arithmetic {
    /// Fq, the field of the norms; only norms are inverted.
    type Base: Lanes;
    /// The affine coordinates of a point as stored in memory.
    type Packed: Copy + Default + Send + Sync + AsRef<[Row]> + AsMut<[Row]> + 'static;

    /// Number of points whose operations are interleaved, 1 or 2: a chain of operations in Fq leaves a processor waiting, one
    /// in Fq² consists of independent operations.
    const INTERLEAVED: usize;

    /// N(a), the norm over [`Coordinate::Base`] of a reduced value. Only zero has norm zero.
    fn norm(self) -> Self::Base;
    /// The conjugate ā over [`Coordinate::Base`] of a reduced value.
    fn conjugate(self) -> Self;
    /// a⁻¹ = ā · N(a)⁻¹, given N(a)⁻¹.
    fn inverse_by_norm(self, inverse_of_norm: Self::Base) -> Self;
    /// The x and the y coordinates of `WIDTH` points.
    fn gather(points: &[&Self::Packed]) -> (Self, Self);
    /// Converts coordinates that were gathered from points in arkworks' Montgomery form; see [`Lanes::adopt`].
    fn adopt(self) -> (Self, Mask);
    /// Writes the reduced coordinates of `WIDTH` points to memory.
    fn scatter(x: Self, y: Self, points: &mut [Self::Packed]);
}

impl<L: Lanes> Coordinate for L {
    type Base = L;
    type Packed = [Row; 1];

    const INTERLEAVED: usize = 2;

    #[inline(always)]
    fn norm(self) -> L {
        self
    }

    #[inline(always)]
    fn conjugate(self) -> Self {
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
    fn adopt(self) -> (Self, Mask) {
        Lanes::adopt(self)
    }

    #[inline(always)]
    fn scatter(x: Self, y: Self, points: &mut [[Row; 1]]) {
        L::scatter_rows(x, y, points.as_flattened_mut());
    }
}
