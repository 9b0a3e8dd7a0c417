//! [`Sessions`]: logins of the dashboard. Only the digests of their secrets are stored.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zkflow_groth16::digest::Digest;

use super::CatalogError;
use super::keys::Scope;
use crate::service::clock::Timestamp;
use crate::service::id::KeyId;
use crate::service::tenant::TenantId;

/// Most sessions of a caller; with a further one, the oldest ends.
pub const MOST_SESSIONS: usize = 20;

/// A login with a key or a token, which are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of the secret. It is the id too.
    #[serde(rename = "_id")]
    pub digest: Digest,
    /// Name of the caller, such as `key:01890a5d-…`.
    pub caller: String,
    /// The key of the login, with which the session ends; `None`: a token.
    pub key: Option<KeyId>,
    /// Owner of everything that is done in the session.
    pub tenant: TenantId,
    /// Permissions, those of the key or token.
    pub scopes: Vec<Scope>,
    /// When the session began.
    pub created_at: Timestamp,
    /// The session is refused from then on; `None`: only its key ends it, or a time without use.
    pub expires_at: Option<Timestamp>,
    /// A recent use, to a minute.
    pub last_used_at: Timestamp,
}

impl Session {
    /// Whether the session is accepted at `now`, if it may be unused for `idle`; `None`: for ever.
    pub fn is_valid(&self, now: Timestamp, idle: Option<Duration>) -> bool {
        let is_idle = idle.is_some_and(|idle| self.last_used_at + idle <= now);
        self.expires_at.is_none_or(|end| now < end) && !is_idle
    }
}

/// Stores sessions.
///
/// # Behaviour
/// - The beginning and the end of a session are durable when the call returns. A use may be lost if a machine crashes.
/// - An unknown digest has no effect.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Adds a session, and ends those of its caller beyond the [`MOST_SESSIONS`] newest ones: by `created_at`, then digest.
    /// Repeating the call has no effect.
    async fn start(&self, session: &Session) -> Result<(), CatalogError>;

    /// Returns the session with this digest, if any.
    async fn session(&self, digest: &Digest) -> Result<Option<Session>, CatalogError>;

    /// Notes a use. An earlier one than the noted one has no effect.
    async fn used(&self, digest: &Digest, at: Timestamp) -> Result<(), CatalogError>;

    /// Ends a session.
    async fn end(&self, digest: &Digest) -> Result<(), CatalogError>;

    /// Removes the sessions that are not [valid](Session::is_valid) at `now`, and returns their number.
    async fn sweep(&self, now: Timestamp, idle: Option<Duration>) -> Result<u64, CatalogError>;
}
