//! Who a request comes from, and what it may do.
//!
//! | module | subject |
//! |---|---|
//! | `principal` | [`Principal`]: tenant, scopes and name of a caller |
//! | `keys`, `strangers` | keys of the API: making, checking, noting their use; a limit for unknown ones |
//! | `jwt`, `jwks`, `signature` | tokens of an issuer, its public keys, and the check of signatures |
//! | `proxy` | headers of a proxy that authenticates |

mod jwks;
mod jwt;
mod keys;
mod principal;
mod proxy;
mod signature;
mod strangers;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::service::catalog::{Catalog, CatalogError};
use zkflow_core::service::clock::Clock;
use zkflow_core::service::id::KeyId;

use crate::config::{Auth, AuthMethod, Http};

use jwt::Tokens;
use keys::KnownKeys;
pub use keys::{KeyText, NewKey, NotAKey, expire, successor};
pub use principal::{Principal, Scopes};
use proxy::Proxy;

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
            Self::Catalog(error) => error.kind(),
            Self::Issuer(_) => ErrorKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "unauthenticated",
            Self::Refused(_) => "credentials_refused",
            Self::TooManyUnknown(_) => "too_many_requests",
            Self::Scope(_) => "scope_missing",
            Self::Catalog(error) => error.code(),
            Self::Issuer(_) => "issuer_unavailable",
        }
    }
}

/// Finds out who a request comes from.
#[derive(Debug)]
pub struct Authenticator {
    /// Whether every caller may do everything.
    open: bool,
    keys: Option<KnownKeys>,
    tokens: Option<Tokens>,
    proxy: Option<Proxy>,
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
        Ok(Self {
            open: auth.methods.is_empty(),
            keys: has(AuthMethod::Keys).then(|| KnownKeys::new(catalog, clock, http)),
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
    ///
    /// # Errors
    /// The credentials are missing or not accepted; a backend fails.
    pub async fn caller(&self, headers: &HeaderMap, from: IpAddr) -> Result<Principal, AuthError> {
        if self.open {
            return Ok(Principal::everyone());
        }
        if let Some(principal) = self.proxy.as_ref().and_then(|proxy| proxy.caller(headers, from).transpose())
        {
            return principal;
        }
        let bearer = bearer(headers)?.ok_or(AuthError::Missing)?;
        match (bearer.parse::<KeyText>(), &self.keys, &self.tokens) {
            (Ok(key), Some(keys), _) => keys.caller(&key, from).await,
            (Err(_), _, Some(tokens)) => tokens.caller(bearer).await,
            _ => Err(AuthError::Refused("their form is not one that this server accepts")),
        }
    }

    /// Forgets a key that was changed, so that the next request reads it again.
    pub fn forget(&self, id: &KeyId) {
        if let Some(keys) = &self.keys {
            keys.forget(id);
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
