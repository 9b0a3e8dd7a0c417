//! Request bodies. No error shows their values, which may be private inputs.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use futures::StreamExt as _;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::Instant;
use zkflow_core::service::upload::PART_BYTES;

use super::Problem;
use crate::auth::Caller;
use crate::config::Http;
use crate::state::{App, Budget, Held, LOCAL};

/// A JSON body. Errors contain the line, the column and the expected value, never the found value.
///
/// Its bytes are part of a [budget](crate::state::Budgets::bodies) until the request is answered.
pub(super) struct JsonBody<T>(pub(super) T, pub(super) Held);

/// The bytes of a part of an upload, at most [`PART_BYTES`]; see [`JsonBody`].
pub(super) struct PartBody(pub(super) Vec<u8>, pub(super) Held);

impl FromRequest<Arc<App>> for PartBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (bytes, held) = receive(request, app, &app.budgets.parts, PART_BYTES as usize).await?;
        Ok(Self(bytes, held))
    }
}

/// The content of a request body.
pub(super) trait Content: DeserializeOwned {
    /// Size limit in bytes, if it is lower than `max_body_bytes`.
    const MOST: usize = usize::MAX;

    /// Whether it may contain sealed inputs, which need [more room](Http::sealed_body_bytes).
    const SEALED: bool = false;

    /// Size limit in bytes.
    fn most(http: &Http) -> usize {
        Self::MOST.min(if Self::SEALED { http.sealed_body_bytes() } else { http.max_body_bytes })
    }
}

impl<T: Content> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !media_type.is_some_and(is_json) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the Content-Type must be application/json",
            ));
        }
        let (bytes, held) = receive(request, app, &app.budgets.bodies, T::most(&app.config.http)).await?;
        let content = serde_json::from_slice(&bytes).map_err(|error| malformed(&error))?;
        Ok(Self(content, held))
    }
}

/// Time that every body may take; also the longest pause between two of its pieces.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Bytes that a client must send in each further second.
const BODY_RATE: u64 = 8 * 1024;

/// Reads a body of at most `most` bytes, in the pace of [`BODY_TIME`] and [`BODY_RATE`], within the budget.
async fn receive(
    request: Request,
    app: &App,
    budget: &Budget,
    most: usize,
) -> Result<(Vec<u8>, Held), Problem> {
    let client = request.extensions().get().copied().unwrap_or(LOCAL);
    let caller = request.extensions().get::<Caller>();
    let accounts = caller.map(|caller| app.config.bytes_of(&caller.principal.tenant, budget.total(), most));
    let accounts = accounts.unwrap_or_default();
    let too_large = || {
        let detail = format!("the body is larger than {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    let declared = request.body().size_hint();
    if declared.lower() > most as u64 {
        return Err(too_large());
    }
    let take = |bytes| {
        budget.take_as(accounts.clone(), client, bytes).map_err(|exhausted| {
            let detail = format!("too many request bodies are being received{exhausted}; try again later");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "bodies_over_budget", detail).retry_after(1)
        })
    };
    // A declared length is taken at once: half of a body is of no use.
    let mut held = take(usize::try_from(declared.lower()).unwrap_or(most))?;
    let mut bytes = Vec::new();
    let mut stream = request.into_body().into_data_stream();
    let began = Instant::now();
    // The client is at fault, so this limit is before the one of the whole request.
    let most_time = app.config.http.request_time() * 9 / 10;
    loop {
        let limit = began + BODY_TIME + Duration::from_millis(bytes.len() as u64 * 1000 / BODY_RATE);
        let limit = limit.min(Instant::now() + BODY_TIME).min(began + most_time);
        let next = tokio::time::timeout_at(limit, stream.next()).await.map_err(|_| {
            let detail = format!(
                "the body arrives too slowly: at least {BODY_RATE} bytes per second are required, and all of it within {} s",
                most_time.as_secs()
            );
            Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
        })?;
        match next {
            None => return Ok((bytes, held)),
            Some(Err(_)) => return Err(Problem::bad_request("unreadable_body", "the body is incomplete")),
            Some(Ok(piece)) => {
                if piece.len() > most - bytes.len() {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&piece);
                if bytes.len() > held.parts() {
                    // A body without a declared length takes as much again each time.
                    let step = bytes.len().max(4096).min(most - held.parts());
                    let more = take(step)?;
                    held.join(more);
                }
            }
        }
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn malformed(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Data => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_body",
            format!("{place}: {}", expectation(&error.to_string())),
        ),
        // JSON, but no number of this program.
        Category::Syntax if error.to_string().starts_with("number out of range") => {
            let detail =
                format!("{place}: the number is too large; send the decimal digits of an integer as a text");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail)
        }
        _ => Problem::bad_request("malformed_json", format!("{place}: the body is not JSON")),
    }
}

