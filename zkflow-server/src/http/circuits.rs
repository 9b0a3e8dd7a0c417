//! `/v1/circuits`.

use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{
    Circuit, CircuitFilter, CircuitStatus, Document as _, KeyLabel, Named as _, Scope,
};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::template::TemplateName;

use super::Problem;
use super::access::{Access, Routes};
use super::body::JsonBody;
use super::bulk;
use super::download;
use super::dto::bulk::{ProofsToVerify, VerdictsDto};
use super::dto::{CircuitDto, CircuitPage, NewCircuit};
use super::events::{self, LastEvent};
use super::observe::Origin;
use super::openapi::schema;
use super::page::{PageQuery, cut};
use super::path::{Path, circuit_id, deployment_id};
use super::wait::WaitQuery;
use crate::auth::{AuthError, Principal};
use crate::config::SecretSetting;
use crate::service::{self, watch};
use crate::state::{App, ClientAddress};

pub(super) fn routes() -> Routes {
    let read = Access::Needs(Scope::CircuitsRead);
    Routes::new()
        .add(Access::Needs(Scope::CircuitsBuild), routes!(create))
        .add(Access::Needs(Scope::CircuitsDelete), routes!(delete))
        .add(Access::Needs(Scope::Verify), routes!(verify))
        .add(read, routes!(list))
        .add(read, routes!(get))
        .add(read, routes!(artifact))
        .add(read, routes!(follow))
}

/// Request a circuit.
///
/// The same template and parameters always give the same circuit, and its keys are generated once. A
/// failed circuit is generated again.
#[utoipa::path(
    post, path = "/v1/circuits", tag = "circuits", operation_id = "createCircuit", request_body = NewCircuit,
    responses(
        (status = 200, description = "The circuit is ready", body = CircuitDto),
        (status = 202, description = "The circuit is pending; poll the URL in `Location`", body = CircuitDto),
    ),
    extensions(("x-codes" = json!([
        "too_many_circuits", "plan_exhausted", "unknown_template", "unknown_parameter", "missing_parameter", "invalid_parameter",
        "inconsistent_parameters", "invalid_template", "include_not_found", "include_outside_roots",
        "circuit_deleting", "not_owner", "overloaded", "invalid_inputs", "no_webhooks", "not_allowed", "other_callback"
    ])))
)]
async fn create(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    caller: Principal,
    JsonBody(new, _held): JsonBody<NewCircuit>,
) -> Result<Response, Problem> {
    let NewCircuit { template_name, params, visibility, callback } = new;
    let callback = callback.map(SecretSetting::into_secret);
    let circuit = service::circuits::request(
        &app,
        &caller.tenant,
        visibility,
        template_name,
        params.0,
        callback,
        origin,
    )
    .await?;
    Ok(requested(circuit))
}

/// The answer to a request for a circuit.
pub(super) fn requested(circuit: Circuit) -> Response {
    let status =
        if circuit.life.status == CircuitStatus::Ready { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = [(LOCATION, format!("/v1/circuits/{}", circuit.id))];
    (status, location, Json(CircuitDto::from(circuit))).into_response()
}

/// Filter of a list of circuits.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only circuits of this template.
    #[param(value_type = Option<schema::TemplateName>)]
    template_name: Option<TemplateName>,
    /// Only circuits with this status.
    #[param(value_type = Option<schema::CircuitStatus>)]
    status: Option<CircuitStatus>,
    /// Only circuits with a file of this SHA-256. Pages can then have fewer entries than `limit`, also none: the last
    /// page is the one without `nextCursor`.
    #[param(value_type = Option<schema::Sha256>)]
    sha256: Option<Digest>,
    /// Only circuits whose keys have this origin.
    #[param(value_type = Option<schema::KeyLabel>)]
    provenance: Option<KeyLabel>,
    /// Only circuits whose id, `circuitHash` or name begins with this, in capitals or not. The name is that of the
    /// template; of an imported circuit, the path of its main file, or its template at the Node service.
    #[param(max_length = 256)]
    search: Option<String>,
    /// Circuits of this tenant, or with `*` of every tenant, in place of the caller's: with the scope `operate`. Circuits
    /// of other tenants have no parameters, files and names of signals.
    #[param(value_type = Option<schema::Tenants>)]
    tenant: Option<Tenants>,
}

/// Owners of the listed circuits.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
enum Tenants {
    /// Every tenant: `*`.
    Every,
    One(TenantId),
}

impl TryFrom<String> for Tenants {
    type Error = <TenantId as FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "*" { Ok(Self::Every) } else { text.parse().map(Self::One) }
    }
}

