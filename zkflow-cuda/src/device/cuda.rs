//! An NVIDIA GPU through its driver, which is loaded when the first GPU is opened.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::Mutex;

use cudarc::driver::result::{self, DriverError, event, stream};
use cudarc::driver::sys;

use super::{Address, Device, DeviceError, Launch, Stream};

/// The kernels, compiled by `make cuda`.
static KERNELS: Image<{ include_bytes!("../../kernels.fatbin").len() }> =
    Image(*include_bytes!("../../kernels.fatbin"));

/// Bytes at an address that the driver accepts.
#[repr(align(16))]
struct Image<const N: usize>([u8; N]);

/// A GPU.
#[derive(Debug)]
pub(crate) struct Gpu {
    model: String,
    multiprocessors: u32,
    device: sys::CUdevice,
    context: sys::CUcontext,
    module: sys::CUmodule,
    functions: Mutex<HashMap<&'static str, Function>>,
}

#[derive(Debug, Clone, Copy)]
struct Function(sys::CUfunction);

// SAFETY: handles of the driver can be used by all threads.
unsafe impl Send for Function {}
// SAFETY: see above.
unsafe impl Send for Gpu {}
// SAFETY: see above; the map is behind a lock.
unsafe impl Sync for Gpu {}

impl Gpu {
    /// Opens a GPU by its number and loads the kernels.
    pub(crate) fn open(number: u32) -> Result<Self, DeviceError> {
        // SAFETY: looks whether the library can be loaded.
        if !unsafe { sys::is_culib_present() } {
            return Err(DeviceError::NoDriver);
        }
        let doing = |what| move |error| failed(what, error);
        result::init().map_err(doing("start"))?;
        let found = result::device::get_count().map_err(doing("count devices"))? as u32;
        if number >= found {
            return Err(DeviceError::NoDevice { number, found });
        }
        let device = result::device::get(number as i32).map_err(doing("open a device"))?;
        let model = result::device::get_name(device).map_err(doing("tell its name"))?;
        let attribute = |which| {
            // SAFETY: `device` is a device.
            unsafe { result::device::get_attribute(device, which) }.map_err(doing("describe itself"))
        };
        use sys::CUdevice_attribute::*;
        let capability = [
            attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)? as u32,
            attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)? as u32,
        ];
        if capability[0] < 8 {
            return Err(DeviceError::TooOld { model, capability });
        }
        let multiprocessors = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as u32;
        // SAFETY: `device` is a device; `drop` releases its context.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(doing("create a context"))?;
        // SAFETY: `context` is a context.
        unsafe { result::ctx::set_current(context) }.map_err(doing("select a context"))?;
        #[cfg(test)]
        let other = std::env::var_os("ZKFLOW_CUDA_KERNELS").map(|path| std::fs::read(path).unwrap());
        #[cfg(test)]
        let image = other.as_ref().map_or(KERNELS.0.as_ptr(), |image| image.as_ptr());
        #[cfg(not(test))]
        let image = KERNELS.0.as_ptr();
        // SAFETY: the image is a fat binary, and stays in memory during the call.
        let module = unsafe { result::module::load_data(image.cast()) };
        let module = match module {
            Ok(module) => module,
            Err(error) => {
                // SAFETY: the context was retained above.
                let _ = unsafe { result::primary_ctx::release(device) };
                return Err(failed("load the kernels", error));
            }
        };
        let functions = Mutex::default();
        Ok(Self { model, multiprocessors, device, context, module, functions })
    }

    /// Selects this GPU for the calls of this thread.
    fn select(&self) -> Result<(), DeviceError> {
        // SAFETY: the context lives as long as `self`.
        unsafe { result::ctx::set_current(self.context) }.map_err(|error| failed("select a context", error))
    }

    fn function(&self, name: &'static str) -> Result<sys::CUfunction, DeviceError> {
        let mut functions = self.functions.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(Function(function)) = functions.get(name) {
            return Ok(*function);
        }
        let c_name = CString::new(name).expect("names of kernels have no zero bytes");
        // SAFETY: the module lives as long as `self`.
        let function = unsafe { result::module::get_function(self.module, c_name) };
        let function = function.map_err(|error| failed("find a kernel", error))?;
        let most = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        if name.starts_with("reduce_") {
            // SAFETY: `function` is a function of the module.
            let set = unsafe { result::function::set_function_attribute(function, most, MOST_SHARED) };
            set.map_err(|error| failed("grant shared memory", error))?;
        }
        functions.insert(name, Function(function));
        Ok(function)
    }
}

/// Shared memory of a block of the reductions in bytes: 256 points of G2.
const MOST_SHARED: i32 = 256 * 256;

fn failed(doing: &'static str, error: DriverError) -> DeviceError {
    let text =
        |text: Result<&std::ffi::CStr, DriverError>| text.map(|text| text.to_string_lossy().into_owned());
    let detail = text(error.error_string()).unwrap_or_else(|_| format!("error {}", error.0 as u32));
    DeviceError::Failed { doing, detail }
}

