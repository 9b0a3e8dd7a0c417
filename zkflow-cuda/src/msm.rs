//! Multi-scalar multiplication: sums of points times scalars, over the points of a key.
//!
//! A scalar is cut into signed digits of `window` bits. Each digit puts its point into the bucket of its magnitude; the
//! sum of the buckets, weighted by magnitude, is the result. The table of a key has 2^(window groups l) times each
//! point on level l, so that digits of different levels share the buckets of a group. With a level for each digit, there
//! is one group.
//!
//! See `kernels/sort.cu` and `kernels/sums.cu` for the work on the device.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use ark_bn254::{Fq, Fq2, g1, g2};
use ark_ec::short_weierstrass::{Projective, SWCurveConfig};
use ark_ff::{AdditiveGroup, Field, Zero};

use crate::device::{Address, Argument, Buffer, Device, DeviceError, Launch, OwnStream, Stream};

/// Bits of the magnitude of a scalar of least magnitude, and the carry of its last digit.
const SCALAR_BITS: u32 = 254;

/// A group of the curve, as the kernels know it.
pub(crate) trait Group: SWCurveConfig {
    /// Bytes of a point by its coordinates.
    const AFFINE: usize;
    /// Bytes of a point in the coordinates of a sum.
    const XYZZ: usize = 2 * Self::AFFINE;
    /// Blocks of a kernel of sums on each multiprocessor.
    const BLOCKS: u32;
    /// The kernels for this group.
    const KERNELS: Kernels;

    /// Reads a coordinate at the front of `bytes`.
    fn coordinate(bytes: &[u8]) -> Self::BaseField;
}

/// Names of the kernels of a group.
#[derive(Debug)]
pub(crate) struct Kernels {
    accumulate: &'static str,
    join: &'static str,
    finish: &'static str,
    fold: &'static str,
    reduce: &'static str,
    multiply_by_power: &'static str,
    divide: &'static str,
}

impl Group for g1::Config {
    const AFFINE: usize = 64;
    const BLOCKS: u32 = 4;
    const KERNELS: Kernels = Kernels {
        accumulate: "accumulate_g1",
        join: "join_g1",
        finish: "finish_g1",
        fold: "fold_g1",
        reduce: "reduce_g1",
        multiply_by_power: "multiply_by_power_g1",
        divide: "divide_g1",
    };

    fn coordinate(bytes: &[u8]) -> Fq {
        let (words, _) = bytes.as_chunks::<8>();
        Fq::new_unchecked(ark_ff::BigInt([0, 1, 2, 3].map(|i: usize| u64::from_le_bytes(words[i]))))
    }
}

impl Group for g2::Config {
    const AFFINE: usize = 128;
    const BLOCKS: u32 = 2;
    const KERNELS: Kernels = Kernels {
        accumulate: "accumulate_g2",
        join: "join_g2",
        finish: "finish_g2",
        fold: "fold_g2",
        reduce: "reduce_g2",
        multiply_by_power: "multiply_by_power_g2",
        divide: "divide_g2",
    };

    fn coordinate(bytes: &[u8]) -> Fq2 {
        Fq2::new(g1::Config::coordinate(bytes), g1::Config::coordinate(&bytes[32..]))
    }
}

/// Threads of a block of the kernels of sums.
const BLOCK: u32 = 128;
/// Threads of a block of the other kernels.
pub(crate) const WIDE_BLOCK: u32 = 256;
/// Counts that a block sums.
const SUMMED: u32 = 4096;
/// Heads that a thread joins in one round.
const JOINED: u32 = 2;
/// Points that a block reduces.
const REDUCED: u32 = 256;

/// How scalars are cut and points are tabulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bits of a digit.
    pub(crate) window: u32,
    /// Digits of a scalar.
    pub(crate) digits: u32,
    /// Levels of the table.
    pub(crate) levels: u32,
}

