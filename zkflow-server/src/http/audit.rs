//! `/v1/audit-log`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use zkflow_core::service::catalog::{AuditAction, AuditEntry, Scope};

use super::Problem;
use super::access::{Access, Routes};
use super::openapi::schema;
use crate::service::RequestError;
use crate::state::App;

pub(super) fn routes() -> Routes {
    Routes::new().add(Access::Needs(Scope::Admin), routes!(list))
}

/// Selection of entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only entries with a higher number; default: the newest entries.
    after: Option<u64>,
    /// Maximum number of entries, 1 to 1000; default 200.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Default number of entries.
const USUAL: usize = 200;
/// Maximum number of entries.
const MOST: usize = 1000;
/// Highest number of an entry, as the description of the API has it.
const MOST_NUMBER: u64 = i64::MAX as u64;

/// A change with its caller. `digest` is the SHA-256 over all other fields but `seal`, and so over all earlier entries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct AuditEntryDto {
    /// Place in the log, from 1.
    number: u64,
    #[schema(value_type = schema::Time)]
    at: String,
    /// Tenant of the caller; of a command on the data of a server, that of the changed object.
    #[schema(value_type = schema::Tenant)]
    tenant: String,
    /// Name of the caller, such as `key:` and the id of its key.
    #[schema(value_type = schema::Name)]
    actor: String,
    #[schema(value_type = schema::AuditAction)]
    action: AuditAction,
    /// Id of the changed object; of a rotated key, also the id of its successor.
    #[schema(max_length = 128)]
    subject: String,
    /// Digest of the entry before it.
    #[schema(value_type = schema::Sha256)]
    previous: String,
    #[schema(value_type = schema::Sha256)]
    digest: String,
    /// MAC of the digest under a key of the server.
    #[schema(value_type = schema::Mac)]
    seal: String,
}

impl From<AuditEntry> for AuditEntryDto {
    fn from(entry: AuditEntry) -> Self {
        Self {
            number: entry.number,
            at: entry.event.at.to_string(),
            tenant: entry.event.tenant.to_string(),
            actor: entry.event.actor,
            action: entry.event.action,
            subject: entry.event.subject,
            previous: entry.previous.to_string(),
            digest: entry.digest.to_string(),
            seal: entry.seal,
        }
    }
}

/// Entries of the audit log in order. If there are none, the log ends.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntries {
    entries: Vec<AuditEntryDto>,
}

/// Read the audit log of all tenants in its order.
#[utoipa::path(
    get, path = "/v1/audit-log", tag = "operations", operation_id = "listAuditLog", params(AuditQuery),
    responses((status = 200, description = "Entries of the log", body = AuditEntries)),
)]
async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<AuditEntries>, Problem> {
    let Query(AuditQuery { after, limit }) = query?;
    let limit = limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request("invalid_limit", format!("limit must be between 1 and {MOST}")));
    }
    let log = app.catalog.audit_log();
    let after = match after {
        Some(after) => after,
        None => {
            let last = log.last().await.map_err(RequestError::from)?.map_or(0, |last| last.number);
            last.saturating_sub(limit as u64)
        }
    };
    if after > MOST_NUMBER {
        return Err(Problem::bad_request("invalid_query", format!("after must be at most {MOST_NUMBER}")));
    }
    let entries = log.entries(after, limit).await.map_err(RequestError::from)?;
    Ok(Json(AuditEntries { entries: entries.into_iter().map(AuditEntryDto::from).collect() }))
}
