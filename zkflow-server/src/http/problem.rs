//! Errors as `application/problem+json` (RFC 9457) with a stable `code`.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use zkflow_core::error::{Chain, Classified, ErrorKind};

use super::openapi::{PROBLEM, schema};
use crate::auth::AuthError;
use crate::service::{InputFault, RequestError};

/// A failed request, in the format of RFC 9457.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:zkflow:problem:` followed by the code.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:zkflow:problem:[a-z0-9_]+$")]
    kind: String,
    /// Reason phrase of the status.
    #[schema(value_type = schema::Text)]
    title: &'static str,
    /// HTTP status code.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Explanation for people; may change between versions.
    #[schema(value_type = schema::Text)]
    detail: String,
    /// Stable code for programs.
    #[schema(value_type = schema::ErrorCode)]
    code: &'static str,
    /// Faults of single parameters and inputs; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

/// A fault of one part of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Fault {
    /// Path in the body, such as `params.max` or `privateInputs.age`.
    #[schema(value_type = schema::Name)]
    path: String,
    /// Expected value. Never contains the found value.
    #[schema(value_type = schema::Text)]
    message: String,
}

impl Problem {
    /// Creates a problem without faults; `code` is stable.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:zkflow:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// Creates a problem with status 400.
    pub(super) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Creates a problem with status 500. The cause is in the log, not in the answer.
    pub(super) fn internal() -> Self {
        let detail = "internal error; see the server's log under the x-request-id of this response";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Adds a `Retry-After` header, in seconds.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_s;
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let code = error.code();
        let plain = |status| Self::new(status, code, error.to_string());
        match error.kind() {
            _ if error.is_forbidden() => plain(StatusCode::FORBIDDEN),
            _ if error.is_unauthenticated() => plain(StatusCode::UNAUTHORIZED),
            ErrorKind::Invalid => Self {
                errors: error.faults().into_iter().map(Fault::from).collect(),
                ..plain(StatusCode::UNPROCESSABLE_ENTITY)
            },
            ErrorKind::NotFound => plain(StatusCode::NOT_FOUND),
            ErrorKind::Conflict => plain(StatusCode::CONFLICT),
            ErrorKind::Limit => match error {
                RequestError::Overloaded(_)
                | RequestError::ShareUsed(_)
                | RequestError::TooManyRenderings
                | RequestError::TooManyUploads
                | RequestError::TooManyWatchers(_)
                | RequestError::TooManyDownloads(_)
                | RequestError::TooManyVerifications => plain(StatusCode::TOO_MANY_REQUESTS).retry_after(5),
                RequestError::Ceremony(refusal) if refusal.is_crowd() => {
                    plain(StatusCode::TOO_MANY_REQUESTS).retry_after(60)
                }
                RequestError::TooManyChanges(wait) | RequestError::Auth(AuthError::TooManyUnknown(wait)) => {
                    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                    plain(StatusCode::TOO_MANY_REQUESTS).retry_after(seconds)
                }
                RequestError::Plan { retry_s, .. } => {
                    plain(StatusCode::TOO_MANY_REQUESTS).retry_after(retry_s)
                }
                // Waiting does not help.
                RequestError::CircuitQuota { .. } => plain(StatusCode::TOO_MANY_REQUESTS),
                _ => plain(StatusCode::UNPROCESSABLE_ENTITY),
            },
            ErrorKind::Unavailable => {
                log(&error);
                let detail = "a backend of the server is unavailable; try again later";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(5)
            }
            _ => {
                log(&error);
                Self { code, kind: format!("urn:zkflow:problem:{code}"), ..Self::internal() }
            }
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("invalid_query", in_words(&rejection.body_text()))
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request("invalid_path", rejection.body_text())
    }
}

impl From<InputFault> for Fault {
    fn from(InputFault { path, message }: InputFault) -> Self {
        Self { path, message }
    }
}

/// What the parser of a query says, in the words of this API: the parameter and the expectation, never the value.
fn in_words(message: &str) -> String {
    let message = message.split_once("query string: ").map_or(message, |(_, fault)| fault);
    let (parameter, fault) = message.split_once(": ").unwrap_or(("", message));
    let fault = match fault {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "expected a whole number".to_owned()
        }
        "number too large to fit in target type" => "the number is too large".to_owned(),
        "provided string was not `true` or `false`" => "expected true or false".to_owned(),
        _ => match (fault.split_once(" field "), fault.rsplit_once("`, expected ")) {
            (Some(("duplicate", name)), _) => format!("the query repeats {name}"),
            (Some(("missing", name)), _) => format!("the query lacks {name}"),
            (_, Some((start, names))) if start.starts_with("unknown variant") => format!("expected {names}"),
            _ => fault.to_owned(),
        },
    };
    if parameter.is_empty() { fault } else { format!("{parameter}: {fault}") }
}

fn log(error: &RequestError) {
    tracing::error!(code = error.code(), "{}", Chain(error));
}
