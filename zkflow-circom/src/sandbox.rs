//! WebAssembly under limits: the runtime of the circom compiler and the witness calculators.
//!
//! # Behaviour
//! - A guest has access only to the host functions that it is linked with: no files, no environment, no
//!   network, no clock.
//! - A guest is stopped if it runs too long, recurses too deeply or requests too much memory. The process
//!   and other guests are not affected.
//! - A module is compiled once. It is stored in memory, and on disk if there is a cache folder.
//!
//! The time limit of a run does not include the translation of WebAssembly to machine code. Callers must
//! therefore limit the size of untrusted modules.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::{Engine, Module, ResourceLimiter, Store, Trap, UpdateDeadline};

use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::format::detect;

mod cache;
mod size;
mod ticker;

use cache::DiskCache;
use ticker::Ticker;

/// Maximum stack of a guest in bytes.
const GUEST_STACK: usize = 8 << 20;
/// Stack in bytes of the thread that runs a guest: the guest's stack, plus 4 MiB for host functions.
const THREAD_STACK: usize = GUEST_STACK + (4 << 20);
/// Maximum number of entries in a guest's table.
const TABLE_ELEMENTS: usize = 1 << 20;
/// Bytes of an entry, which count in the memory limit: a pointer, with room for the growth of the table.
const TABLE_ELEMENT: usize = 16;
/// Maximum number of a guest's tables. circom's modules have one.
const TABLES: usize = 16;

/// Configuration of a [`Sandbox`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxConfig {
    /// Folder for compiled modules, created with mode 0700 if missing. Write access to it allows running any
    /// code in this process. `None`: compiled modules are only stored in memory.
    pub cache_dir: Option<PathBuf>,
    /// Maximum bytes of compiled modules on disk; the oldest are removed first.
    pub cache_bytes: u64,
    /// Maximum number of compiled modules in memory; the least recently used are removed first.
    pub modules_in_memory: usize,
}

impl Default for SandboxConfig {
    /// No cache folder, 2 GiB on disk, 16 modules in memory.
    fn default() -> Self {
        Self { cache_dir: None, cache_bytes: 2 << 30, modules_in_memory: 16 }
    }
}

#[cfg(test)]
impl SandboxConfig {
    /// A cache folder of this user that outlives the test, so that circom is compiled only once.
    pub(crate) fn for_tests() -> Self {
        let name = format!("zkflow-test-modules-{}", rustix::process::geteuid().as_raw());
        Self { cache_dir: Some(std::env::temp_dir().join(name)), ..Self::default() }
    }
}

/// Runs WebAssembly under limits. Expensive to create and cheap to share: use one per process.
pub struct Sandbox {
    engine: Engine,
    ticker: Ticker,
    disk: Option<DiskCache>,
    /// Compiled modules, most recently used last.
    modules: Mutex<Vec<(Digest, Arc<Slot>)>>,
    modules_in_memory: usize,
}

/// A module; `None` while one thread compiles it and others wait for the lock.
type Slot = Mutex<Option<Module>>;

impl Sandbox {
    /// Sets up the runtime and its cache folder.
    ///
    /// # Errors
    /// Fails if the runtime does not start, the cache folder cannot be created, or other users may write to
    /// it.
    pub fn new(config: SandboxConfig) -> Result<Arc<Self>, SandboxError> {
        let mut settings = wasmtime::Config::new();
        settings.epoch_interruption(true).wasm_backtrace_max_frames(None);
        // circom's modules do not use it, and its blocks have up to 1000 parameters each.
        settings.wasm_multi_value(false);
        // The arithmetic that replaces that of circom's modules.
        settings.wasm_wide_arithmetic(true);
        // The async stack is unused, but must not be smaller than the WebAssembly stack.
        settings.max_wasm_stack(GUEST_STACK).async_stack_size(GUEST_STACK);
        let engine = Engine::new(&settings).map_err(|e| SandboxError::Engine(e.to_string()))?;
        let disk = match config.cache_dir {
            Some(folder) => Some(DiskCache::open(folder, config.cache_bytes, &engine)?),
            None => None,
        };
        Ok(Arc::new(Self {
            ticker: Ticker::new(engine.clone()),
            engine,
            disk,
            modules: Mutex::default(),
            modules_in_memory: config.modules_in_memory.max(1),
        }))
    }

