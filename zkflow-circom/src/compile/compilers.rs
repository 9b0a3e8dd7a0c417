//! [`Compilers`]: circom in several versions.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use super::{CircomNative, CircomWasm, CircuitCompiler, CompileError, CompileLimits};
use crate::sandbox::Sandbox;

/// First bytes of a WebAssembly file.
const WEBASSEMBLY: [u8; 4] = *b"\0asm";

/// The compiler of a service, and further ones for files that another version of circom made.
#[derive(Debug, Clone)]
pub struct Compilers {
    own: Arc<dyn CircuitCompiler>,
    /// Sorted by version; none has the version of another one.
    others: Vec<Arc<dyn CircuitCompiler>>,
}

impl Compilers {
    /// A further compiler of a version that is there already is left out.
    pub fn new(own: Arc<dyn CircuitCompiler>, mut others: Vec<Arc<dyn CircuitCompiler>>) -> Self {
        others.retain(|other| other.version() != own.version());
        others.sort_by(|one, other| one.version().cmp(other.version()));
        others.dedup_by(|one, other| one.version() == other.version());
        Self { own, others }
    }

    /// The compiler of everything that names no version.
    pub fn own(&self) -> &Arc<dyn CircuitCompiler> {
        &self.own
    }

    /// The compiler of a version as a [module says it](crate::witness::module_version), such as `2.1.9`; `None` if there is
    /// none.
    pub fn of_version(&self, version: &str) -> Option<&Arc<dyn CircuitCompiler>> {
        self.all().find(|compiler| number(compiler.version()) == version)
    }

    /// All versions, such as `circom 2.2.3`, the own one first.
    pub fn versions(&self) -> Vec<&str> {
        self.all().map(|compiler| compiler.version()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<dyn CircuitCompiler>> {
        std::iter::once(&self.own).chain(&self.others)
    }
}

/// The number in a version.
fn number(version: &str) -> &str {
    version.strip_prefix("circom ").unwrap_or(version)
}

/// Opens a circom of either kind: WebAssembly, or a native binary. `limits` gets whether it is native.
///
/// # Errors
/// [`CompileError::Compiler`] when the file is missing or is not circom.
pub fn open(
    path: &Path,
    sandbox: &Arc<Sandbox>,
    limits: impl FnOnce(bool) -> CompileLimits,
) -> Result<Arc<dyn CircuitCompiler>, CompileError> {
    let mut first = [0; WEBASSEMBLY.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::UnexpectedEof => "too short, expected circom.wasm or a native circom".to_owned(),
            _ => error.to_string(),
        };
        CompileError::Compiler(format!("{}: {why}", path.display()))
    })?;
    if first == WEBASSEMBLY {
        return Ok(Arc::new(CircomWasm::new(sandbox.clone(), path, limits(false))?));
    }
    Ok(Arc::new(CircomNative::new(path, limits(true))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{CompileOptions, Compiled, SourceTree};

    #[derive(Debug)]
    struct Named(&'static str, u8);

    impl CircuitCompiler for Named {
        fn version(&self) -> &str {
            self.0
        }

        fn compile(&self, _: &SourceTree, _: &CompileOptions) -> Result<Compiled, CompileError> {
            Err(CompileError::Io(self.1.to_string()))
        }
    }

    fn of(named: &[(&'static str, u8)]) -> Compilers {
        let mut all = named.iter().map(|(version, mark)| Arc::new(Named(version, *mark)) as Arc<_>);
        Compilers::new(all.next().unwrap(), all.collect())
    }

    fn mark(compilers: &Compilers, version: &str) -> Option<String> {
        let compiler = compilers.of_version(version)?;
        compiler
            .compile(&SourceTree::empty(), &CompileOptions::default())
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn a_version_has_one_compiler_and_the_own_one_goes_first() {
        let compilers = of(&[
            ("circom 2.2.3", 0),
            ("circom 2.2.3", 1),
            ("circom 2.1.9", 2),
            ("circom 2.0.8", 3),
            ("circom 2.1.9", 4),
        ]);
        assert_eq!(compilers.versions(), ["circom 2.2.3", "circom 2.0.8", "circom 2.1.9"]);
        assert_eq!(mark(&compilers, "2.2.3").unwrap(), "0");
        assert_eq!(mark(&compilers, "2.1.9").unwrap(), "2");
        assert_eq!(mark(&compilers, "2.1"), None);
        assert_eq!(mark(&compilers, "2.1.91"), None);
    }

    #[test]
    fn a_file_that_is_no_compiler_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::new(crate::sandbox::SandboxConfig::for_tests()).unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("short"), "a").unwrap();
        for name in ["none", "short"] {
            let error = open(&path(name), &sandbox, |_| CompileLimits::default()).unwrap_err().to_string();
            assert!(error.contains(&path(name).display().to_string()), "{error}");
        }
    }
}
