//! Lists, repeats and deletes work of every tenant, for operators.
//!
//! A job is the work on a document, so the catalog contains the waiting, running and failed ones. Dead letters come from
//! the queue.

use zkflow_core::service::catalog::{
    AuditAction, CatalogError, Ceremony, Circuit, CircuitStatus, Delivery, DeliveryStatus, Deployment,
    Document as _, ProofRequest, Status as _, Stored,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::{DEAD_LETTERS, JobState, NewJob, QueueName};
use zkflow_core::service::tenant::TenantId;

mod matching;

pub use matching::{Found, FoundJob, JobStatus, Matching, count, matching};

use super::{RequestError, audit, callbacks, ceremonies, circuits, proofs, refuse_overload, removal};
use crate::state::App;

/// Result of repeating a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It waits for a worker again.
    Retried,
    /// It was waiting or running already.
    Waiting,
    /// Its work is done.
    Final,
    /// It has failed, and what it needs is destroyed: private inputs or secrets.
    InputsDestroyed,
    /// Its circuit is being deleted.
    Deleting,
    /// There is no such job.
    NotFound,
}

/// Result of deleting a failed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Its document is deleted.
    Deleted,
    /// It has not failed.
    NotFailed,
    /// Other work needs the circuit.
    Busy,
    /// There is no such job.
    NotFound,
}

/// Repeats the job of `queue` with this subject.
///
/// # Behaviour
/// - A failed circuit becomes pending again.
/// - A pending document gets a job if the queue has none.
/// - The inputs of a failed proof request, and the secrets of a failed deployment, are destroyed: it cannot be repeated.
///
/// # Errors
/// A backend fails; [`RequestError::Overloaded`].
pub async fn retry(
    app: &App,
    by: (&TenantId, &str),
    queue: QueueName,
    subject: &str,
) -> Result<Retried, RequestError> {
    record(app, by, AuditAction::JobRetry, queue, subject).await?;
    let outcome = match queue {
        QueueName::KeyGeneration => retry_circuit(app, subject).await?,
        QueueName::ProofGeneration => push_again::<ProofRequest>(app, subject).await?,
        QueueName::Deploy => push_again::<Deployment>(app, subject).await?,
        QueueName::Ceremony => push_again::<Ceremony>(app, subject).await?,
        QueueName::Cleanup => retry_cleanup(app, subject).await?,
        QueueName::Webhooks => retry_delivery(app, subject).await?,
    };
    if outcome == Retried::Retried {
        tracing::info!(%queue, subject, "a job is repeated by an operator");
    }
    Ok(outcome)
}

/// Records what an operator does to a job. A subject that is no id is cut.
///
/// # Errors
/// The catalog fails.
pub async fn record(
    app: &App,
    (tenant, actor): (&TenantId, &str),
    action: AuditAction,
    queue: QueueName,
    subject: &str,
) -> Result<(), RequestError> {
    let subject: String = subject.chars().filter(|c| !c.is_control()).take(64).collect();
    audit::record(app, tenant, actor, action, &format!("{queue}/{subject}")).await
}

async fn retry_circuit(app: &App, subject: &str) -> Result<Retried, RequestError> {
    loop {
        let Some(mut circuit) = find::<Circuit>(app, subject).await? else { return Ok(Retried::NotFound) };
        if circuit.life.status != CircuitStatus::Failed {
            return push_again::<Circuit>(app, subject).await;
        }
        if circuits::is_being_deleted(&circuit) {
            return Ok(Retried::Deleting);
        }
        let most = app.config.limits.max_pending_circuits;
        refuse_overload(app, &circuit.life.tenant, QueueName::KeyGeneration, most).await?;
        circuit.restart(app.now()).map_err(|error| RequestError::Internal(error.to_string()))?;
        match app.save(circuit).await {
            Err(CatalogError::Stale(_)) => {}
            saved => {
                super::push(app, saved?.job()).await;
                return Ok(Retried::Retried);
            }
        }
    }
}

async fn push_again<D: Stored>(app: &App, subject: &str) -> Result<Retried, RequestError> {
    let Some(mut document) = find::<D>(app, subject).await? else { return Ok(Retried::NotFound) };
    match document.life().status {
        status if status == D::Status::FAILED => return Ok(Retried::InputsDestroyed),
        status if status.is_final() => return Ok(Retried::Final),
        _ => {}
    }
    let job = document.job().with_attempts(app.config.workers.job_attempts);
    if app.queue.push(job).await?.duplicate {
        return Ok(Retried::Waiting);
    }
    // The reconciler fails a document whose job died after its last change.
    document.life_mut().updated_at = app.now();
    match app.save(document).await {
        Ok(_) | Err(CatalogError::Stale(_)) => Ok(Retried::Retried),
        Err(error) => Err(error.into()),
    }
}

async fn retry_delivery(app: &App, subject: &str) -> Result<Retried, RequestError> {
    let Some(delivery) = find::<Delivery>(app, subject).await? else { return Ok(Retried::NotFound) };
    if delivery.life.status != DeliveryStatus::Failed {
        return push_again::<Delivery>(app, subject).await;
    }
    match callbacks::replay(app, &delivery.life.tenant, &delivery.id).await {
        Ok(_) => Ok(Retried::Retried),
        Err(RequestError::DeliveryPending(_)) => Ok(Retried::Waiting),
        Err(RequestError::UnknownDelivery(_)) => Ok(Retried::NotFound),
        Err(error) => Err(error),
    }
}

