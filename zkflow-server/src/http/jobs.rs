//! `/v1/jobs` and `/v1/queues`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use zkflow_core::service::catalog::{
    AuditAction, Ceremony, Circuit, Cursor, Delivery, Deployment, Named as _, Page, ProofRequest, Scope,
    Status as _, Stored,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::{DEAD_LETTERS, Job, JobState, QueueName};

use super::Problem;
use super::access::{Access, Routes};
use super::body::{Content, JsonBody};
use super::dto::FailureDto;
use super::openapi::schema;
use super::page::{PageQuery, cut};
use super::path::Path;
use crate::auth::Principal;
use crate::service::jobs::{self, Deleted, Retried};
use crate::service::{RequestError, audit};
use crate::state::App;

/// Most jobs of one request that changes them.
const MOST: usize = 200;

pub(super) fn routes() -> Routes {
    let operate = Access::Needs(Scope::Operate);
    Routes::new()
        .add(operate, routes!(list))
        .add(operate, routes!(retry))
        .add(operate, routes!(delete))
        .add(operate, routes!(pause))
        .add(operate, routes!(resume))
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum JobStatus {
    /// Waits for a worker, or runs.
    Pending,
    /// Its document has failed.
    Failed,
    /// A dead letter: its attempts are used up, or it failed for good.
    Dead,
}

/// Choice of jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only jobs of this queue.
    #[param(value_type = schema::Queue)]
    queue: QueueName,
    /// `pending`, `failed` or `dead`.
    #[param(inline)]
    state: JobStatus,
}

/// A job: the work on a circuit, a proof request, a deployment, a ceremony or a delivery. It contains no inputs and no
/// proof.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
struct JobDto {
    #[schema(value_type = schema::Queue)]
    queue: QueueName,
    /// Id of the circuit, proof request, deployment, ceremony or delivery.
    #[schema(value_type = schema::JobSubject)]
    subject: String,
    state: JobStatus,
    /// Present stage, or the stage that failed; absent if the document does not exist any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::JobStage>)]
    stage: Option<&'static str>,
    /// Owner of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Tenant>)]
    tenant: Option<String>,
    /// Number of attempts so far.
    attempt: u32,
    /// Reason why the document has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    /// Error of the last attempt of a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// Whether the job can be repeated. Failed proof requests and deployments cannot: their inputs and secrets are
    /// destroyed.
    retryable: bool,
    #[schema(value_type = schema::Time)]
    created_at: String,
    /// Time of the last change; of a dead letter, of its death.
    #[schema(value_type = schema::Time)]
    updated_at: String,
}

impl JobDto {
    fn of<D: Stored>(document: &D) -> Self {
        let life = document.life();
        let failed = life.status == D::Status::FAILED;
        Self {
            queue: D::QUEUE,
            subject: document.id().to_string(),
            state: if failed { JobStatus::Failed } else { JobStatus::Pending },
            stage: Some(life.stage.as_str()),
            tenant: Some(life.tenant.to_string()),
            attempt: life.attempt,
            error: life.error.clone().map(FailureDto::from),
            last_error: None,
            // A pending document without a job gets one.
            retryable: !life.status.is_final()
                || (failed && matches!(D::QUEUE, QueueName::KeyGeneration | QueueName::Webhooks)),
            created_at: life.created_at.to_string(),
            updated_at: life.updated_at.to_string(),
        }
    }

    /// A dead letter, with its document if there is one.
    fn dead(job: Job, at: Timestamp, document: Option<Self>) -> Self {
        let cleanup = job.queue == QueueName::Cleanup;
        let (stage, tenant, error, retryable) = match document {
            Some(of) => (of.stage, of.tenant, of.error, of.retryable),
            None => (None, None, None, cleanup),
        };
        Self {
            queue: job.queue,
            subject: job.subject,
            state: JobStatus::Dead,
            stage,
            tenant,
            attempt: job.attempt,
            error,
            last_error: job.last_error,
            retryable,
            created_at: job.created_at.to_string(),
            updated_at: at.to_string(),
        }
    }
}

/// A page of jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobPage {
    jobs: Vec<JobDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    next_cursor: Option<String>,
}

