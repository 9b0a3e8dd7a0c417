//! Prover options of the command line.

use std::num::NonZeroUsize;
use std::sync::Arc;

use clap::Args;
use zkflow_core::prove::Kernel;
use zkflow_core::prove::native::{NativeOptions, Parallelism};
use zkflow_core::prove::{ProveError, Prover, Provers, UnknownProver};

use super::cache_dir;

/// Options of the prover.
#[derive(Debug, Clone, Args)]
pub(super) struct ProverArgs {
    /// Name of the prover: native, or with feature ark also ark, the slow reference
    #[arg(long, default_value = Provers::DEFAULT, value_parser = known)]
    prover: String,
    /// Threads of the native prover (default: one per processor)
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Memory limit in MiB for the key's points together with precomputed multiples. Multiples speed up
    /// proofs and slow down the first run; later runs read them from disk
    #[arg(long, default_value_t = 0, value_name = "MIB")]
    key_memory: usize,
    /// Use only instructions that every processor supports
    #[arg(long)]
    portable: bool,
    /// Do not read or write prepared keys on disk
    #[arg(long)]
    no_key_cache: bool,
}

impl ProverArgs {
    pub(super) fn open(&self) -> Result<Arc<dyn Prover>, ProveError> {
        let options = NativeOptions {
            threads: self.threads,
            parallelism: Parallelism::Latency,
            kernel: if self.portable { Kernel::Portable } else { Kernel::detect() },
            key_memory: self.key_memory.saturating_mul(1 << 20),
            cache_dir: if self.no_key_cache { None } else { cache_dir("keys") },
            ..NativeOptions::default()
        };
        Provers::default().open(&self.prover, options)
    }
}

/// The name of a prover of this build.
fn known(name: &str) -> Result<String, UnknownProver> {
    Provers::default().check(name)?;
    Ok(name.to_owned())
}
