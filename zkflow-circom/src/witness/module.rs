//! Runs the witness calculator that circom generates, a WebAssembly module.
//!
//! The module exports functions such as `init`, `setInputSignal` and `getWitness`. Field elements are
//! passed through a 32-byte window in its memory, little-endian in normal form, which is read and written
//! as one slice. Inputs are identified by the FNV-1a hashes of their names. Output of `log()` is dropped,
//! because it may be secret. Only template and line are stored from error messages.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use wasmtime::{
    Caller, Extern, Instance, Linker, Memory, Module, Store, Trap, TypedFunc, WasmParams, WasmResults,
};
use zeroize::Zeroizing;

use super::signals::ROOT;
use super::table::{InputTable, fnv1a};
use super::{Witness, WitnessError};
use crate::inputs::{InputError, InputProblem, Path};
use crate::sandbox::{Guest, Halt, RunLimits, Sandbox};
use zkflow_groth16::field::{from_le_bytes, to_le_bytes};

mod arithmetic;
mod trace;

use trace::Trace;

/// Limits of one calculation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WitnessLimits {
    /// Maximum wall-clock time.
    pub wall: Duration,
    /// Maximum memory of the calculator in bytes.
    pub memory_bytes: usize,
    /// Maximum length of the module in bytes. Its translation to machine code is not limited by `wall`.
    pub module_bytes: usize,
}

impl Default for WitnessLimits {
    /// 2 minutes, 4 GiB of memory, a module of 256 MiB.
    fn default() -> Self {
        Self { wall: Duration::from_secs(120), memory_bytes: 4 << 30, module_bytes: 256 << 20 }
    }
}

impl WitnessLimits {
    /// The error if `wall` is exceeded.
    pub(super) fn out_of_time(&self) -> WitnessError {
        WitnessError::Limit(format!("{} s", self.wall.as_secs_f64()))
    }
}

/// The name of an input, and its values in the order of its signals.
pub(super) type Given<'a> = (&'a str, Vec<&'a Fr>);

/// The given inputs.
pub(super) type Arranged<'a> = [Given<'a>];

/// The module of one circuit. Every calculation runs in a fresh instance, which is dropped afterwards.
pub(super) struct CircuitModule {
    sandbox: Arc<Sandbox>,
    code: Mutex<Code>,
    limits: WitnessLimits,
    /// Number of values of all inputs; `None` if the module has no table of them.
    inputs: Option<usize>,
}

/// The code of a module.
enum Code {
    /// The bytes of the module.
    Bytes(Vec<u8>),
    /// Machine code.
    Compiled(Module),
}

impl CircuitModule {
    /// Compiles the module, or loads it from the sandbox's cache.
    pub(super) fn new(
        sandbox: &Arc<Sandbox>,
        wasm: &[u8],
        limits: WitnessLimits,
    ) -> Result<Self, WitnessError> {
        check_length(wasm, &limits)?;
        let code = Code::Compiled(compiled(sandbox, wasm)?);
        Ok(Self::with(sandbox, wasm, limits, code))
    }

    /// Stores the module, and compiles it before its first calculation.
    pub(super) fn later(
        sandbox: &Arc<Sandbox>,
        wasm: &[u8],
        limits: WitnessLimits,
    ) -> Result<Self, WitnessError> {
        check_length(wasm, &limits)?;
        Ok(Self::with(sandbox, wasm, limits, Code::Bytes(wasm.to_vec())))
    }

    fn with(sandbox: &Arc<Sandbox>, wasm: &[u8], limits: WitnessLimits, code: Code) -> Self {
        let inputs = InputTable::read(wasm).and_then(|table| usize::try_from(table.values()).ok());
        Self { sandbox: Arc::clone(sandbox), code: Mutex::new(code), limits, inputs }
    }

    /// The compiled module. Of several threads one compiles it, and the others wait.
    fn module(&self) -> Result<Module, WitnessError> {
        let mut code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let module = match &*code {
            Code::Compiled(module) => return Ok(module.clone()),
            Code::Bytes(wasm) => compiled(&self.sandbox, wasm)?,
        };
        *code = Code::Compiled(module.clone());
        Ok(module)
    }

