//! `ETag`s: JSON documents get one, and a caller that has the document gets 304.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use zkflow_core::digest::Digest;

/// Longer documents have no `ETag`.
const MAX_DOCUMENT: u64 = 4 << 20;

/// Whether `If-None-Match` contains a tag, which is given without `W/`.
pub(super) fn names(known: &HeaderValue, tag: &str) -> bool {
    known.to_str().is_ok_and(|known| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    })
}

/// Gives a JSON document below `/v1/` the digest of its bytes as `ETag`, and answers 304 if the caller has it.
///
/// The tag is weak: the bytes that are sent differ with and without gzip.
pub(super) async fn of_documents(request: Request, next: Next) -> Response {
    let is_of_api = request.method() == Method::GET && request.uri().path().starts_with("/v1/");
    let known: Vec<_> = request.headers().get_all(IF_NONE_MATCH).iter().cloned().collect();
    let response = next.run(request).await;
    if !is_of_api || !is_document(&response) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // The body is in memory already, so reading it does not fail.
    let bytes = to_bytes(body, MAX_DOCUMENT as usize).await.unwrap_or_default();
    let tag = format!("\"{}\"", Digest::of(&bytes));
    if let Ok(value) = HeaderValue::from_str(&format!("W/{tag}")) {
        head.headers.insert(ETAG, value);
    }
    if !known.iter().any(|known| names(known, &tag)) {
        return Response::from_parts(head, Body::from(bytes));
    }
    head.status = StatusCode::NOT_MODIFIED;
    head.headers.remove(CONTENT_LENGTH);
    head.headers.remove(CONTENT_TYPE);
    Response::from_parts(head, Body::empty())
}

/// Whether an answer is a JSON document in memory that has no `ETag` yet.
fn is_document(response: &Response) -> bool {
    response.status() == StatusCode::OK
        && response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
        && response.body().size_hint().exact().is_some_and(|length| length <= MAX_DOCUMENT)
        && !response.headers().contains_key(ETAG)
}
