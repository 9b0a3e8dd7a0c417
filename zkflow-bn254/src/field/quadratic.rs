//! Fq² = Fq\[u\]/(u² + 1) over lanes of Fq.
//!
//! Each coefficient of a product is a sum of two products, and only the sum is reduced: four
//! multiplications and two reductions. Karatsuba's three multiplications would save one in six of these
//! operations, but cost as much in additions and in columns stored in memory.

use super::coordinate::Coordinate;
use super::{Arithmetic, Lanes, MAX_WIDTH, Mask, Row};

/// Several elements c0 + c1·u.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quadratic<L> {
    pub(crate) c0: L,
    pub(crate) c1: L,
}

impl<L: Lanes> Arithmetic for Quadratic<L> {
    #[inline(always)]
    fn zero() -> Self {
        Self { c0: L::zero(), c1: L::zero() }
    }

    #[inline(always)]
    fn one() -> Self {
        Self { c0: L::one(), c1: L::zero() }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { c0: self.c0.add(other.c0), c1: self.c1.add(other.c1) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { c0: self.c0.sub(other.c0), c1: self.c1.sub(other.c1) }
    }

    #[inline(always)]
    fn sub_both(self, b: Self, c: Self) -> Self {
        Self { c0: self.c0.sub_both(b.c0, c.c0), c1: self.c1.sub_both(b.c1, c.c1) }
    }

    #[inline(always)]
    fn neg(self) -> Self {
        Self { c0: self.c0.neg(), c1: self.c1.neg() }
    }

    #[inline(always)]
    fn double(self) -> Self {
        Self { c0: self.c0.double(), c1: self.c1.double() }
    }

    #[inline(always)]
    fn add_loose(self, other: Self) -> Self {
        Self { c0: self.c0.add_loose(other.c0), c1: self.c1.add_loose(other.c1) }
    }

    #[inline(always)]
    fn sub_loose(self, other: Self) -> Self {
        Self { c0: self.c0.sub_loose(other.c0), c1: self.c1.sub_loose(other.c1) }
    }

    #[inline(always)]
    fn sub_sums(self, other: Self) -> Self {
        Self { c0: self.c0.sub_sums(other.c0), c1: self.c1.sub_sums(other.c1) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self {
            c0: self.c0.mul_add_mul(other.c0, self.c1, other.c1.neg()),
            c1: self.c0.mul_add_mul(other.c1, self.c1, other.c0),
        }
    }

    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        Self {
            c0: self.c0.mul_add_mul_sub(b.c0, self.c1, b.c1.neg(), c.c0),
            c1: self.c0.mul_add_mul_sub(b.c1, self.c1, b.c0, c.c1),
        }
    }

    /// (c0 + c1)(c0 − c1) + 2·c0·c1·u, of a reduced value.
    #[inline(always)]
    fn square(self) -> Self {
        Self {
            c0: self.c0.add_loose(self.c1).mul(self.c0.sub_loose(self.c1)),
            c1: self.c0.add_loose(self.c0).mul(self.c1),
        }
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        Self { c0: self.c0.canonical(), c1: self.c1.canonical() }
    }

    #[inline(always)]
    fn zero_mask(self) -> Mask {
        self.c0.zero_mask() & self.c1.zero_mask()
    }

    #[inline(always)]
    fn literal_zero_mask(self) -> Mask {
        self.c0.literal_zero_mask() & self.c1.literal_zero_mask()
    }

    #[inline(always)]
    fn perhaps_equal_mask(self, other: Self) -> Mask {
        self.c0.perhaps_equal_mask(other.c0) & self.c1.perhaps_equal_mask(other.c1)
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        Self { c0: L::select(mask, yes.c0, no.c0), c1: L::select(mask, yes.c1, no.c1) }
    }
}

impl<L: Lanes> Coordinate for Quadratic<L> {
    type Base = L;
    type Packed = [Row; 2];

    const INTERLEAVED: usize = 1;

    #[inline(always)]
    fn norm(self) -> L {
        self.c0.mul_add_mul(self.c0, self.c1, self.c1)
    }

    #[inline(always)]
    fn conjugate(self) -> Self {
        Self { c0: self.c0, c1: self.c1.neg() }
    }

    #[inline(always)]
    fn inverse_by_norm(self, inverse_of_norm: L) -> Self {
        Self { c0: self.c0.mul(inverse_of_norm), c1: self.c1.mul(inverse_of_norm.neg()) }
    }

    #[inline(always)]
    fn gather(points: &[&[Row; 2]]) -> (Self, Self) {
        let mut x = [&points[0][0]; MAX_WIDTH];
        let mut y = [&points[0][1]; MAX_WIDTH];
        for i in 0..L::WIDTH {
            [x[i], y[i]] = points[i].each_ref();
        }
        let ((x0, x1), (y0, y1)) = (L::gather_rows(&x), L::gather_rows(&y));
        (Self { c0: x0, c1: x1 }, Self { c0: y0, c1: y1 })
    }

    #[inline(always)]
    fn adopt(self) -> (Self, Mask) {
        let ((c0, below0), (c1, below1)) = (self.c0.adopt(), self.c1.adopt());
        (Self { c0, c1 }, below0 & below1)
    }

    #[inline(always)]
    fn scatter(x: Self, y: Self, points: &mut [[Row; 2]]) {
        let (mut xs, mut ys) = ([Row::default(); MAX_WIDTH], [Row::default(); MAX_WIDTH]);
        L::scatter_rows(x.c0, x.c1, &mut xs);
        L::scatter_rows(y.c0, y.c1, &mut ys);
        for i in 0..L::WIDTH {
            points[i] = [xs[i], ys[i]];
        }
    }
}
