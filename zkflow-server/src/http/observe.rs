//! Each request gets an id, a log line and metrics. Bodies and headers are never logged.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, histogram};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::telemetry::{HTTP_DURATION, HTTP_REQUESTS};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs the request under an id: the caller's `x-request-id` if it is valid, else a new UUID.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| is_modest(id))
        .map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned);
    let method = method_label(request.method());
    // The label is the route, not the path: the number of paths is unbounded.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();

    let span = tracing::info_span!("request", id, method, route);
    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status();
    let spent = began.elapsed();
    span.in_scope(|| tracing::info!(status = status.as_u16(), ms = spent.as_millis() as u64, "answered"));
    counter!(HTTP_REQUESTS, "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    histogram!(HTTP_DURATION, "method" => method, "route" => route).record(spent);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn is_modest(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Clients can send arbitrary methods, so only common ones become labels.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
