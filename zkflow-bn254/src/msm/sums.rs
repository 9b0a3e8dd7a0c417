//! Sums of lists of points, each list in its own lane.
//!
//! Lists are ordered by length and processed in blocks of some hundred vectors. At step t every vector adds
//! the t-th points of its lists to its accumulators, which stay in lane order. The additions of one step
//! share an inversion. Only the points are read from scattered addresses, one cache line each (two in G2);
//! the points of the next step are prefetched: in G1 while the additions are finished, in G2 while they are staged,
//! which are the faster ones of both. Long lists are cut into pieces, and the sums of the pieces are summed again.

use rayon::prelude::*;

use super::digits::Signpost;
use crate::field::{Coordinate, Lanes, MAX_WIDTH, Mask, Row};
use crate::points::{Additions, CurveLanes};
use crate::{Backend, Kernel, Task};

/// Maximum points of a list; longer lists are cut.
const LONG: u32 = 64;
/// Maximum of a list of partial sums, which is shorter because there are few of them.
const LONG_PARTIAL: u32 = 4;
/// Maximum bytes of the accumulators and pending additions of one block: a part of the second-level cache.
const BLOCK_BYTES: usize = 1 << 18;
/// Maximum number of points per task, approximately.
const TASK: usize = 1 << 15;
/// Minimum number of points per task, approximately: each task has inversions of its own.
const LEAST: usize = 1 << 12;

/// The points `list[start..start + len]`; their sum is written to index `target`.
#[derive(Clone, Copy, Default)]
struct Segment {
    start: u32,
    len: u32,
    target: u32,
}

/// Sums lists on the threads of the current pool. List i is `list[ends[i - 1]..ends[i]]`; the first begins at
/// 0.
pub(super) fn sum_lists<C: CurveLanes>(
    kernel: Kernel,
    points: &[C::Packed],
    list: &[Signpost],
    ends: &[u32],
    out: &mut [C::Packed],
) {
    let mean = (list.len() / ends.len().max(1)).max(1);
    let task = list.len().div_ceil(rayon::current_num_threads()).clamp(LEAST, TASK);
    let lists = (task / mean).max(1);
    out.par_chunks_mut(lists).enumerate().for_each(|(i, out)| {
        let first = i * lists;
        let start = if first == 0 { 0 } else { ends[first - 1] };
        let ends = &ends[first..first + out.len()];
        kernel.run(Sum::<C> { points, list, start, ends, out });
    });
}

/// Sums lists on this thread. List i is `list[ends[i - 1]..ends[i]]`; the first begins at `start`.
pub(super) struct Sum<'a, C: CurveLanes> {
    pub(super) points: &'a [C::Packed],
    pub(super) list: &'a [Signpost],
    pub(super) start: u32,
    pub(super) ends: &'a [u32],
    pub(super) out: &'a mut [C::Packed],
}

impl<C: CurveLanes> Task for Sum<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<B: Backend>(self) {
        let Self { points, list, mut start, ends, out } = self;
        let mut segments = Vec::with_capacity(ends.len());
        for (target, &end) in (0..).zip(ends) {
            segments.push(Segment { start, len: end - start, target });
            start = end;
        }
        let mut pass = Pass::<C::Coordinate<B>>::new();
        let mut partials;
        let mut signposts: Vec<Signpost>;
        let (mut points, mut list, mut longest) = (points, list, LONG);
        loop {
            segments = pass.cut(&segments, longest, out);
            pass.run(points, list, out);
            if segments.is_empty() {
                break;
            }
            partials = std::mem::take(&mut pass.partials);
            signposts = (0..partials.len()).map(|i| Signpost::new(i, false)).collect();
            (points, list, longest) = (&partials, &signposts, LONG_PARTIAL);
        }
    }
}

/// Buffers of one round of summing.
struct Pass<C: Coordinate> {
    /// Segments by decreasing length, all short, padded to whole vectors.
    ordered: Vec<Segment>,
    /// Sums of the pieces of long lists; their targets follow the targets of the caller.
    partials: Vec<C::Packed>,
    accumulators: Vec<(C, C)>,
    additions: Additions<C>,
}

impl<C: Coordinate> Pass<C> {
    const BLOCK: usize = BLOCK_BYTES / (size_of::<(C, C)>() + Additions::<C>::BYTES);
    /// Whether the next points are prefetched while additions are staged.
    const PREFETCH_EARLY: bool = size_of::<C::Packed>() > size_of::<Row>();

    #[inline(always)]
    fn new() -> Self {
        Self {
            ordered: Vec::new(),
            partials: Vec::new(),
            accumulators: Vec::with_capacity(Self::BLOCK),
            additions: Additions::with_capacity(Self::BLOCK),
        }
    }

