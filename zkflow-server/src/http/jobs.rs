//! `/v1/jobs` and `/v1/queues`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use zkflow_core::service::catalog::{AuditAction, Cursor, Scope};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::tenant::TenantId;

use super::Problem;
use super::access::{Access, Routes};
use super::body::{Content, JsonBody};
use super::dto::FailureDto;
use super::dto::condition::{KnownCode, Sought};
use super::openapi::schema;
use super::page::{PageQuery, decode, encode};
use super::path::Path;
use crate::auth::Principal;
use crate::service::jobs::{self, Deleted, FoundJob, JobStatus, Matching, Retried};
use crate::service::{InputFault, RequestError, audit};
use crate::state::App;

/// Most jobs of one request that changes them.
const MOST: usize = 200;

/// Characters of a subject in a request, as the description of the API has them.
const LONGEST_SUBJECT: usize = 128;

pub(super) fn routes() -> Routes {
    let operate = Access::Needs(Scope::Operate);
    Routes::new()
        .add(operate, routes!(list))
        .add(operate, routes!(retry))
        .add(operate, routes!(delete))
        .add(operate, routes!(pause))
        .add(operate, routes!(resume))
}

/// Choice of jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only jobs of this queue.
    #[param(value_type = schema::Queue)]
    queue: QueueName,
    /// `pending`, `failed` or `dead`.
    #[param(value_type = schema::JobStatus)]
    state: JobStatus,
    /// Only jobs whose document has failed with this code.
    #[param(value_type = Option<schema::ErrorCode>)]
    error_code: Option<KnownCode>,
    /// Only jobs of documents of this tenant.
    #[param(value_type = Option<schema::Tenant>)]
    tenant: Option<TenantId>,
    /// Only jobs with this text in their subject, tenant, stage or error, in upper or lower case.
    #[param(value_type = Option<String>, max_length = 256)]
    containing: Option<Sought>,
    /// Only jobs whose document was made before this time, such as `2027-01-01T00:00:00Z`; dead letters that died before it.
    #[param(value_type = Option<schema::Time>)]
    before: Option<Timestamp>,
    /// `true`: the answer has `count`.
    count: Option<bool>,
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
    /// Circuit of the proof request, deployment or ceremony; absent if that does not exist any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::CircuitId>)]
    circuit_id: Option<String>,
    #[schema(value_type = schema::JobStatus)]
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
    #[schema(value_type = Option<schema::Text>)]
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

impl From<FoundJob> for JobDto {
    fn from(job: FoundJob) -> Self {
        Self {
            queue: job.queue,
            subject: job.subject,
            circuit_id: job.circuit.map(|circuit| circuit.to_string()),
            state: job.state,
            stage: job.stage,
            tenant: job.tenant.map(|tenant| tenant.to_string()),
            attempt: job.attempt,
            error: job.error.map(FailureDto::from),
            last_error: job.last_error,
            retryable: job.retryable,
            created_at: job.created_at.to_string(),
            updated_at: job.updated_at.to_string(),
        }
    }
}

/// A page of jobs, newest first. With a condition on the content, it may have fewer jobs than `limit` before the last page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobPage {
    jobs: Vec<JobDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    next_cursor: Option<String>,
    /// The number of all jobs that match; present if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<JobCount>,
}

/// A number of jobs.
#[derive(Debug, Serialize, ToSchema)]
struct JobCount {
    /// Jobs that were counted.
    number: usize,
    /// Whether there may be more than were counted.
    more: bool,
}

/// Tells lists of jobs apart. A cursor of a list also continues a change of the jobs that match the same conditions.
fn scope(matching: &Matching) -> String {
    format!("jobs {matching:?}")
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
    let Query(ListQuery { queue, state, error_code, tenant, containing, before, count }) = query?;
    let (error_code, containing) = (error_code.map(String::from), containing.map(String::from));
    let matching = Matching { queue, state, tenant, error_code, containing, before };
    let scope = scope(&matching);
    let page = page?.page(&scope)?;
    // The surplus entry of a page is not needed: the result says whether there are more.
    let found = jobs::matching(&app, &matching, page.after, page.limit - 1).await?;
    let count = match count {
        Some(true) => Some(jobs::count(&app, &matching).await?),
        _ => None,
    };
    Ok(Json(JobPage {
        jobs: found.jobs.into_iter().map(JobDto::from).collect(),
        next_cursor: found.next.map(|next| encode(&next, &scope)),
        count: count.map(|(number, more)| JobCount { number, more }),
    }))
}

