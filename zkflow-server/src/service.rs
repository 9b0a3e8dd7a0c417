//! What a request means, whatever way it comes in.

pub mod circuits;
#[cfg(feature = "evm")]
pub mod deployments;
pub mod proofs;
pub mod removal;
pub mod verify;
pub mod watch;

mod document;
mod error;
mod inputs;

use document::same_request;
pub use document::{Requested, get};
pub use error::{InputFault, RequestError};
pub use inputs::GivenInputs;

use zkflow_core::service::queue::{NewJob, QueueName};

use crate::state::App;

/// Wakes a worker for what the catalog owes already. A queue that fails is no reason to refuse: the
/// reconciler pushes again.
async fn push(app: &App, job: NewJob) {
    let job = job.with_attempts(app.config.workers.job_attempts);
    if let Err(error) = app.queue.push(job).await {
        tracing::warn!(%error, "a job was not pushed; the reconciler will");
    }
}

/// Refuses a request whose queue is full. Two at once may both pass the last place: the bound is
/// there to protect the machine, not to count.
async fn refuse_overload(app: &App, queue: QueueName, most: u64) -> Result<(), RequestError> {
    let stats = app.queue.stats(queue).await?;
    let owed = stats.ready + stats.delayed + stats.leased;
    if owed < most { Ok(()) } else { Err(RequestError::Overloaded(queue)) }
}
