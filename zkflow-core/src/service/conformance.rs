//! The promises of [`ArtifactStore`](crate::service::store::ArtifactStore),
//! [`Catalog`](crate::service::catalog::Catalog) and [`JobQueue`](crate::service::queue::JobQueue) as suites that any
//! backend can run: [`artifact_store`], [`catalog`] and [`job_queue`].
//!
//! Each promise is one function that takes a fresh, empty backend and panics with a sentence that
//! names what was broken; the suite runs them one after the other. No async runtime is assumed: run
//! them on the one that the backend needs.
//!
//! # A backend of your own
//! Ask for the feature `conformance` in `[dev-dependencies]`, and hand the suite a function that
//! makes empty backends:
//!
//! ```
//! use zkflow_core::conformance::artifact_store;
//! # use zkflow_core::store::ArtifactStore;
//! # trait Empty { fn empty() -> Self; }
//! # async fn hidden<MyStore: ArtifactStore + Empty>() {
//! // In a test of the runtime that the store needs, such as `#[tokio::test]`:
//! artifact_store(async || MyStore::empty()).await;
//! # }
//! ```
//!
//! A queue comes with a way to let time pass, see [`QueueHarness`]:
//!
//! ```
//! use std::sync::Arc;
//! use zkflow_core::clock::{ManualClock, Timestamp};
//! use zkflow_core::conformance::{QueueHarness, job_queue};
//! # use zkflow_core::queue::JobQueue;
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

pub use artifact_store::artifact_store;
pub use catalog::catalog;
pub use job_queue::{QueueHarness, job_queue};
