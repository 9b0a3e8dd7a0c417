//! Prover options of the command line.

use std::num::NonZeroUsize;
use std::sync::Arc;

use clap::Args;
use zkflow_core::prove::Kernel;
use zkflow_core::prove::native::{NativeOptions, Parallelism};
use zkflow_core::prove::{ProveError, Prover, Provers, UnknownProver};
use zkflow_core::provers;

use super::{allocator, cache_dir};

/// Options of the prover.
#[derive(Debug, Clone, Args)]
pub(super) struct ProverArgs {
    /// Name of the prover: native; with feature cuda also cuda, for NVIDIA GPUs; with feature ark also ark, the slow
    /// reference
    #[arg(long, default_value = Provers::DEFAULT, value_parser = known)]
    prover: String,
    /// Threads of the native prover (default: one per processor)
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Memory limit in MiB for the key's points together with precomputed multiples. Multiples speed up
    /// proofs and slow down the first run; later runs read them from disk
    #[arg(long, default_value_t = 0, value_name = "MIB")]
    key_memory: usize,
    /// Make the number of operations and the memory accesses independent of the witness. Proofs take several
    /// times as long. Native prover only; SECURITY.md has what this promises
    #[arg(long)]
    constant_work: bool,
    /// Instructions of the native prover: ifma (AVX-512 IFMA), avx2 (AVX2 and FMA) or portable, which every processor
    /// supports (default: the first of them that the processor has)
    #[arg(long, value_name = "NAME")]
    kernel: Option<Kernel>,
    /// Do not read or write prepared keys on disk
    #[arg(long)]
    no_key_cache: bool,
}

impl ProverArgs {
    pub(super) fn open(&self) -> Result<Arc<dyn Prover>, ProveError> {
        #[cfg(feature = "cuda")]
        show_warnings();
        // A single proof does not use its large buffers again. To return the small ones and to ask for them again would take a
        // sixth of the processor time of a small proof.
        allocator::keep_buffers_below(1 << 20);
        let options = NativeOptions {
            threads: self.threads,
            parallelism: Parallelism::Latency,
            kernel: self.kernel.unwrap_or_else(Kernel::detect),
            key_memory: self.key_memory.saturating_mul(1 << 20),
            constant_work: self.constant_work,
            cache_dir: if self.no_key_cache { None } else { cache_dir("keys") },
            ..NativeOptions::default()
        };
        provers::of_build().open(&self.prover, options)
    }
}

/// Shows the warnings of the prover for GPUs on standard error.
#[cfg(feature = "cuda")]
pub(super) fn show_warnings() {
    use tracing_subscriber::filter::LevelFilter;

    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr);
    // An error means that a log is already set up.
    let _ = log.with_ansi(false).with_target(false).without_time().try_init();
}

/// The name of a prover of this build.
fn known(name: &str) -> Result<String, UnknownProver> {
    provers::of_build().check(name)?;
    Ok(name.to_owned())
}
