//! Jacobian coordinates (X/Z², Y/Z³), several points at a time; Z = 0 is infinity.

use crate::bn254::field::{Arithmetic, Coordinate, Mask, invert_all};

/// Points in Jacobian coordinates, reduced.
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
        Self { x: C::one(), y: C::one(), z: C::zero() }
    }

    /// Affine points; (0, 0) is infinity.
    #[inline(always)]
    pub(crate) fn from_affine((x, y): (C, C)) -> Self {
        let z = C::select(x.zero_mask() & y.zero_mask(), C::zero(), C::one());
        Self { x, y, z }
    }

    /// 2P, right for infinity: `dbl-2009-l` of the Explicit-Formulas Database, with 4XY² as a product.
    #[inline(always)]
    pub(crate) fn double(self) -> Self {
        let Self { x, y, z } = self;
        let a = x.square();
        let b = y.square();
        let d = x.mul(b).double().double();
        let e = a.double().add(a);
        let x3 = e.square().sub(d.add_loose(d));
        let c8 = b.square().double().double().double();
        let y3 = d.sub(x3).mul(e).sub(c8);
        Self { x: x3, y: y3, z: y.add(y).mul(z) }
    }

    /// P + Q in the lanes of `active`, P in the others, for affine Q that are not infinity there.
    #[inline(always)]
    pub(crate) fn add_affine(self, q: (C, C), active: Mask) -> Self {
        let Self { x, y, z } = self;
        let zz = z.square();
        let u = q.0.mul(zz);
        let s = q.1.mul(z.mul(zz));
        let h = u.sub(x);
        let hh = h.square();
        let hhh = hh.mul(h);
        let v = x.mul(hh);
        let r = s.sub(y);
        let x3 = r.square().sub(hhh).sub(v.add_loose(v));
        let y3 = v.sub(x3).mul(r).sub(y.mul(hhh));
        let mut sum = Self { x: x3, y: y3, z: z.mul(h) };
        if u.perhaps_equal_mask(x) & active != 0 {
            // h = 0: the same point, or opposite ones, whose sum has z = 0 as it should.
            let equal = h.zero_mask() & r.zero_mask();
            sum = Self::select(equal, self.double(), sum);
        }
        let infinite = z.zero_mask();
        if infinite & active != 0 {
            sum = Self::select(infinite, Self { x: q.0, y: q.1, z: C::one() }, sum);
        }
        Self::select(active, sum, self)
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        Self {
            x: C::select(mask, yes.x, no.x),
            y: C::select(mask, yes.y, no.y),
            z: C::select(mask, yes.z, no.z),
        }
    }

    /// Affine coordinates of many points, (0, 0) for infinity. One inversion in all.
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
