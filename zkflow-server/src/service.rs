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
pub mod tenants;
pub mod uploads;
pub mod verify;
pub mod watch;

mod document;
mod error;
mod inputs;
pub(crate) mod names;
mod plan;
mod quota;
mod sealed;

pub use document::{Requested, get, owned, visible};
pub use error::{InputFault, RequestError};
pub use inputs::GivenInputs;
pub use names::CircuitName;
pub use sealed::ProofInputs;

use zkflow_core::service::queue::{NewJob, QueueName};
use zkflow_core::service::tenant::TenantId;

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
async fn refuse_overload(
    app: &App,
    tenant: &TenantId,
    queue: QueueName,
    most: u64,
) -> Result<(), RequestError> {
    room(app, tenant, queue, most).await?.take()
}

/// The jobs that a queue takes.
#[derive(Debug, Clone, Copy)]
struct Room {
    queue: QueueName,
    /// Of all tenants.
    all: u64,
    /// Of the tenant.
    own: u64,
}

impl Room {
    /// Takes the place of one job.
    fn take(&mut self) -> Result<(), RequestError> {
        match (self.all, self.own) {
            (0, _) => Err(RequestError::Overloaded(self.queue)),
            (_, 0) => Err(RequestError::ShareUsed(self.queue)),
            (all, own) => {
                (self.all, self.own) = (all - 1, own - 1);
                Ok(())
            }
        }
    }
}

/// The jobs that a queue takes, if it may have `most`. The work of one tenant takes a share at most, so the backlog of one
/// does not keep the requests of others out.
async fn room(app: &App, tenant: &TenantId, queue: QueueName, most: u64) -> Result<Room, RequestError> {
    let stats = app.queue.stats(queue).await?;
    let used = stats.ready + stats.delayed + stats.leased;
    let all = most.saturating_sub(used);
    let percent = app.config.tenant_share_percent();
    if percent == 100 {
        return Ok(Room { queue, all, own: all });
    }
    let share = most.saturating_mul(percent).div_ceil(100);
    // The tenant has at most what all have.
    let own = match used.saturating_mul(2) < share {
        true => used,
        false => app.queue.waiting(queue, tenant.lane().as_ref()).await?,
    };
    Ok(Room { queue, all, own: share.saturating_sub(own) })
}
