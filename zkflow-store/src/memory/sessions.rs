//! Logins of the dashboard in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{CatalogError, MOST_SESSIONS, Session, Sessions};
use zkflow_core::service::clock::Timestamp;

use super::lock;

/// Sessions by their digest.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<BTreeMap<Digest, Session>>);

#[async_trait]
impl Sessions for Logins {
    async fn start(&self, session: &Session) -> Result<(), CatalogError> {
        let mut sessions = lock(&self.0);
        sessions.entry(session.digest).or_insert_with(|| session.clone());
        let of_caller = sessions.values().filter(|other| other.caller == session.caller);
        let mut ages: Vec<_> = of_caller.map(|other| (other.created_at, other.digest)).collect();
        ages.sort_by(|a, b| b.cmp(a));
        for (_, digest) in ages.iter().skip(MOST_SESSIONS) {
            sessions.remove(digest);
        }
        Ok(())
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>, CatalogError> {
        Ok(lock(&self.0).get(digest).cloned())
    }

    async fn used(&self, digest: &Digest, at: Timestamp) -> Result<(), CatalogError> {
        if let Some(session) = lock(&self.0).get_mut(digest) {
            session.last_used_at = session.last_used_at.max(at);
        }
        Ok(())
    }

    async fn end(&self, digest: &Digest) -> Result<(), CatalogError> {
        lock(&self.0).remove(digest);
        Ok(())
    }

    async fn sweep(&self, now: Timestamp, idle: Option<Duration>) -> Result<u64, CatalogError> {
        let mut sessions = lock(&self.0);
        let before = sessions.len();
        sessions.retain(|_, session| session.is_valid(now, idle));
        Ok((before - sessions.len()) as u64)
    }
}
