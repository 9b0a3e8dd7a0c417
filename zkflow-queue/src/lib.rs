//! Leased jobs:
//! - [`MemoryQueue`], [`SqliteQueue`] and [`RedisQueue`], the backends of
//!   [`JobQueue`](zkflow_core::queue::JobQueue);
//! - the [`worker`] that runs jobs;
//! - the [`reconcile`]r, which pushes jobs that the catalog needs and the queue has lost.

pub mod memory;
pub mod redis;
pub mod sqlite;

pub mod reconcile;
pub mod worker;

pub mod backoff;

mod waiting;

pub use crate::redis::RedisQueue;
pub use backoff::Backoff;
pub use memory::MemoryQueue;
pub use reconcile::Reconciler;
pub use sqlite::SqliteQueue;
pub use worker::{Handler, JobContext, JobError, Then, Worker, WorkerConfig};
