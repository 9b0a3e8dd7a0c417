//! `/v1/tenants`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use zkflow_core::service::catalog::Scope;
use zkflow_core::service::tenant::TenantId;

use super::Problem;
use super::access::{Access, Routes};
use super::openapi::schema;
use crate::service::tenants::{self, TenantState};
use crate::state::App;

pub(super) fn routes() -> Routes {
    Routes::new().add(Access::Needs(Scope::Admin), routes!(list))
}

/// Default number of tenants.
const USUAL: usize = 20;
/// Maximum number of tenants.
const MOST: usize = 50;

/// Selection of a page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TenantQuery {
    /// Maximum number of tenants, 1 to 50; default 20.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<usize>,
    /// `nextCursor` of the previous page; absent for the first page.
    #[param(value_type = Option<schema::Tenant>)]
    cursor: Option<String>,
}

/// Limits of a tenant, and what it has. Numbers of proofs, circuits and rows of usage are counted up to 1000.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TenantState)]
struct TenantDto {
    #[schema(value_type = schema::Tenant)]
    tenant: String,
    /// Name of its plan; absent: it has the limits of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    plan: Option<String>,
    limits: TenantLimits,
    /// Proof requests that are not finished.
    pending_proofs: u64,
    /// Circuits that are not finished.
    pending_circuits: u64,
    /// Circuits, unfinished ones too.
    circuits: u64,
    /// Bytes of the files of these circuits, without those of imports that are not finished.
    bytes: u64,
    /// Proofs that were made yesterday and today, in UTC.
    proofs: u64,
    /// Proof requests that failed yesterday and today.
    failed_proofs: u64,
    /// Milliseconds of work of yesterday and today.
    work_ms: u64,
    /// Some number was not counted to its end.
    more: bool,
}

/// Limits of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenantLimits {
    /// Requests a second of each caller; 0: no limit.
    requests_per_second: u32,
    /// Unfinished proof requests; absent: a share of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pending_proofs: Option<u64>,
    /// Unfinished circuits; absent: a share of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pending_circuits: Option<u64>,
    /// Seconds of work a day, in UTC; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    work_s_per_day: Option<u64>,
    /// Seconds of processor time of witness calculations a day; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness_s_per_day: Option<u64>,
    /// Seconds of processor time of proving a day; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    proving_s_per_day: Option<u64>,
    /// Seconds of processor time of building circuits a day; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    build_s_per_day: Option<u64>,
    /// Circuits; 0: no limit.
    max_circuits: u64,
    /// MiB of the files of all circuits; 0: no limit.
    circuits_mib: u64,
}

impl From<TenantState> for TenantDto {
    fn from(state: TenantState) -> Self {
        Self {
            tenant: state.tenant.to_string(),
            plan: state.plan,
            limits: TenantLimits {
                requests_per_second: state.requests_per_second,
                max_pending_proofs: state.max_pending_proofs,
                max_pending_circuits: state.max_pending_circuits,
                work_s_per_day: state.work_s_per_day,
                witness_s_per_day: state.witness_s_per_day,
                proving_s_per_day: state.proving_s_per_day,
                build_s_per_day: state.build_s_per_day,
                max_circuits: state.max_circuits,
                circuits_mib: state.circuits_mib,
            },
            pending_proofs: state.pending_proofs,
            pending_circuits: state.pending_circuits,
            circuits: state.circuits,
            bytes: state.bytes,
            proofs: state.usage.proofs,
            failed_proofs: state.usage.failed_proofs,
            work_ms: state.usage.work_ms,
            more: state.more,
        }
    }
}

/// A page of tenants, by name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenantPage {
    tenants: Vec<TenantDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Tenant>)]
    next_cursor: Option<String>,
}

/// List the tenants with their limits and what they have: those with a plan, with one of the newest 2000 keys, or with work
/// that ended yesterday or today.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "operations", operation_id = "listTenants", params(TenantQuery),
    responses((status = 200, description = "One page of tenants", body = TenantPage)),
)]
async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<TenantQuery>, QueryRejection>,
) -> Result<Json<TenantPage>, Problem> {
    let Query(TenantQuery { limit, cursor }) = query?;
    let limit = limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request("invalid_limit", format!("limit must be between 1 and {MOST}")));
    }
    let after = cursor.map(|cursor| cursor.parse::<TenantId>()).transpose();
    let after = after
        .map_err(|_| Problem::bad_request("invalid_cursor", "cursor is not a nextCursor of this list"))?;
    let (found, more) = tenants::list(&app, after.as_ref(), limit).await?;
    let next_cursor = found.last().filter(|_| more).map(|last| last.tenant.to_string());
    Ok(Json(TenantPage { tenants: found.into_iter().map(TenantDto::from).collect(), next_cursor }))
}