/// Jobs of the clean-up have no document: a dead letter shows that there was such a job.
async fn retry_cleanup(app: &App, subject: &str) -> Result<Retried, RequestError> {
    let dead = app.queue.dead(QueueName::Cleanup, DEAD_LETTERS).await?;
    if !dead.iter().any(|job| job.subject == subject) {
        return Ok(Retried::NotFound);
    }
    let pushed = app.queue.push(NewJob::new(QueueName::Cleanup, subject)).await?;
    Ok(if pushed.duplicate { Retried::Waiting } else { Retried::Retried })
}

/// Deletes the document of a failed job: a proof request, a circuit without keys, a deployment, a ceremony or
/// a delivery. If it was found by conditions, it must still have failed with their code.
///
/// # Errors
/// A backend fails.
pub async fn delete(
    app: &App,
    by: (&TenantId, &str),
    queue: QueueName,
    subject: &str,
    wanted: Option<&Matching>,
) -> Result<Deleted, RequestError> {
    record(app, by, AuditAction::JobDelete, queue, subject).await?;
    let outcome = match queue {
        QueueName::KeyGeneration => match failed::<Circuit>(app, subject, wanted).await? {
            Ok(circuit) => removal::delete(app, &circuit.life.tenant, by, &circuit.id, false).await,
            Err(outcome) => return Ok(outcome),
        },
        QueueName::ProofGeneration => match failed::<ProofRequest>(app, subject, wanted).await? {
            Ok(proof) => proofs::delete(app, &proof.life.tenant, &proof.id).await,
            Err(outcome) => return Ok(outcome),
        },
        QueueName::Deploy => match failed::<Deployment>(app, subject, wanted).await? {
            Ok(deployment) => delete_deployment(app, deployment).await,
            Err(outcome) => return Ok(outcome),
        },
        QueueName::Ceremony => match failed::<Ceremony>(app, subject, wanted).await? {
            Ok(ceremony) => ceremonies::delete(app, &ceremony.life.tenant, by, &ceremony.id, false).await,
            Err(outcome) => return Ok(outcome),
        },
        QueueName::Webhooks => match failed::<Delivery>(app, subject, wanted).await? {
            Ok(delivery) => app.erase(delivery).await.map_err(Into::into),
            Err(outcome) => return Ok(outcome),
        },
        QueueName::Cleanup => return Ok(Deleted::NotFound),
    };
    match outcome {
        Ok(()) => {
            tracing::info!(%queue, subject, "a failed job is deleted by an operator");
            Ok(Deleted::Deleted)
        }
        Err(RequestError::CircuitBusy(_) | RequestError::CircuitInUse(_)) => Ok(Deleted::Busy),
        Err(
            RequestError::UnknownCircuit(_)
            | RequestError::UnknownProof(_)
            | RequestError::UnknownCeremony(_),
        ) => Ok(Deleted::NotFound),
        Err(error) => Err(error),
    }
}

/// Removes the dead letters of a queue that died before a moment, of these subjects only or of all. Returns their number.
///
/// # Errors
/// The queue fails.
pub async fn remove_letters(
    app: &App,
    queue: QueueName,
    subjects: Option<&[String]>,
    before: Timestamp,
) -> Result<u64, RequestError> {
    let mut removed = 0;
    for job in app.queue.dead(queue, DEAD_LETTERS).await? {
        let wanted = subjects.is_none_or(|subjects| subjects.contains(&job.subject));
        let old = matches!(job.state, JobState::Dead { at } if at < before);
        removed += u64::from(wanted && old && app.queue.remove_dead(&job.id).await?);
    }
    Ok(removed)
}

async fn delete_deployment(app: &App, deployment: Deployment) -> Result<(), RequestError> {
    let id = deployment.id.clone();
    app.vault.destroy_deployment(&id).await?;
    app.erase(deployment).await?;
    app.changes.notify(id.as_str());
    Ok(())
}

/// The document if it has failed, else the reason why it is not deleted.
async fn failed<D: Stored>(
    app: &App,
    subject: &str,
    wanted: Option<&Matching>,
) -> Result<Result<D, Deleted>, RequestError> {
    let Some(document) = find::<D>(app, subject).await? else { return Ok(Err(Deleted::NotFound)) };
    let life = document.life();
    let fits =
        life.status == D::Status::FAILED && wanted.is_none_or(|wanted| wanted.allows(life.error.as_ref()));
    Ok(if fits { Ok(document) } else { Err(Deleted::NotFailed) })
}

/// The document of a job, of any tenant.
///
/// # Errors
/// The catalog fails.
pub async fn find<D: Stored>(app: &App, subject: &str) -> Result<Option<D>, RequestError> {
    match subject.parse() {
        Ok(id) => Ok(app.documents::<D>().get(&id).await?),
        Err(_) => Ok(None),
    }
}
