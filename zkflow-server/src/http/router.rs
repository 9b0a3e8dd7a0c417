//! All routes together, with what happens around each.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::{circuits, deployments, fallible, observe, operations, proofs, templates};
use crate::state::App;

/// The API as a service.
pub fn router(app: Arc<App>) -> Router {
    let (routes, description) = described().split_for_parts();
    layered(routes.merge(SwaggerUi::new("/docs").url("/openapi.json", description)), app)
}

/// Health, readiness and metrics alone, of a process that only works.
pub fn operations_router(app: Arc<App>) -> Router {
    layered(operations::routes().into(), app)
}

fn layered(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .fallback(fallible::no_route)
        .method_not_allowed_fallback(fallible::no_method)
        .layer(DefaultBodyLimit::max(app.config.max_body_bytes))
        .layer(from_fn_with_state(app.clone(), fallible::in_time))
        .layer(CatchPanicLayer::custom(fallible::panicked))
        .layer(from_fn(observe::observe))
        .with_state(app)
}

/// The description of the API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(title = "ZKFlow", description = "Parameterised Circom templates to circuits, keys and proofs"),
    tags(
        (name = "circuits", description = "Templates with parameters, and their keys"),
        (name = "deployments", description = "Verifier contracts on chains"),
        (name = "proofs", description = "Requests for proofs"),
        (name = "templates", description = "What circuits are made from"),
        (name = "operations", description = "For whoever runs the server"),
    )
)]
struct Described;

fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Described::openapi())
        .merge(templates::routes())
        .merge(circuits::routes())
        .merge(deployments::routes())
        .merge(proofs::routes())
        .merge(operations::routes())
}
