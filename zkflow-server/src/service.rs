//! The operations behind the API, independent of HTTP.

pub mod audit;
#[cfg(feature = "evm")]
pub mod bindings;
pub mod callbacks;
pub mod ceremonies;
pub mod circuits;
#[cfg(feature = "evm")]
pub mod deployments;
pub mod idle;
pub mod imports;
pub mod jobs;
pub mod proofs;
pub mod removal;
pub mod uploads;
pub mod verify;
pub mod watch;

mod document;
mod error;
mod inputs;
pub(crate) mod names;
mod quota;

use document::same_request;
pub use document::{Requested, get, owned, visible};
pub use error::{InputFault, RequestError};
pub use inputs::GivenInputs;
pub use names::CircuitName;

use zkflow_core::service::queue::{NewJob, QueueName};

use crate::state::App;

/// Pushes a job for work that the catalog records. A failing queue does not fail the request: the
/// reconciler pushes the job again.
pub(crate) async fn push(app: &App, job: NewJob) {
    let job = job.with_attempts(app.config.workers.job_attempts);
    if let Err(error) = app.queue.push(job).await {
        tracing::warn!(%error, "job not pushed; the reconciler pushes it later");
    }
}

/// Refuses a request when its queue is full. Concurrent requests may exceed the limit slightly: it
/// protects the machine and is not exact.
async fn refuse_overload(app: &App, queue: QueueName, most: u64) -> Result<(), RequestError> {
    if room(app, queue, most).await? > 0 { Ok(()) } else { Err(RequestError::Overloaded(queue)) }
}

/// Number of jobs that a queue takes, if it may have `most`.
async fn room(app: &App, queue: QueueName, most: u64) -> Result<u64, RequestError> {
    let stats = app.queue.stats(queue).await?;
    Ok(most.saturating_sub(stats.ready + stats.delayed + stats.leased))
}
