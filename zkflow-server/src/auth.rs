//! Who a request comes from, and what it may do.
//!
//! | module | subject |
//! |---|---|
//! | `principal` | [`Principal`]: tenant, scopes and name of a caller |
//! | `keys` | keys of the API: making, checking, noting their use |
//! | `sessions`, `secret`, `cookies` | sessions of the dashboard, their secrets, and what a browser sends of them |
//! | `recent`, `strangers` | keys and sessions of a moment ago; a limit for unknown ones |
//! | `jwt`, `jwks`, `signature` | tokens of an issuer, its public keys, and the check of signatures |
//! | `proxy` | headers of a proxy that authenticates |

mod cookies;
mod jwks;
mod jwt;
mod keys;
mod principal;
mod proxy;
mod recent;
mod secret;
mod sessions;
mod signature;
mod strangers;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::catalog::{Catalog, CatalogError, Session};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::id::KeyId;

use crate::config::{Auth, AuthMethod, Http};

use cookies::Sent;
use jwt::Tokens;
use keys::KnownKeys;
pub use keys::{KeyText, NewKey, NotAKey, expire, successor};
pub use principal::{Principal, Scopes};
use proxy::Proxy;
use sessions::KnownSessions;
pub use sessions::{Started, longest_idle};
use strangers::Strangers;

/// A request without valid credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The request has no credentials.
    #[error("the request has no credentials: send `Authorization: Bearer` with a key or a token")]
    Missing,
    /// The credentials are not accepted. The message does not contain them.
    #[error("the credentials are not accepted: {0}")]
    Refused(&'static str),
    /// The address sends too many keys that are unknown; the time until a further one is accepted.
    #[error("this address sends too many keys that are not accepted")]
    TooManyUnknown(Duration),
    /// The caller cannot have a session.
    #[error(
        "a session begins with a key or a token in `Authorization`, on a server with authentication and the dashboard"
    )]
    NoSession,
    /// The caller may not do this.
    #[error("the caller needs the scope {0}")]
    Scope(&'static str),
    /// The keys of the API cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The keys of the issuer cannot be read.
    #[error("the keys of the token's issuer cannot be read: {0}")]
    Issuer(String),
}

impl Classified for AuthError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing | Self::Refused(_) | Self::Scope(_) => ErrorKind::Invalid,
            Self::TooManyUnknown(_) => ErrorKind::Limit,
            Self::NoSession => ErrorKind::Conflict,
            Self::Catalog(error) => error.kind(),
            Self::Issuer(_) => ErrorKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "unauthenticated",
            Self::Refused(_) => "credentials_refused",
            Self::TooManyUnknown(_) => "too_many_requests",
            Self::NoSession => "no_session",
            Self::Scope(_) => "scope_missing",
            Self::Catalog(error) => error.code(),
            Self::Issuer(_) => "issuer_unavailable",
        }
    }
}

/// The caller of a request, with its credentials.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Owner, permissions and name.
    pub principal: Principal,
    /// Credentials of the request.
    pub credentials: Credentials,
}

/// Credentials of a request.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// None: there is no authentication, or a proxy authenticates.
    Trusted,
    /// A key of the API.
    Key {
        /// Its id.
        id: KeyId,
        /// Its end; `None`: it has none.
        expires_at: Option<Timestamp>,
    },
    /// A token of an issuer.
    Token {
        /// Its end.
        expires_at: Timestamp,
    },
    /// A session of the dashboard.
    Session(Arc<Session>),
}

impl Credentials {
    /// The time from which they are refused; `None`: there is none, or a proxy knows it.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Trusted => None,
            Self::Key { expires_at, .. } => *expires_at,
            Self::Token { expires_at } => Some(*expires_at),
            Self::Session(session) => session.expires_at,
        }
    }
}

impl Caller {
    /// A caller that is not asked for credentials.
    pub fn trusted(principal: Principal) -> Self {
        Self { principal, credentials: Credentials::Trusted }
    }
}

/// The values of `Set-Cookie` that remove the cookies of a session.
pub fn no_cookies() -> [String; 2] {
    cookies::cleared()
}

