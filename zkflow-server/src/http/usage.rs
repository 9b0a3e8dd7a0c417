//! `/v1/usage`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{CatalogError, Day, Scope, Usage, UsageFilter, UsageKey};

use super::Problem;
use super::access::{Access, Routes};
use super::openapi::schema;
use crate::auth::Principal;
use crate::service::RequestError;
use crate::state::App;

pub(super) fn routes() -> Routes {
    Routes::new().add(Access::Needs(Scope::ProofsRead), routes!(list))
}

/// Form of the answer.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// A page as JSON.
    #[default]
    Json,
    /// All days as CSV.
    Csv,
}

/// Selection of usage.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct UsageQuery {
    /// Only of this circuit.
    #[param(value_type = Option<schema::CircuitId>)]
    circuit_id: Option<CircuitId>,
    /// First day in UTC, such as `2026-01-31`; default: `to`.
    #[param(value_type = Option<schema::Day>)]
    from: Option<Day>,
    /// Last day in UTC; default: today.
    #[param(value_type = Option<schema::Day>)]
    to: Option<Day>,
    /// `json` (default), or `csv`: all days in one answer.
    #[serde(default)]
    #[param(inline)]
    format: Form,
    /// Maximum number of entries of JSON, 1 to 1000; default 200.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `nextCursor` of the previous page; absent for the first page.
    #[param(pattern = "^[0-9a-z._/-]+$")]
    cursor: Option<String>,
}

/// Default number of entries.
const USUAL: usize = 200;
/// Maximum number of entries.
const MOST: usize = 1000;

/// What the tenant used of a circuit on a day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Usage)]
struct UsageDto {
    /// Day in UTC on which the work ended.
    #[schema(value_type = schema::Day)]
    day: String,
    #[schema(value_type = schema::CircuitId)]
    circuit_id: String,
    /// Proofs that were made.
    proofs: u64,
    /// Proof requests that failed.
    failed_proofs: u64,
    /// Times that the circuit was made, successfully or not.
    builds: u64,
    /// Milliseconds that workers spent on this work, also on attempts that failed.
    work_ms: u64,
    /// Deployments that were confirmed.
    deployments: u64,
    /// Gas of these deployments.
    gas: u64,
    /// Milliseconds of processor time of witness calculations, also in attempts that failed.
    witness_cpu_ms: u64,
    /// Milliseconds of processor time of proving, with the check of each proof.
    proving_cpu_ms: u64,
    /// Milliseconds of processor time of building circuits: compilation, keys and checks of imported files.
    build_cpu_ms: u64,
    /// Bytes of the files that builds stored. Deleting a circuit takes none away.
    stored_bytes: u64,
}

impl From<(UsageKey, Usage)> for UsageDto {
    fn from((key, usage): (UsageKey, Usage)) -> Self {
        Self {
            day: key.day.to_string(),
            circuit_id: key.circuit.to_string(),
            proofs: usage.proofs,
            failed_proofs: usage.failed_proofs,
            builds: usage.builds,
            work_ms: usage.work_ms,
            deployments: usage.deployments,
            gas: usage.gas,
            witness_cpu_ms: usage.witness_cpu_ms,
            proving_cpu_ms: usage.proving_cpu_ms,
            build_cpu_ms: usage.build_cpu_ms,
            stored_bytes: usage.stored_bytes,
        }
    }
}

/// A page of usage, by day and circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsagePage {
    usage: Vec<UsageDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::UsageCursor>)]
    next_cursor: Option<String>,
}

/// Read what the tenant used, by day and circuit.
#[utoipa::path(
    get, path = "/v1/usage", tag = "operations", operation_id = "getUsage", params(UsageQuery),
    responses((status = 200, description = "The usage", content((UsagePage = "application/json"), (String = "text/csv"))))
)]
async fn list(
    State(app): State<Arc<App>>,
    caller: Principal,
    query: Result<Query<UsageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(UsageQuery { circuit_id, from, to, format, limit, cursor }) = query?;
    let limit = limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request("invalid_limit", format!("limit must be between 1 and {MOST}")));
    }
    let to = to.unwrap_or_else(|| Day::of(app.now()));
    let from = from.unwrap_or_else(|| to.clone());
    let after = cursor
        .map(|cursor| cursor.parse::<UsageKey>())
        .transpose()
        .map_err(|_| Problem::bad_request("invalid_cursor", "cursor is not a nextCursor of this list"))?;
    let filter = UsageFilter { tenant: Some(caller.tenant), circuit: circuit_id, from, to, after };
    if matches!(format, Form::Csv) {
        return Ok(csv(app, filter));
    }
    let mut found = app.catalog.usage_log().usage(&filter, limit + 1).await.map_err(RequestError::from)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|(key, _)| key.to_string());
    Ok(Json(UsagePage { usage: found.into_iter().map(UsageDto::from).collect(), next_cursor })
        .into_response())
}

/// The whole list as CSV (RFC 4180), read in pages. All fields are days, ids and numbers: none needs quotes.
fn csv(app: Arc<App>, filter: UsageFilter) -> Response {
    let head = format!("day,circuit_id,{}\r\n", Usage::NAMES.join(","));
    let pages = stream::try_unfold((app, Some(filter)), |(app, filter)| async move {
        let Some(mut filter) = filter else { return Ok::<_, CatalogError>(None) };
        let found = app.catalog.usage_log().usage(&filter, MOST).await?;
        let next = found.last().filter(|_| found.len() == MOST).map(|(key, _)| key.clone());
        let rows: String = found
            .iter()
            .map(|(key, usage)| {
                let counts = usage.counts().map(|count| count.to_string()).join(",");
                format!("{},{},{counts}\r\n", key.day, key.circuit)
            })
            .collect();
        let next = next.map(|key| {
            filter.after = Some(key);
            filter
        });
        Ok(Some((rows, (app, next))))
    });
    let body = stream::once(async move { Ok(head) }).chain(pages);
    ([(CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], Body::from_stream(body)).into_response()
}
