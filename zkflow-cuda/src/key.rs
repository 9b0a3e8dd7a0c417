//! A key in the memory of a device, and the sums of a proof.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use ark_bn254::{Fr, g1, g2};
use rayon::prelude::*;
use zkflow_groth16::format::FormatError;
use zkflow_groth16::format::zkey::{EncodedKey, KeySection};
use zkflow_groth16::prove::assembly::Sums;

use crate::device::{Address, Buffer, Device, DeviceError, OwnStream, Staging};
use crate::msm::{Group, Lane, LaneSize, Scalars, Shape, SumBuffer, Table};
use crate::quotient::{Quotient, SCALAR, encoded};
use crate::threads::for_each;

/// Bytes uploaded at a time.
const PIECE: usize = 1 << 25;
/// Scalars copied, then uploaded, at a time.
const COPIED: usize = 1 << 16;
/// Proofs of one key that can be on the device at the same time: one computes while the other is uploaded or returned.
const IN_FLIGHT: usize = 2;

/// A key on a device.
#[derive(Debug)]
pub(crate) struct DeviceKey {
    device: Arc<dyn Device>,
    wires: usize,
    quotient: Quotient,
    of_a: Wires,
    of_b: Wires,
    of_c: Wires,
    a: Table<g1::Config>,
    b1: Table<g1::Config>,
    b2: Table<g2::Config>,
    c: Table<g1::Config>,
    h: Table<g1::Config>,
    spaces: Mutex<Spaces>,
    /// Bytes of the memory for one proof.
    space_bytes: usize,
    returned: Condvar,
}

/// Memory for proofs.
#[derive(Debug, Default)]
struct Spaces {
    free: Vec<Space>,
    made: usize,
}

/// A key cannot be put on a device.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl DeviceKey {
    /// Uploads a key whose points were checked. It takes about `room` bytes; with less than the points need, it takes
    /// what they need.
    pub(crate) fn upload(
        device: &Arc<dyn Device>,
        key: &EncodedKey<'_>,
        room: usize,
    ) -> Result<Self, UploadError> {
        let stream = OwnStream::new(device)?;
        let stream = stream.id();
        let (coefficients, _) = key.coefficients()?;
        let bits = key.head.domain_size.ilog2();
        let quotient = Quotient::new(device, stream, bits, &coefficients)?;
        drop(coefficients);
        let points = |section| Ok::<_, FormatError>(key.points_by(section, |bytes| Some(bytes.to_vec()))?.0);
        let section = |section: KeySection<ark_bn254::G1Affine>| points(section);
        let b2 = key.points_by(KeySection::B2, |bytes| Some(bytes.to_vec()))?.0;
        let (a, b1) = (section(KeySection::A)?, section(KeySection::B1)?);
        let (c, h) = (section(KeySection::C)?, section(KeySection::H)?);
        let present = |points: &[u8], size: usize| -> Vec<bool> {
            points.par_chunks_exact(size).map(|point| point.iter().any(|byte| *byte != 0)).collect()
        };
        let (in_g1, in_g2) = (g1::Config::AFFINE, g2::Config::AFFINE);
        let in_b: Vec<bool> = {
            let (one, other) = (present(&b1, in_g1), present(&b2, in_g2));
            one.iter().zip(&other).map(|(one, other)| one | other).collect()
        };
        let wires = key.head.n_vars as usize;
        let public = wires - c.len() / in_g1;
        let kept = |present: &[bool]| -> Vec<u32> {
            present.iter().zip(0..).filter_map(|(present, wire)| present.then_some(wire)).collect()
        };
        let (kept_a, kept_b, kept_c) = (kept(&present(&a, in_g1)), kept(&in_b), kept(&present(&c, in_g1)));
        let rows: Vec<u32> = (0..quotient.rows() as u32).collect();
        let in_a_or_c = kept_a.len() + kept_c.len();
        let plain = (in_a_or_c + kept_b.len() + rows.len()) * in_g1 + kept_b.len() * in_g2;
        // A level costs `plain` bytes; proofs need about as much as six levels of one group.
        let levels = (room.saturating_sub(quotient.bytes()) / plain.max(1)).saturating_sub(6).max(1) as u32;
        let shape = |kept: &[u32]| Shape::choose(kept.len(), levels);
        let g1 = |points: &[u8], kept: &[u32]| {
            Table::<g1::Config>::new(device, stream, shape(kept), kept.len(), pieces(points, in_g1, kept))
        };
        let mut key = Self {
            device: Arc::clone(device),
            wires,
            of_a: Wires::new(device, &kept_a, 0)?,
            of_b: Wires::new(device, &kept_b, 0)?,
            of_c: Wires::new(device, &kept_c, public as u32)?,
            a: g1(&a, &kept_a)?,
            b1: g1(&b1, &kept_b)?,
            b2: Table::new(device, stream, shape(&kept_b), kept_b.len(), pieces(&b2, in_g2, &kept_b))?,
            c: g1(&c, &kept_c)?,
            h: g1(&h, &rows)?,
            quotient,
            spaces: Mutex::default(),
            space_bytes: 0,
            returned: Condvar::new(),
        };
        // A key that is on the device can prove, even if other keys take the rest of the memory.
        let first = Space::new(&key)?;
        key.space_bytes = first.bytes();
        key.spaces = Mutex::new(Spaces { free: vec![first], made: 1 });
        Ok(key)
    }

    /// Bytes of the key on the device, with the memory for one proof.
    pub(crate) fn bytes(&self) -> usize {
        let Self { quotient, of_a, of_b, of_c, a, b1, b2, c, h, .. } = self;
        let tables = [(a, of_a.count), (b1, of_b.count), (c, of_c.count), (h, quotient.rows())];
        let in_g1: usize =
            tables.iter().map(|(table, count)| Table::<g1::Config>::bytes(*count, table.shape())).sum();
        in_g1 + Table::<g2::Config>::bytes(of_b.count, b2.shape()) + quotient.bytes() + self.space_bytes
    }

    /// The sums of a proof for a witness with as many wires as the key.
    pub(crate) fn sums(&self, witness: &[Fr]) -> Result<Sums, DeviceError> {
        assert_eq!(witness.len(), self.wires, "the witness must have the wires of the key");
        let mut space = self.space()?;
        let sums = space.sums(self, witness);
        let wiped = space.wipe();
        if sums.is_ok() && wiped.is_ok() {
            self.give_back(Some(space));
        } else {
            drop(space);
            self.give_back(None);
        }
        wiped.and(sums)
    }

    /// Waits for memory for a proof.
    fn space(&self) -> Result<Space, DeviceError> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(space) = spaces.free.pop() {
                return Ok(space);
            }
            if spaces.made < IN_FLIGHT {
                match Space::new(self) {
                    Ok(space) => {
                        spaces.made += 1;
                        return Ok(space);
                    }
                    Err(error) if spaces.made == 0 => return Err(error),
                    // The proofs under way return their memory.
                    Err(_) => (),
                }
            }
            spaces = self.returned.wait(spaces).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, space: Option<Space>) {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        match space {
            Some(space) => spaces.free.push(space),
            None => spaces.made -= 1,
        }
        self.returned.notify_one();
    }
}

