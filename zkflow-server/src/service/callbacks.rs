//! Callbacks of requests, the address and the secrets of a tenant, and deliveries.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use zkflow_core::service::catalog::{AuditAction, CatalogError, Delivery, Document as _, Sealed, Subject};
use zkflow_core::service::id::DeliveryId;
use zkflow_core::service::tenant::TenantId;

use super::{InputFault, RequestError, audit};
use crate::callbacks::Hooks;
use crate::state::App;

/// The callback of a request for a document.
#[derive(Debug)]
pub(super) enum Callback {
    /// The request names it.
    Asked(Sealed),
    /// The tenant has it for requests that name none.
    Usual(Sealed),
}

impl Callback {
    /// The address.
    pub(super) fn address(&self) -> &Sealed {
        match self {
            Self::Asked(address) | Self::Usual(address) => address,
        }
    }
}

/// The callback of a request for a document: the one that it asks for, or the tenant's own; `None`: none.
///
/// # Errors
/// Callbacks are not allowed; the tenant has no webhooks; the address is not on the host of theirs.
pub(super) async fn chosen(
    app: &App,
    tenant: &TenantId,
    subject: &Subject,
    asked: Option<&SecretString>,
) -> Result<Option<Callback>, RequestError> {
    if !app.config.webhooks.callbacks {
        return if asked.is_some() { Err(OFF) } else { Ok(None) };
    }
    let hooks = app.hooks.of(&app.vault, tenant).await?;
    let enclosed = |address: &SecretString| app.vault.enclose_callback(tenant, subject, address);
    match (asked, hooks) {
        (Some(_), None) => Err(RequestError::NoHooks),
        (Some(asked), Some(hooks)) => {
            #[cfg(feature = "evm")]
            app.postman.check(asked).map_err(|error| fault("callback", error.to_string()))?;
            if !hooks.admits(asked.expose_secret()) {
                let message = "expected scheme, host and port of the tenant's address, see GET /v1/webhooks";
                return Err(fault("callback", message.to_owned()));
            }
            Ok(Some(Callback::Asked(enclosed(asked))))
        }
        (None, Some(hooks)) if hooks.every => Ok(Some(Callback::Usual(enclosed(&hooks.url())))),
        (None, _) => Ok(None),
    }
}

/// Whether two sealed callbacks of a document are the same address.
///
/// # Errors
/// The vault fails.
pub(super) fn same(
    app: &App,
    tenant: &TenantId,
    subject: &Subject,
    callbacks: [&Sealed; 2],
) -> Result<bool, RequestError> {
    let [one, other] = callbacks.map(|sealed| app.vault.disclose_callback(tenant, subject, sealed));
    Ok(one?.expose_secret() == other?.expose_secret())
}

const OFF: RequestError =
    RequestError::Forbidden("this server sends no events to callbacks: see the setting webhooks.callbacks");

/// The address and the secrets of a tenant.
///
/// # Errors
/// [`RequestError::NoHooks`].
pub async fn hooks(app: &App, tenant: &TenantId) -> Result<Arc<Hooks>, RequestError> {
    app.hooks.forget(tenant);
    app.hooks.of(&app.vault, tenant).await?.ok_or(RequestError::NoHooks)
}

/// Sets the address of a tenant. Returns its hooks, and whether they are new, with a first secret. If they have this address
/// already, nothing is changed or recorded.
///
/// # Errors
/// Callbacks are not allowed; the address is refused.
#[cfg(feature = "evm")]
pub async fn set(
    app: &App,
    tenant: &TenantId,
    actor: &str,
    url: &SecretString,
    every: bool,
) -> Result<(Hooks, bool), RequestError> {
    if !app.config.webhooks.callbacks {
        return Err(OFF);
    }
    app.postman.resolve(url).await.map_err(|error| match error {
        crate::callbacks::Unsent::Silent => {
            fault("url", "its host name does not resolve, or not to public addresses only".to_owned())
        }
        error => fault("url", error.to_string()),
    })?;
    let present = Hooks::read(&app.vault, tenant).await?.1;
    if let Some(hooks) = present.filter(|hooks| hooks.has(url, every)) {
        return Ok((hooks, false));
    }
    let (is_new, hooks) = change(app, tenant, actor, AuditAction::WebhooksSet, |present| {
        let mut hooks = present.unwrap_or_else(|| Hooks::new(url, every));
        hooks.set_url(url);
        hooks.every = every;
        Ok(Some(hooks))
    })
    .await?;
    Ok((hooks.ok_or(RequestError::NoHooks)?, is_new))
}

/// Makes a new secret of a tenant. The one before signs too until `overlap` is over.
///
/// # Errors
/// [`RequestError::NoHooks`].
pub async fn rotate(
    app: &App,
    tenant: &TenantId,
    actor: &str,
    overlap: Duration,
) -> Result<Hooks, RequestError> {
    let (_, hooks) = change(app, tenant, actor, AuditAction::WebhooksRotate, |present| {
        let mut hooks = present.ok_or(RequestError::NoHooks)?;
        hooks.rotate(overlap, app.now());
        Ok(Some(hooks))
    })
    .await?;
    hooks.ok_or(RequestError::NoHooks)
}

/// Removes the address and the secrets of a tenant. Pending deliveries fail at their next attempt.
///
/// # Errors
/// [`RequestError::NoHooks`].
pub async fn remove(app: &App, tenant: &TenantId, actor: &str) -> Result<(), RequestError> {
    let action = AuditAction::WebhooksDelete;
    change(app, tenant, actor, action, |present| present.map(|_| None).ok_or(RequestError::NoHooks)).await?;
    Ok(())
}

/// Changes the hooks of a tenant. Of changes at the same time, in any process, one follows the other. Returns whether there
/// were none before, and the changed ones.
async fn change(
    app: &App,
    tenant: &TenantId,
    actor: &str,
    action: AuditAction,
    change: impl Fn(Option<Hooks>) -> Result<Option<Hooks>, RequestError> + Send + Sync,
) -> Result<(bool, Option<Hooks>), RequestError> {
    let mut is_recorded = false;
    loop {
        let (version, present) = Hooks::read(&app.vault, tenant).await?;
        let is_new = present.is_none();
        let changed = change(present)?;
        if !is_recorded {
            audit::record(app, tenant, actor, action, tenant.as_str()).await?;
            is_recorded = true;
        }
        if Hooks::write(changed.as_ref(), &app.vault, tenant, version).await? {
            app.hooks.forget(tenant);
            return Ok((is_new, changed));
        }
    }
}

/// Sends the event of a final delivery again.
///
/// # Errors
/// [`RequestError::UnknownDelivery`]; [`RequestError::DeliveryPending`].
pub async fn replay(app: &App, tenant: &TenantId, id: &DeliveryId) -> Result<Delivery, RequestError> {
    loop {
        let mut delivery: Delivery = super::owned(app, tenant, id).await?;
        if !delivery.is_final() {
            return Err(RequestError::DeliveryPending(id.clone()));
        }
        delivery.restart(app.now());
        match app.save(delivery).await {
            Err(CatalogError::Stale(_)) => {}
            saved => {
                let saved = saved?;
                super::push(app, saved.job()).await;
                return Ok(saved);
            }
        }
    }
}

fn fault(path: &str, message: String) -> RequestError {
    RequestError::Fields(vec![InputFault { path: path.to_owned(), message }])
}
