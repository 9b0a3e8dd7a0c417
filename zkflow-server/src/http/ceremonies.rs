//! `/v1/ceremonies`: announce, read and end ceremonies. [`turns`](super::turns) has the routes of contributors.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;
use zkflow_core::service::catalog::{Ceremony, CeremonyFilter, CeremonyStatus, Document as _, Scope};

use super::Problem;
use super::access::{Access, Routes};
use super::body::{JsonBody, idempotency_key};
use super::download;
use super::dto::ceremony::{BeaconValue, CeremonyDto, CeremonyPage, NewCeremony};
use super::observe::Origin;
use super::openapi::schema;
use super::page::{PageQuery, cut};
use super::path::{Path, ceremony_id};
use super::wait::WaitQuery;
use crate::auth::Principal;
use crate::service::{self, RequestError, ceremonies, watch};
use crate::state::{App, ClientAddress};

pub(super) fn routes() -> Routes {
    let (operate, read) = (Access::Needs(Scope::Operate), Access::Needs(Scope::CeremoniesContribute));
    Routes::new()
        .add(operate, routes!(create))
        .add(operate, routes!(finish))
        .add(operate, routes!(delete))
        .add(read, routes!(list))
        .add(read, routes!(get))
        .add(read, routes!(file))
}

/// Announce a ceremony for the key of a circuit.
///
/// Its rules and the source of its beacon never change. The server must have powers of tau of a ceremony, see `PTAU_PATH`.
#[utoipa::path(
    post, path = "/v1/ceremonies", tag = "ceremonies", operation_id = "createCeremony", request_body = NewCeremony,
    params(("Idempotency-Key" = Option<schema::IdempotencyKey>, Header,
        description = "1 to 128 visible ASCII characters; a repeated key with the same body returns the same ceremony")),
    responses(
        (status = 202, description = "The initial key is made; poll the URL in `Location`", body = CeremonyDto),
    ),
    extensions(("x-codes" = json!([
        "invalid_inputs", "not_allowed", "not_owner", "circuit_not_found", "circuit_pending", "circuit_failed",
        "artifact_not_found", "too_many_ceremonies", "overloaded"
    ])))
)]
async fn create(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    caller: Principal,
    headers: HeaderMap,
    JsonBody(new, _held): JsonBody<NewCeremony>,
) -> Result<Response, Problem> {
    let new = new.announced(idempotency_key(&headers)?, origin);
    let ceremony = ceremonies::create(&app, &caller.tenant, new).await?;
    let location = [(LOCATION, format!("/v1/ceremonies/{}", ceremony.id))];
    Ok((StatusCode::ACCEPTED, location, Json(CeremonyDto::whole(ceremony, app.now()))).into_response())
}

/// Filter of a list of ceremonies.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only ceremonies with this status.
    #[param(value_type = Option<schema::CeremonyStatus>)]
    status: Option<CeremonyStatus>,
}

/// List the ceremonies of the tenant, newest first.
#[utoipa::path(
    get, path = "/v1/ceremonies", tag = "ceremonies", operation_id = "listCeremonies", params(ListQuery, PageQuery),
    responses(
        (status = 200, description = "One page of ceremonies, without their contributions", body = CeremonyPage),
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    caller: Principal,
    query: Result<Query<ListQuery>, QueryRejection>,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<CeremonyPage>, Problem> {
    let Query(ListQuery { status }) = query?;
    let scope = format!("ceremonies of {} {status:?}", caller.tenant);
    let page = page?.page(&scope)?;
    let filter = CeremonyFilter { tenant: Some(caller.tenant), status, ..CeremonyFilter::default() };
    let mut found = app.catalog.ceremonies().list(&filter, &page).await.map_err(RequestError::from)?;
    let next_cursor = cut(&mut found, &page, &scope, Ceremony::cursor);
    let now = app.now();
    let ceremonies = found.into_iter().map(|one| CeremonyDto::brief(one, now)).collect();
    Ok(Json(CeremonyPage { ceremonies, next_cursor }))
}

/// Get a ceremony with its contributions; with `wait`, after it is completed or has failed.
#[utoipa::path(
    get, path = "/v1/ceremonies/{ceremonyId}", tag = "ceremonies", operation_id = "getCeremony",
    params(("ceremonyId" = schema::CeremonyId, Path), WaitQuery),
    responses(
        (status = 200, description = "The ceremony", body = CeremonyDto),
    )
)]
async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    wait: Result<Query<WaitQuery>, QueryRejection>,
    client: ClientAddress,
) -> Result<Json<CeremonyDto>, Problem> {
    let wait = wait?.bounded(&app);
    let ceremony: Ceremony = watch::settled(&app, &caller, &ceremony_id(&id)?, wait, client).await?;
    Ok(Json(CeremonyDto::whole(ceremony, app.now())))
}