/// Maximum length of a search.
const LONGEST_SEARCH: usize = 256;

impl ListQuery {
    /// Tells lists with different filters apart.
    fn scope(&self, tenant: &TenantId) -> String {
        format!("circuits of {tenant} {self:?}")
    }

    /// The conditions of the list for a caller.
    fn filter(&self, caller: &Principal) -> Result<CircuitFilter, Problem> {
        let tenant = match &self.tenant {
            None => Some(caller.tenant.clone()),
            Some(Tenants::One(tenant)) if *tenant == caller.tenant => Some(tenant.clone()),
            Some(_) if !caller.scopes.contains(Scope::Operate) => {
                let missing = AuthError::Scope(Scope::Operate.as_str());
                return Err(service::RequestError::from(missing).into());
            }
            Some(Tenants::Every) => None,
            Some(Tenants::One(tenant)) => Some(tenant.clone()),
        };
        if tenant.as_ref() != Some(&caller.tenant) && self.sha256.is_some() {
            let detail = "sha256 finds circuits of your own tenant only";
            return Err(Problem::bad_request("invalid_query", detail));
        }
        let search = self.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if search.is_some_and(|text| text.len() > LONGEST_SEARCH) {
            let detail = format!("search must have at most {LONGEST_SEARCH} bytes");
            return Err(Problem::bad_request("invalid_query", detail));
        }
        Ok(CircuitFilter {
            tenant,
            template: self.template_name.clone(),
            status: self.status,
            key_label: self.provenance,
            search: search.map(str::to_owned),
        })
    }
}

/// List circuits, newest first.
///
/// Lists contain the circuits of the caller's tenant, unless an operator asks for another one.
#[utoipa::path(
    get, path = "/v1/circuits", tag = "circuits", operation_id = "listCircuits", params(ListQuery, PageQuery),
    responses(
        (status = 200, description = "One page of circuits", body = CircuitPage),
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    caller: Principal,
    query: Result<Query<ListQuery>, QueryRejection>,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<CircuitPage>, Problem> {
    let Query(query) = query?;
    let scope = query.scope(&caller.tenant);
    let page = page?.page(&scope)?;
    let filter = query.filter(&caller)?;
    let mut circuits =
        app.catalog.circuits().list(&filter, &page).await.map_err(service::RequestError::from)?;
    let next_cursor = cut(&mut circuits, &page, &scope, Circuit::cursor);
    // The files are not a field that the catalog has an index of: a page of circuits is searched.
    if let Some(digest) = query.sha256 {
        circuits.retain(|circuit| circuit.artifacts.values().any(|file| file.sha256 == digest));
    }
    let shown = |circuit| match query.tenant {
        None => CircuitDto::from(circuit),
        Some(_) => CircuitDto::with_tenant(circuit, &caller.tenant),
    };
    Ok(Json(CircuitPage { circuits: circuits.into_iter().map(shown).collect(), next_cursor }))
}

/// Get a circuit; with `wait`, after it is ready or has failed.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}", tag = "circuits", operation_id = "getCircuit",
    params(("circuitId" = schema::CircuitName, Path), WaitQuery),
    responses(
        (status = 200, description = "The circuit", body = CircuitDto),
    )
)]
async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    wait: Result<Query<WaitQuery>, QueryRejection>,
    client: ClientAddress,
) -> Result<Json<CircuitDto>, Problem> {
    let wait = wait?.bounded(&app);
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    let circuit: Circuit = watch::settled(&app, &caller, &id, wait, client).await?;
    Ok(Json(circuit.into()))
}

/// Choice of a deletion.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeleteQuery {
    /// Also delete a circuit with a contract on a chain, or with keys of a ceremony. Nothing brings its keys back.
    #[serde(default)]
    force: bool,
}

