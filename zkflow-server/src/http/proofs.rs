//! `/v1/proofs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;
use zkflow_core::service::catalog::{Document as _, Page, ProofFilter, ProofRequest, ProofStatus, Scope};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{ObjectId, ProofId, UserId};
use zkflow_core::service::tenant::TenantId;

use super::Problem;
use super::access::{Access, Routes};
use super::body::{JsonBody, idempotency_key};
use super::dto::condition::KnownCode;
use super::dto::{CalldataDto, NewProof, ProofDto, ProofPage, ProofTaken};
use super::events::{self, LastEvent};
use super::observe::Origin;
use super::openapi::schema;
use super::page::{PageQuery, cut};
use super::path::Path;
use super::wait::WaitQuery;
use crate::auth::Principal;
use crate::config::SecretSetting;
use crate::service::{self, CircuitName, watch};
use crate::state::{App, ClientAddress};

pub(super) fn routes() -> Routes {
    let (create_, read) = (Access::Needs(Scope::ProofsCreate), Access::Needs(Scope::ProofsRead));
    Routes::new()
        .add(create_, routes!(create))
        .add(create_, routes!(delete))
        .add(create_, routes!(cancel))
        .add(read, routes!(list))
        .add(read, routes!(get))
        .add(read, routes!(follow))
        .add(read, routes!(calldata))
}

/// Request a proof.
///
/// Private inputs are sealed immediately and destroyed when the request is final.
#[utoipa::path(
    post, path = "/v1/proofs", tag = "proofs", operation_id = "createProof", request_body = NewProof,
    params(("Idempotency-Key" = Option<schema::IdempotencyKey>, Header,
        description = "1 to 128 visible ASCII characters; a repeated key with the same body returns the same request")),
    responses(
        (status = 202, description = "The request is pending; poll the URL in `Location`", body = ProofTaken),
    ),
    extensions(("x-codes" = json!([
        "circuit_not_found", "circuit_pending", "circuit_failed", "invalid_inputs", "wrong_place",
        "no_webhooks", "not_allowed", "plan_exhausted", "overloaded"
    ])))
)]
async fn create(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    caller: Principal,
    headers: HeaderMap,
    JsonBody(mut new, _held): JsonBody<NewProof>,
) -> Result<Response, Problem> {
    let inputs = new.take_inputs()?;
    let proof = service::proofs::request(
        &app,
        service::proofs::NewProof {
            circuit: new.circuit_id,
            inputs,
            tenant: caller.tenant,
            user_id: new.user_id,
            callback: new.callback.map(SecretSetting::into_secret),
            idempotency_key: idempotency_key(&headers)?,
            origin,
        },
    )
    .await?;
    let location = [(LOCATION, format!("/v1/proofs/{}", proof.id))];
    let taken = ProofTaken { proof_request_id: proof.id.to_string() };
    Ok((StatusCode::ACCEPTED, location, Json(taken)).into_response())
}

/// Filter of a list of proof requests.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only requests for this circuit.
    #[param(value_type = Option<schema::CircuitName>)]
    circuit_id: Option<CircuitName>,
    /// Only requests of this user.
    #[param(value_type = Option<schema::UserId>)]
    user_id: Option<UserId>,
    /// Only requests with this status.
    #[param(value_type = Option<schema::ProofStatus>)]
    status: Option<ProofStatus>,
    /// Only failed requests with this code.
    #[param(value_type = Option<schema::ErrorCode>)]
    error_code: Option<KnownCode>,
    /// Only requests made at this time or later, such as `2027-01-01T00:00:00Z`.
    #[param(value_type = Option<schema::Time>)]
    since: Option<Timestamp>,
    /// Only requests made before this time, such as `2027-01-02T00:00:00Z`.
    #[param(value_type = Option<schema::Time>)]
    until: Option<Timestamp>,
}

impl ListQuery {
    /// Tells lists with different filters apart.
    fn scope(&self, tenant: &TenantId) -> String {
        format!("proofs of {tenant} {self:?}")
    }
}

