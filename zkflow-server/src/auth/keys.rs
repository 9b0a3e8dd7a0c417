//! Keys of the API. The catalog has their SHA-256 only: a key has 256 random bits, so nothing can be guessed from it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{ApiKey, Catalog, CatalogError, KeyChange, Scope};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use super::recent::Recent;
use super::strangers::Strangers;
use super::{AuthError, Caller, Credentials, Principal};

/// A key as its owner has it: `zk_` and 64 hex digits. Never shown or logged.
pub struct KeyText(Zeroizing<String>);

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key: expected zk_ and 64 lower-case hex digits")]
pub struct NotAKey;

impl KeyText {
    /// A new key.
    pub fn generate() -> Self {
        Self(Zeroizing::new(format!("zk_{}", *random_digits())))
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
        digits(text.strip_prefix("zk_").ok_or(NotAKey)?)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText([redacted])")
    }
}

/// 256 random bits as 64 hex digits.
pub(super) fn random_digits() -> Zeroizing<String> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *random).expect("the operating system's random generator failed");
    Zeroizing::new(hex::encode(*random))
}

/// Reads 64 lower-case hex digits.
pub(super) fn digits(text: &str) -> Result<Zeroizing<String>, NotAKey> {
    let is_hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() == 64 && is_hex { Ok(Zeroizing::new(text.to_owned())) } else { Err(NotAKey) }
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

/// The keys of a catalog.
pub(super) struct KnownKeys {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    recent: Recent<Arc<ApiKey>>,
}

impl KnownKeys {
    pub(super) fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>, strangers: Arc<Strangers>) -> Self {
        Self { catalog, clock, recent: Recent::new(strangers) }
    }

    /// The caller with this key, from this address.
    pub(super) async fn caller(&self, text: &KeyText, from: IpAddr) -> Result<Caller, AuthError> {
        let digest = text.digest();
        let found = self.recent.find(&digest, from, self.read(digest)).await?;
        let key = found.filter(|key| key.is_valid(self.clock.now())).ok_or(UNKNOWN)?;
        self.note_use(&digest, &key.id);
        let credentials = Credentials::Key { id: key.id.clone(), expires_at: key.expires_at };
        Ok(Caller { principal: Principal::from(&*key), credentials })
    }

    pub(super) fn forget(&self, id: &KeyId) {
        self.recent.forget(|key| key.id == *id);
    }

    async fn read(&self, digest: Digest) -> Result<Option<Arc<ApiKey>>, CatalogError> {
        Ok(self.catalog.keys().by_digest(&digest).await?.map(Arc::new))
    }

    /// Stores the time of a use now and then, without delaying the request.
    fn note_use(&self, digest: &Digest, id: &KeyId) {
        if !self.recent.takes_note(digest) {
            return;
        }
        let (catalog, id, now) = (Arc::clone(&self.catalog), id.clone(), self.clock.now());
        tokio::spawn(async move {
            if let Err(error) = catalog.keys().change(&id, KeyChange::Used(now)).await {
                tracing::warn!(key = %id, %error, "the use of a key is not noted");
            }
        });
    }
}

impl fmt::Debug for KnownKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownKeys").field("known", &self.recent.len()).finish_non_exhaustive()
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
