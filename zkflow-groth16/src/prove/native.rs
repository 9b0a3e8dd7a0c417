//! The fast prover: Groth16 on BN254 over the kernels of [`zkflow_bn254`].
//!
//! # The work
//! A proof consists of:
//! - five multi-scalar multiplications: A, B and C over the witness in G1, H over the quotient in G1, B over
//!   the witness in G2;
//! - the quotient: two sparse products, and three transforms from the even to the odd roots of unity.
//!
//! | module | subject |
//! |---|---|
//! | `key` | the prepared key, and the assembly of a proof |
//! | `pools` | threads: all for one proof, or one for each |
//! | `file`, `stored` | prepared keys on disk, mapped into memory |
//! | `digests` | digests of files, cached by file system metadata |
//!
//! # Secrets
//! r and s come from the caller's generator. They are zeroised, as are the scalars made from the witness and
//! all polynomials. Time and memory accesses depend on the witness: constant time is not claimed.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zkflow_bn254::Kernel;

use super::consistency::check;
use super::{PreparedKey, ProveError, Prover};
use crate::digest::Digest;
use crate::format::zkey::ZKey;

mod digests;
mod file;
mod key;
mod pools;
mod stored;
#[cfg(test)]
mod tests;

pub use pools::Parallelism;

use file::{Folder, identity};
use key::NativeKey;
use pools::Pools;

const NAME: &str = "native";

/// Settings of a [`NativeProver`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeOptions {
    /// Number of threads; `None`: one per processor.
    pub threads: Option<NonZeroUsize>,
    /// Sharing of the threads between proofs.
    pub parallelism: Parallelism,
    /// Instructions used for the computation; default: the fastest on this processor.
    pub kernel: Kernel,
    /// Memory in bytes for the points of one key and their precomputed multiples. Multiples make proofs
    /// faster and preparation slower. The points alone are always allowed; 0 means no multiples.
    pub key_memory: usize,
    /// Folder for prepared keys, shared by processes; created if missing, writable only by this user.
    /// `None`: prepared keys are not stored.
    pub cache_dir: Option<PathBuf>,
    /// Maximum size of this folder in bytes; the oldest files are removed first.
    pub cache_bytes: u64,
}

impl Default for NativeOptions {
    fn default() -> Self {
        Self {
            threads: None,
            parallelism: Parallelism::default(),
            kernel: Kernel::detect(),
            key_memory: 0,
            cache_dir: None,
            cache_bytes: 16 << 30,
        }
    }
}

/// Several times faster than [`ArkProver`](super::ark::ArkProver). Makes exactly the same proofs from the
/// same random generator. Clones share threads.
#[derive(Debug, Clone)]
pub struct NativeProver {
    kernel: Kernel,
    key_memory: usize,
    folder: Option<Folder>,
    pools: Arc<Pools>,
}

impl NativeProver {
    /// Starts the threads.
    ///
    /// # Errors
    /// The threads cannot be started, the processor lacks the kernel's instructions, or the folder for
    /// prepared keys cannot be used.
    pub fn new(options: NativeOptions) -> Result<Self, ProveError> {
        let NativeOptions { threads, parallelism, kernel, key_memory, cache_dir, cache_bytes } = options;
        if !kernel.is_available() {
            return Err(ProveError::Kernel(kernel));
        }
        let folder = cache_dir.map(|path| {
            let shown = path.display().to_string();
            Folder::open(path, cache_bytes).map_err(|source| ProveError::Folder { path: shown, source })
        });
        let available = std::thread::available_parallelism().ok();
        let threads = threads.or(available).map_or(1, NonZeroUsize::get);
        let pools = Arc::new(Pools::new(threads, parallelism)?);
        Ok(Self { kernel, key_memory, folder: folder.transpose()?, pools })
    }

    fn prepare_native(&self, key: Arc<ZKey>) -> Result<NativeKey, ProveError> {
        check(&key)?;
        let pools = Arc::clone(&self.pools);
        let prepare = || NativeKey::new(Arc::unwrap_or_clone(key), self.kernel, self.key_memory, pools);
        self.pools.wide(prepare)
    }

    fn prepare_and_store(
        &self,
        folder: &Folder,
        digest: &Digest,
        key: ZKey,
    ) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let key = self.prepare_native(Arc::new(key))?;
        self.pools.wide(|| folder.store(&self.identity(digest), &key.to_sections()));
        Ok(Arc::new(key))
    }

    fn identity(&self, zkey: &Digest) -> Digest {
        identity(zkey, self.kernel, self.key_memory)
    }
}

impl Prover for NativeProver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn expect(&self, proofs: usize) {
        self.pools.expect(proofs);
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        Ok(Arc::new(self.prepare_native(key)?))
    }

    fn load(&self, zkey: &[u8]) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let Some(folder) = &self.folder else {
            let key = self.pools.wide(|| ZKey::read(zkey))?;
            return self.prepare(Arc::new(key));
        };
        let digest = Digest::of(zkey);
        if let Some(key) = self.recall(&digest) {
            return Ok(key);
        }
        let key = self.pools.wide(|| ZKey::read(zkey))?;
        self.prepare_and_store(folder, &digest, key)
    }

    fn load_file(&self, path: &Path) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let Some(folder) = &self.folder else {
            let key = self.pools.wide(|| ZKey::read_mapped(&super::map(path)?).map_err(ProveError::from))?;
            return self.prepare(Arc::new(key));
        };
        // With the prepared key at hand, hashing a large key would take longer than everything else.
        if let Some(key) = folder.digests().recall(path).and_then(|digest| self.recall(&digest)) {
            return Ok(key);
        }
        let zkey = super::map(path)?;
        let digest = folder.digests().of(path, &zkey);
        if let Some(key) = self.recall(&digest) {
            return Ok(key);
        }
        let key = self.pools.wide(|| ZKey::read_mapped(&zkey))?;
        drop(zkey);
        self.prepare_and_store(folder, &digest, key)
    }

    fn recall(&self, zkey: &Digest) -> Option<Arc<dyn PreparedKey>> {
        let folder = self.folder.as_ref()?;
        self.pools.wide(|| {
            let file = folder.load(&self.identity(zkey))?;
            let key = NativeKey::from_sections(&file, self.kernel, Arc::clone(&self.pools))?;
            Some(Arc::new(key) as Arc<dyn PreparedKey>)
        })
    }
}
