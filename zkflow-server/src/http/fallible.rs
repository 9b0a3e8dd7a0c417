//! Whatever happens, the answer is a problem and comes in time.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::state::App;

/// Ends a request that takes too long.
pub(super) async fn in_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(app.config.request_time_s);
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("the request took longer than {} s", limit.as_secs());
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail).retry_after(5).into_response()
    })
}

/// What a panic answers. Its message may hold anything, so it is not logged: the panic hook of
/// `serve` has printed where it happened.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}

/// No such route.
pub(super) async fn no_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(StatusCode::NOT_FOUND, "route_not_found", format!("there is nothing at {path}; see /docs"))
}

/// The route has other methods.
pub(super) async fn no_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this route does not take this method; see the Allow header",
    )
}
