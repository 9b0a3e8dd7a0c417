//! Timeouts, panics and unknown routes: every failure is answered with a [`Problem`], within the time limit.

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::state::App;

/// Answers 503 when a request exceeds `request_time_s`.
pub(super) async fn in_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = app.config.http.request_time();
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("the request exceeded the time limit of {} s", limit.as_secs());
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail).retry_after(5).into_response()
    })
}

/// Answers 500 after a panic. The panic's message is not logged, since it may contain private inputs. The
/// panic hook of `serve` has printed its location.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::internal().into_response()
}

/// Answers 404 for an unknown route.
pub(super) async fn no_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(StatusCode::NOT_FOUND, "route_not_found", format!("unknown route {path}; see /docs"))
}

/// Answers 405 for a method that the route does not support.
pub(super) async fn no_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "the route does not support this method; see the Allow header",
    )
}
