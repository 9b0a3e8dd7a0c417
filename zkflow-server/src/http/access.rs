//! [`Routes`]: the only way to a route, with the permission that it needs.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use zkflow_core::service::catalog::{Named as _, RequestOrigin, Scope};

use super::Problem;
use crate::auth::{AuthError, Caller, Principal};
use crate::service::RequestError;
use crate::state::{App, ClientAddress, LOCAL, Rate};

/// Name of the way to authenticate in the description.
pub(super) const SCHEME: &str = "bearer";

/// Who may use a route.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    /// Any client.
    Public,
    /// Any caller with credentials.
    Known,
    /// Callers with this permission.
    Needs(Scope),
}

/// Checks callers; an extension of every request.
#[derive(Debug, Clone)]
pub(super) enum Door {
    /// Asks the [`Authenticator`](crate::auth::Authenticator).
    Guarded(Arc<App>),
    /// Lets every client do everything: the listener is not for strangers.
    Open,
}

/// Routes with their description. A route cannot be added without its [`Access`].
pub(super) struct Routes(OpenApiRouter<Arc<App>>);

impl Routes {
    pub(super) fn new() -> Self {
        Self(OpenApiRouter::new())
    }

    pub(super) fn with_description(description: OpenApi) -> Self {
        Self(OpenApiRouter::with_openapi(description))
    }

    /// Adds the methods of a path.
    pub(super) fn add(self, access: Access, routes: UtoipaMethodRouter<Arc<App>>) -> Self {
        let (schemas, mut paths, methods) = routes;
        paths.paths.values_mut().flat_map(operations).for_each(|operation| access.describe(operation));
        Self(self.0.routes((schemas, paths, methods.route_layer(from_fn_with_state(access, check)))))
    }

    pub(super) fn merge(self, other: Self) -> Self {
        Self(self.0.merge(other.0))
    }

    pub(super) fn into_router(self) -> OpenApiRouter<Arc<App>> {
        self.0
    }
}

impl Access {
    /// Adds the permission to the description of a route.
    fn describe(self, operation: &mut Operation) {
        operation.security = Some(match self {
            Self::Public => Vec::new(),
            Self::Known => vec![SecurityRequirement::new(SCHEME, [""; 0])],
            Self::Needs(scope) => vec![SecurityRequirement::new(SCHEME, [scope.as_str()])],
        });
    }
}

/// Lets a request pass if its caller has the permission.
async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    let needed = match access {
        Access::Public => return next.run(request).await,
        Access::Known => None,
        Access::Needs(scope) => Some(scope),
    };
    let (mut parts, body) = request.into_parts();
    let caller = match caller(&parts).await {
        Ok(caller) => caller,
        Err(error) => return Problem::from(RequestError::from(error)).into_response(),
    };
    let principal = &caller.principal;
    tracing::Span::current().record("caller", &principal.name);
    let app = match parts.extensions.get::<Door>() {
        Some(Door::Guarded(app)) => Some(Arc::clone(app)),
        _ => None,
    };
    let tenant = principal.tenant.clone();
    let rate = rate(app.as_deref(), principal).await;
    let missing = needed.filter(|scope| !principal.scopes.contains(*scope));
    let mut response = match (rate.and_then(|rate| rate.wait), missing) {
        (Some(wait), _) => too_fast(wait).into_response(),
        // Refused requests count too.
        (None, Some(scope)) => {
            Problem::from(RequestError::from(AuthError::Scope(scope.as_str()))).into_response()
        }
        (None, None) => {
            if let Some(origin) = parts.extensions.get_mut::<RequestOrigin>() {
                origin.caller = Some(principal.name.clone());
                let plans = app.as_ref().map(|app| &app.config.plans);
                origin.account = plans.and_then(|plans| principal.limited_key(plans)).cloned();
            }
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
    };
    if let Some(rate) = rate {
        tell(response.headers_mut(), rate);
    }
    if let Some(app) = app.filter(|_| response.status() == StatusCode::TOO_MANY_REQUESTS) {
        app.tenant_metrics.refused(&tenant);
    }
    response
}

/// Counts the request; `None` if callers are not counted. Without authentication, all callers are one.
async fn rate(app: Option<&App>, principal: &Principal) -> Option<Rate> {
    let app = app.filter(|_| *principal != Principal::everyone())?;
    app.rates.take(&app.config.plans, principal).await
}

fn too_fast(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let detail = "the caller, or all callers of its tenant together, send more requests a second than the settings requests_per_second, requests_burst and tenant_pace, or those of the plan, allow";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).retry_after(seconds)
}

/// The header fields of the IETF draft "RateLimit header fields for HTTP": the quota `q` of a window of `w` seconds, the
/// `r` requests that remain, and the `t` seconds until all are there again.
fn tell(headers: &mut HeaderMap, rate: Rate) {
    let seconds = |requests: u32| requests.div_ceil(rate.per_second);
    let policy = format!("\"caller\";q={};w={}", rate.burst, seconds(rate.burst));
    let state =
        format!("\"caller\";r={};t={}", rate.remaining, seconds(rate.burst - rate.remaining.min(rate.burst)));
    for (name, text) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

async fn caller(parts: &Parts) -> Result<Caller, AuthError> {
    match parts.extensions.get::<Door>() {
        Some(Door::Open) => Ok(Caller::trusted(Principal::everyone())),
        Some(Door::Guarded(app)) => {
            let ClientAddress(from) = parts.extensions.get().copied().unwrap_or(LOCAL);
            app.authenticator.caller(&parts.headers, from).await
        }
        None => Err(AuthError::Missing),
    }
}

/// The caller of a route that is not public.
impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(checked(parts)?.principal.clone())
    }
}

/// The caller of a route that is not public, with its credentials.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        checked(parts).cloned()
    }
}

fn checked(parts: &Parts) -> Result<&Caller, Problem> {
    parts.extensions.get().ok_or_else(|| RequestError::from(AuthError::Missing).into())
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().filter_map(Option::as_mut)
}