impl Shape {
    /// The shape with the fewest multiplications for `points` points whose tables have at most `levels` levels.
    pub(crate) fn choose(points: usize, levels: u32) -> Self {
        // The kernels have 31 bits for the index of a point in the table.
        let levels = levels.min(((1usize << 31) / points.max(1)) as u32);
        let shape = |window: u32| {
            let digits = SCALAR_BITS.div_ceil(window);
            Self { window, digits, levels: levels.clamp(1, digits) }.balanced()
        };
        // An addition to a bucket costs 10 multiplications, and a bucket of the weighted sum 2 additions of 14.
        let cost = |shape: &Self| {
            let additions = points as u64 * u64::from(shape.digits);
            additions * 10 + u64::from(shape.buckets()) * 28
        };
        // More than 2^16 sums of a group do not fit into two reductions.
        (4..=22).map(shape).min_by_key(cost).expect("the range is not empty")
    }

    /// The same number of groups with the fewest levels.
    fn balanced(self) -> Self {
        Self { levels: self.digits.div_ceil(self.groups()), ..self }
    }

    /// Sets of buckets.
    pub(crate) fn groups(self) -> u32 {
        self.digits.div_ceil(self.levels)
    }

    /// Buckets of all groups.
    pub(crate) fn buckets(self) -> u32 {
        self.groups() << (self.window - 1)
    }

    fn buckets_of_group(self) -> u32 {
        1 << (self.window - 1)
    }

    /// Buckets that one thread folds: enough threads to fill a device, and at most 2^16 sums of a group.
    fn run(self) -> u32 {
        (self.buckets() / (1 << 15))
            .next_power_of_two()
            .max(self.buckets_of_group() >> 16)
            .clamp(1, self.buckets_of_group())
    }

    fn cut(self) -> [u32; 3] {
        [self.window, self.digits, self.groups()]
    }
}

/// The table of a key's points on the device.
pub(crate) struct Table<C> {
    points: Buffer,
    shape: Shape,
    group: PhantomData<fn() -> C>,
}

impl<C: Group> Table<C> {
    /// Bytes of the table of so many points.
    pub(crate) fn bytes(points: usize, shape: Shape) -> usize {
        points * shape.levels as usize * C::AFFINE
    }

    /// Computes the levels above `points`, which are uploaded piece by piece; infinity is (0, 0).
    pub(crate) fn new(
        device: &Arc<dyn Device>,
        stream: Stream,
        shape: Shape,
        count: usize,
        pieces: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Self, DeviceError> {
        let points = Buffer::new(device, Self::bytes(count, shape))?;
        let mut offset = 0;
        for piece in pieces {
            points.write(stream, offset, &piece)?;
            offset += piece.len();
        }
        assert_eq!(offset, count * C::AFFINE, "the pieces must be all points");
        let level = count * C::AFFINE;
        let doubled = Buffer::new(device, count * C::XYZZ)?;
        let doublings = shape.window * shape.groups();
        for number in 1..shape.levels as usize {
            let before = points.address().at((number - 1) * level);
            let arguments =
                [before.into(), (count as u32).into(), doublings.into(), doubled.address().into()];
            run(device, stream, C::KERNELS.multiply_by_power, count as u32, BLOCK, &arguments)?;
            let after = points.address().at(number * level);
            let arguments = [doubled.address().into(), (count as u32).into(), after.into()];
            run(device, stream, C::KERNELS.divide, (count as u32).div_ceil(16), BLOCK, &arguments)?;
        }
        device.finish(stream)?;
        Ok(Self { points, shape, group: PhantomData })
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }
}

/// Launches a kernel with one thread for each of `count` items, in whole blocks.
pub(crate) fn run(
    device: &Arc<dyn Device>,
    stream: Stream,
    kernel: &'static str,
    count: u32,
    block: u32,
    arguments: &[Argument],
) -> Result<(), DeviceError> {
    if count == 0 {
        return Ok(());
    }
    let launch = Launch { kernel, grid: [count.div_ceil(block), 1], block, shared: 0, arguments };
    // SAFETY: callers pass the arguments of the kernel, with memory for `count` items.
    unsafe { device.launch(stream, &launch) }
}

/// Scalars on the device: those at `scalars`, or, with `wires`, the scalars of these wires.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalars {
    pub(crate) scalars: Address,
    pub(crate) wires: Address,
    pub(crate) count: usize,
}