/// Jobs of one queue: either `subjects` or `matching`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"queue": "key-generation", "subjects": ["0123456789abcdef0123456789abcdef"]}))]
struct ChosenJobs {
    #[schema(value_type = schema::Queue)]
    queue: QueueName,
    /// Ids of circuits, proof requests, deployments, ceremonies or deliveries, at most 200.
    #[schema(value_type = Option<Vec<schema::ChosenSubject>>, max_items = 200)]
    subjects: Option<Vec<String>>,
    /// Everything that meets these conditions, newest first, at most 200 jobs in one call.
    matching: Option<MatchingJobs>,
}

/// Conditions on jobs; those of `GET /v1/jobs`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MatchingJobs {
    /// `pending`, `failed` or `dead`.
    #[schema(value_type = schema::JobStatus)]
    state: JobStatus,
    /// Only jobs whose document has failed with this code.
    #[schema(value_type = Option<schema::ErrorCode>)]
    error_code: Option<KnownCode>,
    /// Only jobs of documents of this tenant.
    #[schema(value_type = Option<schema::Tenant>)]
    tenant: Option<TenantId>,
    /// Only jobs with this text in their subject, tenant, stage or error, in upper or lower case.
    #[schema(value_type = Option<String>, max_length = 256)]
    containing: Option<Sought>,
    /// Only jobs whose document was made before this time; dead letters that died before it.
    #[schema(value_type = Option<schema::Time>)]
    before: Option<Timestamp>,
    /// `nextCursor` of the previous call with the same conditions; absent in the first call.
    #[schema(pattern = "^[0-9a-f]+$")]
    cursor: Option<String>,
}

impl Content for ChosenJobs {
    const MOST: usize = 64 * 1024;
}

fn fault(path: &str, message: impl Into<String>) -> Problem {
    RequestError::Fields(vec![InputFault { path: path.to_owned(), message: message.into() }]).into()
}

/// Refuses too many jobs of one request, and texts that are too long for an id.
pub(super) fn check_subjects(subjects: &[String]) -> Result<(), Problem> {
    if subjects.len() > MOST {
        return Err(fault("subjects", format!("expected at most {MOST}, found {}", subjects.len())));
    }
    match subjects.iter().position(|subject| subject.chars().count() > LONGEST_SUBJECT) {
        Some(place) => {
            let message = format!("expected an id, found more than {LONGEST_SUBJECT} characters");
            Err(fault(&format!("subjects[{place}]"), message))
        }
        None => Ok(()),
    }
}

/// The jobs that a request changes.
struct Picked {
    queue: QueueName,
    /// Subjects, with their positions if they were found by conditions.
    jobs: Vec<(String, Option<Cursor>)>,
    /// The conditions.
    matching: Option<Matching>,
    /// Where the next call continues.
    next: Option<Cursor>,
    /// The list of the cursors.
    scope: String,
}

impl ChosenJobs {
    async fn pick(self, app: &App) -> Result<Picked, Problem> {
        let Self { queue, subjects, matching } = self;
        let wanted = match (subjects, matching) {
            (Some(subjects), None) => {
                check_subjects(&subjects)?;
                let jobs = subjects.into_iter().map(|subject| (subject, None)).collect();
                return Ok(Picked { queue, jobs, matching: None, next: None, scope: String::new() });
            }
            (None, Some(matching)) => matching,
            _ => return Err(fault("subjects", "expected either `subjects` or `matching`")),
        };
        let MatchingJobs { state, error_code, tenant, containing, before, cursor } = wanted;
        let (error_code, containing) = (error_code.map(String::from), containing.map(String::from));
        let matching = Matching { queue, state, tenant, error_code, containing, before };
        let scope = scope(&matching);
        let wrong =
            |_| fault("matching.cursor", "expected the nextCursor of a call with the same conditions");
        let after = cursor.map(|text| decode(&text, &scope)).transpose().map_err(wrong)?;
        let found = jobs::matching(app, &matching, after, MOST).await?;
        let jobs = found.jobs.into_iter().map(|job| (job.subject, Some(job.place))).collect();
        Ok(Picked { queue, jobs, matching: Some(matching), next: found.next, scope })
    }
}

