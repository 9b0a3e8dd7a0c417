//! `/v1/keys`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use zkflow_core::service::catalog::{ApiKey, AuditAction, CatalogError, KeyChange, Scope};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use super::Problem;
use super::access::{Access, Routes};
use super::body::{Content, JsonBody};
use super::openapi::schema;
use super::page::{PageQuery, cut};
use super::path::Path;
use crate::auth::{KeyText, NewKey, Principal, expire, successor};
use crate::service::{InputFault, RequestError, audit};
use crate::state::App;

const ADMIN: Access = Access::Needs(Scope::Admin);

pub(super) fn routes() -> Routes {
    Routes::new()
        .add(ADMIN, routes!(create, list))
        .add(ADMIN, routes!(get, revoke))
        .add(ADMIN, routes!(rotated))
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "CI", "tenant": "acme", "scopes": ["circuits:read", "proofs:create", "proofs:read"]}))]
struct NewKeyDto {
    /// Name for people, 1 to 128 characters.
    #[schema(value_type = schema::KeyName)]
    name: String,
    /// Owner of everything that is done with the key: 1 to 64 lower-case letters, digits, `-`, `_` and `.`.
    #[schema(value_type = schema::Tenant)]
    tenant: TenantId,
    /// Permissions.
    #[schema(value_type = Vec<schema::Scope>)]
    scopes: Vec<Scope>,
    /// The key is refused from then on, such as `2027-01-01T00:00:00Z`; absent: never.
    #[schema(value_type = Option<schema::Time>)]
    expires_at: Option<Timestamp>,
}

impl Content for NewKeyDto {
    const MOST: usize = 16 * 1024;
}

/// A key, without the key itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct KeyDto {
    #[schema(value_type = schema::KeyId)]
    key_id: String,
    #[schema(value_type = schema::KeyName)]
    name: String,
    #[schema(value_type = schema::Tenant)]
    tenant: String,
    #[schema(value_type = Vec<schema::Scope>)]
    scopes: Vec<Scope>,
    #[schema(value_type = schema::Time)]
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Time>)]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Time>)]
    revoked_at: Option<String>,
    /// A recent use, to a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Time>)]
    last_used_at: Option<String>,
}

impl From<ApiKey> for KeyDto {
    fn from(key: ApiKey) -> Self {
        let moment = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
        Self {
            key_id: key.id.to_string(),
            name: key.name,
            tenant: key.tenant.to_string(),
            scopes: key.scopes,
            created_at: key.created_at.to_string(),
            expires_at: moment(key.expires_at),
            revoked_at: moment(key.revoked_at),
            last_used_at: moment(key.last_used_at),
        }
    }
}

/// A key that was made. The key itself is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadeKeyDto {
    /// The key: `zk_` and 64 hex digits. It cannot be read again.
    #[schema(value_type = schema::ApiKey)]
    key: String,
    #[serde(flatten)]
    about: KeyDto,
}

impl From<(ApiKey, KeyText)> for MadeKeyDto {
    fn from((key, text): (ApiKey, KeyText)) -> Self {
        Self { key: text.expose().to_owned(), about: key.into() }
    }
}

/// A page of keys, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct KeyPage {
    keys: Vec<KeyDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    next_cursor: Option<String>,
}

/// Make a key of the API. The answer is the only place that contains the key.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", operation_id = "createKey", request_body = NewKeyDto,
    responses(
        (status = 201, description = "The key, shown this once", body = MadeKeyDto),
    ),
    extensions(("x-codes" = json!(["invalid_inputs"])))
)]
async fn create(
    State(app): State<Arc<App>>,
    caller: Principal,
    JsonBody(new, _held): JsonBody<NewKeyDto>,
) -> Result<(StatusCode, Json<MadeKeyDto>), Problem> {
    let NewKeyDto { name, tenant, scopes, expires_at } = new;
    if !(1..=128).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        let message = "expected 1 to 128 characters, without control characters".to_owned();
        return Err(RequestError::Fields(vec![InputFault { path: "name".to_owned(), message }]).into());
    }
    let new = NewKey { name, tenant, scopes, expires_at };
    let made = new.make(app.now());
    record(&app, &caller, AuditAction::KeyCreate, &made.0.id).await?;
    app.catalog.keys().add(&made.0).await.map_err(failed)?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Filter of a list of keys.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only keys of this tenant.
    #[param(value_type = Option<schema::Tenant>)]
    tenant: Option<TenantId>,
}