    /// Cuts segments longer than `longest` and orders all by length. Returns the lists of the pieces' sums.
    #[inline(always)]
    fn cut(&mut self, segments: &[Segment], longest: u32, out: &mut [C::Packed]) -> Vec<Segment> {
        let mut pieces = Vec::with_capacity(segments.len());
        let mut long = Vec::new();
        let mut partials = 0;
        for &Segment { start, len, target } in segments {
            if len == 0 {
                out[target as usize] = C::Packed::default();
            } else if len <= longest {
                pieces.push(Segment { start, len, target });
            } else {
                let count = len.div_ceil(longest);
                for i in 0..count {
                    // The lengths of the pieces of one list differ by at most one.
                    let (from, to) =
                        (i as u64 * len as u64 / count as u64, (i + 1) as u64 * len as u64 / count as u64);
                    let target = out.len() as u32 + partials + i;
                    pieces.push(Segment { start: start + from as u32, len: (to - from) as u32, target });
                }
                long.push(Segment { start: partials, len: count, target });
                partials += count;
            }
        }
        self.partials.clear();
        self.partials.resize(partials as usize, C::Packed::default());
        self.order(&pieces, longest);
        long
    }

    /// Counting sort by decreasing length.
    #[inline(always)]
    fn order(&mut self, pieces: &[Segment], longest: u32) {
        let mut places = [0; LONG as usize + 1];
        for piece in pieces {
            places[(longest - piece.len) as usize] += 1;
        }
        let mut sum = 0;
        for place in &mut places {
            (*place, sum) = (sum, sum + *place);
        }
        self.ordered.clear();
        self.ordered.resize(pieces.len().next_multiple_of(C::Base::WIDTH), Segment::default());
        for piece in pieces {
            let place = &mut places[(longest - piece.len) as usize];
            self.ordered[*place] = *piece;
            *place += 1;
        }
    }

    #[inline(always)]
    fn run(&mut self, points: &[C::Packed], list: &[Signpost], out: &mut [C::Packed]) {
        let width = C::Base::WIDTH;
        for block in self.ordered.chunks(Self::BLOCK * width) {
            let mut vectors = block.len() / width;
            self.accumulators.clear();
            for i in 0..vectors {
                let (point, active) = gather(points, list, &block[i * width..(i + 1) * width], 0);
                let blank = |c| C::select(active, c, C::zero());
                self.accumulators.push((blank(point.0), blank(point.1)));
            }
            for step in 1..block[0].len {
                while block[(vectors - 1) * width].len <= step {
                    vectors -= 1;
                }
                for i in 0..vectors {
                    let (point, active) = gather(points, list, &block[i * width..(i + 1) * width], step);
                    self.additions.stage(&self.accumulators[i], point, active);
                    if Self::PREFETCH_EARLY {
                        prefetch_next(points, list, &block[i * width..(i + 1) * width], step + 1);
                    }
                }
                self.additions.invert();
                self.additions.finish(&mut self.accumulators[..vectors], |i| {
                    if !Self::PREFETCH_EARLY {
                        prefetch_next(points, list, &block[i * width..(i + 1) * width], step + 1);
                    }
                });
            }
            for (segments, sum) in block.chunks(width).zip(&self.accumulators) {
                let mut packed = [C::Packed::default(); MAX_WIDTH];
                C::scatter(sum.0, sum.1, &mut packed);
                for (segment, packed) in segments.iter().zip(packed) {
                    if segment.len == 0 {
                        continue;
                    }
                    match (segment.target as usize).checked_sub(out.len()) {
                        None => out[segment.target as usize] = packed,
                        Some(partial) => self.partials[partial] = packed,
                    }
                }
            }
        }
    }
}

/// The points of a vector of segments at a step, and the mask of lanes that have a point.
#[inline(always)]
fn gather<C: Coordinate>(
    points: &[C::Packed],
    list: &[Signpost],
    segments: &[Segment],
    step: u32,
) -> ((C, C), Mask) {
    let mut packed = [&points[0]; MAX_WIDTH];
    let (mut active, mut negative) = (0, 0);
    for lane in 0..C::Base::WIDTH {
        let Segment { start, len, .. } = segments[lane];
        let is_active = step < len;
        let signpost = list[(start + if is_active { step } else { 0 }) as usize];
        packed[lane] = &points[signpost.index()];
        active |= (is_active as Mask) << lane;
        negative |= (signpost.is_negative() as Mask) << lane;
    }
    let (x, y) = C::gather(&packed);
    ((x, C::select(negative, y.neg(), y)), active)
}

/// Prefetches the points of the next step.
#[inline(always)]
fn prefetch_next<P>(points: &[P], list: &[Signpost], segments: &[Segment], step: u32) {
    for segment in segments {
        if step < segment.len {
            prefetch(&points[list[(segment.start + step) as usize].index()]);
        }
    }
}

/// Prefetches a value into the cache.
#[inline(always)]
fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..size_of::<T>().div_ceil(64) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch does not read and cannot fault; x86-64 includes SSE.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(value).cast::<i8>().wrapping_add(64 * line))
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
