//! `/v1/circuits/{circuitId}/deploy` and `…/deployments`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Circuit, Deployment, DeploymentFilter, Document as _, Scope};

use super::Problem;
use super::access::{Access, Routes};
use super::body::{JsonBody, idempotency_key};
use super::dto::deployment::{
    ContractDto, DeploymentDto, DeploymentPage, NewBinding, NewDeployment, UnsignedDto,
};
use super::events::{self, LastEvent};
use super::observe::Origin;
use super::openapi::schema;
use super::page::{PageQuery, cut};
use super::path::{Path, circuit_id, deployment_id};
use super::wait::WaitQuery;
use crate::auth::Principal;
use crate::service::{self, RequestError, watch};
use crate::state::{App, ClientAddress};

pub(super) fn routes() -> Routes {
    let read = Access::Needs(Scope::CircuitsRead);
    Routes::new()
        .add(Access::Needs(Scope::Deploy), routes!(create))
        .add(Access::Needs(Scope::Deploy), routes!(bind))
        .add(read, routes!(list))
        .add(read, routes!(get))
        .add(read, routes!(follow))
        .add(read, routes!(contract))
}

/// Deploy the verifier contract of a circuit.
///
/// The transaction is stored before it is sent, so a crash never leads to a second contract. The deployment
/// is `confirmed` when the contract on the chain has accepted a valid proof.
#[utoipa::path(
    post, path = "/v1/circuits/{circuitId}/deploy", tag = "deployments", operation_id = "deployContract",
    request_body = NewDeployment,
    params(("circuitId" = schema::CircuitName, Path), ("Idempotency-Key" = Option<schema::IdempotencyKey>, Header,
        description = "1 to 128 visible ASCII characters; a repeated key with the same body returns the same deployment")),
    responses(
        (status = 200, description = "With `unsigned`: the transaction to sign", body = UnsignedDto),
        (status = 202, description = "The deployment is pending; poll the URL in `Location`", body = DeploymentDto),
    ),
    extensions(("x-codes" = json!([
        "not_allowed", "not_owner", "foreign_node", "circuit_pending", "circuit_failed", "artifact_not_found", "invalid_inputs",
        "unknown_chain", "unknown_signer", "wrong_chain", "rpc_refused", "signer_failed", "chain_refused",
        "insufficient_funds", "key_for_development", "key_forgeable", "key_claimed", "key_unusual",
        "contract_too_long", "record_malformed", "record_not_sealed", "record_of_other_key", "no_webhooks", "plan_exhausted",
        "overloaded"
    ])))
)]
async fn create(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Origin(origin): Origin,
    caller: Principal,
    headers: HeaderMap,
    JsonBody(new, _held): JsonBody<NewDeployment>,
) -> Result<Response, Problem> {
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    if new.unsigned {
        let (chain_id, from) = new.for_signing()?;
        let transaction = service::deployments::unsigned(&app, &caller.tenant, &id, chain_id, from).await?;
        return Ok(Json(UnsignedDto { transaction }).into_response());
    }
    let key = idempotency_key(&headers)?;
    let new = new.signed_here(key)?;
    let deployment = service::deployments::request(&app, &caller.tenant, &id, new, origin).await?;
    let location = [(LOCATION, format!("/v1/circuits/{id}/deployments/{}", deployment.id))];
    Ok((StatusCode::ACCEPTED, location, Json(DeploymentDto::from(deployment))).into_response())
}

/// Bind a contract that exists on a chain to a circuit.
///
/// The code at the address is read through the server's node of the chain. The deployment exists, and is `confirmed`, only if
/// the contract contains the verification key of the circuit. Nothing is signed or sent. The contract is not called: verify a
/// proof with `onChain` for that.
#[utoipa::path(
    post, path = "/v1/circuits/{circuitId}/deployments", tag = "deployments", operation_id = "bindContract",
    request_body = NewBinding, params(("circuitId" = schema::CircuitName, Path)),
    responses(
        (status = 200, description = "The contract was bound before", body = DeploymentDto),
        (status = 201, description = "The contract is bound", body = DeploymentDto),
    ),
    extensions(("x-codes" = json!([
        "not_owner", "circuit_pending", "circuit_failed", "artifact_not_found", "unknown_chain", "wrong_chain",
        "key_for_development", "key_forgeable", "no_contract", "contract_not_verifier", "contract_key_differs",
        "contract_unsafe", "rpc_refused", "chain_refused", "overloaded"
    ])))
)]
async fn bind(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Origin(origin): Origin,
    caller: Principal,
    JsonBody(new, _held): JsonBody<NewBinding>,
) -> Result<Response, Problem> {
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    let contract = (new.chain_id, new.address);
    let (deployment, added) = service::bindings::request(&app, &caller.tenant, &id, contract, origin).await?;
    let status = if added { StatusCode::CREATED } else { StatusCode::OK };
    let location = [(LOCATION, format!("/v1/circuits/{id}/deployments/{}", deployment.id))];
    Ok((status, location, Json(DeploymentDto::from(deployment))).into_response())
}

