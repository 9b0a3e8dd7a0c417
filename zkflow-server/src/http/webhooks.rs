//! `/v1/webhooks`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use zkflow_core::service::catalog::{Delivery, DeliveryFilter, DeliveryStatus, Document as _, Scope};

use super::Problem;
use super::access::{Access, Routes};
use super::body::{Content, JsonBody};
use super::dto::FailureDto;
use super::openapi::schema;
use super::page::{PageQuery, cut};
use super::path::{Path, delivery_id};
use crate::auth::Principal;
use crate::callbacks::{Hooks, Secret};
use crate::config::SecretSetting;
use crate::service::{RequestError, callbacks};
use crate::state::App;

const WEBHOOKS: Access = Access::Needs(Scope::Webhooks);

pub(super) fn routes() -> Routes {
    Routes::new()
        .add(WEBHOOKS, routes!(get, set, delete))
        .add(WEBHOOKS, routes!(rotate))
        .add(WEBHOOKS, routes!(list))
        .add(WEBHOOKS, routes!(replay))
}

/// The address of a tenant's webhooks.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"url": "https://app.example/webhooks", "every": true}))]
struct NewWebhooks {
    /// https at a public address. The callbacks of requests have the same scheme, host and port.
    #[schema(value_type = schema::Url)]
    url: SecretSetting,
    /// Whether a request without `callback` has this address as its callback.
    #[serde(default)]
    every: bool,
}

impl Content for NewWebhooks {
    const MOST: usize = 16 * 1024;
}

/// The webhooks of a tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Webhooks {
    #[schema(value_type = schema::Url)]
    url: String,
    /// Whether a request without `callback` has this address as its callback.
    every: bool,
    /// Number of secrets that sign: more than one during the overlap of a rotation.
    secrets: usize,
    /// A new secret, shown this once: `whsec_` and base64. Receivers check the header `webhook-signature` with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::WebhookSecret>)]
    secret: Option<String>,
}

impl Webhooks {
    fn of(app: &App, hooks: &Hooks, is_new: bool) -> Self {
        let secret = hooks.secret().filter(|_| is_new).map(Secret::expose).map(str::to_owned);
        let secrets = hooks.signing(app.now());
        Self { url: hooks.url().expose_secret().to_owned(), every: hooks.every, secrets, secret }
    }
}

/// Get the address of the tenant's webhooks, without the secrets.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", operation_id = "getWebhooks",
    responses((status = 200, description = "The webhooks", body = Webhooks)),
    extensions(("x-codes" = json!(["no_webhooks"])))
)]
async fn get(State(app): State<Arc<App>>, caller: Principal) -> Result<Json<Webhooks>, Problem> {
    let hooks = callbacks::hooks(&app, &caller.tenant).await?;
    Ok(Json(Webhooks::of(&app, &hooks, false)))
}

/// Set the address of the tenant's webhooks. The first time, the answer contains the secret, as its only place.
#[utoipa::path(
    put, path = "/v1/webhooks", tag = "webhooks", operation_id = "setWebhooks", request_body = NewWebhooks,
    responses((status = 200, description = "The webhooks", body = Webhooks)),
    extensions(("x-codes" = json!(["invalid_inputs", "not_allowed"])))
)]
async fn set(
    State(app): State<Arc<App>>,
    caller: Principal,
    JsonBody(NewWebhooks { url, every }, _held): JsonBody<NewWebhooks>,
) -> Result<Json<Webhooks>, Problem> {
    let (hooks, is_new) =
        callbacks::set(&app, &caller.tenant, &caller.name, &url.into_secret(), every).await?;
    Ok(Json(Webhooks::of(&app, &hooks, is_new)))
}