/// List the jobs of a queue, of all tenants, newest first.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", operation_id = "listJobs", params(ListQuery, PageQuery),
    responses(
        (status = 200, description = "One page of jobs", body = JobPage),
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<ListQuery>, QueryRejection>,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<JobPage>, Problem> {
    let Query(query) = query?;
    let scope = format!("jobs {query:?}");
    let page = page?.page(&scope)?;
    if query.state == JobStatus::Dead {
        return Ok(Json(letters(&app, query.queue, &page, &scope).await?));
    }
    let jobs = match query.queue {
        QueueName::KeyGeneration => documents::<Circuit>(&app, query.state, &page, &scope).await?,
        QueueName::ProofGeneration => documents::<ProofRequest>(&app, query.state, &page, &scope).await?,
        QueueName::Deploy => documents::<Deployment>(&app, query.state, &page, &scope).await?,
        QueueName::Ceremony => documents::<Ceremony>(&app, query.state, &page, &scope).await?,
        QueueName::Webhooks => documents::<Delivery>(&app, query.state, &page, &scope).await?,
        // Only dead letters are known of it.
        QueueName::Cleanup => JobPage { jobs: Vec::new(), next_cursor: None },
    };
    Ok(Json(jobs))
}

async fn documents<D: Stored>(
    app: &App,
    state: JobStatus,
    page: &Page,
    scope: &str,
) -> Result<JobPage, RequestError> {
    let status = if state == JobStatus::Failed { D::Status::FAILED } else { D::Status::PENDING };
    let mut documents = app.documents::<D>().list(&D::with_status(status), page).await?;
    let next_cursor = cut(&mut documents, page, scope, D::cursor);
    Ok(JobPage { jobs: documents.iter().map(JobDto::of).collect(), next_cursor })
}

/// A page of dead letters. Its cursor is their death and id.
async fn letters(app: &App, queue: QueueName, page: &Page, scope: &str) -> Result<JobPage, RequestError> {
    let most = if page.after.is_some() { DEAD_LETTERS } else { page.limit };
    let mut letters: Vec<(Cursor, Job)> = app
        .queue
        .dead(queue, most)
        .await?
        .into_iter()
        .filter_map(|job| match job.state {
            JobState::Dead { at } => Some((Cursor { created_at: at, id: job.id.to_string() }, job)),
            _ => None,
        })
        .collect();
    letters.sort_by(|(one, _), (other, _)| other.cmp(one));
    if let Some(after) = &page.after {
        letters.retain(|(place, _)| place < after);
    }
    letters.truncate(page.limit);
    let next_cursor = cut(&mut letters, page, scope, |(place, _)| place.clone());
    let mut jobs = Vec::with_capacity(letters.len());
    for (Cursor { created_at: at, .. }, job) in letters {
        let document = match queue {
            QueueName::KeyGeneration => document_of::<Circuit>(app, &job).await?,
            QueueName::ProofGeneration => document_of::<ProofRequest>(app, &job).await?,
            QueueName::Deploy => document_of::<Deployment>(app, &job).await?,
            QueueName::Ceremony => document_of::<Ceremony>(app, &job).await?,
            QueueName::Webhooks => document_of::<Delivery>(app, &job).await?,
            QueueName::Cleanup => None,
        };
        jobs.push(JobDto::dead(job, at, document));
    }
    Ok(JobPage { jobs, next_cursor })
}

async fn document_of<D: Stored>(app: &App, job: &Job) -> Result<Option<JobDto>, RequestError> {
    Ok(jobs::find::<D>(app, &job.subject).await?.as_ref().map(JobDto::of))
}

/// Jobs of one queue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"queue": "key-generation", "subjects": ["0123456789abcdef0123456789abcdef"]}))]
struct ChosenJobs {
    #[schema(value_type = schema::Queue)]
    queue: QueueName,
    /// Ids of circuits, proof requests, deployments, ceremonies or deliveries, at most 200.
    #[schema(max_items = 200)]
    subjects: Vec<String>,
}

impl Content for ChosenJobs {
    const MOST: usize = 64 * 1024;
}

/// Refuses too many jobs of one request.
pub(super) fn check_number(subjects: &[String]) -> Result<(), Problem> {
    if subjects.len() <= MOST {
        return Ok(());
    }
    let message = format!("expected at most {MOST}, found {}", subjects.len());
    let fault = crate::service::InputFault { path: "subjects".to_owned(), message };
    Err(RequestError::Fields(vec![fault]).into())
}

/// Results of a request that repeats jobs, in its order.
#[derive(Debug, Serialize, ToSchema)]
struct RetriedJobs {
    results: Vec<RetriedJob>,
}

/// Result of repeating a job.
#[derive(Debug, Serialize, ToSchema)]
struct RetriedJob {
    subject: String,
    outcome: RetryOutcome,
}

/// `retried`; `waiting`: it waits or runs already; `final`: it is done; `inputs_destroyed`: what it needs does not exist
/// any more; `deleting`: its circuit is being deleted; `not_found`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RetryOutcome {
    Retried,
    Waiting,
    Final,
    InputsDestroyed,
    Deleting,
    NotFound,
}

impl From<Retried> for RetryOutcome {
    fn from(outcome: Retried) -> Self {
        match outcome {
            Retried::Retried => Self::Retried,
            Retried::Waiting => Self::Waiting,
            Retried::Final => Self::Final,
            Retried::InputsDestroyed => Self::InputsDestroyed,
            Retried::Deleting => Self::Deleting,
            Retried::NotFound => Self::NotFound,
        }
    }
}