/// Delete a circuit and its keys.
///
/// The same circuit, requested again, gets other keys.
#[utoipa::path(
    delete, path = "/v1/circuits/{circuitId}", tag = "circuits", operation_id = "deleteCircuit",
    params(("circuitId" = schema::CircuitName, Path), DeleteQuery),
    responses(
        (status = 204, description = "The circuit is deleted"),
    ),
    extensions(("x-codes" = json!(["circuit_busy", "circuit_in_use", "not_owner"])))
)]
async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    query: Result<Query<DeleteQuery>, QueryRejection>,
) -> Result<StatusCode, Problem> {
    let Query(choice) = query?;
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    service::removal::delete(&app, &caller.tenant, (&caller.tenant, &caller.name), &id, choice.force).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Download an artifact of a circuit, such as `proving_key.zkey`.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}/artifacts/{name}", tag = "circuits", operation_id = "getArtifact",
    params(
        ("circuitId" = schema::CircuitName, Path),
        ("name" = schema::FileName, Path),
        ("If-None-Match" = Option<String>, Header, description = "ETags of copies that the caller has"),
        ("Range" = Option<String>, Header, description = "One range of bytes, to continue a download"),
        ("If-Range" = Option<String>, Header, description = "`ETag` of the file that the range belongs to"),
    ),
    responses(
        (status = 200, description = "The file; `ETag` is its SHA-256", content((Value = "application/octet-stream"), (Value = "application/wasm"), (String = "text/plain"), (Value = "application/json"))),
        (status = 206, description = "The range; the client must compare the whole file with the `ETag`", content((Value = "application/octet-stream"), (Value = "application/wasm"), (String = "text/plain"), (Value = "application/json"))),
        (status = 304, description = "The caller's copy is current"),
        (status = 307, description = "Redirect to a signed bucket URL, which is valid for a limited time"),
    ),
    extensions(("x-codes" = json!(["artifact_not_found", "range_not_satisfiable", "too_many_downloads"])))
)]
async fn artifact(
    State(app): State<Arc<App>>,
    Path((id, name)): Path<(String, String)>,
    caller: Principal,
    method: Method,
    headers: HeaderMap,
    client: ClientAddress,
) -> Result<Response, Problem> {
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    let circuit: Circuit = service::visible(&app, &caller.tenant, &id).await?;
    // The names of the Node service are other names of the files.
    let short = FileName::of_short_name(&name);
    let name = short.map_or(name.as_str(), |file| file.as_str());
    let meta = service::circuits::artifact_meta(&circuit, name)?;
    download::send(&app, meta, name, &method, &headers, (&caller, client)).await
}

/// Stream a circuit: its current state, then each change until it is ready or has failed.
#[utoipa::path(
    get, path = "/v1/circuits/{circuitId}/events", tag = "circuits", operation_id = "followCircuit",
    params(("circuitId" = schema::CircuitName, Path), LastEvent),
    responses(
        (status = 200, description = "Server-sent events named `circuit`, for at most 5 minutes", body = CircuitDto, content_type = "text/event-stream"),
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
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    events::follow::<Circuit, CircuitDto>(app, &caller, id, "circuit", last, client).await
}

/// Choice of the verifier.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct VerifyQuery {
    /// Id of a deployment whose contract verifies the proof, without a transaction. The default is the native
    /// verifier.
    #[param(value_type = Option<schema::DeploymentId>)]
    on_chain: Option<String>,
}

/// Verify a proof, or an array of proofs, with the key of a circuit.
///
/// Valid proofs in an array are verified together, several times faster than one by one.
#[utoipa::path(
    post, path = "/v1/circuits/{circuitId}/verify", tag = "circuits", operation_id = "verifyProof",
    params(("circuitId" = schema::CircuitName, Path), VerifyQuery), request_body = ProofsToVerify,
    responses(
        (status = 200, description = "Whether the proof is valid, and the reason if it is not; for an array of proofs, an array in the same order", body = VerdictsDto),
    ),
    extensions(("x-codes" = json!([
        "circuit_pending", "circuit_failed", "artifact_not_found", "too_many_verifications",
        "deployment_not_found", "not_deployed", "not_allowed", "unknown_chain", "chain_refused"
    ])))
)]
async fn verify(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    query: Result<Query<VerifyQuery>, QueryRejection>,
    JsonBody(given, _held): JsonBody<ProofsToVerify>,
) -> Result<Json<VerdictsDto>, Problem> {
    let id = circuit_id(&app, &caller.tenant, &id).await?;
    let tenant = &caller.tenant;
    let verdict = match (given, query?.0.on_chain) {
        (ProofsToVerify::Many(proofs), None) => {
            return Ok(Json(VerdictsDto::Many(bulk::verify_many(&app, tenant, &id, proofs).await?)));
        }
        (ProofsToVerify::Many(_), Some(_)) => {
            let detail = "onChain: a contract verifies one proof, not an array";
            return Err(Problem::bad_request("invalid_query", detail));
        }
        (ProofsToVerify::One(one), None) => {
            let (proof, signals) = one.into_parts();
            service::verify::verify(&app, tenant, &id, proof, signals).await?
        }
        (ProofsToVerify::One(one), Some(deployment)) => {
            let deployment = deployment_id(&deployment)?;
            let (proof, signals) = one.into_parts();
            service::verify::verify_on_chain(&app, tenant, &id, &deployment, proof, signals).await?
        }
    };
    Ok(Json(VerdictsDto::One(verdict.into())))
}
