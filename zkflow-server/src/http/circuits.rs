//! `/v1/circuits`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zkflow_core::circuit::FileName;
use zkflow_core::service::catalog::{Circuit, CircuitFilter, CircuitStatus, Cursor};
use zkflow_core::template::TemplateName;

use super::Problem;
use super::body::JsonBody;
use super::dto::{CircuitDto, CircuitPage, NewCircuit, ProofToVerify, VerdictDto};
use super::events::{self, Events};
use super::page::{PageQuery, cut};
use super::path::{Path, circuit_id, deployment_id};
use super::wait::WaitQuery;
use crate::service::verify::Verdict;
use crate::service::{self, watch};
use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, delete))
        .routes(routes!(artifact))
        .routes(routes!(follow))
        .routes(routes!(verify))
}

/// Ask for a circuit.
///
/// The same template and parameters always give the same circuit, and its keys are made once. A
/// circuit that has failed is tried again.
#[utoipa::path(
    post, path = "/v1/circuits", tag = "circuits", operation_id = "createCircuit", request_body = NewCircuit,
    params(("Idempotency-Key" = Option<String>, Header, description = "Accepted; the call is idempotent anyway")),
    responses(
        (status = 200, description = "It is ready", body = CircuitDto),
        (status = 202, description = "It is being made; `Location` says where to look", body = CircuitDto),
        (status = "4XX", description = "Unknown template, wrong parameters", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(app): State<Arc<App>>,
    JsonBody(new): JsonBody<NewCircuit>,
) -> Result<Response, Problem> {
    let circuit = service::circuits::request(&app, new.template_name, new.params.0).await?;
    let status = if circuit.status == CircuitStatus::Ready { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = [(LOCATION, format!("/v1/circuits/{}", circuit.id))];
    Ok((status, location, Json(CircuitDto::from(circuit))).into_response())
}

/// Which circuits to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those of this template.
    #[param(value_type = Option<String>)]
    template_name: Option<TemplateName>,
    /// Only those that are `pending`, `ready` or `failed`.
    #[param(value_type = Option<String>)]
    status: Option<CircuitStatus>,
}

/// List circuits, newest first.
#[utoipa::path(
    get, path = "/v1/circuits", tag = "circuits", operation_id = "listCircuits", params(ListQuery, PageQuery),
    responses(
        (status = 200, description = "A page", body = CircuitPage),
        (status = 400, description = "A query that cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<ListQuery>, QueryRejection>,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<CircuitPage>, Problem> {
    let (Query(query), page) = (query?, page?.page()?);
    let filter = CircuitFilter { template: query.template_name, status: query.status };
    let mut circuits = app.catalog.circuits(&filter, &page).await.map_err(service::RequestError::from)?;
    let place = |circuit: &Circuit| Cursor { created_at: circuit.created_at, id: circuit.id.to_string() };
    let next_cursor = cut(&mut circuits, &page, place);
    Ok(Json(CircuitPage { circuits: circuits.into_iter().map(CircuitDto::from).collect(), next_cursor }))
}

/// Look at a circuit, or wait until it is ready or has failed.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}", tag = "circuits", operation_id = "getCircuit",
    params(("circuitId" = String, Path), WaitQuery),
    responses(
        (status = 200, description = "The circuit", body = CircuitDto),
        (status = 404, description = "No such circuit", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    wait: Result<Query<WaitQuery>, QueryRejection>,
) -> Result<Json<CircuitDto>, Problem> {
    let wait = wait?.bounded(&app);
    let circuit: Circuit = watch::settled(&app, &circuit_id(&id)?, wait).await?;
    Ok(Json(circuit.into()))
}

/// Remove a circuit with its keys.
#[utoipa::path(
    delete, path = "/v1/circuits/{circuitId}", tag = "circuits", operation_id = "deleteCircuit",
    params(("circuitId" = String, Path)),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such circuit", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Work on it is owed", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    service::removal::delete(&app, &circuit_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get an artifact of a circuit, such as `proving_key.zkey`.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}/artifacts/{name}", tag = "circuits", operation_id = "getArtifact",
    params(
        ("circuitId" = String, Path),
        ("name" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the caller has"),
    ),
    responses(
        (status = 200, description = "Its bytes; `ETag` is the SHA-256", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it"),
        (status = 307, description = "It is in a bucket, at the address in `Location`, which holds for a while"),
        (status = 404, description = "No such circuit or artifact", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn artifact(
    State(app): State<Arc<App>>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let circuit = service::circuits::get(&app, &circuit_id(&id)?).await?;
    let meta = service::circuits::artifact_meta(&circuit, &name)?;
    let etag = format!("\"{}\"", meta.sha256);
    // A circuit that was removed and asked for again has other keys under the same address.
    let fresh = [(ETAG, etag.clone()), (CACHE_CONTROL, "no-cache".to_owned())];
    if headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &etag)) {
        return Ok((StatusCode::NOT_MODIFIED, fresh).into_response());
    }
    if let Some(address) = service::circuits::download_url(&app, meta).await? {
        return Ok((StatusCode::TEMPORARY_REDIRECT, fresh, [(LOCATION, address)]).into_response());
    }
    let artifact = service::circuits::artifact(&app, &circuit, &name).await?;
    // The name is a segment of an artifact key: nothing in it needs quoting.
    let kind = [
        (CONTENT_TYPE, name.parse().map_or("application/octet-stream", FileName::media_type).to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((fresh, kind, artifact.body).into_response())
}

fn names(known: &HeaderValue, etag: &str) -> bool {
    known.to_str().is_ok_and(|known| {
        known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

/// Follow a circuit: its state at once, then each change until it is ready or has failed.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}/events", tag = "circuits", operation_id = "followCircuit",
    params(("circuitId" = String, Path)),
    responses(
        (status = 200, description = "Server-sent events named `circuit`", body = CircuitDto, content_type = "text/event-stream"),
        (status = 404, description = "No such circuit", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn follow(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Sse<Events>, Problem> {
    events::follow::<Circuit, CircuitDto>(app, circuit_id(&id)?, "circuit").await
}

/// Who is asked about a proof.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct VerifyQuery {
    /// The id of a deployment: its contract is asked, without a transaction, in place of the native verifier.
    on_chain: Option<String>,
}

/// Check a proof with the key of a circuit.
#[utoipa::path(
    post, path = "/v1/circuits/{circuitId}/verify", tag = "circuits", operation_id = "verifyProof",
    params(("circuitId" = String, Path), VerifyQuery), request_body = ProofToVerify,
    responses(
        (status = 200, description = "Whether it holds, and why not", body = VerdictDto),
        (status = "4XX", description = "No such circuit or deployment, or it is not ready", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn verify(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    query: Result<Query<VerifyQuery>, QueryRejection>,
    JsonBody(ProofToVerify { proof, public_signals }): JsonBody<ProofToVerify>,
) -> Result<Json<VerdictDto>, Problem> {
    let id = circuit_id(&id)?;
    let verdict = match query?.0.on_chain {
        None => service::verify::verify(&app, &id, proof, public_signals).await?,
        Some(deployment) => {
            let deployment = deployment_id(&deployment)?;
            service::verify::verify_on_chain(&app, &id, &deployment, proof, public_signals).await?
        }
    };
    Ok(Json(match verdict {
        Verdict::Verified => VerdictDto { verified: true, reason: None },
        Verdict::Refused { reason } => VerdictDto { verified: false, reason: Some(reason) },
    }))
}