/// List proof requests, newest first.
#[utoipa::path(
    get, path = "/v1/proofs", tag = "proofs", operation_id = "listProofs", params(ListQuery, PageQuery),
    responses(
        (status = 200, description = "One page of proof requests", body = ProofPage),
    ),
    extensions(("x-codes" = json!(["circuit_not_found"])))
)]
async fn list(
    State(app): State<Arc<App>>,
    caller: Principal,
    query: Result<Query<ListQuery>, QueryRejection>,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<ProofPage>, Problem> {
    let Query(query) = query?;
    let scope = query.scope(&caller.tenant);
    let page = Page { since: query.since, until: query.until, ..page?.page(&scope)? };
    let circuit_id = match query.circuit_id {
        Some(name) => Some(name.resolve(&app, &caller.tenant).await?),
        None => None,
    };
    let filter = ProofFilter {
        tenant: Some(caller.tenant),
        circuit_id,
        user_id: query.user_id,
        status: query.status,
        error_code: query.error_code.map(String::from),
    };
    let mut proofs = app.catalog.proofs().list(&filter, &page).await.map_err(service::RequestError::from)?;
    let next_cursor = cut(&mut proofs, &page, &scope, ProofRequest::cursor);
    Ok(Json(ProofPage { proofs: proofs.into_iter().map(ProofDto::from).collect(), next_cursor }))
}

/// Get a proof request; with `wait`, after it is final.
#[utoipa::path(
    get, path = "/v1/proofs/{proofRequestId}", tag = "proofs", operation_id = "getProof",
    params(("proofRequestId" = schema::ProofRequestName, Path), WaitQuery),
    responses(
        (status = 200, description = "The request, with the proof when it is completed", body = ProofDto),
    )
)]
async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    wait: Result<Query<WaitQuery>, QueryRejection>,
    client: ClientAddress,
) -> Result<Json<ProofDto>, Problem> {
    let wait = wait?.bounded(&app);
    let proof: ProofRequest = watch::settled(&app, &caller, &proof_id(&id)?, wait, client).await?;
    Ok(Json(proof.into()))
}

/// Stream a proof request: its current state, then each change until it is final.
#[utoipa::path(
    get, path = "/v1/proofs/{proofRequestId}/events", tag = "proofs", operation_id = "followProof",
    params(("proofRequestId" = schema::ProofRequestName, Path), LastEvent),
    responses(
        (status = 200, description = "Server-sent events named `proof`, for at most 5 minutes", body = ProofDto, content_type = "text/event-stream"),
        (status = 204, description = "The document is final, and `Last-Event-ID` is its last event"),
    )
)]
async fn follow(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    last: LastEvent,
    client: ClientAddress,
) -> Result<Response, Problem> {
    events::follow::<ProofRequest, ProofDto>(app, &caller, proof_id(&id)?, "proof", last, client).await
}

/// Cancel a pending proof request and destroy its inputs.
#[utoipa::path(
    post, path = "/v1/proofs/{proofRequestId}/cancel", tag = "proofs", operation_id = "cancelProof",
    params(("proofRequestId" = schema::ProofRequestName, Path)),
    responses(
        (status = 200, description = "The request is cancelled", body = ProofDto),
    ),
    extensions(("x-codes" = json!(["proof_final"])))
)]
async fn cancel(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
) -> Result<Json<ProofDto>, Problem> {
    Ok(Json(service::proofs::cancel(&app, &caller.tenant, &proof_id(&id)?).await?.into()))
}

/// Delete a proof request with its proof, and destroy its inputs.
#[utoipa::path(
    delete, path = "/v1/proofs/{proofRequestId}", tag = "proofs", operation_id = "deleteProof",
    params(("proofRequestId" = schema::ProofRequestName, Path)),
    responses(
        (status = 204, description = "The request is deleted"),
    )
)]
async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
) -> Result<StatusCode, Problem> {
    service::proofs::delete(&app, &caller.tenant, &proof_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get the calldata of the verifier contract for a proof.
#[utoipa::path(
    get, path = "/v1/proofs/{proofRequestId}/calldata", tag = "proofs", operation_id = "getCalldata",
    params(("proofRequestId" = schema::ProofRequestName, Path)),
    responses(
        (status = 200, description = "Calldata in the format of `snarkjs generatecall`", body = CalldataDto),
    ),
    extensions(("x-codes" = json!(["no_proof", "circuit_not_found", "artifact_not_found"])))
)]
async fn calldata(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
) -> Result<Json<CalldataDto>, Problem> {
    let calldata = service::proofs::solidity_calldata(&app, &caller.tenant, &proof_id(&id)?).await?;
    Ok(Json(CalldataDto { calldata }))
}

/// Parses the id of a proof request in a path; the id of an imported one in the Node service is another name of it.
fn proof_id(text: &str) -> Result<ProofId, Problem> {
    if let Ok(old) = text.parse::<ObjectId>() {
        return Ok(ProofId::of_object(&old));
    }
    text.parse().map_err(|_| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "proof_not_found",
            "invalid proof request id: expected a lower-case UUID",
        )
    })
}