/// The largest sums that a lane computes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LaneSize {
    /// Digits of all scalars.
    digits: usize,
    /// Buckets.
    buckets: usize,
    /// Bytes of all buckets.
    bucket_bytes: usize,
    /// Bytes of the sums that go from one round to the next.
    sum_bytes: usize,
    /// Bytes of the parts of buckets.
    part_bytes: usize,
}

impl LaneSize {
    /// The size that also has room for `count` points of a group.
    #[must_use]
    pub(crate) fn with<C: Group>(self, device: &dyn Device, shape: Shape, count: usize) -> Self {
        let buckets = shape.buckets() as usize;
        let sums = 2 * buckets / shape.run() as usize;
        Self {
            digits: self.digits.max(count * shape.digits as usize),
            buckets: self.buckets.max(buckets),
            bucket_bytes: self.bucket_bytes.max(buckets * C::XYZZ),
            sum_bytes: self.sum_bytes.max(sums * C::XYZZ),
            part_bytes: self.part_bytes.max(threads::<C>(device) as usize * C::XYZZ),
        }
    }
}

/// Threads of a kernel of sums: as many as run at the same time.
fn threads<C: Group>(device: &dyn Device) -> u32 {
    device.multiprocessors() * C::BLOCKS * BLOCK
}

/// A stream with memory for one multi-scalar multiplication at a time.
#[derive(Debug)]
pub(crate) struct Lane {
    device: Arc<dyn Device>,
    stream: OwnStream,
    counts: Buffer,
    offsets: Buffer,
    totals: Buffer,
    ranks: Buffer,
    entries: Buffer,
    buckets: Buffer,
    heads: Buffer,
    tails: Buffer,
    sums: Buffer,
    reduced: Buffer,
}

impl Lane {
    pub(crate) fn new(device: &Arc<dyn Device>, size: LaneSize) -> Result<Self, DeviceError> {
        let new = |bytes| Buffer::new(device, bytes);
        let word = size_of::<u32>();
        Ok(Self {
            stream: OwnStream::new(device)?,
            counts: new(size.buckets * word)?,
            offsets: new((size.buckets + 1) * word)?,
            totals: new((size.buckets / SUMMED as usize + 1) * word)?,
            ranks: new(size.digits * word)?,
            entries: new(size.digits * 2 * word)?,
            buckets: new(size.bucket_bytes)?,
            heads: new(size.part_bytes)?,
            tails: new(size.part_bytes)?,
            sums: new(size.sum_bytes)?,
            reduced: new(size.sum_bytes)?,
            device: Arc::clone(device),
        })
    }

    pub(crate) fn stream(&self) -> Stream {
        self.stream.id()
    }

    /// Bytes of the memory.
    pub(crate) fn bytes(&self) -> usize {
        self.buffers().map(Buffer::bytes).iter().sum()
    }

    fn buffers(&self) -> [&Buffer; 10] {
        let Self { counts, offsets, totals, ranks, entries, buckets, heads, tails, sums, reduced, .. } = self;
        [counts, offsets, totals, ranks, entries, buckets, heads, tails, sums, reduced]
    }

    /// Fills the memory with zeros.
    pub(crate) fn wipe(&self) -> Result<(), DeviceError> {
        self.buffers().into_iter().try_for_each(|buffer| buffer.clear(self.stream(), buffer.bytes()))
    }

