//! Request bodies. No error shows their values, which may be private inputs.

use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::Problem;

/// A JSON body. Errors contain the line, the column and the expected value, never the found value.
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !media_type.is_some_and(is_json) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the Content-Type must be application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| malformed(&error))
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn unread(rejection: BytesRejection) -> Problem {
    match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than allowed")
        }
        _ => Problem::bad_request("unreadable_body", "the body is incomplete"),
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Data => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_body",
            format!("{place}: {}", expectation(&error.to_string())),
        ),
        _ => Problem::bad_request("malformed_json", format!("{place}: the body is not JSON")),
    }
}

/// Keeps the part of serde's message with our field names and expectations; drops the part that quotes
/// the body.
fn expectation(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let names_only = ["missing field", "duplicate field", "not a valid", "duplicate entry"];
    if names_only.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    // The name of an unknown field is dropped too: only known fields are listed.
    match message.rsplit_once(", expected ") {
        Some((start, expected)) if start.starts_with("unknown field") => {
            format!("unknown field, expected {expected}")
        }
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

/// A JSON object without duplicate names: parameters or inputs. Has no `Debug`, since it may contain
/// private inputs.
#[derive(Default)]
pub(super) struct Entries(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from names to values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Entries, A::Error> {
                let mut map = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if map.insert(name, value).is_some() {
                        return Err(A::Error::custom("duplicate entry: each name may occur only once"));
                    }
                }
                Ok(Entries(map))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use zkflow_core::id::CircuitId;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "the fields are only parsed")]
    struct Sample {
        id: CircuitId,
        inputs: Entries,
        count: Option<u8>,
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
            (format!("{{{id},\"inputs\":{{\"age\":\"canary\"}},\"count\":\"canary\"}}"), "expected u8"),
            (format!("{{{id},\"inputs\":{{}},\"count\":31415}}"), "expected u8"),
            (format!("{{{id},\"inputs\":{{}},\"canary\":1}}"), "expected one of `id`, `inputs`, `count`"),
            (format!("{{{id}, \"inputs\":{{\"canary\":1,\"canary\":2}}}}"), "duplicate entry"),
            ("{\"id\":\"canary\"}".to_owned(), "not a valid circuit id"),
            (format!("{{{id}}}"), "missing field `inputs`"),
            (format!("{{{id},\n canary"), "line 2, column"),
        ] {
            let detail = detail(&body);
            assert!(detail.contains(part), "{detail}");
            assert!(!detail.contains("canary") && !detail.contains("31415"), "{detail}");
        }
    }
}
