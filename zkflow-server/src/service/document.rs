//! Reads documents and compares repeated requests.

use zkflow_core::service::catalog::{
    Ceremony, Circuit, Delivery, Deployment, Idempotency, ProofRequest, Stored,
};
use zkflow_core::service::tenant::TenantId;

use super::RequestError;
use crate::state::App;

/// A kind of document that requests can read.
pub trait Requested: Stored {
    /// The error for an id without a document.
    fn unknown(id: Self::Id) -> RequestError;

    /// Whether `tenant` may read the document: its owner may.
    fn is_visible_to(&self, tenant: &TenantId) -> bool {
        self.life().tenant == *tenant
    }
}

impl Requested for Circuit {
    fn unknown(id: Self::Id) -> RequestError {
        RequestError::UnknownCircuit(id)
    }

    fn is_visible_to(&self, tenant: &TenantId) -> bool {
        Self::is_visible_to(self, tenant)
    }
}

impl Requested for ProofRequest {
    fn unknown(id: Self::Id) -> RequestError {
        RequestError::UnknownProof(id)
    }
}

impl Requested for Deployment {
    fn unknown(id: Self::Id) -> RequestError {
        RequestError::UnknownDeployment(id)
    }
}

impl Requested for Ceremony {
    fn unknown(id: Self::Id) -> RequestError {
        RequestError::UnknownCeremony(id)
    }

    fn is_visible_to(&self, tenant: &TenantId) -> bool {
        Self::is_visible_to(self, tenant)
    }
}

impl Requested for Delivery {
    fn unknown(id: Self::Id) -> RequestError {
        RequestError::UnknownDelivery(id)
    }
}

/// Returns the document if `tenant` may read it. To others, it does not exist.
///
/// # Errors
/// [`Requested::unknown`]; the catalog fails.
pub async fn visible<D: Requested>(app: &App, tenant: &TenantId, id: &D::Id) -> Result<D, RequestError> {
    let document: D = get(app, id).await?;
    if document.is_visible_to(tenant) { Ok(document) } else { Err(D::unknown(id.clone())) }
}

/// Returns the document if `tenant` owns it.
///
/// # Errors
/// [`Requested::unknown`]; [`RequestError::NotOwner`] if the tenant may only read it; the catalog fails.
pub async fn owned<D: Requested>(app: &App, tenant: &TenantId, id: &D::Id) -> Result<D, RequestError> {
    let document: D = visible(app, tenant, id).await?;
    if document.life().tenant == *tenant { Ok(document) } else { Err(RequestError::NotOwner) }
}

/// Returns the document of any tenant.
///
/// # Errors
/// [`Requested::unknown`]; the catalog fails.
pub async fn get<D: Requested>(app: &App, id: &D::Id) -> Result<D, RequestError> {
    app.documents().get(id).await?.ok_or_else(|| D::unknown(id.clone()))
}

/// A request with an idempotency key.
#[derive(Debug, Clone)]
pub(super) struct Repeatable {
    /// The key, and the fingerprint under the current key of the vault.
    pub(super) idempotency: Idempotency,
    /// The fingerprints under earlier keys of the vault.
    older: Vec<String>,
}

impl Repeatable {
    /// The request with this text, which is different for different requests.
    pub(super) fn new(app: &App, key: String, text: &[u8]) -> Self {
        let idempotency = Idempotency { key, fingerprint: app.vault.fingerprint(text) };
        Self { idempotency, older: app.vault.older_fingerprints(text) }
    }

    /// Checks that the request equals the first one under its key.
    ///
    /// # Errors
    /// [`RequestError::KeyReused`]: they differ.
    pub(super) fn check(&self, first: Option<&Idempotency>) -> Result<(), RequestError> {
        let Idempotency { key, fingerprint } = &self.idempotency;
        let mut own = [fingerprint].into_iter().chain(&self.older);
        let same = first.is_some_and(|first| first.key == *key && own.any(|own| *own == first.fingerprint));
        if same { Ok(()) } else { Err(RequestError::KeyReused) }
    }
}
