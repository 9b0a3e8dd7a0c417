//! Jacobian coordinates (X/Z², Y/Z³), several points at a time; Z = 0 is infinity.

use crate::bn254::field::{Coordinate, invert_all};

/// Points in Jacobian coordinates, reduced.
#[derive(Clone, Copy)]
pub(crate) struct Jacobian<C> {
    x: C,
    y: C,
    z: C,
}

impl<C: Coordinate> Jacobian<C> {
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