/// List the deployments of a circuit, newest first.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}/deployments", tag = "deployments", operation_id = "listDeployments",
    params(("circuitId" = schema::CircuitName, Path), PageQuery),
    responses(
        (status = 200, description = "One page of deployments", body = DeploymentPage),
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<DeploymentPage>, Problem> {
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    let circuit: Circuit = service::visible(&app, &caller.tenant, &id).await?;
    let scope = format!("deployments of {} {}", caller.tenant, circuit.id);
    let page = page?.page(&scope)?;
    let filter = DeploymentFilter { tenant: Some(caller.tenant), circuit_id: Some(circuit.id), status: None };
    let mut found = app.catalog.deployments().list(&filter, &page).await.map_err(RequestError::from)?;
    let next_cursor = cut(&mut found, &page, &scope, Deployment::cursor);
    Ok(Json(DeploymentPage {
        deployments: found.into_iter().map(DeploymentDto::from).collect(),
        next_cursor,
    }))
}

/// Get a deployment; with `wait`, after it is confirmed or has failed.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}/deployments/{deploymentId}", tag = "deployments", operation_id = "getDeployment",
    params(("circuitId" = schema::CircuitName, Path), ("deploymentId" = schema::DeploymentId, Path), WaitQuery),
    responses(
        (status = 200, description = "The deployment", body = DeploymentDto),
    )
)]
async fn get(
    State(app): State<Arc<App>>,
    Path((circuit, id)): Path<(String, String)>,
    caller: Principal,
    wait: Result<Query<WaitQuery>, QueryRejection>,
    client: ClientAddress,
) -> Result<Json<DeploymentDto>, Problem> {
    let wait = wait?.bounded(&app);
    let id = deployment_id(&id)?;
    let circuit = circuit_id(&app, &caller.tenant, &circuit).await?;
    belongs(&service::visible(&app, &caller.tenant, &id).await?, &circuit)?;
    Ok(Json(watch::settled::<Deployment>(&app, &caller, &id, wait, client).await?.into()))
}

/// Stream a deployment: its current state, then each change until it is confirmed or has failed.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}/deployments/{deploymentId}/events", tag = "deployments",
    operation_id = "followDeployment", params(("circuitId" = schema::CircuitName, Path), ("deploymentId" = schema::DeploymentId, Path), LastEvent),
    responses(
        (status = 200, description = "Server-sent events named `deployment`, for at most 5 minutes", body = DeploymentDto, content_type = "text/event-stream"),
        (status = 204, description = "The document is final, and `Last-Event-ID` is its last event"),
    )
)]
async fn follow(
    State(app): State<Arc<App>>,
    Path((circuit, id)): Path<(String, String)>,
    caller: Principal,
    last: LastEvent,
    client: ClientAddress,
) -> Result<Response, Problem> {
    let id = deployment_id(&id)?;
    let circuit = circuit_id(&app, &caller.tenant, &circuit).await?;
    belongs(&service::visible(&app, &caller.tenant, &id).await?, &circuit)?;
    events::follow::<Deployment, DeploymentDto>(app, &caller, id, "deployment", last, client).await
}

/// Get the compiled verifier contract: code, ABI and the data that explorers need to verify its source.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}/contract", tag = "deployments", operation_id = "getContract",
    params(("circuitId" = schema::CircuitName, Path)),
    responses(
        (status = 200, description = "The contract; `standardJsonInput` and `compiler` are for explorers", body = ContractDto),
    ),
    extensions(("x-codes" = json!(["circuit_pending", "circuit_failed", "artifact_not_found", "key_forgeable"])))
)]
async fn contract(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
) -> Result<Json<ContractDto>, Problem> {
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    let circuit = service::circuits::usable(&app, &caller.tenant, &id).await?;
    Ok(Json(service::deployments::compiled(&app, &circuit).await?.into()))
}

/// Refuses a deployment of a different circuit than the one in the path.
fn belongs(deployment: &Deployment, circuit: &CircuitId) -> Result<(), Problem> {
    if deployment.circuit_id == *circuit {
        return Ok(());
    }
    Err(RequestError::UnknownDeployment(deployment.id.clone()).into())
}
