//! The fast prover.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::consistency::check;
use super::{PreparedKey, ProveError, Prover};
use crate::bn254::Kernel;
use crate::format::zkey::ZKey;

mod file;
mod key;
mod pools;
mod quotient;
mod rows;
mod transform;
mod wiped;

pub use pools::Parallelism;

use key::NativeKey;
use pools::Pools;

const NAME: &str = "native";

/// The settings of a [`NativeProver`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeOptions {
    /// Threads; one a processor if `None`.
    pub threads: Option<NonZeroUsize>,
    /// How proofs share them.
    pub parallelism: Parallelism,
    /// The instructions that compute; those this processor is fastest with by default.
    pub kernel: Kernel,
}

impl Default for NativeOptions {
    fn default() -> Self {
        Self { threads: None, parallelism: Parallelism::default(), kernel: Kernel::detect() }
    }
}

/// Proves several times faster than [`ArkProver`](super::ark::ArkProver), with the same results.
#[derive(Debug, Clone)]
pub struct NativeProver {
    options: NativeOptions,
    pools: Arc<Pools>,
}

impl NativeProver {
    /// Starts the threads.
    ///
    /// # Errors
    /// The threads cannot be started, or the processor lacks the kernel's instructions.
    pub fn new(options: NativeOptions) -> Result<Self, ProveError> {
        if !options.kernel.is_available() {
            return Err(ProveError::Kernel(options.kernel));
        }
        let available = std::thread::available_parallelism().ok();
        let threads = options.threads.or(available).map_or(1, NonZeroUsize::get);
        let pools = Arc::new(Pools::new(threads, options.parallelism)?);
        Ok(Self { options, pools })
    }
}

impl Prover for NativeProver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        check(&key)?;
        let pools = Arc::clone(&self.pools);
        let key = self.pools.wide(|| NativeKey::new(Arc::unwrap_or_clone(key), self.options.kernel, pools));
        Ok(Arc::new(key))
    }
}
