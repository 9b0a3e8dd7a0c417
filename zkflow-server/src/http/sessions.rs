//! `/v1/session`: the login of the dashboard.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use zkflow_core::service::catalog::Scope;

use super::Problem;
use super::access::{Access, Routes};
use super::openapi::schema;
use crate::auth::{Caller, Credentials, no_cookies};
use crate::config::Http;
use crate::service::RequestError;
use crate::state::App;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

pub(super) fn routes() -> Routes {
    Routes::new().add(Access::Known, routes!(start, get, end))
}

/// A caller, as its credentials say.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionDto {
    #[schema(value_type = schema::Tenant)]
    tenant: String,
    /// Permissions.
    #[schema(value_type = Vec<schema::Scope>)]
    scopes: Vec<Scope>,
    /// The credentials are refused from then on; absent: they have no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Time>)]
    expires_at: Option<String>,
}

impl From<&Caller> for SessionDto {
    fn from(Caller { principal, credentials }: &Caller) -> Self {
        Self {
            tenant: principal.tenant.to_string(),
            scopes: principal.scopes.iter().collect(),
            expires_at: credentials.expires_at().map(|end| end.to_string()),
        }
    }
}

/// A session that has begun.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StartedDto {
    /// Sent in the header `X-CSRF-Token` of each request of the session, beside its cookie.
    #[schema(value_type = schema::SessionToken)]
    csrf_token: String,
    #[serde(flatten)]
    about: SessionDto,
}

/// Begin a session with a key or a token, for the dashboard.
///
/// The answer sets a cookie that scripts cannot read. It counts only with the header `X-CSRF-Token`, and only without
/// `Authorization`. The session has the permissions of the key or token, and ends with it, after `dashboard_session_s`, and
/// when it is not used for `dashboard_idle_s`. A caller has at most 20 sessions; a further one ends the oldest.
#[utoipa::path(
    post, path = "/v1/session", tag = "sessions", operation_id = "startSession",
    responses(
        (status = 201, description = "The session, with its cookie in `Set-Cookie`", body = StartedDto),
    ),
    extensions(("x-codes" = json!(["no_session"])))
)]
async fn start(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    let started = app.authenticator.start_session(&caller).await.map_err(RequestError::from)?;
    let expires_at = started.session.expires_at.map(|end| end.to_string());
    let about = SessionDto { expires_at, ..SessionDto::from(&caller) };
    let cookie = [(SET_COOKIE, started.cookie(is_https(&app.config.http, &headers)))];
    Ok((StatusCode::CREATED, cookie, Json(StartedDto { csrf_token: started.token(), about })).into_response())
}

/// Get tenant, permissions and end of the caller's session, key or token.
#[utoipa::path(
    get, path = "/v1/session", tag = "sessions", operation_id = "getSession",
    responses(
        (status = 200, description = "The caller", body = SessionDto),
    )
)]
async fn get(caller: Caller) -> Json<SessionDto> {
    Json(SessionDto::from(&caller))
}

/// End the caller's session, and remove its cookie. Other credentials are not changed.
#[utoipa::path(
    delete, path = "/v1/session", tag = "sessions", operation_id = "endSession",
    responses(
        (status = 204, description = "The session has ended, or the caller has none"),
    )
)]
async fn end(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    let Credentials::Session(session) = &caller.credentials else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    app.authenticator.end_session(session).await.map_err(RequestError::from)?;
    let cookies = AppendHeaders(no_cookies().map(|cookie| (SET_COOKIE, cookie)));
    Ok((StatusCode::NO_CONTENT, cookies).into_response())
}

/// Whether the browser uses https, perhaps to a proxy. A browser names its scheme in `Origin` of every POST; only the
/// attribute `Secure` of its own cookie depends on it.
fn is_https(settings: &Http, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text(ORIGIN) {
        Some(origin) => origin.to_ascii_lowercase().starts_with("https://"),
        None => settings.tls().is_some() || text(FORWARDED_PROTO).is_some_and(|scheme| scheme == "https"),
    }
}
