//! [`Proving`]: settings of the prover and its memory.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

#[cfg(feature = "cuda")]
use zkflow_core::cuda::{self, CudaOptions};
use zkflow_core::prove::native::NativeOptions;
use zkflow_core::prove::{Provers, memory};
use zkflow_core::provers;

use super::setting::{TEBIBYTE_MIB, bytes, settings};

settings! {
    /// Proving
    Proving at proving {
        /// Name of the prover: native; with feature cuda also cuda, for NVIDIA GPUs; with feature ark also ark, the
        /// slow reference
        prover: String = Provers::DEFAULT.to_owned(), "prover", "ZKFLOW_PROVER";
        /// Threads of the native prover; 0 uses one per processor. A single proof uses all threads; proofs
        /// that run in parallel use one thread each
        prover_threads: u32 = 0, "prover-threads", "ZKFLOW_PROVER_THREADS", 0..=1024;
        /// Memory limit for all proofs that run in parallel, estimated from the sizes of their keys. A proof
        /// that does not fit returns to the queue. 0 means three quarters of the memory of the machine or its
        /// control group
        proof_memory_mib: u64 = 0, "proof-memory-mib", "ZKFLOW_PROOF_MEMORY_MIB", 0..=TEBIBYTE_MIB;
        /// Memory limit for the points of one key together with precomputed multiples, which speed up proofs.
        /// They are computed beside further proofs once the key has made 16 proofs. Default: a thirty-second of the
        /// memory of the machine or its control group, at most 1024. At most a quarter of circuit-cache-mib; 0 means no
        /// multiples
        key_memory_mib: Option<u64> = None, "key-memory-mib", "ZKFLOW_KEY_MEMORY_MIB", 0..=TEBIBYTE_MIB;
        /// Whether the number of operations and the memory accesses of a proof are independent of its inputs. Proofs
        /// take several times as long. Native prover only
        constant_work: bool = false, "constant-work", "ZKFLOW_CONSTANT_WORK";
        /// Folder of prepared keys (default: keys in the data folder). Processes may share it
        key_cache: Option<PathBuf> = None, "key-cache", "ZKFLOW_KEY_CACHE";
        /// Size limit of the prepared keys on disk
        key_cache_mib: u64 = 16 * 1024, "key-cache-mib", "ZKFLOW_KEY_CACHE_MIB", 0..=TEBIBYTE_MIB;
        /// Memory limit of the prepared circuits. Default: an eighth of the memory of the machine or
        /// its control group, from 256 to 16384
        circuit_cache_mib: Option<u64> = None, "circuit-cache-mib", "ZKFLOW_CIRCUIT_CACHE_MIB", 0..=TEBIBYTE_MIB;
        /// Number of the GPU for the prover cuda
        cuda_device: u32 = 0, "cuda-device", "ZKFLOW_CUDA_DEVICE", 0..=1023;
        /// Memory of the GPU for the keys and proofs of the prover cuda. 0 means nine tenths of what is free when the
        /// process starts
        cuda_memory_mib: u64 = 0, "cuda-memory-mib", "ZKFLOW_CUDA_MEMORY_MIB", 0..=TEBIBYTE_MIB;
        /// The prover cuda leaves circuits whose domain has fewer rows to the processor
        cuda_min_rows: u32 = 1 << 12, "cuda-min-rows", "ZKFLOW_CUDA_MIN_ROWS", 0..=1 << 28;
    }
}

impl Proving {
    /// The provers of this build, with the options of these settings.
    pub fn provers(&self) -> Provers {
        let provers = provers::of_build();
        #[cfg(feature = "cuda")]
        let provers = {
            let options = self.cuda_options();
            provers.with(cuda::NAME, move |native| cuda::open(&options, native))
        };
        provers
    }

    #[cfg(feature = "cuda")]
    fn cuda_options(&self) -> CudaOptions {
        let mut options = CudaOptions::default();
        options.device = self.cuda_device;
        options.memory = (self.cuda_memory_mib > 0)
            .then(|| usize::try_from(bytes(self.cuda_memory_mib)).unwrap_or(usize::MAX));
        options.min_rows = self.cuda_min_rows;
        options
    }

    /// Options of the native prover, with prepared keys in `folder`.
    pub fn native_options(&self, folder: Option<PathBuf>) -> NativeOptions {
        NativeOptions {
            threads: NonZeroUsize::new(self.prover_threads as usize),
            key_memory: usize::try_from(self.key_memory_bytes()).unwrap_or(usize::MAX),
            multiples_after: Some(MULTIPLES_AFTER),
            constant_work: self.constant_work,
            cache_dir: folder,
            cache_bytes: self.key_cache_bytes(),
            ..NativeOptions::default()
        }
    }

    /// Memory limit in bytes for a key with multiples. The cache of circuits always has room for several keys.
    fn key_memory_bytes(&self) -> u64 {
        self.key_memory_mib.map_or_else(memory::for_key, bytes).min(self.circuit_cache_bytes() / 4)
    }

    /// Memory limit in bytes for all proofs that run in parallel; `None` means a share of the machine's.
    pub fn proof_memory_bytes(&self) -> Option<u64> {
        (self.proof_memory_mib > 0).then(|| bytes(self.proof_memory_mib))
    }

    /// Size limit of the folder of prepared keys in bytes.
    pub fn key_cache_bytes(&self) -> u64 {
        bytes(self.key_cache_mib)
    }

    /// Memory limit of the prepared circuits in bytes.
    pub fn circuit_cache_bytes(&self) -> u64 {
        self.circuit_cache_mib.map_or_else(memory::for_keys, bytes)
    }
}

/// Multiples take about as long as 16 proofs, and save a fifth of the time of each later one.
const MULTIPLES_AFTER: NonZeroU32 = NonZeroU32::new(16).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_take_at_most_a_quarter_of_the_cache_of_circuits() {
        let limit = |key_memory_mib, circuit_cache_mib| {
            let settings = Proving {
                key_memory_mib: Some(key_memory_mib),
                circuit_cache_mib: Some(circuit_cache_mib),
                ..Proving::default()
            };
            settings.native_options(None).key_memory >> 20
        };
        assert_eq!([limit(0, 1024), limit(100, 1024), limit(300, 1024), limit(300, 0)], [0, 100, 256, 0]);
    }

    #[test]
    fn by_default_multiples_take_a_share_of_the_memory() {
        let found = Proving::default().native_options(None).key_memory as u64;
        assert_eq!(
            (found, Proving::default().circuit_cache_bytes()),
            (memory::for_key(), memory::for_keys())
        );
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn the_defaults_are_those_of_the_prover() {
        assert_eq!(Proving::default().cuda_options(), CudaOptions::default());
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn the_options_of_the_prover_are_the_settings() {
        let settings =
            Proving { cuda_device: 1, cuda_memory_mib: 3, cuda_min_rows: 4096, ..Proving::default() };
        let options = settings.cuda_options();
        assert_eq!((options.device, options.memory, options.min_rows), (1, Some(3 << 20), 4096));
    }
}
