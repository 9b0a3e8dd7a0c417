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
//! | `points` | the points of a key |
//! | `multiples` | multiples of a key's points, computed after some proofs |
//! | `engine` | instructions, threads, and sums over secrets |
//! | `pools` | threads: all for one proof, or one for each |
//! | `loader` | from a `.zkey` file to a prepared key |
//! | `once` | from a `.zkey` file to a single proof |
//! | `file`, `stored` | prepared keys on disk, mapped into memory |
//! | `digests` | digests of files, cached by file system metadata |
//!
//! # Secrets
//! r and s come from the caller's generator. They are zeroised, as are the scalars made from the witness and
//! all polynomials. Time and memory accesses depend on the witness: constant time is not claimed. With
//! [`NativeOptions::constant_work`], the number of operations and the addresses of memory accesses do not.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use zkflow_bn254::Kernel;

use super::consistency::check;
use super::{KeyLoader, PreparedKey, ProveError, Prover};
use crate::format::zkey::ZKey;
use crate::rng::os_rng;

mod digests;
mod engine;
mod file;
mod key;
mod loader;
mod multiples;
mod once;
mod points;
mod pools;
mod stored;
#[cfg(test)]
mod tests;

pub use pools::Parallelism;

use engine::{Engine, Later};
use file::Folder;
use key::NativeKey;
use pools::Pools;

pub(super) const NAME: &str = "native";

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
    /// Number of proofs with a key after which its multiples are computed, on a thread beside further proofs; `None`:
    /// multiples are computed while the key is loaded.
    pub multiples_after: Option<NonZeroU32>,
    /// Whether the number of operations and the addresses of memory accesses are the same for every witness of a
    /// circuit. Proofs take several times as long. See SECURITY.md for what this promises.
    pub constant_work: bool,
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
            multiples_after: None,
            constant_work: false,
            cache_dir: None,
            cache_bytes: 16 << 30,
        }
    }
}

/// Several times faster than the reference prover of feature `ark`, `ArkProver`. Makes exactly the same proofs from
/// the same random generator. Clones share threads.
#[derive(Debug, Clone)]
pub struct NativeProver {
    engine: Engine,
    /// Memory for multiples that are computed while a key is loaded.
    key_memory: usize,
    folder: Option<Folder>,
}

impl NativeProver {
    /// Starts the threads.
    ///
    /// # Errors
    /// The threads cannot be started, the processor lacks the kernel's instructions, or the folder for
    /// prepared keys cannot be used.
    pub fn new(options: NativeOptions) -> Result<Self, ProveError> {
        let NativeOptions { threads, parallelism, kernel, constant_work, cache_dir, cache_bytes, .. } =
            options;
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
        let later = options.multiples_after.map(|after| Later { bytes: options.key_memory, after });
        let key_memory = if later.is_some() { 0 } else { options.key_memory };
        let engine = Engine { kernel, constant_work, pools, later };
        Ok(Self { engine, key_memory, folder: folder.transpose()? })
    }

    fn prepare_native(&self, key: Arc<ZKey>) -> Result<NativeKey, ProveError> {
        self.engine.pools.wide(|| {
            check(&key)?;
            let key = NativeKey::new(Arc::unwrap_or_clone(key), self.key_memory, self.engine.clone());
            key.blinding().check(&mut os_rng())?;
            Ok(key)
        })
    }
}

impl Prover for NativeProver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        Ok(Arc::new(self.prepare_native(key)?))
    }

    fn key_loader(&self) -> Option<&dyn KeyLoader> {
        Some(self)
    }

    fn announce(&self, proofs: usize) {
        self.engine.pools.announce(proofs);
    }
}
