//! Jacobian coordinates (X/Z², Y/Z³), several points at a time; Z = 0 is infinity.

use crate::field::{Coordinate, Mask, invert_all};
use crate::{Backend, Task};

/// Points in Jacobian coordinates; the coordinates are reduced.
#[derive(Clone, Copy)]
pub(crate) struct Jacobian<C> {
    x: C,
    y: C,
    z: C,
}

impl<C: Coordinate> Jacobian<C> {
    /// Infinity in every lane.
    #[inline(always)]
    pub(crate) fn infinity() -> Self {
        Self { x: C::zero(), y: C::zero(), z: C::zero() }
    }

    /// Converts affine points; (0, 0) is infinity.
    #[inline(always)]
    pub(crate) fn from_affine((x, y): (C, C)) -> Self {
        let z = C::select(x.zero_mask() & y.zero_mask(), C::zero(), C::one());
        Self { x, y, z }
    }

    /// 2P, correct for infinity too: `dbl-2009-l` of the [Explicit-Formulas Database], with 4XY² as a
    /// product.
    ///
    /// [Explicit-Formulas Database]: https://hyperelliptic.org/EFD/g1p/auto-shortw-jacobian-0.html
    #[inline(always)]
    pub(crate) fn double(self) -> Self {
        let Self { x, y, z } = self;
        let a = x.square();
        let b = y.square();
        let d = x.add_loose(x).mul(b).double();
        let e = a.double().add(a);
        let x3 = e.square().sub_both(d, d);
        let c8 = b.double().square().double();
        let y3 = d.sub_loose(x3).mul(e).sub(c8);
        Self { x: x3, y: y3, z: y.add_loose(y).mul(z) }
    }

    /// [`double`](Self::double) `times` times, compiled once for all callers.
    #[inline(always)]
    pub(crate) fn doublings<B: Backend>(self, times: usize) -> Self {
        B::run(Doublings { point: self, times })
    }

    /// For affine Q: P + Q in the lanes of `adding`, Q in the lanes of `fresh`, P in the others. The formula
    /// is `madd-2007-bl` with Z as a product. If P = ±Q, the Z of the sum is zero and stays zero in later
    /// additions.
    #[inline(always)]
    pub(crate) fn add(self, (x2, y2): (C, C), adding: Mask, fresh: Mask) -> Self {
        let mut sum = self;
        if adding != 0 {
            let Self { x: x1, y: y1, z: z1 } = self;
            let zz = z1.square();
            let h = x2.mul(zz).sub(x1);
            let r = y2.mul(z1).mul(zz).sub(y1).double();
            let i = h.double().square();
            let j = h.mul(i);
            let v = x1.mul(i);
            let x3 = r.square().sub(j).sub_both(v, v);
            let y3 = v.sub_loose(x3).mul(r).sub(y1.add_loose(y1).mul(j));
            sum = Self {
                x: C::select(adding, x3, x1),
                y: C::select(adding, y3, y1),
                z: C::select(adding, z1.add_loose(z1).mul(h), z1),
            };
        }
        if fresh != 0 {
            sum = Self {
                x: C::select(fresh, x2, sum.x),
                y: C::select(fresh, y2, sum.y),
                z: C::select(fresh, C::one(), sum.z),
            };
        }
        sum
    }

    /// [`add`](Self::add), compiled once for all callers.
    #[inline(always)]
    pub(crate) fn plus<B: Backend>(self, point: (C, C), adding: Mask, fresh: Mask) -> Self {
        B::run(Addition { sum: self, point, adding, fresh })
    }

    /// Affine coordinates of many points, (0, 0) for infinity. Costs one inversion.
    #[inline(always)]
    pub(crate) fn to_affine(points: &[Self], affine: &mut Vec<(C, C)>) {
        let mut norms = Vec::with_capacity(points.len());
        for point in points {
            norms.push(point.z.norm());
        }
        invert_all(&mut norms);
        affine.clear();
        for i in 0..points.len() {
            let Self { x, y, z } = points[i];
            let inverse = z.inverse_by_norm(norms[i]);
            let square = inverse.square();
            affine.push((x.mul(square), y.mul(square.mul(inverse))));
        }
    }
}

/// A point to be doubled.
struct Doublings<C> {
    point: Jacobian<C>,
    times: usize,
}

impl<C: Coordinate> Task for Doublings<C> {
    type Output = Jacobian<C>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let mut point = self.point;
        for _ in 0..self.times {
            point = point.double();
        }
        point
    }
}

/// A point and what is added to it.
struct Addition<C> {
    sum: Jacobian<C>,
    point: (C, C),
    adding: Mask,
    fresh: Mask,
}

impl<C: Coordinate> Task for Addition<C> {
    type Output = Jacobian<C>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        self.sum.add(self.point, self.adding, self.fresh)
    }
}
