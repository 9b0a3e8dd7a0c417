//! Leased jobs:
//! - [`MemoryQueue`], [`SqliteQueue`] and [`RedisQueue`], the backends of
//!   [`JobQueue`](zkflow_core::service::queue::JobQueue);
//! - the [`ledger`]s, which write documents together with their jobs;
//! - the [`deliveries`] of events, which are stored before the end that they are about;
//! - the line of the log for a document that has [`ended`];
//! - the [`worker`] that runs jobs;
//! - the [`reconcile`]r, which pushes jobs that the catalog needs and the queue has lost.

pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub mod deliveries;
pub mod ended;
pub mod ledger;
pub mod reconcile;
pub mod worker;

pub mod backoff;

mod waiting;

#[cfg(feature = "redis")]
pub use crate::redis::{Pace, RedisQueue, Taken};
pub use backoff::Backoff;
pub use ledger::Apart;
pub use memory::MemoryQueue;
pub use reconcile::Reconciler;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteLedger, SqliteQueue};
pub use worker::{Handler, JobContext, JobError, Then, Worker, WorkerConfig};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
