//! Events of the ends of documents, sent to addresses that tenants choose.
//!
//! | module | subject |
//! |---|---|
//! | `endpoint` | [`Hooks`]: address and secrets of a tenant, and signatures |
//! | `event` | [`Event`]: what is sent |
//! | `post` | [`Postman`]: sends events, by the rules for addresses of strangers |
//!
//! Headers and signatures are those of [Standard Webhooks](https://www.standardwebhooks.com).

mod endpoint;
mod event;
#[cfg(feature = "evm")]
mod post;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zkflow_core::service::tenant::TenantId;
use zkflow_store::Vault;
use zkflow_store::vault::VaultError;

pub use endpoint::{Hooks, Secret};
pub use event::Event;
#[cfg(feature = "evm")]
pub use post::{Postman, Sending, Unsent};

/// The hooks of the tenants that were asked for recently.
#[derive(Default)]
pub struct KnownHooks(Mutex<HashMap<TenantId, Known>>);

struct Known {
    hooks: Option<Arc<Hooks>>,
    read: Instant,
}

/// Time until the hooks of a tenant are read again, after another process may have changed them.
const FRESH: Duration = Duration::from_secs(5);
/// Tenants in memory; more are forgotten.
const MOST: usize = 10_000;

impl KnownHooks {
    /// The hooks of a tenant; `None`: it has none.
    ///
    /// # Errors
    /// The vault fails.
    pub async fn of(&self, vault: &Vault, tenant: &TenantId) -> Result<Option<Arc<Hooks>>, VaultError> {
        if let Some(known) = self.lock().get(tenant).filter(|known| known.read.elapsed() < FRESH) {
            return Ok(known.hooks.clone());
        }
        let hooks = Hooks::read(vault, tenant).await?.1.map(Arc::new);
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(tenant.clone(), Known { hooks: hooks.clone(), read: Instant::now() });
        Ok(hooks)
    }

    /// Forgets the hooks of a tenant, which have changed.
    pub fn forget(&self, tenant: &TenantId) {
        self.lock().remove(tenant);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KnownHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownHooks({} tenants)", self.lock().len())
    }
}
