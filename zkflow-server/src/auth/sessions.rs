//! Sessions of the dashboard: a key or a token is sent once, and a secret in a cookie stands for it afterwards.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{ApiKey, Catalog, CatalogError, Session};
use zkflow_core::service::clock::Clock;
use zkflow_core::service::id::KeyId;

use super::cookies::{self, Sent};
use super::recent::{NOTE_EVERY, Recent};
use super::secret::SessionText;
use super::strangers::Strangers;
use super::{AuthError, Caller, Credentials, Principal};
use crate::config::{Auth, AuthMethod, Http};

/// Time after the last noted use at which a session ends; `None`: it may be unused for ever. Uses are noted once in a
/// minute, so that it is a minute longer than the setting.
pub fn longest_idle(http: &Http) -> Option<Duration> {
    limit(http.dashboard_idle_s).map(|idle| idle + NOTE_EVERY)
}

/// A time in seconds; 0: no limit.
fn limit(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// A session that has begun.
#[derive(Debug)]
pub struct Started {
    /// The session.
    pub session: Session,
    /// Its secret, for the cookie alone.
    secret: SessionText,
}

impl Started {
    /// `Set-Cookie` for the browser, with `Secure` if it uses https.
    pub fn cookie(&self, is_secure: bool) -> String {
        let Session { created_at, expires_at, .. } = &self.session;
        cookies::set(&self.secret, is_secure, expires_at.map(|end| end.since(*created_at).as_secs()))
    }

    /// The token that the page sends in `X-CSRF-Token`.
    pub fn token(&self) -> String {
        self.secret.token()
    }
}

/// The sessions of a catalog.
pub(super) struct KnownSessions {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    recent: Recent<Known>,
    /// See [`longest_idle`].
    idle: Option<Duration>,
    /// Longest time.
    longest: Option<Duration>,
    /// Whether the server accepts keys.
    keys: bool,
    /// Whether the server accepts tokens.
    tokens: bool,
}

/// A session with its key, if it is of one.
#[derive(Clone)]
struct Known {
    session: Arc<Session>,
    key: Option<Arc<ApiKey>>,
}

impl KnownSessions {
    /// `None` if there is no dashboard, or no key or token to log in with.
    pub(super) fn new(
        auth: &Auth,
        http: &Http,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
        strangers: Arc<Strangers>,
    ) -> Option<Self> {
        let [keys, tokens] = [AuthMethod::Keys, AuthMethod::Jwt].map(|method| auth.methods.contains(&method));
        let (idle, longest) = (longest_idle(http), limit(http.dashboard_session_s));
        let recent = Recent::new(strangers);
        let is_possible = http.dashboard && (keys || tokens);
        is_possible.then(|| Self { catalog, clock, recent, idle, longest, keys, tokens })
    }

    /// The caller with the session of a request, from this address.
    pub(super) async fn caller(&self, sent: &Sent<'_>, from: IpAddr) -> Result<Caller, AuthError> {
        let digest = sent.session()?.digest();
        let found = self.recent.find(&digest, from, self.read(digest)).await?;
        let Known { session, key } = found.ok_or(OVER)?;
        let now = self.clock.now();
        let of_key = key.as_ref().is_none_or(|key| key.is_valid(now));
        let is_accepted = if session.key.is_some() { self.keys } else { self.tokens };
        if !(of_key && is_accepted && session.is_valid(now, self.idle)) {
            return Err(OVER);
        }
        self.note_use(&digest);
        let principal = match &key {
            Some(key) => Principal::from(&**key),
            None => Principal {
                tenant: session.tenant.clone(),
                scopes: session.scopes.iter().copied().collect(),
                name: session.caller.clone(),
                first: None,
            },
        };
        Ok(Caller { principal, credentials: Credentials::Session(session) })
    }

    /// Begins a session of a caller that sent a key or a token.
    pub(super) async fn start(&self, caller: &Caller) -> Result<Started, AuthError> {
        let (key, end) = match &caller.credentials {
            Credentials::Key { id, expires_at } => (Some(id.clone()), *expires_at),
            Credentials::Token { expires_at } => (None, Some(*expires_at)),
            Credentials::Session(_) | Credentials::Trusted => return Err(AuthError::NoSession),
        };
        let (secret, now) = (SessionText::generate(), self.clock.now());
        let longest = self.longest.map(|longest| now + longest);
        let session = Session {
            digest: secret.digest(),
            caller: caller.principal.name.clone(),
            key,
            tenant: caller.principal.tenant.clone(),
            scopes: caller.principal.scopes.iter().collect(),
            created_at: now,
            expires_at: end.into_iter().chain(longest).min(),
            last_used_at: now,
        };
        self.catalog.sessions().start(&session).await?;
        Ok(Started { session, secret })
    }

    /// Ends a session, in this process at once.
    pub(super) async fn end(&self, session: &Session) -> Result<(), CatalogError> {
        self.catalog.sessions().end(&session.digest).await?;
        self.recent.forget(|known| known.session.digest == session.digest);
        Ok(())
    }

    /// Forgets the sessions of a key, so that the next request reads the key again.
    pub(super) fn forget(&self, key: &KeyId) {
        self.recent.forget(|known| known.session.key.as_ref() == Some(key));
    }

    /// The session with this digest. Without its key, there is none.
    async fn read(&self, digest: Digest) -> Result<Option<Known>, CatalogError> {
        let Some(session) = self.catalog.sessions().session(&digest).await? else { return Ok(None) };
        let key = match &session.key {
            None => None,
            Some(id) => match self.catalog.keys().key(id).await? {
                Some(key) => Some(Arc::new(key)),
                None => return Ok(None),
            },
        };
        Ok(Some(Known { session: Arc::new(session), key }))
    }

    /// Stores the time of a use now and then, without delaying the request.
    fn note_use(&self, digest: &Digest) {
        if !self.recent.takes_note(digest) {
            return;
        }
        let (catalog, digest, now) = (Arc::clone(&self.catalog), *digest, self.clock.now());
        tokio::spawn(async move {
            if let Err(error) = catalog.sessions().used(&digest, now).await {
                tracing::warn!(%error, "the use of a session is not noted");
            }
        });
    }
}

impl fmt::Debug for KnownSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownSessions").field("known", &self.recent.len()).finish_non_exhaustive()
    }
}

/// One answer for all sessions that are not accepted.
const OVER: AuthError = AuthError::Refused("the session is unknown or has ended");