/// Keeps the part of serde's message with our field names and expectations; drops the part that quotes
/// the body.
fn expectation(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    // Our own types begin with "not a", and never quote what they were given.
    let names_only = ["missing field", "duplicate field", "not a ", "not an ", "duplicate entry"];
    if names_only.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    // The name of an unknown field is dropped too: only known fields are listed.
    match message.rsplit_once(", expected ") {
        Some((start, expected)) if start.starts_with("unknown field") => {
            format!("unknown field, expected {expected}")
        }
        Some((_, "a map")) => "expected an object".to_owned(),
        Some((_, "a sequence")) => "expected an array".to_owned(),
        // Names of our types mean nothing to a client.
        Some((_, expected)) if expected.starts_with("struct ") => "expected an object".to_owned(),
        Some((_, "u8" | "u16" | "u32" | "u64" | "usize")) => "expected a whole number".to_owned(),
        Some((_, expected)) => format!("expected {expected}"),
        None if message.starts_with("unknown field") => "unknown field".to_owned(),
        None => "a value has the wrong type".to_owned(),
    }
}

/// The `Idempotency-Key` header; `None` if it is absent.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let modest = |key: &&str| (1..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    match (value.to_str().ok().filter(modest), values.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(Problem::bad_request(
            "invalid_idempotency_key",
            "expected one Idempotency-Key of 1 to 128 visible ASCII characters",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use zkflow_core::digest::Digest;
    use zkflow_core::id::CircuitId;
    use zkflow_core::service::chain::Address;
    use zkflow_core::service::clock::Timestamp;

    use super::*;
    use crate::http::distinct::Entries;
    use crate::http::dto::condition::{KnownCode, Sought};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "the fields are only parsed")]
    struct Sample {
        id: CircuitId,
        inputs: Entries,
        count: Option<u8>,
        at: Option<Timestamp>,
        sha256: Option<Digest>,
        address: Option<Address>,
        code: Option<KnownCode>,
        text: Option<Sought>,
    }

    fn detail(body: &str) -> String {
        let Err(error) = serde_json::from_str::<Sample>(body) else {
            panic!("the body was accepted: {body}")
        };
        format!("{:?}", malformed(&error))
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        let id = "\"id\":\"0123456789abcdef0123456789abcdef\"";
        for (body, part) in [
            (format!("{{{id},\"inputs\":\"canary, expected canary\"}}"), "expected an object from names"),
            (
                format!("{{{id},\"inputs\":{{\"age\":\"canary\"}},\"count\":\"canary\"}}"),
                "expected a whole number",
            ),
            (format!("{{{id},\"inputs\":{{}},\"count\":31415}}"), "expected a whole number"),
            (
                format!("{{{id},\"inputs\":{{}},\"canary\":1}}"),
                "expected one of `id`, `inputs`, `count`, `at`",
            ),
            ("{\"at\":\"canary\"}".to_owned(), "not an RFC 3339 timestamp: expected a text like"),
            ("{\"sha256\":\"canary\"}".to_owned(), "not a digest: expected 64 hex digits"),
            ("{\"address\":\"canary\"}".to_owned(), "not an address: expected 0x and 40 hex digits"),
            ("{\"code\":\"canary\"}".to_owned(), "not a known error code: see docs/errors.md"),
            (
                format!("{{\"text\":\"{}\"}}", "canary".repeat(50)),
                "not a text of at most 256 characters: found 300",
            ),
            (format!("{{{id}, \"inputs\":{{\"canary\":1,\"canary\":2}}}}"), "duplicate entry"),
            ("{\"id\":\"canary\"}".to_owned(), "not a valid circuit id"),
            (format!("{{{id}}}"), "missing field `inputs`"),
            (format!("{{{id},\"inputs\":{{\"age\":31415e400}}}}"), "the number is too large"),
            (format!("{{{id},\n canary"), "line 2, column"),
        ] {
            let detail = detail(&body);
            assert!(detail.contains(part), "{detail}");
            assert!(!detail.contains("canary") && !detail.contains("31415"), "{detail}");
        }
    }
}
