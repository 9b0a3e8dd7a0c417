//! The promises of [`ArtifactStore`](crate::store::ArtifactStore),
//! [`Catalog`](crate::catalog::Catalog) and [`JobQueue`](crate::queue::JobQueue) as suites that any
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
//! ```no_run
//! # use std::sync::Arc;
//! # use zkflow_core::store::ArtifactStore;
//! # async fn my_empty_store() -> Arc<dyn ArtifactStore> { unimplemented!() }
//! # fn block_on(_: impl Future) {}
//! // #[tokio::test]
//! async fn my_store_keeps_the_promises() {
//!     zkflow_core::conformance::artifact_store(async || my_empty_store().await).await;
//! }
//! # block_on(my_store_keeps_the_promises());
//! ```
//!
//! A queue comes with a way to let time pass, see [`QueueHarness`]:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # use zkflow_core::clock::ManualClock;
//! # use zkflow_core::queue::JobQueue;
//! # async fn my_empty_queue(_: Arc<ManualClock>) -> Arc<dyn JobQueue> { unimplemented!() }
//! # fn block_on(_: impl Future) {}
//! use zkflow_core::clock::Timestamp;
//! use zkflow_core::conformance::{QueueHarness, job_queue};
//!
//! // #[tokio::test]
//! async fn my_queue_keeps_the_promises() {
//!     job_queue(async || {
//!         let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
//!         QueueHarness::with_manual_clock(my_empty_queue(clock.clone()).await, clock)
//!     })
//!     .await;
//! }
//! # block_on(my_queue_keeps_the_promises());
//! ```

pub mod artifact_store;
pub mod catalog;
pub mod job_queue;

pub use artifact_store::artifact_store;
pub use catalog::catalog;
pub use job_queue::{QueueHarness, job_queue};
