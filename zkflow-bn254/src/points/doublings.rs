//! Repeated doubling of many points, for tables of multiples.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use rayon::prelude::*;

use super::jacobian::Jacobian;
use super::{Curve, CurveLanes};
use crate::field::{Lanes, MAX_WIDTH};
use crate::{Backend, Kernel, Task};

/// Number of points per task.
const TASK: usize = 512;

/// 2^doublings · Pᵢ for every point, on the threads of the current pool.
///
/// ```
/// use ark_bn254::{Fr, G2Affine};
/// use ark_ec::AffineRepr;
/// use zkflow_bn254::Kernel;
/// use zkflow_bn254::points::double_all;
///
/// let g = G2Affine::generator();
/// assert_eq!(double_all(Kernel::detect(), &[g], 10), [G2Affine::from(g * Fr::from(1024u64))]);
/// ```
pub fn double_all<C: Curve>(kernel: Kernel, points: &[Affine<C>], doublings: u32) -> Vec<Affine<C>> {
    C::double(kernel, points, doublings)
}

pub(crate) fn double_points<C: CurveLanes>(
    kernel: Kernel,
    points: &[Affine<C>],
    doublings: u32,
) -> Vec<Affine<C>> {
    let mut out = vec![Affine::zero(); points.len()];
    out.par_chunks_mut(TASK)
        .zip(points.par_chunks(TASK))
        .for_each(|(out, points)| kernel.run(Double::<C> { points, doublings, out }));
    out
}

struct Double<'a, C: CurveLanes> {
    points: &'a [Affine<C>],
    doublings: u32,
    out: &'a mut [Affine<C>],
}

impl<C: CurveLanes> Task for Double<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut doubled = Vec::with_capacity(self.points.len().div_ceil(B::Fq::WIDTH));
        for points in self.points.chunks(B::Fq::WIDTH) {
            // The last vector is padded with infinity.
            let mut padded = [Affine::zero(); MAX_WIDTH];
            padded[..points.len()].copy_from_slice(points);
            let point = Jacobian::from_affine(C::load::<B>(&padded));
            doubled.push(point.doublings::<B>(self.doublings as usize));
        }
        let mut affine = Vec::with_capacity(doubled.len());
        Jacobian::to_affine(&doubled, &mut affine);
        for ((x, y), out) in affine.into_iter().zip(self.out.chunks_mut(B::Fq::WIDTH)) {
            let mut points = [Affine::zero(); MAX_WIDTH];
            C::store::<B>(x, y, &mut points);
            out.copy_from_slice(&points[..out.len()]);
        }
    }
}