/// List the keys of the API, newest first.
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", operation_id = "listKeys", params(ListQuery, PageQuery),
    responses(
        (status = 200, description = "One page of keys", body = KeyPage),
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<ListQuery>, QueryRejection>,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<KeyPage>, Problem> {
    let Query(query) = query?;
    let scope = format!("keys {query:?}");
    let page = page?.page(&scope)?;
    let mut keys = app.catalog.keys().keys(query.tenant.as_ref(), &page).await.map_err(failed)?;
    let next_cursor = cut(&mut keys, &page, &scope, ApiKey::cursor);
    Ok(Json(KeyPage { keys: keys.into_iter().map(KeyDto::from).collect(), next_cursor }))
}

/// Get a key of the API, without the key itself.
#[utoipa::path(
    get, path = "/v1/keys/{keyId}", tag = "keys", operation_id = "getKey", params(("keyId" = schema::KeyId, Path)),
    responses(
        (status = 200, description = "The key", body = KeyDto),
    )
)]
async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<KeyDto>, Problem> {
    Ok(Json(found(&app, &id).await?.into()))
}

/// Revoke a key of the API. It is refused at once by this process, and within 5 seconds by others.
#[utoipa::path(
    delete, path = "/v1/keys/{keyId}", tag = "keys", operation_id = "revokeKey", params(("keyId" = schema::KeyId, Path)),
    responses(
        (status = 204, description = "The key is revoked"),
    )
)]
async fn revoke(
    State(app): State<Arc<App>>,
    caller: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let key = found(&app, &id).await?;
    record(&app, &caller, AuditAction::KeyRevoke, &key.id).await?;
    app.catalog.keys().change(&key.id, KeyChange::Revoked(app.now())).await.map_err(failed)?;
    app.authenticator.forget(&key.id);
    Ok(StatusCode::NO_CONTENT)
}

/// Choice of a rotation.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct RotateQuery {
    /// Seconds that the old key is still accepted; default 0, at most 2592000 (30 days).
    #[serde(default)]
    #[param(maximum = 2592000)]
    overlap: u32,
}

/// Longest overlap of two keys in seconds.
const LONGEST_OVERLAP: u32 = 30 * 24 * 3600;

/// Replace a key of the API by one with the same name, tenant, scopes and expiry.
#[utoipa::path(
    post, path = "/v1/keys/{keyId}/rotate", tag = "keys", operation_id = "rotateKey",
    params(("keyId" = schema::KeyId, Path), RotateQuery),
    responses(
        (status = 201, description = "The new key, shown this once", body = MadeKeyDto),
    )
)]
async fn rotated(
    State(app): State<Arc<App>>,
    caller: Principal,
    Path(id): Path<String>,
    query: Result<Query<RotateQuery>, QueryRejection>,
) -> Result<(StatusCode, Json<MadeKeyDto>), Problem> {
    let Query(RotateQuery { overlap }) = query?;
    if overlap > LONGEST_OVERLAP {
        let detail = format!("overlap: expected at most {LONGEST_OVERLAP} seconds, found {overlap}");
        return Err(Problem::bad_request("invalid_query", detail));
    }
    let old = found(&app, &id).await?;
    if !old.is_valid(app.now()) {
        return Err(unknown());
    }
    let made = successor(&old, app.now());
    let both = format!("{} {}", old.id, made.0.id);
    audit::record(&app, &caller.tenant, &caller.name, AuditAction::KeyRotate, &both).await?;
    app.catalog.keys().add(&made.0).await.map_err(failed)?;
    let overlap = Duration::from_secs(overlap.into());
    expire(&*app.catalog, &old, overlap, app.now()).await.map_err(failed)?;
    app.authenticator.forget(&old.id);
    Ok((StatusCode::CREATED, Json(made.into())))
}

async fn record(app: &App, caller: &Principal, action: AuditAction, key: &KeyId) -> Result<(), Problem> {
    Ok(audit::record(app, &caller.tenant, &caller.name, action, key.as_str()).await?)
}

async fn found(app: &App, id: &str) -> Result<ApiKey, Problem> {
    let id: KeyId = id.parse().map_err(|_| unknown())?;
    app.catalog.keys().key(&id).await.map_err(failed)?.ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "key_not_found",
        "there is no such key, or it is not accepted any more",
    )
}

fn failed(error: CatalogError) -> Problem {
    RequestError::from(error).into()
}
