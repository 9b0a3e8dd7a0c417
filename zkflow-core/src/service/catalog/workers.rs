//! [`Workers`]: the processes that run jobs, as they announce themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::CatalogError;
use crate::service::clock::Timestamp;
use crate::service::id::WorkerId;
use crate::service::queue::QueueName;

/// A process that runs jobs. It contains no secret, no path and no name of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerProcess {
    /// New at every start of a process.
    pub id: WorkerId,
    /// Version of the program.
    pub version: String,
    /// Name of the prover.
    pub prover: String,
    /// Kernel of the prover that the processor allows.
    pub kernel: String,
    /// Jobs at the same time, by queue.
    pub queues: BTreeMap<QueueName, u32>,
    /// Resident memory in bytes; `None` where the system does not tell.
    pub memory_bytes: Option<u64>,
}

/// A process and when it was seen, by the clock of the catalog's backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenWorker {
    /// The process, as it announced itself last.
    pub process: WorkerProcess,
    /// Its first announcement.
    pub first: Timestamp,
    /// Its last announcement.
    pub last: Timestamp,
    /// Time since the last announcement.
    pub silent: Duration,
}

/// Silence after which a process is no longer listed.
pub const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// Most processes that are stored: the last seen ones.
pub const MOST_WORKERS: usize = 1000;

/// Processes that run jobs.
///
/// # Behaviour
/// - All times are those of the backend's clock, so that the clocks of the processes may differ.
/// - An announcement may be lost if the machine of the backend crashes.
#[async_trait]
pub trait Workers: Send + Sync {
    /// Records that a process is alive. Removes those that were silent for [`FORGOTTEN`], and all but the [`MOST_WORKERS`]
    /// last seen ones.
    async fn announce(&self, process: &WorkerProcess) -> Result<(), CatalogError>;

    /// Removes a process that ends.
    async fn withdraw(&self, id: &WorkerId) -> Result<(), CatalogError>;

    /// The processes, by id, which is their order of start.
    async fn workers(&self) -> Result<Vec<SeenWorker>, CatalogError>;
}