/// Delete the address and the secrets of the tenant. Pending deliveries fail at their next attempt.
#[utoipa::path(
    delete, path = "/v1/webhooks", tag = "webhooks", operation_id = "deleteWebhooks",
    responses((status = 204, description = "The webhooks are deleted")),
    extensions(("x-codes" = json!(["no_webhooks"])))
)]
async fn delete(State(app): State<Arc<App>>, caller: Principal) -> Result<StatusCode, Problem> {
    callbacks::remove(&app, &caller.tenant, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Choice of a rotation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RotateQuery {
    /// Seconds that the old secret signs too; default 86400 (a day), at most 2592000 (30 days).
    #[param(maximum = 2592000)]
    overlap: Option<u32>,
}

const USUAL_OVERLAP: u32 = 24 * 3600;
const LONGEST_OVERLAP: u32 = 30 * 24 * 3600;

/// Make a new secret. During the overlap each event has a signature by the old one too.
#[utoipa::path(
    post, path = "/v1/webhooks/rotate", tag = "webhooks", operation_id = "rotateWebhooks", params(RotateQuery),
    responses((status = 200, description = "The webhooks with the new secret, shown this once", body = Webhooks)),
    extensions(("x-codes" = json!(["no_webhooks"])))
)]
async fn rotate(
    State(app): State<Arc<App>>,
    caller: Principal,
    query: Result<Query<RotateQuery>, QueryRejection>,
) -> Result<Json<Webhooks>, Problem> {
    let Query(RotateQuery { overlap }) = query?;
    let overlap = overlap.unwrap_or(USUAL_OVERLAP);
    if overlap > LONGEST_OVERLAP {
        let detail = format!("overlap: expected at most {LONGEST_OVERLAP} seconds, found {overlap}");
        return Err(Problem::bad_request("invalid_query", detail));
    }
    let hooks =
        callbacks::rotate(&app, &caller.tenant, &caller.name, Duration::from_secs(overlap.into())).await?;
    Ok(Json(Webhooks::of(&app, &hooks, true)))
}

/// An event, and whether its receiver has accepted it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
struct DeliveryDto {
    #[schema(value_type = schema::DeliveryId)]
    delivery_id: String,
    /// Document that the event is about: `circuit/ID`, `proof/ID` or `deployment/ID`.
    #[schema(value_type = schema::DeliverySubject)]
    subject: String,
    #[schema(value_type = schema::DeliveryStatus)]
    status: DeliveryStatus,
    /// Number of attempts so far.
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    /// Why the last attempt failed; the event is tried again. Only of a pending delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed_by: Option<FailureDto>,
    #[schema(value_type = schema::Time)]
    created_at: String,
    #[schema(value_type = schema::Time)]
    updated_at: String,
}

impl From<Delivery> for DeliveryDto {
    fn from(delivery: Delivery) -> Self {
        Self {
            delivery_id: delivery.id.to_string(),
            subject: delivery.subject.to_string(),
            status: delivery.life.status,
            attempt: delivery.life.attempt,
            error: delivery.life.error.map(FailureDto::from),
            delayed_by: delivery.life.delayed_by.map(FailureDto::from),
            created_at: delivery.life.created_at.to_string(),
            updated_at: delivery.life.updated_at.to_string(),
        }
    }
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeliveryPage {
    deliveries: Vec<DeliveryDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    next_cursor: Option<String>,
}

/// Filter of a list of deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only deliveries with this status.
    #[param(value_type = Option<schema::DeliveryStatus>)]
    status: Option<DeliveryStatus>,
}

/// List the deliveries of the tenant's events, newest first. They are kept for a week.
#[utoipa::path(
    get, path = "/v1/webhooks/deliveries", tag = "webhooks", operation_id = "listDeliveries", params(ListQuery, PageQuery),
    responses((status = 200, description = "One page of deliveries", body = DeliveryPage))
)]
async fn list(
    State(app): State<Arc<App>>,
    caller: Principal,
    query: Result<Query<ListQuery>, QueryRejection>,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<DeliveryPage>, Problem> {
    let Query(query) = query?;
    let scope = format!("deliveries of {} {query:?}", caller.tenant);
    let page = page?.page(&scope)?;
    let filter = DeliveryFilter { tenant: Some(caller.tenant), status: query.status };
    let mut found = app.catalog.deliveries().list(&filter, &page).await.map_err(RequestError::from)?;
    let next_cursor = cut(&mut found, &page, &scope, Delivery::cursor);
    Ok(Json(DeliveryPage { deliveries: found.into_iter().map(DeliveryDto::from).collect(), next_cursor }))
}

/// Send the event of a finished delivery again, with the same `webhook-id`.
#[utoipa::path(
    post, path = "/v1/webhooks/deliveries/{deliveryId}/replay", tag = "webhooks", operation_id = "replayDelivery",
    params(("deliveryId" = schema::DeliveryId, Path)),
    responses((status = 202, description = "The delivery is pending", body = DeliveryDto)),
    extensions(("x-codes" = json!(["delivery_pending"])))
)]
async fn replay(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
) -> Result<(StatusCode, Json<DeliveryDto>), Problem> {
    let delivery = callbacks::replay(&app, &caller.tenant, &delivery_id(&id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}
