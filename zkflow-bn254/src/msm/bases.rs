//! Points prepared for [`FixedBases::msm`].

use std::marker::PhantomData;
use std::sync::Arc;

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective};

use super::constant::HiddenScalars;
use super::digits::Shape;
use super::memory::Memory;
use super::packed::{pack, unpack};
use super::weights::Weights;
use crate::field::Row;
use crate::points::{Curve, CurveLanes, double_points};
use crate::scalars::{Places, Scalars};
use crate::{Kernel, pages};

mod encoded;
mod stored;

pub(crate) use encoded::read;

/// Options of [`FixedBases::prepare`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The kernel that computes; prepared points are stored in its form.
    pub kernel: Kernel,
    /// Maximum size in bytes of the points with their precomputed multiples. The points themselves are always
    /// stored, even if they exceed it.
    pub table_bytes: usize,
}

/// Points P₀, P₁, … in a kernel's form, without points at infinity, with as many multiples as memory allows.
///
/// `C` is [`g1::Config`](ark_bn254::g1::Config) or [`g2::Config`](ark_bn254::g2::Config).
#[derive(Debug, Clone)]
pub struct FixedBases<C> {
    pub(super) kernel: Kernel,
    pub(super) shape: Shape,
    /// Number of points, including points at infinity.
    len: usize,
    /// Indices of the points that are not at infinity.
    pub(super) kept: Arc<[u32]>,
    /// The points of `kept`, then 2^(ck) times each of them, then 2^(2ck) times, and so on.
    pub(super) points: Memory,
    curve: PhantomData<C>,
}

impl<C: Curve> FixedBases<C> {
    /// Prepares points, on the threads of the current pool.
    ///
    /// # Panics
    /// Panics if the points and their multiples are 2^31 or more.
    pub fn prepare(points: &[Affine<C>], options: Options) -> Self {
        C::prepare(points, options)
    }

    /// The same points with as many multiples as fit into `table_bytes`, computed on the threads of the current pool;
    /// `None` if there is no room for more multiples than these bases have.
    ///
    /// # Panics
    /// Panics if the points and their multiples are 2^31 or more.
    pub fn with_multiples(&self, table_bytes: usize) -> Option<Self> {
        C::with_multiples(self, table_bytes)
    }

    /// Prepares points without multiples, from their encoding in files, on the threads of the current pool:
    /// affine coordinates in arkworks' Montgomery form, little-endian words, zeros for infinity. `before` points
    /// at infinity precede them.
    ///
    /// `None` if a coordinate is not below the modulus, if a point is not on its curve, or if the last point is
    /// incomplete. Does not check the subgroup of points of G2.
    ///
    /// # Panics
    /// Panics if there are 2^31 points or more.
    pub fn read(kernel: Kernel, bytes: &[u8], before: usize) -> Option<Self> {
        C::read(kernel, bytes, before)
    }

    /// The kernel of [`Options::kernel`].
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Σ sᵢ·Pᵢ, on the threads of the current pool.
    ///
    /// # Panics
    /// Panics if the number of scalars differs from the number of points.
    pub fn msm(&self, scalars: &Scalars) -> Projective<C> {
        assert_eq!(scalars.len(), self.len, "the numbers of scalars and points must be equal");
        C::fixed_msm(self, scalars)
    }

    /// Σ sᵢ·Pᵢ, on the threads of the current pool. The number of operations and the addresses of all memory accesses
    /// depend on the points alone, not on the scalars.
    ///
    /// Some operations on single elements, such as the sum of the threads' results, have a conditional subtraction of
    /// the modulus: this is no promise about time. Takes several times as long as [`msm`](Self::msm).
    ///
    /// # Panics
    /// Panics if the number of scalars differs from the number of points.
    pub fn msm_constant_work(&self, scalars: &HiddenScalars) -> Projective<C> {
        assert_eq!(scalars.len(), self.len, "the numbers of scalars and points must be equal");
        C::constant_msm(self, scalars)
    }

    /// Σ wᵢ·Pᵢ for each round of weights, on the threads of the current pool.
    ///
    /// # Panics
    /// Panics if the number of weights differs from the number of points.
    pub fn combinations(&self, weights: &Weights) -> Vec<Projective<C>> {
        assert_eq!(weights.len(), self.len, "the numbers of weights and points must be equal");
        C::combinations(self, weights)
    }