/// The handle of a stream.
fn handle(Stream(stream): Stream) -> sys::CUstream {
    ptr::with_exposed_provenance_mut(stream)
}

impl Device for Gpu {
    fn model(&self) -> &str {
        &self.model
    }

    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn free_bytes(&self) -> Result<usize, DeviceError> {
        self.select()?;
        let (free, _) = result::mem_get_info().map_err(|error| failed("tell its free memory", error))?;
        Ok(free)
    }

    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError> {
        self.select()?;
        // SAFETY: the content is arbitrary, which the caller knows.
        match unsafe { result::malloc_sync(bytes) } {
            Ok(address) => Ok(Address(address)),
            Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => Err(DeviceError::Memory { bytes }),
            Err(error) => Err(failed("allocate memory", error)),
        }
    }

    fn free(&self, Address(address): Address) {
        if self.select().is_ok() {
            // SAFETY: the address comes from `allocate`. The driver waits for work that uses the memory.
            let _ = unsafe { result::free_sync(address) };
        }
    }

    fn allocate_on_host(&self, bytes: usize) -> Result<*mut u8, DeviceError> {
        self.select()?;
        // SAFETY: the content is arbitrary, which the caller knows.
        let memory = unsafe { result::malloc_host(bytes, 0) };
        memory.map(<*mut c_void>::cast).map_err(|error| failed("allocate memory of the host", error))
    }

    fn free_on_host(&self, memory: *mut u8) {
        if self.select().is_ok() {
            // SAFETY: the memory comes from `allocate_on_host`.
            let _ = unsafe { result::free_host(memory.cast()) };
        }
    }

    fn open_stream(&self) -> Result<Stream, DeviceError> {
        self.select()?;
        let created = stream::create(stream::StreamKind::NonBlocking);
        let created = created.map_err(|error| failed("open a stream", error))?;
        Ok(Stream(created.expose_provenance()))
    }

    fn close_stream(&self, closed: Stream) {
        if self.select().is_ok() {
            // SAFETY: the stream comes from `open_stream`.
            let _ = unsafe { stream::destroy(handle(closed)) };
        }
    }

    unsafe fn write(&self, stream: Stream, to: Address, from: &[u8]) -> Result<(), DeviceError> {
        self.select()?;
        // SAFETY: the caller keeps the bytes, and the memory is large enough.
        unsafe { result::memcpy_htod_async(to.0, from, handle(stream)) }
            .map_err(|error| failed("take bytes", error))
    }

    unsafe fn read(&self, stream: Stream, from: Address, to: &mut [u8]) -> Result<(), DeviceError> {
        self.select()?;
        // SAFETY: the memory is large enough, and the next line waits for the copy.
        unsafe { result::memcpy_dtoh_async(to, from.0, handle(stream)) }
            .map_err(|error| failed("return bytes", error))?;
        self.finish(stream)
    }

    unsafe fn clear(&self, stream: Stream, at: Address, bytes: usize) -> Result<(), DeviceError> {
        self.select()?;
        // SAFETY: the memory is large enough.
        unsafe { result::memset_d8_async(at.0, 0, bytes, handle(stream)) }
            .map_err(|error| failed("clear memory", error))
    }

    unsafe fn launch(&self, stream: Stream, launch: &Launch<'_>) -> Result<(), DeviceError> {
        self.select()?;
        let function = self.function(launch.kernel)?;
        let places = launch.arguments.iter().map(|argument| argument.as_ptr().cast_mut().cast::<c_void>());
        let mut places = places.collect::<Vec<_>>();
        let [columns, rows] = launch.grid;
        let (grid, block) = ((columns, rows, 1), (launch.block, 1, 1));
        // SAFETY: the caller passes the arguments of this kernel. The driver copies them during the call.
        unsafe { result::launch_kernel(function, grid, block, launch.shared, handle(stream), &mut places) }
            .map_err(|error| failed(launch.kernel, error))
    }

    fn follow(&self, stream: Stream, other: Stream) -> Result<(), DeviceError> {
        self.select()?;
        let doing = |error| failed("order its work", error);
        let queued = event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING).map_err(doing)?;
        // SAFETY: the event and the streams exist. The event may be destroyed while it is waited for.
        unsafe {
            let recorded = event::record(queued, handle(other));
            let waited = recorded.and_then(|()| {
                let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
                result::stream::wait_event(handle(stream), queued, flags)
            });
            let destroyed = event::destroy(queued);
            waited.and(destroyed).map_err(doing)
        }
    }

    fn finish(&self, stream: Stream) -> Result<(), DeviceError> {
        self.select()?;
        // SAFETY: the stream exists.
        unsafe { result::stream::synchronize(handle(stream)) }
            .map_err(|error| failed("finish its work", error))
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        if self.select().is_ok() {
            // SAFETY: both were created in `open`, and buffers keep the GPU alive.
            unsafe {
                let _ = result::module::unload(self.module);
                let _ = result::primary_ctx::release(self.device);
            }
        }
    }
}
