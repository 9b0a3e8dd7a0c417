//! Converts points between arkworks' form and the form of a kernel.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;

use crate::field::{Coordinate, Lanes, MAX_WIDTH};
use crate::points::CurveLanes;
use crate::{Backend, Kernel, Task};

/// Converts points to the form of a kernel.
pub(super) fn pack<C: CurveLanes>(kernel: Kernel, points: &[Affine<C>]) -> Vec<C::Packed> {
    kernel.run(Pack::<C>(points))
}

/// [`pack`], within another task.
pub(super) struct Pack<'a, C: CurveLanes>(pub(super) &'a [Affine<C>]);

impl<C: CurveLanes> Task for Pack<'_, C> {
    type Output = Vec<C::Packed>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let mut packed = vec![C::Packed::default(); self.0.len().next_multiple_of(B::Fq::WIDTH)];
        for (packed, points) in packed.chunks_mut(B::Fq::WIDTH).zip(self.0.chunks(B::Fq::WIDTH)) {
            let mut padded = [Affine::zero(); MAX_WIDTH];
            padded[..points.len()].copy_from_slice(points);
            let (x, y) = C::load::<B>(&padded);
            C::Coordinate::<B>::scatter(x, y, packed);
        }
        packed.truncate(self.0.len());
        packed
    }
}

/// Converts points to arkworks' form.
pub(super) fn unpack<C: CurveLanes>(kernel: Kernel, points: &[C::Packed]) -> Vec<Affine<C>> {
    kernel.run(Unpack::<C>(points))
}

/// [`unpack`], within another task.
pub(super) struct Unpack<'a, C: CurveLanes>(pub(super) &'a [C::Packed]);

impl<C: CurveLanes> Task for Unpack<'_, C> {
    type Output = Vec<Affine<C>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let mut points = vec![Affine::zero(); self.0.len().next_multiple_of(B::Fq::WIDTH)];
        for (points, packed) in points.chunks_mut(B::Fq::WIDTH).zip(self.0.chunks(B::Fq::WIDTH)) {
            let mut padded = [&packed[0]; MAX_WIDTH];
            for i in 0..packed.len() {
                padded[i] = &packed[i];
            }
            let (x, y) = C::Coordinate::<B>::gather(&padded);
            C::store::<B>(x, y, points);
        }
        points.truncate(self.0.len());
        points
    }
}
