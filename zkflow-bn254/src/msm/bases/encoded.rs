//! Prepares points straight from their encoding in files: one pass that checks, converts and packs.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::Arc;

use ark_ec::short_weierstrass::Affine;
use rayon::prelude::*;

use super::{FixedBases, Memory, choose};
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Row};
use crate::points::CurveLanes;
use crate::{Backend, Kernel, Task, pages};

/// Number of points per task.
const RUN: usize = 1 << 11;

/// See [`FixedBases::read`].
pub(crate) fn read<C: CurveLanes>(kernel: Kernel, bytes: &[u8], before: usize) -> Option<FixedBases<C>> {
    let size = size_of::<C::Packed>();
    if !bytes.len().is_multiple_of(size) {
        return None;
    }
    let runs = || bytes.par_chunks(RUN * size);
    let counts: Vec<usize> = runs().map(|run| present::<C>(run).count()).collect();
    let total: usize = counts.iter().sum();
    assert!(total < 1 << 31, "2^31 points or more");
    let per_point = size / size_of::<Row>();
    let mut kept = vec![0; total];
    let mut rows: Vec<Row> = pages::with_capacity(total * per_point);
    let mut parts = Vec::with_capacity(counts.len());
    let (mut indices, mut places) = (&mut kept[..], &mut rows.spare_capacity_mut()[..total * per_point]);
    for (number, (run, count)) in bytes.chunks(RUN * size).zip(counts).enumerate() {
        let (kept, rows);
        (kept, indices) = indices.split_at_mut(count);
        (rows, places) = places.split_at_mut(count * per_point);
        parts.push(Read::<C> { bytes: run, first: before + number * RUN, kept, rows, curve: PhantomData });
    }
    if !parts.into_par_iter().all(|part| kernel.run(part)) {
        return None;
    }
    // SAFETY: the parts cover the first `total * per_point` rows, and each part returned true only after it had
    // written all of its rows.
    unsafe { rows.set_len(total * per_point) };
    let (shape, _) = choose(total, 0);
    Some(FixedBases {
        kernel,
        shape,
        len: before + bytes.len() / size,
        kept: kept.into(),
        points: Memory::Owned(Arc::new(rows)),
        curve: PhantomData,
    })
}

/// The encodings other than infinity, with their indices.
fn present<C: CurveLanes>(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let points = bytes.chunks_exact(size_of::<C::Packed>()).enumerate();
    points.filter(|(_, point)| point.as_chunks::<8>().0.iter().any(|word| u64::from_ne_bytes(*word) != 0))
}

/// Reads the points of a run. True if all are on their curve, and as many as there are places are not infinity.
struct Read<'a, C> {
    bytes: &'a [u8],
    /// Index of the first point.
    first: usize,
    kept: &'a mut [u32],
    rows: &'a mut [MaybeUninit<Row>],
    curve: PhantomData<C>,
}

impl<C: CurveLanes> Task for Read<'_, C> {
    type Output = bool;

    #[inline(always)]
    fn run<B: Backend>(self) -> bool {
        let Self { bytes, first, kept, rows, .. } = self;
        let width = B::Fq::WIDTH;
        let (b, _) = C::load::<B>(&[Affine::new_unchecked(C::COEFF_B, C::COEFF_B); MAX_WIDTH]);
        let mut points = present::<C>(bytes);
        let mut chunks = rows.chunks_mut(size_of::<C::Packed>() / size_of::<Row>() * width);
        for kept in kept.chunks_mut(width) {
            // The bytes of a mapped file may change: each point is copied before it is checked.
            let mut encoded = [C::Packed::default(); MAX_WIDTH];
            for (lane, kept) in kept.iter_mut().enumerate() {
                let Some((index, bytes)) = points.next() else { return false };
                *kept = (first + index) as u32;
                decode(bytes, &mut encoded[lane]);
            }
            // Lanes without a point repeat the first one.
            let mut gathered = [&encoded[0]; MAX_WIDTH];
            for lane in 0..kept.len() {
                gathered[lane] = &encoded[lane];
            }
            let (x, y) = C::Coordinate::<B>::gather(&gathered);
            let ((x, below_x), (y, below_y)) = (x.adopt(), y.adopt());
            let equation = y.square().sub(x.square().mul(x)).sub(b);
            if below_x & below_y & equation.zero_mask() != B::Fq::ALL {
                return false;
            }
            let mut packed = [C::Packed::default(); MAX_WIDTH];
            C::Coordinate::<B>::scatter(x, y, &mut packed);
            let Some(places) = chunks.next() else { return false };
            let packed = packed[..kept.len()].iter().flat_map(AsRef::as_ref);
            for (place, row) in places.iter_mut().zip(packed) {
                place.write(*row);
            }
        }
        points.next().is_none()
    }
}

/// Reads the words of a point.
#[inline(always)]
fn decode<P: AsMut<[Row]>>(bytes: &[u8], point: &mut P) {
    let words = point.as_mut().iter_mut().flat_map(|row| &mut row.0);
    for (word, bytes) in words.zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
}