    pub(super) fn limits(&self) -> &WitnessLimits {
        &self.limits
    }

    /// Calculates the value of every wire. If the shapes of the inputs are unknown, their sizes are checked
    /// here.
    pub(super) fn calculate(
        &self,
        inputs: &Arranged<'_>,
        shapes_are_known: bool,
    ) -> Result<Witness, WitnessError> {
        let module = self.module()?;
        let limits = RunLimits::new(self.limits.wall, self.limits.memory_bytes);
        let ended = self.sandbox.run(limits, Trace::default(), |store| {
            let mut run = Run::start(store, &module, self.inputs)?;
            for (name, values) in inputs {
                run.set(name, values, shapes_are_known)?;
            }
            run.finish(inputs.iter().map(|(_, values)| values.len()).sum())
        });
        let (trace, result) = ended.map_err(|halt| self.halted(halt, &Trace::default()))?;
        result.map_err(|halt| self.halted(halt, &trace))
    }

    /// Starts the module, and checks that it calculates this number of wires from inputs with these names and numbers of
    /// values, and no others. Modules of circom 2.0.0 to 2.0.3 do not tell names.
    pub(super) fn check_interface<'a>(
        &self,
        inputs: impl Iterator<Item = (&'a str, usize)> + Send,
        wires: usize,
    ) -> Result<(), WitnessError> {
        let module = self.module()?;
        let limits = RunLimits::new(self.limits.wall, self.limits.memory_bytes);
        let ended = self.sandbox.run(limits, Trace::default(), |store| {
            Run::start(store, &module, self.inputs)?.check_interface(inputs, wires)
        });
        let (trace, result) = ended.map_err(|halt| self.halted(halt, &Trace::default()))?;
        result.map_err(|halt| self.halted(halt, &trace))
    }

    fn halted(&self, halt: Halt, trace: &Trace) -> WitnessError {
        match halt {
            Halt::Time => self.limits.out_of_time(),
            Halt::Memory => WitnessError::Limit(format!("{} MiB of memory", self.limits.memory_bytes >> 20)),
            Halt::Stack => WitnessError::Limit("recursion depth".to_owned()),
            // The long division of circom's runtime.
            Halt::Trap(Trap::IntegerDivisionByZero) => WitnessError::ConstraintFailed {
                template: None,
                line: None,
                message: "an operator \\ or % of the circuit divides by zero".to_owned(),
            },
            Halt::Trap(trap) => WitnessError::Calculator(trap.to_string()),
            Halt::Host(error) => match error.downcast::<WitnessError>() {
                Ok(error) => error,
                Err(error) => match error.downcast_ref::<Exception>() {
                    Some(exception) => trace.error(exception.0),
                    None => WitnessError::Calculator(format!("{error:#}")),
                },
            },
        }
    }
}

fn check_length(wasm: &[u8], limits: &WitnessLimits) -> Result<(), WitnessError> {
    if wasm.len() > limits.module_bytes {
        return Err(WitnessError::Limit(format!("{} bytes for a module", limits.module_bytes)));
    }
    Ok(())
}

/// A module that is too complex with faster arithmetic runs as it is.
fn compiled(sandbox: &Sandbox, wasm: &[u8]) -> Result<Module, WitnessError> {
    let module = match arithmetic::fast(wasm) {
        Cow::Owned(faster) => sandbox.module(&faster).or_else(|_| sandbox.module(wasm)),
        Cow::Borrowed(wasm) => sandbox.module(wasm),
    };
    module.map_err(|error| WitnessError::Calculator(error.to_string()))
}

/// The circuit raised an exception with this code.
#[derive(Debug, thiserror::Error)]
#[error("exception {0}")]
struct Exception(i32);

/// A running calculation.
struct Run<'a> {
    store: &'a mut Store<Guest<Trace>>,
    instance: Instance,
    memory: Memory,
    /// Address of the 32-byte window for field elements.
    window: usize,
    /// Number of values of all inputs, if known.
    inputs: Option<usize>,
}

