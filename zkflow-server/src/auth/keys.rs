//! Keys of the API. The catalog has their SHA-256 only: a key has 256 random bits, so nothing can be guessed from it.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{ApiKey, Catalog, CatalogError, KeyChange, Scope};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use super::strangers::Strangers;
use super::{AuthError, Principal};
use crate::config::Http;

/// A key as its owner has it: `zk_` and 64 hex digits. Never shown or logged.
pub struct KeyText(Zeroizing<String>);

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key: expected zk_ and 64 lower-case hex digits")]
pub struct NotAKey;

impl KeyText {
    /// A new key.
    pub fn generate() -> Self {
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *random).expect("the operating system's random generator failed");
        Self(Zeroizing::new(format!("zk_{}", hex::encode(*random))))
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the key.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl FromStr for KeyText {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let digits = text.strip_prefix("zk_").ok_or(NotAKey)?;
        let is_hex = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if digits.len() == 64 && is_hex { Ok(Self(Zeroizing::new(text.to_owned()))) } else { Err(NotAKey) }
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText([redacted])")
    }
}

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Name for people.
    pub name: String,
    /// Owner of everything that is done with the key.
    pub tenant: TenantId,
    /// Permissions.
    pub scopes: Vec<Scope>,
    /// The key is refused from then on; `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl NewKey {
    /// Makes the key and stores its digest. The key itself is nowhere else.
    ///
    /// # Errors
    /// The catalog fails.
    pub async fn create(
        self,
        catalog: &dyn Catalog,
        now: Timestamp,
    ) -> Result<(ApiKey, KeyText), CatalogError> {
        let (key, text) = self.make(now);
        catalog.keys().add(&key).await?;
        Ok((key, text))
    }

    /// Makes the key without storing its digest: it is of use when the digest is [added](zkflow_core::service::catalog::ApiKeys::add).
    pub fn make(self, now: Timestamp) -> (ApiKey, KeyText) {
        self.make_after(None, now)
    }

    fn make_after(self, first: Option<KeyId>, now: Timestamp) -> (ApiKey, KeyText) {
        let text = KeyText::generate();
        let mut scopes = self.scopes;
        scopes.sort();
        scopes.dedup();
        let key = ApiKey {
            id: KeyId::generate(now),
            digest: text.digest(),
            name: self.name,
            tenant: self.tenant,
            scopes,
            created_at: now,
            expires_at: self.expires_at,
            revoked_at: None,
            last_used_at: None,
            first,
        };
        (key, text)
    }
}

/// Makes a key with the name, tenant, scopes, expiry and plan of `old`, which is to [expire] when the digest of the new one is stored.
pub fn successor(old: &ApiKey, now: Timestamp) -> (ApiKey, KeyText) {
    let ApiKey { id, name, tenant, scopes, expires_at, first, .. } = old.clone();
    NewKey { name, tenant, scopes, expires_at }.make_after(Some(first.unwrap_or(id)), now)
}

/// Makes a replaced key expire after `overlap`.
///
/// # Errors
/// The catalog fails.
pub async fn expire(
    catalog: &dyn Catalog,
    old: &ApiKey,
    overlap: Duration,
    now: Timestamp,
) -> Result<(), CatalogError> {
    catalog.keys().change(&old.id, KeyChange::Expires(now + overlap)).await.map(drop)
}

/// Time until a key is read again. A key that another process revokes is accepted for so long.
const FRESH: Duration = Duration::from_secs(5);
/// Least time between two notes of a key's use.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Keys in memory; more are forgotten.
const MOST: usize = 10_000;

/// The keys that were used recently. Unknown ones are not kept: a stranger cannot fill the memory with them.
pub(super) struct KnownKeys {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<Digest, Known>>,
    strangers: Strangers,
}

struct Known {
    key: Arc<ApiKey>,
    principal: Principal,
    read: Instant,
    noted: Option<Instant>,
}

impl KnownKeys {
    pub(super) fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>, http: &Http) -> Self {
        Self { catalog, clock, known: Mutex::default(), strangers: Strangers::new(http) }
    }

    /// The caller with this key, from this address.
    pub(super) async fn caller(&self, text: &KeyText, from: IpAddr) -> Result<Principal, AuthError> {
        let digest = text.digest();
        let found = match self.recent(&digest) {
            Some(found) => Some(found),
            None => {
                if !self.lock().contains_key(&digest) {
                    self.strangers.take(from).map_err(AuthError::TooManyUnknown)?;
                }
                self.read(digest).await?
            }
        };
        let (key, principal) = found.ok_or(UNKNOWN)?;
        if !key.is_valid(self.clock.now()) {
            return Err(UNKNOWN);
        }
        self.note_use(&digest, &key.id);
        Ok(principal)
    }

    pub(super) fn forget(&self, id: &KeyId) {
        self.lock().retain(|_, known| known.key.id != *id);
    }

    fn recent(&self, digest: &Digest) -> Option<(Arc<ApiKey>, Principal)> {
        let known = self.lock();
        let found = known.get(digest).filter(|known| known.read.elapsed() < FRESH)?;
        Some((Arc::clone(&found.key), found.principal.clone()))
    }

    async fn read(&self, digest: Digest) -> Result<Option<(Arc<ApiKey>, Principal)>, AuthError> {
        let found = self.catalog.keys().by_digest(&digest).await?;
        let mut known = self.lock();
        let noted = known.remove(&digest).and_then(|known| known.noted);
        let Some(key) = found.map(Arc::new) else { return Ok(None) };
        if known.len() >= MOST {
            known.clear();
        }
        let principal = Principal {
            tenant: key.tenant.clone(),
            scopes: key.scopes.iter().copied().collect(),
            name: format!("key:{}", key.id),
            first: key.first.as_ref().map(|first| format!("key:{first}")),
        };
        let entry =
            Known { key: Arc::clone(&key), principal: principal.clone(), read: Instant::now(), noted };
        known.insert(digest, entry);
        Ok(Some((key, principal)))
    }

    /// Stores the time of a use, at most once in [`NOTE_EVERY`], without delaying the request.
    fn note_use(&self, digest: &Digest, id: &KeyId) {
        let mut known = self.lock();
        let Some(known) = known.get_mut(digest) else { return };
        if known.noted.is_some_and(|noted| noted.elapsed() < NOTE_EVERY) {
            return;
        }
        known.noted = Some(Instant::now());
        let (catalog, id, now) = (Arc::clone(&self.catalog), id.clone(), self.clock.now());
        tokio::spawn(async move {
            if let Err(error) = catalog.keys().change(&id, KeyChange::Used(now)).await {
                tracing::warn!(key = %id, %error, "the use of a key is not noted");
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KnownKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownKeys").field("known", &self.lock().len()).finish_non_exhaustive()
    }
}

/// One answer for all keys that are not accepted: a stranger does not learn which keys existed.
const UNKNOWN: AuthError = AuthError::Refused("the key is unknown, revoked or has expired");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_256_bits_one_form_and_is_not_shown() {
        let (one, other) = (KeyText::generate(), KeyText::generate());
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.expose().parse::<KeyText>().unwrap().digest(), one.digest());
        assert!(!format!("{one:?}").contains(&one.expose()[3..9]));
        let digits = "0".repeat(64);
        for text in [
            "",
            "zk_",
            &digits,
            &format!("zk_{digits}0"),
            &format!("ZK_{digits}"),
            &format!("zk_{}G", &digits[1..]),
        ] {
            assert!(text.parse::<KeyText>().is_err(), "{text}");
        }
    }
}
