//! Test suites for backends of [`ArtifactStore`](crate::service::store::ArtifactStore),
//! [`Catalog`](crate::service::catalog::Catalog), [`JobQueue`](crate::service::queue::JobQueue) and
//! [`Ledger`](crate::service::ledger::Ledger): [`artifact_store`], [`catalog`], [`job_queue`] and [`ledger`].
//!
//! Each check is one function. It receives a new, empty backend, and panics with a message if the backend
//! breaks the contract. A suite runs its checks one after the other, on any async runtime.
//!
//! # Testing your own backend
//! Enable the feature `conformance` in `[dev-dependencies]`, and call the suite with a function that creates
//! empty backends:
//!
//! ```
//! use zkflow_core::service::conformance::artifact_store;
//! # use zkflow_core::service::store::ArtifactStore;
//! # trait Empty { fn empty() -> Self; }
//! # async fn hidden<MyStore: ArtifactStore + Empty>() {
//! // In a test on the runtime that the store needs, such as `#[tokio::test]`:
//! artifact_store(async || MyStore::empty()).await;
//! # }
//! ```
//!
//! The suite of a queue also controls the time, through a [`QueueHarness`]:
//!
//! ```
//! use std::sync::Arc;
//! use zkflow_core::service::clock::{ManualClock, Timestamp};
//! use zkflow_core::service::conformance::{QueueHarness, job_queue};
//! # use zkflow_core::service::queue::JobQueue;
//! # trait Empty { fn empty(clock: Arc<ManualClock>) -> Self; }
//! # async fn hidden<MyQueue: JobQueue + Empty>() {
//! job_queue(async || {
//!     let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
//!     QueueHarness::with_manual_clock(Arc::new(MyQueue::empty(clock.clone())), clock)
//! })
//! .await;
//! # }
//! ```

pub mod artifact_store;
pub mod catalog;
pub mod job_queue;
pub mod ledger;

pub use artifact_store::artifact_store;
pub use catalog::catalog;
pub use job_queue::{QueueHarness, job_queue};
pub use ledger::{LedgerHarness, ledger};
