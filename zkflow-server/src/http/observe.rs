//! Each request gets an id, a log line and metrics. Bodies and headers are never logged.

use std::convert::Infallible;
use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, histogram};
use tracing::Instrument as _;
use uuid::Uuid;
use zkflow_core::service::catalog::RequestOrigin;

use crate::telemetry::{self, HTTP_DURATION, HTTP_REQUESTS};

/// The header with the id of a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Routes that orchestrators and Prometheus ask again and again.
const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Ids of the present request, for handlers that create documents.
pub(super) struct Origin(pub(super) Option<RequestOrigin>);

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<RequestOrigin>().cloned()))
    }
}

/// Runs the request under an id: the caller's `x-request-id` if it is valid, else a new UUID.
pub(super) async fn observe(mut request: Request, next: Next) -> Response {
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

    let traceparent = request.headers().get(&TRACEPARENT).and_then(|value| value.to_str().ok());
    let traceparent = traceparent.filter(|value| is_traceparent(value)).map(ToOwned::to_owned);
    let caller = tracing::field::Empty;
    let span = tracing::info_span!("request", id, method, route, traceparent, caller);
    let traceparent = telemetry::join(&span, traceparent);
    request.extensions_mut().insert(RequestOrigin {
        request_id: id.clone(),
        caller: None,
        account: None,
        traceparent,
    });
    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status();
    let spent = began.elapsed();
    let (code, ms) = (status.as_u16(), spent.as_millis() as u64);
    span.in_scope(|| match PROBES.contains(&route.as_str()) {
        // Orchestrators ask every few seconds.
        true => tracing::debug!(status = code, ms, "answered"),
        false => tracing::info!(status = code, ms, "answered"),
    });
    counter!(HTTP_REQUESTS, "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    histogram!(HTTP_DURATION, "method" => method, "route" => route).record(spent);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Whether the value has the form of W3C Trace Context, version 00: `00-TRACE-PARENT-FLAGS` in lower-case hex digits.
fn is_traceparent(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    parts.iter().map(|part| part.len()).eq([2, 32, 16, 2])
        && parts[0] == "00"
        && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'))
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
