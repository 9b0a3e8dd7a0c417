//! [`Proving`]: settings of the prover and its memory.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use zkflow_core::prove::Provers;
use zkflow_core::prove::native::NativeOptions;

use super::setting::{TEBIBYTE_MIB, bytes, settings};

settings! {
    /// Proving
    Proving at proving {
        /// Name of the prover: native, or with feature ark also ark, the slow reference
        prover: String = Provers::DEFAULT.to_owned(), "prover", "ZKFLOW_PROVER";
        /// Threads of the native prover; 0 uses one per processor. A single proof uses all threads; proofs
        /// that run in parallel use one thread each
        prover_threads: u32 = 0, "prover-threads", "ZKFLOW_PROVER_THREADS", 0..=1024;
        /// Memory limit for all proofs that run in parallel, estimated from the sizes of their keys. A proof
        /// that does not fit returns to the queue. 0 means three quarters of the memory of the machine or its
        /// control group
        proof_memory_mib: u64 = 0, "proof-memory-mib", "ZKFLOW_PROOF_MEMORY_MIB", 0..=TEBIBYTE_MIB;
        /// Memory limit for the points of one key together with precomputed multiples. Multiples speed up
        /// proofs but slow down the first one. There are no multiples if the limit is below the size of the
        /// points
        key_memory_mib: u64 = 0, "key-memory-mib", "ZKFLOW_KEY_MEMORY_MIB", 0..=TEBIBYTE_MIB;
        /// Folder of prepared keys (default: keys in the data folder). Processes may share it
        key_cache: Option<PathBuf> = None, "key-cache", "ZKFLOW_KEY_CACHE";
        /// Size limit of the prepared keys on disk
        key_cache_mib: u64 = 16 * 1024, "key-cache-mib", "ZKFLOW_KEY_CACHE_MIB", 0..=TEBIBYTE_MIB;
        /// Memory limit of the prepared circuits
        circuit_cache_mib: u64 = 1024, "circuit-cache-mib", "ZKFLOW_CIRCUIT_CACHE_MIB", 0..=TEBIBYTE_MIB;
    }
}

impl Proving {
    /// Options of the native prover, with prepared keys in `folder`.
    pub fn native_options(&self, folder: Option<PathBuf>) -> NativeOptions {
        NativeOptions {
            threads: NonZeroUsize::new(self.prover_threads as usize),
            key_memory: usize::try_from(bytes(self.key_memory_mib)).unwrap_or(usize::MAX),
            cache_dir: folder,
            cache_bytes: bytes(self.key_cache_mib),
            ..NativeOptions::default()
        }
    }

    /// Memory limit in bytes for all proofs that run in parallel; `None` means a share of the machine's.
    pub fn proof_memory_bytes(&self) -> Option<u64> {
        (self.proof_memory_mib > 0).then(|| bytes(self.proof_memory_mib))
    }

    /// Memory limit of the prepared circuits in bytes.
    pub fn circuit_cache_bytes(&self) -> u64 {
        bytes(self.circuit_cache_mib)
    }
}
