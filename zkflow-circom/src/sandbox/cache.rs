//! Compiled modules on disk.
//!
//! The name of a file is `<SHA-256 of the WebAssembly>-<SHA-256 of runtime version and settings>.cwasm`.
//! It contains the SHA-256 of the compiled module, then the module.

use std::fs::File;
use std::hash::Hash;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use wasmtime::{Engine, Module};

use super::SandboxError;
use zkflow_groth16::digest::{Digest, Hasher};
use zkflow_groth16::own_folder;

const EXTENSION: &str = "cwasm";
const DIGEST_BYTES: usize = 32;

/// A folder of compiled modules that only this user may write to.
#[derive(Debug)]
pub(super) struct DiskCache {
    folder: PathBuf,
    max_bytes: u64,
    engine: Digest,
}

impl DiskCache {
    /// Creates the folder with mode 0700, or checks that only this user may write to it.
    pub(super) fn open(folder: PathBuf, max_bytes: u64, engine: &Engine) -> Result<Self, SandboxError> {
        match own_folder::open(&folder) {
            Ok(()) => Ok(Self { folder, max_bytes, engine: engine_digest(engine) }),
            Err(error) => Err(SandboxError::CacheFolder { folder, detail: error.to_string() }),
        }
    }

    /// The compiled module; `None` if the file is missing, damaged or from another runtime.
    pub(super) fn load(&self, engine: &Engine, wasm: &Digest) -> Option<Module> {
        let mut bytes = Vec::new();
        File::open(self.path(wasm)).ok()?.read_to_end(&mut bytes).ok()?;
        let (digest, payload) = bytes.split_at_checked(DIGEST_BYTES)?;
        if Digest::of(payload).as_bytes() != digest {
            return None;
        }
        // SAFETY: `deserialize` requires bytes from `Module::serialize` of this runtime, because they
        // contain machine code. The digest shows that the bytes are complete and undamaged. Only this
        // user can have written the file and its digest: the folder belongs to this user and no other
        // user may write to it (`own_folder::open`). The runtime refuses bytes of other versions and
        // settings.
        unsafe { Module::deserialize(engine, payload) }.ok()
    }

    /// Writes the compiled module. Errors are ignored: the next process compiles it again.
    pub(super) fn store(&self, module: &Module, wasm: &Digest) {
        if let Ok(payload) = module.serialize() {
            let _ = self.write(&self.path(wasm), &payload);
            let _ = own_folder::prune(&self.folder, EXTENSION, self.max_bytes);
        }
    }

    fn path(&self, wasm: &Digest) -> PathBuf {
        self.folder.join(format!("{wasm}-{}.{EXTENSION}", self.engine))
    }

    /// Writes a temporary file and renames it, so that a reader sees the whole file or none.
    fn write(&self, path: &Path, payload: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(Digest::of(payload).as_bytes())?;
        file.write_all(payload)?;
        file.persist(path)?;
        Ok(())
    }
}

/// Digest of the runtime's version, target and settings, which decide whether compiled code fits.
fn engine_digest(engine: &Engine) -> Digest {
    struct Adapter(Hasher);
    impl std::hash::Hasher for Adapter {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut adapter = Adapter(Hasher::default());
    engine.precompile_compatibility_hash().hash(&mut adapter);
    adapter.0.finish()
}