/// Finds out who a request comes from.
#[derive(Debug)]
pub struct Authenticator {
    /// Whether every caller may do everything.
    open: bool,
    keys: Option<KnownKeys>,
    tokens: Option<Tokens>,
    proxy: Option<Proxy>,
    sessions: Option<KnownSessions>,
}

impl Authenticator {
    /// The ways of the settings.
    ///
    /// # Errors
    /// A setting is missing or not valid, or TLS is not available.
    pub fn new(
        auth: &Auth,
        http: &Http,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let has = |method| auth.methods.contains(&method);
        let strangers = Arc::new(Strangers::new(http));
        let sessions = KnownSessions::new(auth, http, catalog.clone(), clock.clone(), strangers.clone());
        Ok(Self {
            open: auth.methods.is_empty(),
            sessions,
            keys: has(AuthMethod::Keys).then(|| KnownKeys::new(catalog, clock, strangers)),
            tokens: if has(AuthMethod::Jwt) { Some(Tokens::new(auth)?) } else { None },
            proxy: has(AuthMethod::Proxy).then(|| Proxy::new(auth)),
        })
    }

    /// The caller of a request.
    ///
    /// # Behaviour
    /// - A key that is unknown counts for its address; see [`TooManyUnknown`](AuthError::TooManyUnknown). Keys that were used
    ///   before do not count.
    /// - The headers of the proxy count only in requests from its address, and before other credentials.
    /// - A session counts only with its token, and only without `Authorization`. Its cookie alone counts for nothing.
    ///
    /// # Errors
    /// The credentials are missing or not accepted; a backend fails.
    pub async fn caller(&self, headers: &HeaderMap, from: IpAddr) -> Result<Caller, AuthError> {
        if self.open {
            return Ok(Caller::trusted(Principal::everyone()));
        }
        if let Some(principal) = self.proxy.as_ref().and_then(|proxy| proxy.caller(headers, from).transpose())
        {
            return principal.map(Caller::trusted);
        }
        let (bearer, sent) = (bearer(headers)?, Sent::of(headers));
        let bearer = match (bearer, &self.sessions) {
            (Some(_), Some(_)) if sent.is_meant() => {
                return Err(AuthError::Refused(
                    "there are a session and an Authorization header: send one of them",
                ));
            }
            (Some(bearer), _) => bearer,
            (None, Some(sessions)) if sent.has_cookie() => return sessions.caller(&sent, from).await,
            (None, _) => return Err(AuthError::Missing),
        };
        match (bearer.parse::<KeyText>(), &self.keys, &self.tokens) {
            (Ok(key), Some(keys), _) => keys.caller(&key, from).await,
            (Err(_), _, Some(tokens)) => tokens.caller(bearer).await,
            _ => Err(AuthError::Refused("their form is not one that this server accepts")),
        }
    }

    /// Begins a session of a caller, for the dashboard.
    ///
    /// # Errors
    /// [`NoSession`](AuthError::NoSession) if the caller has not sent a key or a token; the catalog fails.
    pub async fn start_session(&self, caller: &Caller) -> Result<Started, AuthError> {
        let sessions = self.sessions.as_ref().ok_or(AuthError::NoSession)?;
        sessions.start(caller).await
    }

    /// Ends a session: this process refuses it at once, others within 5 seconds.
    ///
    /// # Errors
    /// The catalog fails.
    pub async fn end_session(&self, session: &Session) -> Result<(), AuthError> {
        match &self.sessions {
            Some(sessions) => Ok(sessions.end(session).await?),
            None => Ok(()),
        }
    }

    /// Forgets a key that was changed, so that the next request reads it again, with its sessions.
    pub fn forget(&self, id: &KeyId) {
        if let Some(keys) = &self.keys {
            keys.forget(id);
        }
        if let Some(sessions) = &self.sessions {
            sessions.forget(id);
        }
    }
}

/// The credentials of the header `Authorization`.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthError::Refused("there are two Authorization headers"));
    }
    let text = value.to_str().map_err(|_| AuthError::Refused("they are not text"))?;
    match text.split_once(' ') {
        Some((scheme, credentials)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(credentials.trim())),
        _ => Err(AuthError::Refused("the scheme is not Bearer")),
    }
}
