//! All routes and their middleware.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use serde_json::Value;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use super::access::{Door, Routes, SCHEME};
use super::origin::{self, Sites};
use super::query::{self, Known};
use super::{
    Problem, audit, bulk, caching, ceremonies, circuits, dashboard, delivery, embedding, fallible, jobs,
    keys, letters, observe, openapi, operations, overview, proofs, sealing, sessions, templates, tenants,
    turns, uploads, usage,
};
#[cfg(feature = "evm")]
use super::{deployments, webhooks};
use crate::state::App;

/// Router of the whole API, with `/openapi.json`, `/docs` and the dashboard at `/`.
pub fn router(app: Arc<App>) -> Router {
    // With a listener of their own, the routes for operations are not on the port of the API.
    let routes = match app.config.http.operations_port {
        0 => described().merge(operations::routes()),
        _ => described(),
    };
    let (routes, description) = routes.into_router().split_for_parts();
    let known = Known::of(&description);
    let pages =
        SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", openapi::complete(&description));
    let sites = Sites::new(&app.config);
    let routes = routes.merge(pages);
    let routes =
        if app.config.http.dashboard { routes.merge(dashboard::files(&app.config.http)) } else { routes };
    let routes = routes
        .layer(from_fn_with_state(known, query::known))
        .layer(from_fn(caching::private))
        .layer(from_fn(embedding::refused));
    layered(routes.layer(from_fn_with_state(sites, origin::own)), Door::Guarded(app.clone()), app)
}

/// Router of a process that is starting: it is alive, and not ready.
pub fn starting_router() -> Router {
    operations::starting()
        .fallback(async || {
            let detail = "the server is starting; try again later";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", detail).retry_after(5)
        })
        .layer(from_fn(observe::observe))
}

/// Router of a worker process, and of the listener for operations: health, readiness and metrics only.
pub fn operations_router(app: Arc<App>) -> Router {
    layered(operations::routes().into_router().into(), Door::Open, app)
}

fn layered(routes: Router<Arc<App>>, door: Door, app: Arc<App>) -> Router {
    let routes = routes.fallback(fallible::no_route).method_not_allowed_fallback(fallible::no_method);
    delivery::deliver(routes, &app.config)
        .layer(from_fn_with_state(app.clone(), fallible::in_time))
        .layer(CatchPanicLayer::custom(fallible::panicked))
        .layer(from_fn(observe::observe))
        .layer(Extension(door))
        .with_state(app)
}

/// The OpenAPI document of the API.
pub fn description() -> Value {
    openapi::complete(&described().merge(operations::routes()).into_router().into_openapi())
}

#[derive(OpenApi)]
#[openapi(
    components(schemas(Problem, openapi::schema::FileName, openapi::schema::CeremonyFile, openapi::schema::CircuitName, openapi::schema::ProofRequestName, openapi::schema::IdempotencyKey, openapi::schema::BatchKey, openapi::schema::KeyLabel, openapi::schema::Tenants)),
    info(title = "ZKFlow", description = "Parameterised Circom templates to circuits, keys and proofs"),
    tags(
        (name = "circuits", description = "Templates with parameters, compiled, and their keys"),
        (name = "uploads", description = "Files of circuits to import"),
        (name = "ceremonies", description = "Keys whose contributors take turns"),
        (name = "deployments", description = "Verifier contracts on chains"),
        (name = "proofs", description = "Proof requests and proofs"),
        (name = "templates", description = "Parameterised sources of circuits"),
        (name = "webhooks", description = "Events of the ends of circuits, proofs and deployments"),
        (name = "keys", description = "Keys of the API"),
        (name = "sessions", description = "Login of the dashboard"),
        (name = "jobs", description = "Jobs and queues of all tenants, for operators"),
        (name = "operations", description = "Health, readiness and metrics for operators"),
    ),
    modifiers(&Bearer)
)]
struct Described;

/// Describes how callers authenticate.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key of the API. Without authentication, nothing is required. The dashboard sends its key to `POST /v1/session`, and then a cookie with the header `X-CSRF-Token`."));
        components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme.build()));
    }
}

fn described() -> Routes {
    let routes = Routes::with_description(Described::openapi())
        .merge(templates::routes())
        .merge(circuits::routes())
        .merge(uploads::routes())
        .merge(ceremonies::routes())
        .merge(turns::routes())
        .merge(proofs::routes())
        .merge(bulk::routes())
        .merge(sealing::routes())
        .merge(keys::routes())
        .merge(sessions::routes())
        .merge(usage::routes())
        .merge(audit::routes())
        .merge(tenants::routes())
        .merge(jobs::routes())
        .merge(letters::routes())
        .merge(overview::routes());
    #[cfg(feature = "evm")]
    let routes = routes.merge(deployments::routes()).merge(webhooks::routes());
    routes
}
