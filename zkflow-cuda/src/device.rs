//! What the prover needs of a device: memory, copies and launches of kernels, in the order of streams.
//!
//! `cuda` is a GPU. In tests, `emulated` runs the same kernels on the processor.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use ark_bn254::Fr;

use crate::threads::for_each;

pub(crate) mod cuda;
#[cfg(test)]
pub(crate) mod emulated;

/// An address in the memory of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) u64);

impl Address {
    pub(crate) const NULL: Self = Self(0);

    /// The address of the byte at `offset`.
    pub(crate) fn at(self, offset: usize) -> Self {
        Self(self.0 + offset as u64)
    }
}

/// A queue of work: it runs in order, beside the work of other streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream(pub(crate) usize);

/// A device that runs the kernels of this crate.
///
/// Work is queued: a call returns before its work is done, unless it says otherwise.
pub(crate) trait Device: fmt::Debug + Send + Sync {
    /// Name of the model.
    fn model(&self) -> &str;

    /// Number of multiprocessors.
    fn multiprocessors(&self) -> u32;

    /// Free memory in bytes.
    fn free_bytes(&self) -> Result<usize, DeviceError>;

    /// Allocates memory; its content is arbitrary.
    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError>;

    /// Waits for the device and frees memory of [`allocate`](Self::allocate).
    fn free(&self, address: Address);

    /// Allocates memory of the host that the device reads directly.
    fn allocate_on_host(&self, bytes: usize) -> Result<*mut u8, DeviceError>;

    /// Frees memory of [`allocate_on_host`](Self::allocate_on_host).
    fn free_on_host(&self, memory: *mut u8);

    /// Creates a stream.
    fn open_stream(&self) -> Result<Stream, DeviceError>;

    /// Ends a stream.
    fn close_stream(&self, stream: Stream);

    /// Copies bytes to the device.
    ///
    /// # Safety
    /// `from` stays as it is until the stream has done the copy, and the memory at `to` is large enough.
    unsafe fn write(&self, stream: Stream, to: Address, from: &[u8]) -> Result<(), DeviceError>;

    /// Copies bytes from the device, and waits until the stream is done.
    ///
    /// # Safety
    /// The memory at `from` is large enough.
    unsafe fn read(&self, stream: Stream, from: Address, to: &mut [u8]) -> Result<(), DeviceError>;

    /// Fills memory with zeros.
    ///
    /// # Safety
    /// The memory at `at` is large enough.
    unsafe fn clear(&self, stream: Stream, at: Address, bytes: usize) -> Result<(), DeviceError>;

    /// Runs a kernel.
    ///
    /// # Safety
    /// The arguments are those of the kernel, and their memory is as large as the kernel expects.
    unsafe fn launch(&self, stream: Stream, launch: &Launch<'_>) -> Result<(), DeviceError>;

    /// Lets `stream` wait for the work that is queued on `other` now.
    fn follow(&self, stream: Stream, other: Stream) -> Result<(), DeviceError>;

    /// Waits until a stream is done.
    fn finish(&self, stream: Stream) -> Result<(), DeviceError>;
}

/// A kernel with its arguments.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// Name of the kernel.
    pub(crate) kernel: &'static str,
    /// Columns and rows of the grid, in blocks.
    pub(crate) grid: [u32; 2],
    /// Threads of a block.
    pub(crate) block: u32,
    /// Bytes of dynamic shared memory.
    pub(crate) shared: u32,
    /// The arguments.
    pub(crate) arguments: &'a [Argument],
}

/// The bytes of an argument of a kernel.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Argument([u8; 32]);

impl Argument {
    fn of(bytes: &[u8]) -> Self {
        let mut argument = [0; 32];
        argument[..bytes.len()].copy_from_slice(bytes);
        Self(argument)
    }

    /// The argument's place in memory.
    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }
}

impl fmt::Debug for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argument")
    }
}

impl From<Address> for Argument {
    fn from(Address(address): Address) -> Self {
        Self::of(&address.to_le_bytes())
    }
}

impl From<u32> for Argument {
    fn from(number: u32) -> Self {
        Self::of(&number.to_le_bytes())
    }
}

impl From<[u32; 3]> for Argument {
    fn from(numbers: [u32; 3]) -> Self {
        Self::of(&numbers.map(u32::to_le_bytes).concat())
    }
}

impl From<Fr> for Argument {
    fn from(value: Fr) -> Self {
        Self::of(&value.0.0.map(u64::to_le_bytes).concat())
    }
}

/// Memory of a device, freed on drop.
pub(crate) struct Buffer {
    device: Arc<dyn Device>,
    address: Address,
    bytes: usize,
}

impl Buffer {
    /// Allocates memory, at least one byte.
    pub(crate) fn new(device: &Arc<dyn Device>, bytes: usize) -> Result<Self, DeviceError> {
        let address = device.allocate(bytes.max(1))?;
        Ok(Self { device: Arc::clone(device), address, bytes })
    }