/// Results of a request that repeats jobs, in its order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RetriedJobs {
    results: Vec<RetriedJob>,
    /// Number of the jobs that are repeated.
    retried: usize,
    /// With `matching`, `matching.cursor` of the next call; absent if no more jobs match.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    next_cursor: Option<String>,
}

/// Result of repeating a job.
#[derive(Debug, Serialize, ToSchema)]
struct RetriedJob {
    #[schema(value_type = schema::ChosenSubject)]
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

/// Repeat failed jobs, of all tenants: those of a list, or all that match, 200 in each call. Their dead letters are removed.
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
    let began = app.now();
    let Picked { queue, jobs, mut next, scope, .. } = chosen.pick(&app).await?;
    let (mut results, mut retried) = (Vec::with_capacity(jobs.len()), Vec::new());
    let mut last = None;
    for (subject, place) in jobs {
        let outcome = match jobs::retry(&app, (&caller.tenant, &caller.name), queue, &subject).await {
            // The answer has the results so far. The next call continues with this job.
            Err(error) if last.is_some() => {
                tracing::warn!(%error, %queue, "not all jobs that match were repeated");
                next = last;
                break;
            }
            outcome => outcome?,
        };
        if outcome == Retried::Retried {
            retried.push(subject.clone());
        }
        results.push(RetriedJob { subject, outcome: outcome.into() });
        last = place;
    }
    // The dead letters of these jobs are no longer needed. One of a job that died again meanwhile stays.
    if !retried.is_empty() {
        jobs::remove_letters(&app, queue, Some(&retried), began + Duration::from_millis(1)).await?;
    }
    let next_cursor = next.map(|next| encode(&next, &scope));
    Ok(Json(RetriedJobs { results, retried: retried.len(), next_cursor }))
}

/// Results of a request that deletes jobs, in its order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedJobs {
    results: Vec<DeletedJob>,
    /// Number of the jobs whose documents are deleted.
    deleted: usize,
    /// With `matching`, `matching.cursor` of the next call; absent if no more jobs match.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    next_cursor: Option<String>,
}

/// Result of deleting a job.
#[derive(Debug, Serialize, ToSchema)]
struct DeletedJob {
    #[schema(value_type = schema::ChosenSubject)]
    subject: String,
    outcome: DeleteOutcome,
}

/// `deleted`; `not_failed`: only failed jobs are deleted, and with `errorCode` those that have still failed with it; `busy`: other work needs the circuit; `not_found`.
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

/// Delete the documents of failed jobs, of all tenants: those of a list, or all that match, 200 in each call.
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
    let Picked { queue, jobs, matching, mut next, scope } = chosen.pick(&app).await?;
    let (mut results, mut deleted) = (Vec::with_capacity(jobs.len()), 0);
    let mut last = None;
    for (subject, place) in jobs {
        let by = (&caller.tenant, &*caller.name);
        let outcome = match jobs::delete(&app, by, queue, &subject, matching.as_ref()).await {
            // The answer has the results so far. The next call continues with this job.
            Err(error) if last.is_some() => {
                tracing::warn!(%error, %queue, "not all jobs that match were deleted");
                next = last;
                break;
            }
            outcome => outcome?,
        };
        deleted += usize::from(outcome == Deleted::Deleted);
        results.push(DeletedJob { subject, outcome: outcome.into() });
        last = place;
    }
    let next_cursor = next.map(|next| encode(&next, &scope));
    Ok(Json(DeletedJobs { results, deleted, next_cursor }))
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
