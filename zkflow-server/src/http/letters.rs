//! `/v1/jobs/purge`: the removal of dead letters.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use zkflow_core::service::catalog::{AuditAction, Scope};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::QueueName;

use super::Problem;
use super::access::{Access, Routes};
use super::body::{Content, JsonBody};
use super::jobs::check_subjects;
use super::openapi::schema;
use crate::auth::Principal;
use crate::service::{RequestError, audit, jobs};
use crate::state::App;

pub(super) fn routes() -> Routes {
    Routes::new().add(Access::Needs(Scope::Operate), routes!(purge))
}

/// Choice of dead letters: those that meet all conditions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"before": "2027-01-01T00:00:00Z"}))]
struct ChosenLetters {
    /// Only dead letters that died before, such as `2027-01-01T00:00:00Z`. Required without `queue`.
    #[schema(value_type = Option<schema::Time>)]
    before: Option<Timestamp>,
    /// Only dead letters of this queue.
    #[schema(value_type = Option<schema::Queue>)]
    queue: Option<QueueName>,
    /// Only dead letters of these circuits, proof requests, deployments, ceremonies or deliveries, at most 200. Not without
    /// `queue`.
    #[schema(value_type = Option<Vec<schema::ChosenSubject>>, max_items = 200)]
    subjects: Option<Vec<String>>,
}

impl Content for ChosenLetters {
    const MOST: usize = 64 * 1024;
}

/// Number of dead letters that were removed.
#[derive(Debug, Serialize, ToSchema)]
struct Purged {
    removed: u64,
}

/// Remove dead letters. Their documents remain.
#[utoipa::path(
    post, path = "/v1/jobs/purge", tag = "jobs", operation_id = "purgeJobs", request_body = ChosenLetters,
    responses((status = 200, description = "The number of removed letters", body = Purged)),
    extensions(("x-codes" = json!(["invalid_inputs"])))
)]
async fn purge(
    State(app): State<Arc<App>>,
    caller: Principal,
    JsonBody(ChosenLetters { before, queue, subjects }, _held): JsonBody<ChosenLetters>,
) -> Result<Json<Purged>, Problem> {
    let (action, by) = (AuditAction::JobsPurge, (&caller.tenant, &*caller.name));
    let moment = before.unwrap_or(Timestamp::LATEST);
    let removed = match (queue, before, subjects) {
        (Some(queue), _, Some(subjects)) => {
            check_subjects(&subjects)?;
            for subject in &subjects {
                jobs::record(&app, by, action, queue, subject).await?;
            }
            jobs::remove_letters(&app, queue, Some(&subjects), moment).await?
        }
        (Some(queue), _, None) => {
            jobs::record(&app, by, action, queue, &moment.to_string()).await?;
            jobs::remove_letters(&app, queue, None, moment).await?
        }
        (None, Some(before), None) => {
            audit::record(&app, by.0, by.1, action, &before.to_string()).await?;
            app.queue.purge_dead(before).await.map_err(RequestError::from)?
        }
        (None, ..) => {
            let message = "expected a queue, or no subjects and a moment in `before`".to_owned();
            let fault = crate::service::InputFault { path: "queue".to_owned(), message };
            return Err(RequestError::Fields(vec![fault]).into());
        }
    };
    tracing::info!(removed, ?queue, before = %moment, "an operator removes dead letters");
    Ok(Json(Purged { removed }))
}
