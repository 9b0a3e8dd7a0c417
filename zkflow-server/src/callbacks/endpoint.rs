//! [`Hooks`]: the address and the secrets of a tenant.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use hmac::{Hmac, Mac as _};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::tenant::TenantId;
use zkflow_store::Vault;
use zkflow_store::vault::VaultError;

/// The address and the secrets of a tenant. The vault seals them.
#[derive(Clone, Serialize, Deserialize, ZeroizeOnDrop)]
pub struct Hooks {
    /// Address of the tenant. It may contain a password.
    url: String,
    /// Whether every request without a callback has this address as its callback.
    #[zeroize(skip)]
    pub every: bool,
    /// The newest secret first.
    secrets: Vec<Dated>,
}

/// A secret and its end.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Dated {
    secret: Secret,
    /// The secret signs until then; `None`: it is the newest one.
    #[zeroize(skip)]
    until: Option<Timestamp>,
}

/// A secret that events are signed with: `whsec_` and 32 bytes as base64. Never shown or logged.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Secret(String);

const PREFIX: &str = "whsec_";

/// Most secrets that sign at a time.
const MOST: usize = 3;

impl Hooks {
    /// Hooks with a new secret.
    pub fn new(url: &SecretString, every: bool) -> Self {
        let first = Dated { secret: Secret::generate(), until: None };
        Self { url: url.expose_secret().to_owned(), every, secrets: vec![first] }
    }

    /// Reads the hooks of a tenant, with the number of their version; `None`: it has none.
    ///
    /// # Errors
    /// The vault fails.
    pub async fn read(vault: &Vault, tenant: &TenantId) -> Result<(u64, Option<Self>), VaultError> {
        let (version, text) = vault.open_webhooks(tenant).await?;
        if text.expose_secret().is_empty() {
            return Ok((version, None));
        }
        match serde_json::from_str(text.expose_secret()) {
            Ok(hooks) => Ok((version, Some(hooks))),
            Err(_) => Err(VaultError::Altered(format!("the webhooks of tenant {tenant}"))),
        }
    }

    /// Seals the hooks of a tenant in place of the version `before`; `None`: it has none from now on. Returns `false`,
    /// without a change, if that is not the newest version any more.
    ///
    /// # Errors
    /// The vault fails.
    pub async fn write(
        hooks: Option<&Self>,
        vault: &Vault,
        tenant: &TenantId,
        before: u64,
    ) -> Result<bool, VaultError> {
        // Expect safety: texts, flags and times.
        let text = hooks.map(|hooks| serde_json::to_string(hooks).expect("hooks serialise"));
        vault.seal_webhooks(tenant, before, &SecretString::from(text.unwrap_or_default())).await
    }

    /// The address.
    pub fn url(&self) -> SecretString {
        SecretString::from(self.url.clone())
    }

    /// Whether the address is this one, for every request or not.
    pub fn has(&self, url: &SecretString, every: bool) -> bool {
        self.url == url.expose_secret() && self.every == every
    }

    /// Sets the address.
    pub fn set_url(&mut self, url: &SecretString) {
        self.url.zeroize();
        url.expose_secret().clone_into(&mut self.url);
    }

    /// The secret that receivers should check with.
    pub fn secret(&self) -> Option<&Secret> {
        self.secrets.first().map(|dated| &dated.secret)
    }

    /// Number of secrets that sign at `now`.
    pub fn signing(&self, now: Timestamp) -> usize {
        self.secrets.iter().filter(|dated| dated.signs(now)).count()
    }

    /// Makes a new secret. The one before it signs too until `overlap` is over.
    pub fn rotate(&mut self, overlap: Duration, now: Timestamp) {
        self.secrets.retain(|dated| dated.signs(now));
        if let Some(last) = self.secrets.first_mut() {
            last.until = Some(now + overlap);
        }
        self.secrets.insert(0, Dated { secret: Secret::generate(), until: None });
        self.secrets.truncate(MOST);
    }

    /// Whether a callback is on the host of the tenant's address: same scheme, host and port.
    pub fn admits(&self, callback: &str) -> bool {
        let origin =
            |text: &str| Url::parse(text).ok().map(|url| url.origin()).filter(|origin| origin.is_tuple());
        origin(callback).is_some_and(|own| origin(&self.url) == Some(own))
    }

    /// The header `webhook-signature`: one signature by each secret that signs at `now`.
    pub fn signatures(&self, id: &str, now: Timestamp, body: &str) -> String {
        let seconds = now.as_millis().div_euclid(1000);
        let signed = format!("{id}.{seconds}.{body}");
        let all: Vec<_> = self
            .secrets
            .iter()
            .filter(|dated| dated.signs(now))
            .filter_map(|dated| Some(format!("v1,{}", STANDARD.encode(dated.secret.mac(signed.as_bytes())?))))
            .collect();
        all.join(" ")
    }
}

impl Dated {
    fn signs(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|end| now < end)
    }
}

impl Secret {
    fn generate() -> Self {
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *random).expect("the operating system's random generator failed");
        let encoded = Zeroizing::new(STANDARD.encode(*random));
        Self(format!("{PREFIX}{}", *encoded))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn mac(&self, message: &[u8]) -> Option<[u8; 32]> {
        let key = Zeroizing::new(STANDARD.decode(self.0.strip_prefix(PREFIX)?).ok()?);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(message);
        Some(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("every", &self.every).finish_non_exhaustive()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}