    pub(crate) fn address(&self) -> Address {
        self.address
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Copies bytes to the front of the buffer.
    ///
    /// # Panics
    /// Panics if the bytes do not fit.
    pub(crate) fn write(&self, stream: Stream, offset: usize, from: &[u8]) -> Result<(), DeviceError> {
        assert!(offset + from.len() <= self.bytes, "the bytes do not fit into the buffer");
        // SAFETY: the bytes fit, and they stay borrowed until the stream is done.
        unsafe { self.device.write(stream, self.address.at(offset), from)? };
        self.device.finish(stream)
    }

    /// Reads the bytes at `offset`, and waits until the stream is done.
    ///
    /// # Panics
    /// Panics if the buffer has fewer bytes.
    pub(crate) fn read(&self, stream: Stream, offset: usize, to: &mut [u8]) -> Result<(), DeviceError> {
        assert!(offset + to.len() <= self.bytes, "the buffer has fewer bytes");
        // SAFETY: the buffer has these bytes.
        unsafe { self.device.read(stream, self.address.at(offset), to) }
    }

    /// Fills the first bytes with zeros.
    ///
    /// # Panics
    /// Panics if the buffer has fewer bytes.
    pub(crate) fn clear(&self, stream: Stream, bytes: usize) -> Result<(), DeviceError> {
        assert!(bytes <= self.bytes, "the buffer has fewer bytes");
        // SAFETY: the buffer has these bytes.
        unsafe { self.device.clear(stream, self.address, bytes) }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.device.free(self.address);
    }
}

/// A stream, ended on drop.
#[derive(Debug)]
pub(crate) struct OwnStream {
    device: Arc<dyn Device>,
    stream: Stream,
}

impl OwnStream {
    pub(crate) fn new(device: &Arc<dyn Device>) -> Result<Self, DeviceError> {
        let stream = device.open_stream()?;
        Ok(Self { device: Arc::clone(device), stream })
    }

    pub(crate) fn id(&self) -> Stream {
        self.stream
    }
}

impl Drop for OwnStream {
    fn drop(&mut self) {
        self.device.close_stream(self.stream);
    }
}

/// Memory of the host from which the device copies directly. For secrets: zeroised on drop.
pub(crate) struct Staging {
    device: Arc<dyn Device>,
    memory: *mut u8,
    bytes: usize,
}

// SAFETY: the memory belongs to this value alone.
unsafe impl Send for Staging {}
// SAFETY: shared references give only shared access to the memory.
unsafe impl Sync for Staging {}

impl Staging {
    pub(crate) fn new(device: &Arc<dyn Device>, bytes: usize) -> Result<Self, DeviceError> {
        let memory = device.allocate_on_host(bytes.max(1))?;
        // SAFETY: the memory has this many bytes, and this makes them all initialised.
        unsafe { memory.write_bytes(0, bytes.max(1)) };
        Ok(Self { device: Arc::clone(device), memory, bytes })
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the memory has this many initialised bytes, borrowed from `self`.
        unsafe { std::slice::from_raw_parts_mut(self.memory, self.bytes) }
    }
}

impl Staging {
    /// Overwrites the memory. The driver of the device can read it, so the compiler cannot leave this out.
    pub(crate) fn wipe(&mut self) {
        let wiped: Result<(), Infallible> = for_each(self.bytes().chunks_mut(1 << 22), |piece| {
            piece.fill(0);
            Ok(())
        });
        let Ok(()) = wiped;
    }
}

impl fmt::Debug for Staging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Staging({} bytes)", self.bytes)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.wipe();
        self.device.free_on_host(self.memory);
    }
}

/// The device cannot do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The driver of the GPU is not installed.
    #[error("no driver for NVIDIA GPUs is installed")]
    NoDriver,
    /// There is no GPU with this number.
    #[error("there is no NVIDIA GPU with the number {number}; GPUs found: {found}")]
    NoDevice {
        /// The number, from 0.
        number: u32,
        /// Number of GPUs.
        found: u32,
    },
    /// The GPU is older than the kernels.
    #[error("the GPU {model} has compute capability {}.{}; 8.0 or later is needed", .capability[0], .capability[1])]
    TooOld {
        /// Name of the model.
        model: String,
        /// Compute capability, major and minor.
        capability: [u32; 2],
    },
    /// The memory of the GPU is full.
    #[error("the memory of the GPU is full: {bytes} bytes were asked for")]
    Memory {
        /// The bytes that were asked for.
        bytes: usize,
    },
    /// The driver reported an error.
    #[error("the GPU failed while it was asked to {doing}: {detail}")]
    Failed {
        /// What the GPU was asked to do.
        doing: &'static str,
        /// The driver's description.
        detail: String,
    },
}