/// End a ceremony by the value of its announced beacon.
///
/// The whole chain is verified. The result is a circuit with the key, and the record for `zkflow ceremony verify`.
#[utoipa::path(
    post, path = "/v1/ceremonies/{ceremonyId}/finish", tag = "ceremonies", operation_id = "finishCeremony",
    request_body = BeaconValue, params(("ceremonyId" = schema::CeremonyId, Path)),
    responses(
        (status = 202, description = "The final key is made", body = CeremonyDto),
    ),
    extensions(("x-codes" = json!([
        "invalid_inputs", "not_owner", "ceremony_not_due", "ceremony_busy", "ceremony_ended",
        "too_few_contributions"
    ])))
)]
async fn finish(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    JsonBody(beacon, _held): JsonBody<BeaconValue>,
) -> Result<Response, Problem> {
    let by = (&caller.tenant, &*caller.name);
    let ceremony = ceremonies::finish(&app, by, &ceremony_id(&id)?, &beacon.bytes()?).await?;
    Ok((StatusCode::ACCEPTED, Json(CeremonyDto::whole(ceremony, app.now()))).into_response())
}

/// Choice of a deletion.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeleteQuery {
    /// Also delete a completed ceremony. Its record is the evidence for its key.
    #[serde(default)]
    force: bool,
}

/// Delete a ceremony with its keys and its record. The circuit that it made stays.
#[utoipa::path(
    delete, path = "/v1/ceremonies/{ceremonyId}", tag = "ceremonies", operation_id = "deleteCeremony",
    params(("ceremonyId" = schema::CeremonyId, Path), DeleteQuery),
    responses(
        (status = 204, description = "The ceremony is deleted"),
    ),
    extensions(("x-codes" = json!(["not_owner", "ceremony_ended"])))
)]
async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    query: Result<Query<DeleteQuery>, QueryRejection>,
) -> Result<StatusCode, Problem> {
    let Query(choice) = query?;
    let by = (&caller.tenant, &*caller.name);
    ceremonies::delete(&app, &caller.tenant, by, &ceremony_id(&id)?, choice.force).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Download a file of a ceremony: the present key, the constraints, or after the end the record.
#[utoipa::path(
    get, path = "/v1/ceremonies/{ceremonyId}/files/{name}", tag = "ceremonies", operation_id = "getCeremonyFile",
    params(
        ("ceremonyId" = schema::CeremonyId, Path),
        ("name" = schema::CeremonyFile, Path),
        ("If-None-Match" = Option<String>, Header, description = "ETags of copies that the caller has"),
        ("Range" = Option<String>, Header, description = "One range of bytes, to continue a download"),
        ("If-Range" = Option<String>, Header, description = "`ETag` of the file that the range belongs to"),
    ),
    responses(
        (status = 200, description = "The file; `ETag` is its SHA-256", content((Value = "application/octet-stream"))),
        (status = 206, description = "The range; the client must compare the whole file with the `ETag`", content((Value = "application/octet-stream"))),
        (status = 304, description = "The caller's copy is current"),
        (status = 307, description = "Redirect to a signed bucket URL, which is valid for a limited time"),
    ),
    extensions(("x-codes" = json!([
        "ceremony_file_not_found", "artifact_not_found", "range_not_satisfiable", "too_many_downloads"
    ])))
)]
async fn file(
    State(app): State<Arc<App>>,
    Path((id, name)): Path<(String, String)>,
    caller: Principal,
    method: Method,
    headers: HeaderMap,
    client: ClientAddress,
) -> Result<Response, Problem> {
    let ceremony: Ceremony = service::visible(&app, &caller.tenant, &ceremony_id(&id)?).await?;
    let file = ceremonies::file(&app, &ceremony, &name).await?;
    let meta = file.ok_or(RequestError::UnknownCeremonyFile)?;
    download::send(&app, &meta, &name, &method, &headers, (&caller, client)).await
}
