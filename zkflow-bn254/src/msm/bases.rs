//! Points prepared for [`FixedBases::msm`].

use std::marker::PhantomData;
use std::sync::Arc;

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::digits::{Digits, Shape};
use super::memory::Memory;
use super::sums::Sum;
use super::weighted::sum_weighted;
use crate::field::{Coordinate, Lanes, MAX_WIDTH, Row};
use crate::points::{Curve, CurveLanes, double_points};
use crate::scalars::{Places, Scalars};
use crate::{Backend, Kernel, Task};

mod stored;

/// How to prepare points.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What computes; prepared points are in its form.
    pub kernel: Kernel,
    /// Bytes that the points may take with their precomputed multiples. The points alone always fit.
    pub table_bytes: usize,
}

/// Points P₀, P₁, … in a kernel's form, without those at infinity, and multiples of them as far as memory allows.
///
/// `C` is [`g1::Config`](ark_bn254::g1::Config) or [`g2::Config`](ark_bn254::g2::Config).
#[derive(Debug, Clone)]
pub struct FixedBases<C> {
    kernel: Kernel,
    shape: Shape,
    /// The number of points with those at infinity.
    len: usize,
    /// The points that are not at infinity.
    kept: Arc<[u32]>,
    /// The points kept, then 2^(ck) times them, and so on.
    points: Memory,
    curve: PhantomData<C>,
}

impl<C: Curve> FixedBases<C> {
    /// Prepares points, over the threads of the current pool.
    ///
    /// # Panics
    /// With 2^31 points or more.
    pub fn prepare(points: &[Affine<C>], options: Options) -> Self {
        C::prepare(points, options)
    }

    /// Σ sᵢ·Pᵢ, over the threads of the current pool.
    ///
    /// # Panics
    /// When the number of scalars is not that of the points.
    pub fn msm(&self, scalars: &Scalars) -> Projective<C> {
        assert_eq!(scalars.len(), self.len, "one scalar for each point");
        C::fixed_msm(self, scalars)
    }

    /// The number of points, those at infinity included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes taken by points and multiples.
    pub fn bytes(&self) -> usize {
        size_of_val(self.points.rows()) + size_of_val(&*self.kept)
    }
}

pub(crate) fn prepare<C: CurveLanes>(points: &[Affine<C>], options: Options) -> FixedBases<C> {
    let kept: Arc<[u32]> = (0u32..).zip(points).filter(|(_, p)| !p.is_zero()).map(|(i, _)| i).collect();
    let (shape, multiples) = choose(kept.len(), options.table_bytes / size_of::<C::Packed>());
    let present: Vec<_> = kept.iter().map(|&i| points[i as usize]).collect();
    assert!(present.len() * multiples < 1 << 31, "points are numbered with 31 bits");
    let rows = tables::<C>(options.kernel, &present, multiples, shape.window * shape.sets);
    FixedBases {
        kernel: options.kernel,
        shape,
        len: points.len(),
        kept,
        points: Memory::Owned(rows.into()),
        curve: PhantomData,
    }
}

pub(crate) fn msm<C: CurveLanes>(bases: &FixedBases<C>, scalars: &Scalars) -> Projective<C> {
    let &FixedBases { kernel, shape, ref kept, .. } = bases;
    if kept.is_empty() {
        return Projective::ZERO;
    }
    let digits = Digits::new(shape, scalars, kept);
    let points = C::packed(bases.points.rows());
    let mut buckets = vec![C::Packed::default(); shape.buckets()];
    buckets.par_chunks_mut(shape.partition()).enumerate().for_each_init(
        Default::default,
        |(list, ends), (partition, out)| {
            digits.sort_partition(shape, partition, list, ends);
            if !list.is_empty() {
                kernel.run(Sum::<C> { points, list, start: 0, ends, out });
            }
        },
    );
    sum_weighted(kernel, shape, buckets)
}

/// Buckets of a partition: their lists fill some hundred vectors.
const PARTITION_BITS: u32 = 12;

/// The shape with the fewest additions, and the number of multiples of each point (itself included), for at most `room`
/// packed points.
fn choose(points: usize, room: usize) -> (Shape, usize) {
    let plan = |window: u32| {
        let digits = Places::count(window);
        let multiples = (room / points.max(1)).clamp(1, digits as usize) as u32;
        let sets = digits.div_ceil(multiples);
        let shape = Shape::new(window, sets, PARTITION_BITS);
        (shape, digits.div_ceil(sets) as usize)
    };
    // Each bucket costs two additions when weighted, and its first point none.
    let additions = |window: u32| {
        let (shape, _) = plan(window);
        points * Places::count(window) as usize + shape.buckets()
    };
    let window = (3..=18).min_by_key(|&window| additions(window)).expect("a range that is not empty");
    plan(window)
}

/// Points, then 2^doublings times the points, and so on.
fn tables<C: CurveLanes>(kernel: Kernel, points: &[Affine<C>], multiples: usize, doublings: u32) -> Vec<Row> {
    let per_point = size_of::<C::Packed>() / size_of::<Row>();
    let mut rows = Vec::with_capacity(points.len() * per_point * multiples);
    let mut current = points.to_vec();
    for multiple in 0..multiples {
        if multiple > 0 {
            current = double_points::<C>(kernel, &current, doublings);
        }
        rows.extend(pack::<C>(kernel, &current).iter().flat_map(|packed| packed.as_ref().iter().copied()));
    }
    rows
}

/// Points in a kernel's form.
fn pack<C: CurveLanes>(kernel: Kernel, points: &[Affine<C>]) -> Vec<C::Packed> {
    kernel.run(Pack::<C>(points))
}

struct Pack<'a, C: CurveLanes>(&'a [Affine<C>]);

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

/// Prepared points read from bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BasesError {
    /// Written by another version, for another kernel or group, or damaged.
    #[error("not prepared points of this kernel and group")]
    Foreign,
    /// Shorter than their header says.
    #[error("prepared points are cut short")]
    Truncated,
}
