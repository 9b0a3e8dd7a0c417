//! The circom compiler as WebAssembly, in the [`sandbox`](crate::sandbox).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use wasmtime::{InstancePre, Linker, Trap};

use super::outcome::{Outputs, arguments, last_lines, refusal, version};
use super::source::SourceTree;
use super::wasi::{self, Exit, Left, OUTPUT, Wasi};
use super::{CircuitCompiler, CompileError, CompileLimit, CompileLimits, CompileOptions, Compiled};
use crate::sandbox::{Guest, Halt, Note, RunLimits, Sandbox};

/// Memory that WebAssembly can address, in bytes.
const MAX_MEMORY: usize = 4 << 30;

/// circom as WebAssembly, for example `circom.wasm` of the npm package `circom2`.
///
/// # Behaviour
/// - Sees only the source tree and an empty output folder, both in memory; see `wasi.rs`.
/// - The first translation of `circom.wasm` to machine code takes many seconds: give the [`Sandbox`] a cache
///   folder.
pub struct CircomWasm {
    sandbox: Arc<Sandbox>,
    program: InstancePre<Guest<Wasi>>,
    version: String,
    limits: CompileLimits,
    half_used: Option<Arc<dyn Fn(usize) + Send + Sync>>,
}

impl CircomWasm {
    /// Loads the compiler and reads its version.
    ///
    /// # Errors
    /// [`CompileError::Compiler`] when the file is missing or is not circom.
    pub fn new(
        sandbox: Arc<Sandbox>,
        circom_wasm: &Path,
        limits: CompileLimits,
    ) -> Result<Self, CompileError> {
        let bytes = std::fs::read(circom_wasm)
            .map_err(|e| CompileError::Compiler(format!("{}: {e}", circom_wasm.display())))?;
        let module = sandbox.module(&bytes).map_err(|e| CompileError::Compiler(e.to_string()))?;
        let mut linker = Linker::new(sandbox.engine());
        let program = wasi::link(&mut linker)
            .and_then(|()| linker.define_unknown_imports_as_traps(&module))
            .and_then(|()| linker.instantiate_pre(&module))
            .map_err(|e| CompileError::Compiler(format!("{e:#}")))?;
        let mut circom = Self { sandbox, program, version: String::new(), limits, half_used: None };
        circom.version = circom.ask_version()?;
        Ok(circom)
    }

    /// Calls `note` once in each compilation that has used half of its memory, with the bytes that it may use. It may need more
    /// than there is, and fail after many minutes.
    #[must_use]
    pub fn when_half_used(self, note: impl Fn(usize) + Send + Sync + 'static) -> Self {
        Self { half_used: Some(Arc::new(note)), ..self }
    }

    fn ask_version(&self) -> Result<String, CompileError> {
        let (_, left) = self.run(vec!["--version".to_owned()], &SourceTree::empty())?;
        version(&left.printed)
    }

    /// Runs the compiler; returns its exit status and its output.
    fn run(&self, arguments: Vec<String>, tree: &SourceTree) -> Result<(u32, Left), CompileError> {
        let memory = self.limits.memory_bytes.min(MAX_MEMORY);
        let note = self.half_used.clone().map(|note| -> Note { Arc::new(move || note(memory)) });
        let limits = RunLimits::new(self.limits.wall, memory).when_half_used(note);
        let arguments = std::iter::once("circom".to_owned()).chain(arguments).collect();
        let wasi = Wasi::new(arguments, tree.shared_files(), self.limits.output_bytes);
        let ended = self.sandbox.run(limits, wasi, |store| {
            let instance = self.program.instantiate(&mut *store)?;
            instance.get_typed_func::<(), ()>(&mut *store, "_start")?.call(&mut *store, ())
        });
        let (wasi, result) = ended.map_err(|halt| self.halted(halt, ""))?;
        let left = wasi.into_left();
        match result {
            Ok(()) => Ok((0, left)),
            Err(Halt::Host(error)) if error.is::<Exit>() => {
                Ok((error.downcast_ref::<Exit>().map_or(1, |exit| exit.0), left))
            }
            // Output beyond the limit is the cause of any later error.
            Err(_) if left.output_exceeded => Err(self.too_much_output()),
            Err(halt) => Err(self.halted(halt, &left.printed)),
        }
    }

    fn halted(&self, halt: Halt, printed: &str) -> CompileError {
        match halt {
            Halt::Time => CompileError::Limit(CompileLimit::Time(self.limits.wall)),
            Halt::Memory => CompileError::Limit(memory_limit(self.limits.memory_bytes)),
            // circom's own stack is at the bottom of its memory: an overflow is an out-of-bounds access.
            Halt::Stack | Halt::Trap(Trap::MemoryOutOfBounds) => CompileError::Limit(CompileLimit::Recursion),
            Halt::Trap(trap) => CompileError::Compiler(format!("{trap}: {}", last_lines(printed))),
            Halt::Host(error) => CompileError::Compiler(format!("{error:#}")),
        }
    }

    fn too_much_output(&self) -> CompileError {
        CompileError::Limit(CompileLimit::Output(self.limits.output_bytes))
    }
}

/// The limit that a compiler with this much memory reached.
fn memory_limit(memory_bytes: usize) -> CompileLimit {
    match memory_bytes {
        bytes if bytes < MAX_MEMORY => CompileLimit::SandboxMemory(bytes),
        _ => CompileLimit::AddressSpace(MAX_MEMORY),
    }
}

impl CircuitCompiler for CircomWasm {
    fn version(&self) -> &str {
        &self.version
    }

    fn compile(&self, tree: &SourceTree, options: &CompileOptions) -> Result<Compiled, CompileError> {
        let arguments = arguments(tree, options, OUTPUT, ".");
        let (status, left) = self.run(arguments, tree)?;
        if left.output_exceeded {
            return Err(self.too_much_output());
        }
        if status != 0 {
            return Err(refusal(tree, &left.printed));
        }
        let mut output = left.output;
        Outputs::take(tree, options, |path| output.remove(path))?.compiled(tree, &left.printed)
    }
}

impl fmt::Debug for CircomWasm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircomWasm").field("version", &self.version).field("limits", &self.limits).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::tools::CircomTools;
    use crate::sandbox::SandboxConfig;

    /// Skips the include check, to show that the sandbox alone keeps files away.
    #[test]
    fn compiler_itself_sees_no_file_of_the_machine() {
        let sandbox = Sandbox::new(SandboxConfig::for_tests()).unwrap();
        let circom_wasm = CircomTools::discover().unwrap().circom_wasm;
        let circom = CircomWasm::new(sandbox, &circom_wasm, CompileLimits::default()).unwrap();
        for include in ["/etc/passwd", "../../../../etc/passwd", "etc/passwd", "/proc/self/environ"] {
            let source = format!("pragma circom 2.1.6;\ninclude \"{include}\";\n");
            let tree = SourceTree::unchecked("main.circom", &source);
            let error = circom.compile(&tree, &CompileOptions::default()).unwrap_err();
            let text = format!("{error:?}");
            assert!(text.contains("P1014") && !text.contains("root:"), "{text}");
        }
    }
}