impl<'a> Run<'a> {
    fn start(
        store: &'a mut Store<Guest<Trace>>,
        module: &Module,
        inputs: Option<usize>,
    ) -> wasmtime::Result<Self> {
        if module.get_export("getFrLen").is_some() {
            return Err(calculator(
                "the module is of circom 0.5, which has another interface: compile the circuit with circom 2"
                    .to_owned(),
            ));
        }
        let mut linker = Linker::new(store.engine());
        link(&mut linker)?;
        linker.define_unknown_imports_as_default_values(&mut *store, module)?;
        let instance = linker.instantiate(&mut *store, module)?;
        let memory = instance
            .get_memory(&mut *store, "memory")
            .ok_or_else(|| calculator("the module exports no memory".to_owned()))?;
        let mut run = Self { store, instance, memory, window: 0, inputs };
        if run.call::<(), i32>("getFieldNumLen32", ())? != 8 {
            return Err(calculator("the field elements of the module do not have 32 bytes".to_owned()));
        }
        run.window = run.call::<(), u32>("getSharedRWMemoryStart", ())? as usize;
        run.call::<(), ()>("getRawPrime", ())?;
        if run.window()?.as_slice() != Fr::MODULUS.to_bytes_le() {
            return Err(calculator("the module is not for the field of BN254".to_owned()));
        }
        run.call::<i32, ()>("init", 1)?;
        Ok(run)
    }

    /// Sets all values of one input.
    fn set(&mut self, name: &str, values: &[&Fr], shape_is_known: bool) -> wasmtime::Result<()> {
        let (high, low) = halves(name);
        // circom 2.0.0 to 2.0.3: the module itself refuses unknown names and too many values.
        let size = self.size(name)?.unwrap_or(values.len() as i32);
        let is_known = size >= 0;
        let size = usize::try_from(size).unwrap_or_default();
        if size != values.len() || !is_known {
            let path = Path::Field(&Path::Root(ROOT), name);
            return Err(wasmtime::Error::new(match size {
                _ if shape_is_known => WitnessError::SignalsMismatch(format!("{path} has {size} values")),
                _ if !is_known || size == 0 => path.error(InputProblem::Unknown { known: Vec::new() }).into(),
                _ => {
                    let (expected, found) = (format!("{size} values"), values.len().to_string());
                    path.error(InputProblem::WrongShape { expected, found }).into()
                }
            }));
        }
        let set = self.setter()?;
        for (index, value) in (0u32..).zip(values) {
            let bytes = Zeroizing::new(to_le_bytes(value));
            self.memory.write(&mut *self.store, self.window, &bytes[..])?;
            set.call(&mut *self.store, (high, low, index))?;
        }
        Ok(())
    }

    /// Reads the witness. The circuit has run when its last input was set.
    fn finish(&mut self, given: usize) -> wasmtime::Result<Witness> {
        let wanted = self.wanted()?;
        if given < wanted {
            let path = format!("inputs ({given} of {wanted} values given)");
            return Err(wasmtime::Error::new(WitnessError::from(InputError {
                path,
                problem: InputProblem::Missing,
            })));
        }
        let wires = self.call::<(), u32>("getWitnessSize", ())?;
        // The module contains a table with four bytes per wire.
        if u64::from(wires) * 4 > self.memory.data_size(&*self.store) as u64 {
            return Err(calculator(format!("the module reports {wires} wires, more than fit its memory")));
        }
        let get = self.getter()?;
        let value = |wire| {
            get.call(&mut *self.store, wire)?;
            let value = from_le_bytes(&*self.window()?);
            value.map_err(|fault| calculator(format!("wire {wire} is {fault}")))
        };
        Witness::try_collect(wires as usize, (0..wires).map(value))
    }

    fn check_interface<'i>(
        &mut self,
        inputs: impl Iterator<Item = (&'i str, usize)>,
        wires: usize,
    ) -> wasmtime::Result<()> {
        let differs = |what: String| wasmtime::Error::new(WitnessError::SignalsMismatch(what));
        let mut total = 0;
        for (name, expected) in inputs {
            total += expected;
            if let Some(found) = self.size(name)?.filter(|found| usize::try_from(*found) != Ok(expected)) {
                let found = found.max(0);
                return Err(differs(format!("the module has {found} values of {name}, expected {expected}")));
            }
        }
        let wanted = self.wanted()?;
        if wanted != total {
            return Err(differs(format!("the module has {wanted} values of inputs, expected {total}")));
        }
        let found = self.call::<(), u32>("getWitnessSize", ())?;
        if found as usize != wires {
            return Err(differs(format!("the module has {found} wires, expected {wires}")));
        }
        self.setter()?;
        self.getter().map(drop)
    }

