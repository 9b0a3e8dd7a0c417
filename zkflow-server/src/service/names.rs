//! Names of circuits in requests: ids, and ids of the Node service whose circuits were imported.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de};
use zkflow_core::id::CircuitId;
use zkflow_core::service::id::ObjectId;
use zkflow_core::service::store::{ArtifactPath, ArtifactStore, PutMode, StoreError};
use zkflow_core::service::tenant::TenantId;

use super::RequestError;
use crate::state::App;

/// A circuit in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CircuitName {
    /// By its id.
    Id(CircuitId),
    /// By its id in the Node service.
    Old(ObjectId),
}

impl CircuitName {
    /// The id of the circuit, which may not exist.
    ///
    /// # Errors
    /// [`RequestError::UnknownOldCircuit`]: the tenant has imported no circuit with this id of the Node service.
    pub async fn resolve(self, app: &App, tenant: &TenantId) -> Result<CircuitId, RequestError> {
        match self {
            Self::Id(id) => Ok(id),
            Self::Old(old) => {
                let found = find(&*app.store, tenant, &old).await?;
                found.ok_or(RequestError::UnknownOldCircuit(old))
            }
        }
    }
}

impl From<CircuitId> for CircuitName {
    fn from(id: CircuitId) -> Self {
        Self::Id(id)
    }
}

impl FromStr for CircuitName {
    type Err = <CircuitId as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(old) => Ok(Self::Old(old)),
            Err(_) => text.parse().map(Self::Id),
        }
    }
}

impl fmt::Display for CircuitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Old(id) => id.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for CircuitName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The circuit that a circuit of the Node service became; `None` if the tenant has not imported it.
///
/// # Errors
/// The store fails, or what it has is not an id.
pub(crate) async fn find(
    store: &dyn ArtifactStore,
    tenant: &TenantId,
    old: &ObjectId,
) -> Result<Option<CircuitId>, StoreError> {
    let key = ArtifactPath::OldId { tenant: tenant.clone(), id: old.clone() }.key();
    let body = match store.get(&key).await {
        Ok(artifact) => artifact.body,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let id = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
    let detail = "it is not the id of a circuit".to_owned();
    id.map(Some).ok_or(StoreError::Corrupt { key, detail })
}

/// Records the circuit that a circuit of the Node service became.
///
/// # Errors
/// The store fails.
pub(crate) async fn record(
    store: &dyn ArtifactStore,
    tenant: &TenantId,
    old: &ObjectId,
    circuit: &CircuitId,
) -> Result<(), StoreError> {
    let key = ArtifactPath::OldId { tenant: tenant.clone(), id: old.clone() }.key();
    let body = Bytes::copy_from_slice(circuit.as_str().as_bytes());
    store.put(&key, body, PutMode::Overwrite).await.map(drop)
}
