//! Downloads of artifacts, in pieces.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use zkflow_core::circuit::FileName;
use zkflow_core::service::store::{ArtifactMeta, StoreError};

use super::Problem;
use super::etag::names;
use crate::auth::Principal;
use crate::service::{self, RequestError};
use crate::state::{App, ClientAddress};

/// Sends an artifact, or the part of it that the headers ask for. The artifact is never in memory as a whole.
///
/// A whole artifact is compared with its digest: if they differ, the connection is closed before the last piece.
pub(super) async fn send(
    app: &App,
    meta: &ArtifactMeta,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
    (caller, client): (&Principal, ClientAddress),
) -> Result<Response, Problem> {
    let etag = format!("\"{}\"", meta.sha256);
    // A circuit that is deleted and requested again has different keys under the same URL.
    let fresh = [(ETAG, etag.clone()), (CACHE_CONTROL, "no-cache".to_owned())];
    if headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &etag)) {
        return Ok((StatusCode::NOT_MODIFIED, fresh).into_response());
    }
    if let Some(address) = service::circuits::download_url(app, meta).await? {
        return Ok((StatusCode::TEMPORARY_REDIRECT, fresh, [(LOCATION, address)]).into_response());
    }
    let stored = app.store.head(&meta.key).await.map_err(RequestError::from)?;
    if stored.sha256 != meta.sha256 {
        let detail = "its SHA-256 differs from the one in the catalog".to_owned();
        return Err(RequestError::from(StoreError::Corrupt { key: meta.key.clone(), detail }).into());
    }
    // The name is a segment of an artifact key, so it contains no characters that need quoting.
    let kind = [
        (CONTENT_TYPE, name.parse().map_or("application/octet-stream", FileName::media_type).to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (ACCEPT_RANGES, "bytes".to_owned()),
    ];
    // A part of another version of the file is of no use.
    let same = headers.get(IF_RANGE).is_none_or(|version| version.as_bytes() == etag.as_bytes());
    let asked = headers.get(RANGE).filter(|_| same).map(|range| part(range, stored.size));
    let (status, range) = match asked {
        Some(Part::Unsatisfiable) => {
            let detail = format!("the file has {} bytes", stored.size);
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", detail);
            return Ok(([(CONTENT_RANGE, format!("bytes */{}", stored.size))], problem).into_response());
        }
        Some(Part::Bytes(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(Part::Whole) | None => (StatusCode::OK, 0..stored.size),
    };
    let mut length = HeaderMap::new();
    length.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, stored.size);
        length.extend(HeaderValue::try_from(text).ok().map(|value| (CONTENT_RANGE, value)));
    }
    if method == Method::HEAD {
        return Ok((status, fresh, kind, length).into_response());
    }
    let most = app.config.downloads_of(&caller.tenant, caller.limited_key(&app.config.plans));
    let held = app.budgets.downloads.take_as(most, client, 1).map_err(RequestError::TooManyDownloads)?;
    let mut pieces = app.store.stream(&meta.key, range).await.map_err(RequestError::from)?;
    // A small file is compared with its digest here, while the answer can still be an error.
    let first = pieces.try_next().await.map_err(RequestError::from)?;
    let first = stream::iter(first.map(Ok::<_, StoreError>));
    let rest = first.chain(pieces).inspect_err(|error| tracing::error!(%error, "download interrupted"));
    let body = Body::from_stream(rest.map(move |piece| {
        // The place is free when the last piece was sent, or the client is gone.
        let _held = &held;
        piece
    }));
    Ok((status, fresh, kind, length, body).into_response())
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// The header is of another unit, malformed, or asks for several parts: it is ignored.
    Whole,
    Bytes(Range<u64>),
    Unsatisfiable,
}

/// Reads `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-LENGTH` (RFC 9110, section 14).
fn part(header: &HeaderValue, size: u64) -> Part {
    let bounds = header.to_str().ok().and_then(|text| text.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = bounds else { return Part::Whole };
    let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse::<u64>().ok(),
        false => None,
    };
    let range = match (first, last) {
        ("", length) => match number(length) {
            Some(length) => size.saturating_sub(length)..size,
            None => return Part::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => first..size,
            None => return Part::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
            _ => return Part::Whole,
        },
    };
    if range.start < range.end { Part::Bytes(range) } else { Part::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_the_rfc_says() {
        let part = |text: &str| part(&HeaderValue::from_str(text).unwrap(), 100);
        for (text, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-99", 0..100),
            ("bytes=10-", 10..100),
            ("bytes=-1", 99..100),
            ("bytes=-1000", 0..100),
            ("bytes=50-1000", 50..100),
            ("bytes=99-18446744073709551615", 99..100),
        ] {
            assert_eq!(part(text), Part::Bytes(range), "{text}");
        }
        for text in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(part(text), Part::Unsatisfiable, "{text}");
        }
        for text in
            ["bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "items=0-1", "bytes=+1-2", "bytes=a-b", "x"]
        {
            assert_eq!(part(text), Part::Whole, "{text}");
        }
    }
}