    /// Indices of the points that are not at infinity, in ascending order.
    pub fn present(&self) -> &[u32] {
        &self.kept
    }

    /// Number of points, including points at infinity.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are no points.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Size in bytes of the points, their multiples and their indices.
    pub fn bytes(&self) -> usize {
        size_of_val(self.points.rows()) + size_of_val(&*self.kept)
    }
}

pub(crate) fn prepare<C: CurveLanes>(points: &[Affine<C>], options: Options) -> FixedBases<C> {
    let kept: Arc<[u32]> = (0u32..).zip(points).filter(|(_, p)| !p.is_zero()).map(|(i, _)| i).collect();
    let mut rows = pages::with_capacity(kept.len() * size_of::<C::Packed>() / size_of::<Row>());
    for run in kept.chunks(RUN) {
        append_packed(
            options.kernel,
            &run.iter().map(|&i| points[i as usize]).collect::<Vec<_>>(),
            &mut rows,
        );
    }
    let plain = FixedBases {
        kernel: options.kernel,
        shape: choose(kept.len(), 0).0,
        len: points.len(),
        kept,
        points: Memory::Owned(rows.into()),
        curve: PhantomData,
    };
    with_multiples(&plain, options.table_bytes).unwrap_or(plain)
}

pub(crate) fn with_multiples<C: CurveLanes>(
    bases: &FixedBases<C>,
    table_bytes: usize,
) -> Option<FixedBases<C>> {
    let &FixedBases { kernel, len, ref kept, ref points, .. } = bases;
    let (shape, multiples) = choose(kept.len(), table_bytes / size_of::<C::Packed>());
    assert!(kept.len() * multiples < 1 << 31, "2^31 points or more, multiples included");
    let per_point = size_of::<C::Packed>() / size_of::<Row>();
    let plain = &points.rows()[..kept.len() * per_point];
    if plain.len() * multiples <= points.rows().len() {
        return None;
    }
    let mut rows = pages::with_capacity(plain.len() * multiples);
    rows.extend_from_slice(plain);
    let mut current = unpack::<C>(kernel, C::packed(plain));
    for _ in 1..multiples {
        current = double_points::<C>(kernel, &current, shape.window * shape.sets);
        append_packed(kernel, &current, &mut rows);
    }
    Some(FixedBases {
        kernel,
        shape,
        len,
        kept: Arc::clone(kept),
        points: Memory::Owned(rows.into()),
        curve: PhantomData,
    })
}

/// Binary logarithm of the buckets per partition. Their lists fill a block of some hundred vectors, which
/// share an inversion.
pub(super) const PARTITION_BITS: u32 = 11;

/// The shape with the fewest additions that stores at most `room` packed points, and its number of multiples
/// per point, the point itself included.
fn choose(points: usize, room: usize) -> (Shape, usize) {
    let plan = |window: u32| {
        let digits = Places::count(window);
        let multiples = (room / points.max(1)).clamp(1, digits as usize) as u32;
        let sets = digits.div_ceil(multiples);
        let shape = Shape::new(window, sets, PARTITION_BITS);
        (shape, digits.div_ceil(sets) as usize)
    };
    // A bucket costs two additions in `weighted` and saves one, that of its first point.
    let additions = |window: u32| {
        let (shape, _) = plan(window);
        points * Places::count(window) as usize + shape.buckets()
    };
    let window = (3..=18).min_by_key(|&window| additions(window)).expect("the range is not empty");
    plan(window)
}

/// Appends points in the form of a kernel.
fn append_packed<C: CurveLanes>(kernel: Kernel, points: &[Affine<C>], rows: &mut Vec<Row>) {
    for packed in pack::<C>(kernel, points) {
        rows.extend_from_slice(packed.as_ref());
    }
}

/// Number of points packed at a time; limits how many are in memory twice.
const RUN: usize = 1 << 12;

/// Prepared points cannot be read from bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BasesError {
    /// The header is from another version, kernel or group, or is damaged.
    #[error("not prepared points for this kernel and group")]
    Foreign,
    /// The header is incomplete, or the rows do not have the length that the header gives.
    #[error("prepared points have the wrong length")]
    Truncated,
}