    /// Sorts the digits of scalars for [`sum`](Self::sum)s over points of this shape.
    pub(crate) fn sort(&self, scalars: Scalars, shape: Shape) -> Result<(), DeviceError> {
        let Scalars { scalars, wires, count } = scalars;
        let (stream, buckets, count) = (self.stream(), shape.buckets(), count as u32);
        self.counts.clear(stream, buckets as usize * size_of::<u32>())?;
        let scalars = [scalars.into(), wires.into(), count.into(), shape.cut().into()];
        let [counts, ranks] = [&self.counts, &self.ranks].map(|buffer| buffer.address().into());
        let [offsets, totals] = [&self.offsets, &self.totals].map(|buffer| buffer.address().into());
        let run = |kernel, items, arguments: &[Argument]| {
            run(&self.device, stream, kernel, items, WIDE_BLOCK, arguments)
        };
        run("count_digits", count, &[&scalars[..], &[counts, ranks]].concat())?;
        let blocks = |items: u32| items.div_ceil(SUMMED) * WIDE_BLOCK;
        run("sum_counts", blocks(buckets), &[counts, buckets.into(), totals])?;
        run("sum_offsets", blocks(buckets + 1), &[counts, buckets.into(), totals, offsets])?;
        let entries = self.entries.address().into();
        run("place_digits", count, &[&scalars[..], &[offsets, ranks, entries]].concat())
    }

    /// Sums points times the scalars that were sorted.
    pub(crate) fn sum<C: Group>(&self, table: &Table<C>, result: &SumBuffer<C>) -> Result<(), DeviceError> {
        let (device, stream, shape) = (&self.device, self.stream(), table.shape);
        let Kernels { accumulate, join, finish, fold, .. } = C::KERNELS;
        let buckets = shape.buckets();
        let address = |buffer: &Buffer| Argument::from(buffer.address());
        let (entries, offsets) = (address(&self.entries), address(&self.offsets));
        let total = Argument::from(self.offsets.address().at(buckets as usize * size_of::<u32>()));
        let [points, in_buckets, heads, tails] =
            [&table.points, &self.buckets, &self.heads, &self.tails].map(address);
        self.buckets.clear(stream, buckets as usize * C::XYZZ)?;
        let threads = threads::<C>(&**device);
        let run =
            |kernel, items, arguments: &[Argument]| run(device, stream, kernel, items, BLOCK, arguments);
        run(accumulate, threads, &[points, entries, total, in_buckets, heads, tails])?;
        let mut stride = 1;
        while stride < threads {
            run(join, threads, &[entries, total, offsets, stride.into(), heads])?;
            stride *= JOINED;
        }
        run(finish, threads, &[entries, total, offsets, heads, tails, in_buckets])?;
        let sums = buckets / shape.run();
        let weighted = Argument::from(self.sums.address().at(sums as usize * C::XYZZ));
        run(fold, sums, &[in_buckets, buckets.into(), shape.run().into(), address(&self.sums), weighted])?;
        let plan = Plan::of(shape);
        self.reduce::<C>(self.sums.address(), plan.first, self.reduced.address())?;
        self.reduce::<C>(self.reduced.address(), plan.second, result.points.address())
    }

    /// Reduces arrays of points.
    fn reduce<C: Group>(&self, points: Address, arrays: Arrays, to: Address) -> Result<(), DeviceError> {
        let Arrays { number, weighted, length } = arrays;
        let arguments = [points.into(), length.into(), weighted.into(), to.into()];
        let launch = Launch {
            kernel: C::KERNELS.reduce,
            grid: [number, 1],
            block: REDUCED,
            shared: length * C::XYZZ as u32,
            arguments: &arguments,
        };
        // SAFETY: these are the kernel's arguments; `SumBuffer` and `LaneSize` have room for all outputs.
        unsafe { self.device.launch(self.stream(), &launch) }
    }
}

/// Arrays of points that are reduced: the first ones are weighted by index.
#[derive(Debug, Clone, Copy)]
struct Arrays {
    number: u32,
    weighted: u32,
    length: u32,
}

impl Arrays {
    /// Outputs of a weighted array: the sum of all points, and a sum for each bit of the index.
    fn kinds(self) -> u32 {
        1 + self.length.ilog2()
    }

    fn outputs(self) -> u32 {
        self.kinds() * self.weighted + self.number - self.weighted
    }
}

