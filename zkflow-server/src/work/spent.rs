//! [`Spent`]: the processor time of an attempt, also of one that fails.

use std::sync::{Arc, Mutex, PoisonError};

use zkflow_core::service::catalog::Usage;
use zkflow_queue::JobError;

use super::blocking;
use crate::state::{App, CpuStage};

/// Processor time of an attempt so far.
#[derive(Debug, Default)]
pub(super) struct Spent(Arc<Mutex<Usage>>);

impl Spent {
    /// Runs CPU-bound `work` on a blocking thread, and counts its processor time, also if it fails or panics.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        app: &App,
        stage: CpuStage,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let (cpu, used) = (app.cpu.clone(), Arc::clone(&self.0));
        blocking(move || cpu.count(stage, &used, work)).await
    }

    /// All that was counted.
    pub(super) fn usage(&self) -> Usage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
