//! Keeps answers of the API out of caches: they are private to their caller.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::Next;
use axum::response::Response;

/// Adds `Cache-Control: no-store` to answers of `/v1` that do not have one of their own.
pub(super) async fn private(request: Request, next: Next) -> Response {
    let of_the_api = request.uri().path().starts_with("/v1/");
    let mut response = next.run(request).await;
    if of_the_api {
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