/// The points of `kept`, in pieces.
fn pieces(points: &[u8], size: usize, kept: &[u32]) -> impl Iterator<Item = Vec<u8>> {
    kept.chunks(PIECE / size).map(move |kept| {
        let mut piece = vec![0; kept.len() * size];
        let places = piece.par_chunks_exact_mut(size).with_min_len(1 << 10);
        places.zip(kept).for_each(|(place, &i)| place.copy_from_slice(&points[i as usize * size..][..size]));
        piece
    })
}

/// The wires whose points are not infinity.
#[derive(Debug)]
struct Wires {
    indices: Buffer,
    count: usize,
}

impl Wires {
    /// Point i of `kept` belongs to wire `i + first`.
    fn new(device: &Arc<dyn Device>, kept: &[u32], first: u32) -> Result<Self, DeviceError> {
        let bytes: Vec<u8> = kept.iter().flat_map(|wire| (wire + first).to_le_bytes()).collect();
        let indices = Buffer::new(device, bytes.len())?;
        let stream = OwnStream::new(device)?;
        indices.write(stream.id(), 0, &bytes)?;
        Ok(Self { indices, count: kept.len() })
    }

    fn scalars(&self, witness: &Buffer) -> Scalars {
        Scalars { scalars: witness.address(), wires: self.indices.address(), count: self.count }
    }
}

/// Memory for one proof: on the host and on the device.
#[derive(Debug)]
struct Space {
    device: Arc<dyn Device>,
    staging: Staging,
    witness: Buffer,
    values: Buffer,
    products: Buffer,
    for_h: Lane,
    for_b: Lane,
    for_a_and_c: Lane,
    a: SumBuffer<g1::Config>,
    b1: SumBuffer<g1::Config>,
    b2: SumBuffer<g2::Config>,
    c: SumBuffer<g1::Config>,
    h: SumBuffer<g1::Config>,
}

