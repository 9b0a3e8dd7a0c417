//! A device that runs the kernels on the processor, compiled by the C++ compiler.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use libloading::{Library, Symbol};

use super::{Address, Device, DeviceError, Launch, Stream};

/// The kernels, compiled once for each process.
pub(crate) static KERNELS: LazyLock<Library> = LazyLock::new(|| {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("kernels/emulate.cpp");
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("kernels.so");
    let flags = ["-O2", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"];
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let status = Command::new(compiler).args(flags).arg(&library).arg(source).status();
    assert!(status.expect("a C++ compiler must be installed").success(), "the kernels do not compile");
    // SAFETY: the library has no initialisers.
    unsafe { Library::new(library) }.unwrap()
});

/// The processor as a device. Memory that is not freed is counted.
#[derive(Debug, Default)]
pub(crate) struct Emulated {
    pub(crate) blocks: Mutex<Vec<Vec<u128>>>,
    /// Kernels that were launched.
    pub(crate) launched: AtomicUsize,
    /// After this many launches, every launch fails.
    pub(crate) launches: Mutex<Option<usize>>,
    /// Bytes that can be allocated.
    pub(crate) most: Option<usize>,
    /// Changes bits of what is read.
    pub(crate) wrong: bool,
}

type Run = unsafe extern "C" fn(*const u32, *const *const u8);

impl Emulated {
    /// True if a byte of memory that is allocated is not zero.
    pub(crate) fn holds_data(&self) -> bool {
        self.blocks.lock().unwrap().iter().flatten().any(|word| *word != 0)
    }

    fn used(blocks: &[Vec<u128>]) -> usize {
        blocks.iter().map(|block| block.len() * 16).sum()
    }
}

impl Device for Emulated {
    fn model(&self) -> &str {
        "emulated"
    }

    fn multiprocessors(&self) -> u32 {
        1
    }

    fn free_bytes(&self) -> Result<usize, DeviceError> {
        let used = Self::used(&self.blocks.lock().unwrap());
        Ok(self.most.unwrap_or(1 << 32).saturating_sub(used))
    }

    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError> {
        if bytes > self.free_bytes()? {
            return Err(DeviceError::Memory { bytes });
        }
        // What a kernel does not write must not look like a result.
        let mut block = vec![u128::MAX; bytes / 16];
        block.resize(bytes.div_ceil(16), 0);
        let address = Address(block.as_mut_ptr().expose_provenance() as u64);
        self.blocks.lock().unwrap().push(block);
        Ok(address)
    }

    fn free(&self, Address(address): Address) {
        self.blocks.lock().unwrap().retain(|block| block.as_ptr().addr() as u64 != address);
    }

    fn allocate_on_host(&self, bytes: usize) -> Result<*mut u8, DeviceError> {
        Ok(Box::leak(vec![0u8; bytes].into_boxed_slice()).as_mut_ptr())
    }

    fn free_on_host(&self, _: *mut u8) {}

    fn open_stream(&self) -> Result<Stream, DeviceError> {
        Ok(Stream(0))
    }

    fn close_stream(&self, _: Stream) {}

    unsafe fn write(&self, _: Stream, to: Address, from: &[u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { memory(to).copy_from(from.as_ptr(), from.len()) };
        Ok(())
    }

    unsafe fn read(&self, _: Stream, from: Address, to: &mut [u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { memory(from).copy_to(to.as_mut_ptr(), to.len()) };
        if self.wrong {
            to.iter_mut().step_by(64).for_each(|byte| *byte ^= 1);
        }
        Ok(())
    }

    unsafe fn clear(&self, _: Stream, at: Address, bytes: usize) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { memory(at).write_bytes(0, bytes) };
        Ok(())
    }

    unsafe fn launch(&self, _: Stream, launch: &Launch<'_>) -> Result<(), DeviceError> {
        if let Some(left) = &mut *self.launches.lock().unwrap() {
            let detail = "the device was lost".to_owned();
            *left = left.checked_sub(1).ok_or(DeviceError::Failed { doing: launch.kernel, detail })?;
        }
        self.launched.fetch_add(1, Ordering::Relaxed);
        let [columns, rows] = launch.grid;
        let shape = [columns, rows, launch.block, launch.shared];
        let places: Vec<_> = launch.arguments.iter().map(|argument| argument.as_ptr()).collect();
        // SAFETY: the function has this signature; the arguments are the caller's.
        unsafe {
            let run: Symbol<'_, Run> = KERNELS.get(format!("emulate_{}", launch.kernel).as_bytes()).unwrap();
            run(shape.as_ptr(), places.as_ptr());
        }
        Ok(())
    }

    fn follow(&self, _: Stream, _: Stream) -> Result<(), DeviceError> {
        Ok(())
    }

    fn finish(&self, _: Stream) -> Result<(), DeviceError> {
        Ok(())
    }
}

fn memory(Address(address): Address) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(address as usize)
}
