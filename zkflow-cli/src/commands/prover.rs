//! The prover as the command line sets it up.

use std::num::NonZeroUsize;
use std::sync::Arc;

use clap::Args;
use zkflow_core::prove::Kernel;
use zkflow_core::prove::native::{NativeOptions, Parallelism};
use zkflow_core::prove::{ProveError, Prover, ProverKind};

use super::cache_dir;

/// Which prover to use, and how.
#[derive(Debug, Clone, Args)]
pub(super) struct ProverArgs {
    /// What makes the proof: native, or ark, the slow reference
    #[arg(long, default_value_t)]
    prover: ProverKind,
    /// Threads of the native prover; one a processor by default
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Mebibytes that the key's points may take with multiples computed beforehand. They make proofs
    /// faster and the first run slower; later runs find them on disk
    #[arg(long, default_value_t = 0, value_name = "MIB")]
    key_memory: usize,
    /// Use no instructions that not every processor has
    #[arg(long)]
    portable: bool,
    /// Neither look for a prepared key on disk nor leave one
    #[arg(long)]
    no_key_cache: bool,
}

impl ProverArgs {
    pub(super) fn open(&self) -> Result<Arc<dyn Prover>, ProveError> {
        self.prover.open(NativeOptions {
            threads: self.threads,
            parallelism: Parallelism::Latency,
            kernel: if self.portable { Kernel::Portable } else { Kernel::detect() },
            key_memory: self.key_memory.saturating_mul(1 << 20),
            cache_dir: if self.no_key_cache { None } else { cache_dir("keys") },
            ..NativeOptions::default()
        })
    }
}
