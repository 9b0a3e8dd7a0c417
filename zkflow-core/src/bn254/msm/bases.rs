//! Points prepared for [`FixedBases::msm`].

use std::marker::PhantomData;
use std::sync::Arc;

use ark_ec::AffineRepr;
use rayon::prelude::*;

use super::digits::{Digits, Shape};
use super::memory::Memory;
use super::sums::Sum;
use super::weighted::sum_weighted;
use crate::bn254::field::{Coordinate, Lanes, MAX_WIDTH, Row};
use crate::bn254::points::{Group, GroupLanes, double_all};
use crate::bn254::scalars::{Places, Scalars};
use crate::bn254::{Backend, Kernel, Task};

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
#[derive(Debug, Clone)]
pub struct FixedBases<G> {
    kernel: Kernel,
    shape: Shape,
    /// The number of points with those at infinity.
    len: usize,
    /// The points that are not at infinity.
    kept: Arc<[u32]>,
    /// The points kept, then 2^(ck) times them, and so on.
    points: Memory,
    group: PhantomData<G>,
}

impl<G: Group> FixedBases<G> {
    /// Prepares points, over the threads of the current pool.
    ///
    /// # Panics
    /// With 2^31 points or more.
    pub fn prepare(points: &[G::Affine], options: Options) -> Self {
        let kept: Arc<[u32]> = (0u32..).zip(points).filter(|(_, p)| !p.is_zero()).map(|(i, _)| i).collect();
        let (shape, multiples) = choose(kept.len(), options.table_bytes / size_of::<G::Packed>());
        let present: Vec<_> = kept.iter().map(|&i| points[i as usize]).collect();
        assert!(present.len() * multiples < 1 << 31, "points are numbered with 31 bits");
        let rows = tables::<G>(options.kernel, &present, multiples, shape.window * shape.sets);
        Self {
            kernel: options.kernel,
            shape,
            len: points.len(),
            kept,
            points: Memory::Owned(rows.into()),
            group: PhantomData,
        }
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

    /// Σ sᵢ·Pᵢ, over the threads of the current pool.
    ///
    /// # Panics
    /// When the number of scalars is not that of the points.
    pub fn msm(&self, scalars: &Scalars) -> G {
        assert_eq!(scalars.len(), self.len, "one scalar for each point");
        if self.kept.is_empty() {
            return G::zero();
        }
        let digits = Digits::new(self.shape, scalars, &self.kept);
        let points = G::packed(self.points.rows());
        let mut buckets = vec![G::Packed::default(); self.shape.buckets()];
        buckets.par_chunks_mut(self.shape.partition()).enumerate().for_each_init(
            Default::default,
            |(list, ends), (partition, out)| {
                digits.sort_partition(self.shape, partition, list, ends);
                if !list.is_empty() {
                    self.kernel.run(Sum::<G> { points, list, start: 0, ends, out });
                }
            },
        );
        sum_weighted(self.kernel, self.shape, buckets)
    }
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
fn tables<G: Group>(kernel: Kernel, points: &[G::Affine], multiples: usize, doublings: u32) -> Vec<Row> {
    let per_point = size_of::<G::Packed>() / size_of::<Row>();
    let mut rows = Vec::with_capacity(points.len() * per_point * multiples);
    let mut current = points.to_vec();
    for multiple in 0..multiples {
        if multiple > 0 {
            current = double_all::<G>(kernel, &current, doublings);
        }
        rows.extend(pack::<G>(kernel, &current).iter().flat_map(|packed| packed.as_ref().iter().copied()));
    }
    rows
}

/// Points in a kernel's form.
fn pack<G: GroupLanes>(kernel: Kernel, points: &[G::Affine]) -> Vec<G::Packed> {
    kernel.run(Pack::<G>(points))
}

struct Pack<'a, G: GroupLanes>(&'a [G::Affine]);

impl<G: GroupLanes> Task for Pack<'_, G> {
    type Output = Vec<G::Packed>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let mut packed = vec![G::Packed::default(); self.0.len().next_multiple_of(B::Fq::WIDTH)];
        for (packed, points) in packed.chunks_mut(B::Fq::WIDTH).zip(self.0.chunks(B::Fq::WIDTH)) {
            let mut padded = [G::Affine::zero(); MAX_WIDTH];
            padded[..points.len()].copy_from_slice(points);
            let (x, y) = G::load::<B>(&padded);
            G::Coordinate::<B>::scatter(x, y, packed);
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
