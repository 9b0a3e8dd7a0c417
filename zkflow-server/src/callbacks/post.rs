//! [`Postman`]: sends events to addresses of strangers.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use zkflow_core::service::chain::ChainError;
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::tenant::TenantId;
use zkflow_evm::{Endpoint, Policy, Resolver, SystemResolver};

use super::{Event, Hooks};

/// Time limit of a request with the head of its answer.
const CALL: Duration = Duration::from_secs(10);
/// Events a second to the addresses of one tenant, from this process.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// A tenant has at most this part of the events that are sent at a time.
const SHARE: usize = 4;

/// Sends events.
///
/// # Behaviour
/// - The host name is resolved for each event, every address is checked, and the connection uses the checked addresses.
/// - Redirects are not followed, and no proxy is used.
/// - The body of an answer is not read.
/// - A tenant's addresses get at most 10 events a second, and a quarter of the events that are sent at a time; further ones
///   wait.
pub struct Postman {
    policy: Policy,
    resolver: Arc<dyn Resolver>,
    rate: DefaultKeyedRateLimiter<TenantId>,
    /// Most events of a tenant that are sent at a time: a receiver that does not answer leaves room for those of others.
    share: usize,
    sending: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// An event that is being sent, until it is dropped.
#[derive(Debug)]
pub struct Sending {
    tenant: TenantId,
    all: Arc<Mutex<HashMap<TenantId, usize>>>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.tenant);
            }
        }
    }
}

/// Tenants whose rate is in memory; beyond them, those without recent events are forgotten.
const TENANTS: usize = 10_000;

/// An event was not accepted. The messages show nothing of the network that the receiver is in: neither addresses nor
/// whether a port is open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The rules refuse the address.
    #[error("the address is refused: {0}")]
    Refused(String),
    /// The receiver answered with another status than 2xx.
    #[error("expected an HTTP status from 200 to 299, found {0}")]
    Status(u16),
    /// There was no answer in HTTP.
    #[error("no answer in HTTP came from a public address of the receiver within 10 seconds")]
    Silent,
}

impl Unsent {
    /// Whether the receiver says that the address is gone for good.
    pub fn is_gone(&self) -> bool {
        *self == Self::Status(StatusCode::GONE.as_u16())
    }
}

impl Postman {
    /// Sends by `policy`, at most `most` events at a time.
    pub fn new(policy: Policy, most: usize) -> Self {
        let rate = RateLimiter::keyed(Quota::per_second(PER_SECOND));
        let (share, sending) = (most.div_ceil(SHARE), Arc::default());
        Self { policy, resolver: Arc::new(SystemResolver), rate, share, sending }
    }

    /// The same, to the addresses that `resolver` finds.
    pub fn with_resolver(self, resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, ..self }
    }

    /// Checks an address without resolving its name.
    ///
    /// # Errors
    /// [`Unsent::Refused`].
    pub fn check(&self, address: &SecretString) -> Result<(), Unsent> {
        self.policy.check(address.expose_secret()).map_err(unsent)
    }

    /// Checks an address, and the addresses of its name.
    ///
    /// # Errors
    /// [`Unsent::Refused`]; [`Unsent::Silent`] if the name does not resolve to public addresses only.
    pub async fn resolve(&self, address: &SecretString) -> Result<(), Unsent> {
        self.endpoint(address).await.map(drop)
    }

    /// Whether an event of the tenant may be sent now; counts it. `None`: later.
    pub fn admits(&self, tenant: &TenantId) -> Option<Sending> {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if sending.get(tenant).is_some_and(|count| *count >= self.share) {
            return None;
        }
        if self.rate.len() >= TENANTS {
            self.rate.retain_recent();
        }
        self.rate.check_key(tenant).ok()?;
        *sending.entry(tenant.clone()).or_default() += 1;
        Some(Sending { tenant: tenant.clone(), all: Arc::clone(&self.sending) })
    }

    /// Sends an event.
    ///
    /// # Errors
    /// It was not accepted.
    pub async fn post(
        &self,
        address: &SecretString,
        hooks: &Hooks,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), Unsent> {
        let endpoint = self.endpoint(address).await?;
        let (client, url) = (endpoint.client(CALL).map_err(unsent)?, endpoint.url().map_err(unsent)?);
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", now.as_millis().div_euclid(1000).to_string())
            .header("webhook-signature", hooks.signatures(&event.id, now, &event.body))
            .body(event.body.clone());
        let answer = request.send().await.map_err(|_| Unsent::Silent)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Unsent::Status(status.as_u16())),
        }
    }

    async fn endpoint(&self, address: &SecretString) -> Result<Endpoint, Unsent> {
        self.check(address)?;
        // One answer for a name without an address and a name with an internal one: names of the internal network
        // cannot be guessed.
        let found = Endpoint::requested(address.expose_secret(), self.policy, &*self.resolver).await;
        found.map_err(|_| Unsent::Silent)
    }
}

fn unsent(error: ChainError) -> Unsent {
    match error {
        ChainError::Policy(reason) => Unsent::Refused(reason),
        _ => Unsent::Silent,
    }
}

impl fmt::Debug for Postman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postman").field("policy", &self.policy).finish_non_exhaustive()
    }
}