/// Repeat failed jobs, of all tenants. Their dead letters are removed.
#[utoipa::path(
    post, path = "/v1/jobs/retry", tag = "jobs", operation_id = "retryJobs", request_body = ChosenJobs,
    responses((status = 200, description = "The outcome of each job", body = RetriedJobs)),
    extensions(("x-codes" = json!(["invalid_inputs", "overloaded"])))
)]
async fn retry(
    State(app): State<Arc<App>>,
    caller: Principal,
    JsonBody(chosen, _held): JsonBody<ChosenJobs>,
) -> Result<Json<RetriedJobs>, Problem> {
    let ChosenJobs { queue, subjects } = chosen;
    check_number(&subjects)?;
    let began = app.now();
    let (mut results, mut retried) = (Vec::with_capacity(subjects.len()), Vec::new());
    for subject in subjects {
        let outcome = jobs::retry(&app, (&caller.tenant, &caller.name), queue, &subject).await?;
        if outcome == Retried::Retried {
            retried.push(subject.clone());
        }
        results.push(RetriedJob { subject, outcome: outcome.into() });
    }
    // The dead letters of these jobs are no longer needed. One of a job that died again meanwhile stays.
    if !retried.is_empty() {
        jobs::remove_letters(&app, queue, Some(&retried), began + Duration::from_millis(1)).await?;
    }
    Ok(Json(RetriedJobs { results }))
}

/// Results of a request that deletes jobs, in its order.
#[derive(Debug, Serialize, ToSchema)]
struct DeletedJobs {
    results: Vec<DeletedJob>,
}

/// Result of deleting a job.
#[derive(Debug, Serialize, ToSchema)]
struct DeletedJob {
    subject: String,
    outcome: DeleteOutcome,
}

/// `deleted`; `not_failed`: only failed jobs are deleted; `busy`: other work needs the circuit; `not_found`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeleteOutcome {
    Deleted,
    NotFailed,
    Busy,
    NotFound,
}

impl From<Deleted> for DeleteOutcome {
    fn from(outcome: Deleted) -> Self {
        match outcome {
            Deleted::Deleted => Self::Deleted,
            Deleted::NotFailed => Self::NotFailed,
            Deleted::Busy => Self::Busy,
            Deleted::NotFound => Self::NotFound,
        }
    }
}

/// Delete the documents of failed jobs, of all tenants.
#[utoipa::path(
    post, path = "/v1/jobs/delete", tag = "jobs", operation_id = "deleteJobs", request_body = ChosenJobs,
    responses((status = 200, description = "The outcome of each job", body = DeletedJobs)),
    extensions(("x-codes" = json!(["invalid_inputs"])))
)]
async fn delete(
    State(app): State<Arc<App>>,
    caller: Principal,
    JsonBody(chosen, _held): JsonBody<ChosenJobs>,
) -> Result<Json<DeletedJobs>, Problem> {
    let ChosenJobs { queue, subjects } = chosen;
    check_number(&subjects)?;
    let mut results = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let outcome = jobs::delete(&app, (&caller.tenant, &caller.name), queue, &subject).await?.into();
        results.push(DeletedJob { subject, outcome });
    }
    Ok(Json(DeletedJobs { results }))
}

/// Whether a queue is paused.
#[derive(Debug, Serialize, ToSchema)]
struct PausedQueue {
    #[schema(value_type = schema::Queue)]
    queue: QueueName,
    paused: bool,
}

/// Pause a queue: running jobs end, and no further one starts. It holds in every process within 5 seconds.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/pause", tag = "jobs", operation_id = "pauseQueue",
    params(("queue" = schema::Queue, Path)),
    responses((status = 200, description = "The queue is paused", body = PausedQueue))
)]
async fn pause(
    State(app): State<Arc<App>>,
    caller: Principal,
    Path(queue): Path<String>,
) -> Result<Json<PausedQueue>, Problem> {
    set_paused(&app, &caller, &queue, true).await
}

/// Resume a queue: its jobs are handed out again.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/resume", tag = "jobs", operation_id = "resumeQueue",
    params(("queue" = schema::Queue, Path)),
    responses((status = 200, description = "The queue is not paused", body = PausedQueue))
)]
async fn resume(
    State(app): State<Arc<App>>,
    caller: Principal,
    Path(queue): Path<String>,
) -> Result<Json<PausedQueue>, Problem> {
    set_paused(&app, &caller, &queue, false).await
}

async fn set_paused(
    app: &App,
    caller: &Principal,
    queue: &str,
    paused: bool,
) -> Result<Json<PausedQueue>, Problem> {
    let queue: QueueName =
        queue.parse().map_err(|error: String| Problem::bad_request("invalid_path", error))?;
    let action = if paused { AuditAction::QueuePause } else { AuditAction::QueueResume };
    audit::record(app, &caller.tenant, &caller.name, action, queue.as_str()).await?;
    app.pauses.set(queue, paused).await.map_err(RequestError::from)?;
    tracing::info!(%queue, paused, "an operator changes a queue");
    Ok(Json(PausedQueue { queue, paused }))
}
