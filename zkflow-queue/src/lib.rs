//! Leased jobs: backends of [`JobQueue`](zkflow_core::queue::JobQueue) ([`MemoryQueue`],
//! [`SqliteQueue`]), the [`worker`] driver that runs them, and the [`reconcile`]r that pushes what
//! the catalog owes and the queue lost.

pub mod memory;
pub mod sqlite;

pub mod reconcile;
pub mod worker;

pub mod backoff;

mod waiting;

pub use backoff::Backoff;
pub use memory::MemoryQueue;
pub use reconcile::Reconciler;
pub use sqlite::SqliteQueue;
pub use worker::{Handler, JobContext, JobError, Worker, WorkerConfig};
