//! How answers are delivered: with gzip, and to named web pages.
//!
//! Artifacts are not compressed: their `ETag` is the digest of the bytes, and they have ranges.

use std::time::Duration;

use axum::Router;
use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, LOCATION,
    RANGE, RETRY_AFTER,
};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::middleware::from_fn;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate as _, SizeAbove};
use tower_http::cors::CorsLayer;

use super::etag;
use super::observe::REQUEST_ID;
use crate::config::Config;

/// Shorter answers are sent as they are: gzip would save less than a packet.
const MIN_COMPRESSED: u16 = 1024;
/// How long a browser remembers what a page may send.
const PREFLIGHT: Duration = Duration::from_secs(3600);

/// Adds `ETag`s of documents, gzip, and the access of web pages to all routes.
pub(super) fn deliver<S: Clone + Send + Sync + 'static>(routes: Router<S>, config: &Config) -> Router<S> {
    let gzip = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(MIN_COMPRESSED).and(is_compressed));
    let routes = routes.layer(from_fn(etag::of_documents)).layer(gzip);
    match pages(&config.auth.origins) {
        Some(cors) => routes.layer(cors),
        None => routes,
    }
}

/// Whether an answer of this form is compressed: text that is complete, whose bytes no strong `ETag` names.
fn is_compressed(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text(CONTENT_TYPE);
    let is_text = kind.starts_with("text/")
        || ["json", "javascript", "svg+xml"]
            .iter()
            .any(|form| kind.split(';').next().unwrap_or_default().ends_with(form));
    let is_strong = !matches!(text(ETAG), weak if weak.is_empty() || weak.starts_with("W/"));
    is_text && !kind.starts_with("text/event-stream") && !is_strong
}

/// Web pages at `origins` may call the API and read its answers. Cookies are never part of it.
fn pages(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| origin.to_ascii_lowercase().parse().ok()).collect();
    let sent = [
        AUTHORIZATION,
        CONTENT_TYPE,
        IF_NONE_MATCH,
        IF_RANGE,
        RANGE,
        REQUEST_ID,
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("last-event-id"),
        HeaderName::from_static("traceparent"),
    ];
    let read = [CONTENT_LENGTH, CONTENT_RANGE, ETAG, LOCATION, RETRY_AFTER, REQUEST_ID];
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers(sent)
            .expose_headers(read)
            .max_age(PREFLIGHT)
    })
}