    /// The engine that modules and linkers belong to.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The compiled form of `wasm`: from memory, else from disk, else compiled now.
    ///
    /// # Errors
    /// [`SandboxError::InvalidModule`]. A damaged cache file is not an error; the module is compiled again.
    pub(crate) fn module(&self, wasm: &[u8]) -> Result<Module, SandboxError> {
        let digest = Digest::of(wasm);
        let slot = self.slot(digest);
        let mut place = lock(&slot);
        if let Some(module) = &*place {
            return Ok(module.clone());
        }
        let module = match self.disk.as_ref().and_then(|disk| disk.load(&self.engine, &digest)) {
            Some(module) => module,
            None => self.compile(wasm, &digest)?,
        };
        Ok(place.insert(module).clone())
    }

    fn compile(&self, wasm: &[u8], digest: &Digest) -> Result<Module, SandboxError> {
        check_start(wasm)?;
        size::check(wasm)?;
        let module = Module::from_binary(&self.engine, wasm)
            .map_err(|e| SandboxError::InvalidModule(format!("{e:#}")))?;
        if let Some(disk) = &self.disk {
            disk.store(&module, digest);
        }
        Ok(module)
    }

    fn slot(&self, digest: Digest) -> Arc<Slot> {
        let mut modules = lock(&self.modules);
        let entry = match modules.iter().position(|(known, _)| *known == digest) {
            Some(index) => modules.remove(index),
            None => (digest, Arc::default()),
        };
        let slot = Arc::clone(&entry.1);
        modules.push(entry);
        if modules.len() > self.modules_in_memory {
            modules.remove(0);
        }
        slot
    }