/// The two reductions after the buckets are folded.
///
/// Sum t of a group stands for the buckets from `run t` on, so it is weighted by `run t`. In the first reduction, block
/// b has the sums at t = b length + i: it returns their total, and the sum for each bit of i. The second one weighs the
/// totals by b, and adds up everything else.
struct Plan {
    first: Arrays,
    second: Arrays,
}

impl Plan {
    fn of(shape: Shape) -> Self {
        let sums_of_group = shape.buckets_of_group() / shape.run();
        let length = sums_of_group.min(REDUCED);
        let blocks = sums_of_group / length;
        let arrays = shape.groups() * blocks;
        let first = Arrays { number: 2 * arrays, weighted: arrays, length };
        // Totals, a sum for each bit, and the sums that `fold` has weighted.
        let kinds = first.kinds() + 1;
        let second = Arrays { number: kinds * shape.groups(), weighted: shape.groups(), length: blocks };
        Self { first, second }
    }
}

/// Memory for the parts of one sum, which the host adds up.
pub(crate) struct SumBuffer<C> {
    points: Buffer,
    shape: Shape,
    group: PhantomData<fn() -> C>,
}

impl<C: Group> SumBuffer<C> {
    pub(crate) fn new(device: &Arc<dyn Device>, shape: Shape) -> Result<Self, DeviceError> {
        let outputs = Plan::of(shape).second.outputs() as usize;
        Ok(Self { points: Buffer::new(device, outputs * C::XYZZ)?, shape, group: PhantomData })
    }

    pub(crate) fn wipe(&self, stream: Stream) -> Result<(), DeviceError> {
        self.points.clear(stream, self.points.bytes())
    }

    /// Reads the parts and adds them up. The result is on the curve only if the device made no fault.
    pub(crate) fn read(&self, stream: Stream) -> Result<Projective<C>, DeviceError> {
        let mut bytes = vec![0; self.points.bytes()];
        self.points.read(stream, 0, &mut bytes)?;
        let parts: Vec<_> = bytes.chunks_exact(C::XYZZ).map(jacobian::<C>).collect();
        let (shape, Plan { first, second }) = (self.shape, Plan::of(self.shape));
        let groups = shape.groups() as usize;
        let (of_totals, rest) = parts.split_at(second.kinds() as usize * groups);
        // Outputs 1.. of a weighted array weigh by index.
        let by_bits = |outputs: &[Projective<C>], group: usize| {
            let bits = outputs.chunks_exact(groups).map(|output| output[group]);
            bits.rev().fold(Projective::zero(), |sum, bit| sum.double() + bit)
        };
        let bits = first.kinds() as usize - 1;
        let sum_of_group = |group: usize| {
            let (in_blocks, weighted) = rest.split_at(bits * groups);
            let blocks = double(by_bits(&of_totals[groups..], group), first.length.ilog2());
            double(by_bits(in_blocks, group) + blocks, shape.run().ilog2()) + weighted[group]
        };
        let groups = (0..groups).rev();
        Ok(groups.fold(Projective::zero(), |sum, group| double(sum, shape.window) + sum_of_group(group)))
    }
}

/// 2^times the point.
fn double<C: Group>(point: Projective<C>, times: u32) -> Projective<C> {
    (0..times).fold(point, |point, _| point.double())
}

/// A point in the coordinates of a sum, x = X / ZZ and y = Y / ZZZ with ZZ^3 = ZZZ^2, in Jacobian coordinates with
/// Z = ZZZ.
fn jacobian<C: Group>(bytes: &[u8]) -> Projective<C> {
    let size = C::AFFINE / 2;
    let [x, y, zz, zzz] = [0, 1, 2, 3].map(|i| C::coordinate(&bytes[i * size..]));
    if zz.is_zero() {
        return Projective::ZERO;
    }
    Projective::new_unchecked(x * zz.square(), y * zzz.square(), zzz)
}

impl<C> fmt::Debug for Table<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?}, {:?})", self.shape, self.points)
    }
}

impl<C> fmt::Debug for SumBuffer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SumBuffer({:?})", self.shape)
    }
}