impl Space {
    fn new(key: &DeviceKey) -> Result<Self, DeviceError> {
        let DeviceKey { device, quotient, a, b1, b2, c, h, of_a, of_b, of_c, .. } = key;
        let size = LaneSize::default();
        let size_h = size.with::<g1::Config>(&**device, h.shape(), quotient.rows());
        let size_b = size.with::<g2::Config>(&**device, b2.shape(), of_b.count);
        let size_a_and_c = size.with::<g1::Config>(&**device, a.shape(), of_a.count).with::<g1::Config>(
            &**device,
            c.shape(),
            of_c.count,
        );
        Ok(Self {
            device: Arc::clone(device),
            staging: Staging::new(device, key.wires * SCALAR)?,
            witness: Buffer::new(device, key.wires * SCALAR)?,
            values: Buffer::new(device, 3 * quotient.rows() * SCALAR)?,
            products: Buffer::new(device, quotient.pieces() * SCALAR)?,
            for_h: Lane::new(device, size_h)?,
            for_b: Lane::new(device, size_b)?,
            for_a_and_c: Lane::new(device, size_a_and_c)?,
            a: SumBuffer::new(device, a.shape())?,
            b1: SumBuffer::new(device, b1.shape())?,
            b2: SumBuffer::new(device, b2.shape())?,
            c: SumBuffer::new(device, c.shape())?,
            h: SumBuffer::new(device, h.shape())?,
        })
    }

    fn sums(&mut self, key: &DeviceKey, witness: &[Fr]) -> Result<Sums, DeviceError> {
        let queued = self.queue(key, witness);
        let results = queued.and_then(|()| {
            let Self { a, b1, b2, c, h, for_a_and_c, for_b, for_h, .. } = &*self;
            let (b2, b1) = (b2.read(for_b.stream())?, b1.read(for_b.stream())?);
            let (a, c) = (a.read(for_a_and_c.stream())?, c.read(for_a_and_c.stream())?);
            Ok(Sums { a, b1, b2, c: c + h.read(for_h.stream())? })
        });
        // The device must not read the staging memory any more when it is overwritten.
        let finished = self.lanes().into_iter().try_for_each(|lane| self.device.finish(lane.stream()));
        let results = finished.and(results);
        self.staging.wipe();
        results
    }

    /// Queues all work. The largest sum comes first.
    fn queue(&mut self, key: &DeviceKey, witness: &[Fr]) -> Result<(), DeviceError> {
        self.upload(witness)?;
        let Self { device, for_h, for_b, for_a_and_c, .. } = &*self;
        device.follow(for_b.stream(), for_h.stream())?;
        device.follow(for_a_and_c.stream(), for_h.stream())?;
        for_b.sort(key.of_b.scalars(&self.witness), key.b2.shape())?;
        for_b.sum(&key.b2, &self.b2)?;
        key.quotient.values(device, for_h.stream(), self.witness.address(), &self.values, &self.products)?;
        let quotient =
            Scalars { scalars: self.values.address(), wires: Address::NULL, count: key.quotient.rows() };
        for_h.sort(quotient, key.h.shape())?;
        for_h.sum(&key.h, &self.h)?;
        for_a_and_c.sort(key.of_a.scalars(&self.witness), key.a.shape())?;
        for_a_and_c.sum(&key.a, &self.a)?;
        for_b.sum(&key.b1, &self.b1)?;
        for_a_and_c.sort(key.of_c.scalars(&self.witness), key.c.shape())?;
        for_a_and_c.sum(&key.c, &self.c)
    }

    /// Copies the witness to the device, piece by piece: while some are uploaded, others are copied.
    fn upload(&mut self, witness: &[Fr]) -> Result<(), DeviceError> {
        let Self { device, staging, witness: to, for_h, .. } = self;
        let pieces = staging.bytes().chunks_mut(COPIED * SCALAR).zip(witness.chunks(COPIED)).enumerate();
        for_each(pieces, |(number, (piece, values))| {
            for (place, value) in piece.as_chunks_mut::<SCALAR>().0.iter_mut().zip(values) {
                *place = encoded(value);
            }
            let to = to.address().at(number * COPIED * SCALAR);
            // SAFETY: the staging memory is not changed before the stream is done, see `sums`.
            unsafe { device.write(for_h.stream(), to, piece) }
        })
    }

    /// Bytes on the device, but for the few of the results.
    fn bytes(&self) -> usize {
        let buffers = [&self.witness, &self.values, &self.products].map(Buffer::bytes);
        buffers.iter().sum::<usize>() + self.lanes().map(Lane::bytes).iter().sum::<usize>()
    }

    fn lanes(&self) -> [&Lane; 3] {
        [&self.for_h, &self.for_b, &self.for_a_and_c]
    }

    /// Overwrites everything that depends on the witness; the next proof in this memory waits for it.
    fn wipe(&self) -> Result<(), DeviceError> {
        let Self { witness, values, products, for_h, for_b, for_a_and_c, .. } = self;
        let stream = for_h.stream();
        [witness, values, products]
            .into_iter()
            .try_for_each(|buffer| buffer.clear(stream, buffer.bytes()))?;
        self.lanes().into_iter().try_for_each(Lane::wipe)?;
        self.a.wipe(for_a_and_c.stream())?;
        self.c.wipe(for_a_and_c.stream())?;
        self.b1.wipe(for_b.stream())?;
        self.b2.wipe(for_b.stream())?;
        self.h.wipe(stream)?;
        Ok(())
    }
}