    /// Runs `body` with a fresh store on a new thread with a stack large enough for the guest. Returns the
    /// state even if the run fails.
    ///
    /// The time limit starts at the call. It is only checked while guest code runs, so host functions must be
    /// short.
    pub(crate) fn run<T, R>(
        &self,
        limits: RunLimits,
        state: T,
        body: impl FnOnce(&mut Store<Guest<T>>) -> wasmtime::Result<R> + Send,
    ) -> Result<Ended<T, R>, Halt>
    where
        T: Send + 'static,
        R: Send,
    {
        let _ticking = self.ticker.run();
        std::thread::scope(|scope| {
            let run = || self.run_here(limits, state, body);
            std::thread::Builder::new()
                .name("zkflow-sandbox".to_owned())
                .stack_size(THREAD_STACK)
                .spawn_scoped(scope, run)
                .map_err(|e| Halt::Host(wasmtime::Error::new(e)))?
                .join()
                .map_err(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn run_here<T: 'static, R>(
        &self,
        limits: RunLimits,
        state: T,
        body: impl FnOnce(&mut Store<Guest<T>>) -> wasmtime::Result<R>,
    ) -> Ended<T, R> {
        let deadline = Instant::now() + limits.wall;
        let half = limits.memory_bytes / 2;
        let memory =
            MemoryLimit { left: limits.memory_bytes, half, half_used: limits.half_used, refused: false };
        let mut store = Store::new(&self.engine, Guest { state, memory });
        store.limiter(|guest| &mut guest.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| match Instant::now() < deadline {
            true => Ok(UpdateDeadline::Continue(1)),
            false => Err(wasmtime::Error::new(OutOfTime)),
        });
        let result = body(&mut store);
        let Guest { state, memory } = store.into_data();
        (state, result.map_err(|error| Halt::of(error, memory.refused)))
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("disk", &self.disk).finish_non_exhaustive()
    }
}

/// The state of the host functions after a run, and the result of the run.
pub(crate) type Ended<T, R> = (T, Result<R, Halt>);

/// Limits of one run.
pub(crate) struct RunLimits {
    wall: Duration,
    memory_bytes: usize,
    half_used: Option<Note>,
}

/// Called at an event.
pub(crate) type Note = Arc<dyn Fn() + Send + Sync>;

impl RunLimits {
    /// Maximum wall-clock time, and maximum bytes of linear memory and tables.
    pub(crate) fn new(wall: Duration, memory_bytes: usize) -> Self {
        Self { wall, memory_bytes, half_used: None }
    }

    /// Calls `note` once when half of the memory is used.
    pub(crate) fn when_half_used(self, note: Option<Note>) -> Self {
        Self { half_used: note, ..self }
    }
}

/// The data of a store: the state of the host functions and the memory limit.
pub(crate) struct Guest<T> {
    /// State of the host functions.
    pub(crate) state: T,
    memory: MemoryLimit,
}

/// Why a run ended without a result.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The time limit was exceeded.
    Time,
    /// The guest requested more memory than allowed.
    Memory,
    /// The guest exhausted its stack.
    Stack,
    /// The guest trapped, for example on an invalid memory access.
    Trap(Trap),
    /// A host function returned this error, or the module does not match the host.
    Host(wasmtime::Error),
}

impl Halt {
    fn of(error: wasmtime::Error, memory_refused: bool) -> Self {
        if error.is::<OutOfTime>() {
            return Self::Time;
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Time,
            Some(Trap::StackOverflow) => Self::Stack,
            _ if memory_refused => Self::Memory,
            Some(trap) => Self::Trap(*trap),
            None => Self::Host(error),
        }
    }
}

/// The sandbox cannot be set up, or the given bytes are not a module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// This machine cannot run WebAssembly.
    #[error("cannot start the WebAssembly runtime: {0}")]
    Engine(String),
    /// The folder for compiled modules cannot be used.
    #[error("cannot use cache folder {}: {detail}", .folder.display())]
    CacheFolder {
        /// Path of the folder.
        folder: PathBuf,
        /// Reason, such as `owned by another user`.
        detail: String,
    },
    /// The bytes are not a WebAssembly module.
    #[error("not a WebAssembly module: {0}")]
    InvalidModule(String),
}

impl Classified for SandboxError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Engine(_) | Self::CacheFolder { .. } => ErrorKind::Internal,
            Self::InvalidModule(_) => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Engine(_) => "sandbox_unavailable",
            Self::CacheFolder { .. } => "sandbox_cache_folder",
            Self::InvalidModule(_) => "invalid_module",
        }
    }
}

/// Names a file of another kind by how it begins.
fn check_start(wasm: &[u8]) -> Result<(), SandboxError> {
    const MAGIC: &[u8] = b"\0asm";
    if wasm.starts_with(MAGIC) {
        return Ok(());
    }
    let start = wasm.get(..MAGIC.len()).unwrap_or(wasm);
    let mut detail = "does not begin with \"\\0asm\"".to_owned();
    if detect(start).is_some() {
        detail += &format!(": it begins with {:?}", String::from_utf8_lossy(start));
    }
    Err(SandboxError::InvalidModule(detail))
}

#[derive(Debug, thiserror::Error)]
#[error("out of time")]
struct OutOfTime;

/// The memory that a guest may still request.
struct MemoryLimit {
    left: usize,
    half: usize,
    /// `None` after its call.
    half_used: Option<Note>,
    refused: bool,
}

impl MemoryLimit {
    /// Takes bytes, if so many are left.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(self.left);
        self.refused |= left.is_none();
        if self.left < self.half
            && let Some(note) = self.half_used.take()
        {
            note();
        }
        left.is_some()
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, now: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.take(desired.saturating_sub(now)))
    }

    fn table_growing(&mut self, now: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = desired.saturating_sub(now).saturating_mul(TABLE_ELEMENT);
        Ok(desired <= TABLE_ELEMENTS && self.take(bytes))
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }
}

/// Locks a mutex, ignoring poison: the data of these mutexes is consistent even after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