    /// Number of values of an input, not positive if there is no such input; `None` if the module does not tell: it is of
    /// circom 2.0.0 to 2.0.3.
    fn size(&mut self, name: &str) -> wasmtime::Result<Option<i32>> {
        match self.has("getInputSignalSize") {
            true => self.call::<(u32, u32), i32>("getInputSignalSize", halves(name)).map(Some),
            false => Ok(None),
        }
    }

    /// Number of values of all inputs.
    fn wanted(&mut self) -> wasmtime::Result<usize> {
        match (self.inputs, self.has("getInputSize")) {
            (_, true) => Ok(self.call::<(), u32>("getInputSize", ())? as usize),
            // circom 2.0.0 and 2.0.1.
            (Some(values), false) => Ok(values),
            (None, false) => Err(calculator("the module does not report its number of inputs".to_owned())),
        }
    }

    fn setter(&mut self) -> wasmtime::Result<TypedFunc<(u32, u32, u32), ()>> {
        self.instance.get_typed_func(&mut *self.store, "setInputSignal")
    }

    fn getter(&mut self) -> wasmtime::Result<TypedFunc<u32, ()>> {
        self.instance.get_typed_func(&mut *self.store, "getWitness")
    }

    fn has(&mut self, function: &str) -> bool {
        self.instance.get_func(&mut *self.store, function).is_some()
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> wasmtime::Result<R> {
        let function = self.instance.get_typed_func::<P, R>(&mut *self.store, name)?;
        function.call(&mut *self.store, parameters)
    }

    fn window(&self) -> wasmtime::Result<Zeroizing<[u8; 32]>> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.memory.read(&*self.store, self.window, &mut bytes[..])?;
        Ok(bytes)
    }
}

/// The hash of an input's name, as functions of the module take it.
fn halves(name: &str) -> (u32, u32) {
    let hash = fnv1a(name);
    ((hash >> 32) as u32, hash as u32)
}

fn calculator(detail: String) -> wasmtime::Error {
    wasmtime::Error::new(WitnessError::Calculator(detail))
}

/// Links the host functions that circuits call. Their set differs between versions of circom; all other
/// imports become functions that do nothing.
fn link(linker: &mut Linker<Guest<Trace>>) -> wasmtime::Result<()> {
    type Host<'a> = Caller<'a, Guest<Trace>>;
    linker.func_wrap("runtime", "exceptionHandler", |code: i32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(Exception(code)))
    })?;
    linker.func_wrap("runtime", "printErrorMessage", |mut host: Host<'_>| -> wasmtime::Result<()> {
        let message = message(&mut host)?;
        host.data_mut().state.add(&message);
        Ok(())
    })?;
    // A text of `log()` is read, so that the next message starts at its beginning, and dropped.
    linker.func_wrap("runtime", "writeBufferMessage", |mut host: Host<'_>| -> wasmtime::Result<()> {
        message(&mut host).map(drop)
    })?;
    Ok(())
}

/// Reads the current message of the circuit, one character at a time.
fn message(host: &mut Caller<'_, Guest<Trace>>) -> wasmtime::Result<Zeroizing<String>> {
    const MAX_CHARS: usize = 4096;
    let mut text = Zeroizing::new(String::with_capacity(MAX_CHARS));
    let Some(Extern::Func(next)) = host.get_export("getMessageChar") else { return Ok(text) };
    let next = next.typed::<(), i32>(&*host)?;
    for _ in 0..MAX_CHARS {
        match next.call(&mut *host, ())? {
            0 => break,
            code => text.push(u8::try_from(code).ok().filter(u8::is_ascii).map_or('?', char::from)),
        }
    }
    Ok(text)
}
