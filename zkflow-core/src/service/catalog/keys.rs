//! [`ApiKeys`]: the keys of a service's API. Only their digests are stored.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zkflow_groth16::digest::Digest;

use super::CatalogError;
use super::life::named;
use super::page::{Cursor, Page};
use crate::service::clock::Timestamp;
use crate::service::id::KeyId;
use crate::service::tenant::TenantId;

named! {
    /// Permission of a caller.
    Scope {
        /// Read templates, circuits, their files and their deployments.
        CircuitsRead = "circuits:read",
        /// Request circuits.
        CircuitsBuild = "circuits:build",
        /// Delete circuits with their keys.
        CircuitsDelete = "circuits:delete",
        /// Request, cancel and delete proofs.
        ProofsCreate = "proofs:create",
        /// Read proof requests and proofs.
        ProofsRead = "proofs:read",
        /// Verify proofs.
        Verify = "verify",
        /// Deploy contracts with the operator's signers.
        Deploy = "deploy",
        /// Read ceremonies and their files, and contribute to them.
        CeremoniesContribute = "ceremonies:contribute",
        /// Set the callback and the secrets of the tenant, read and repeat deliveries.
        Webhooks = "webhooks",
        /// Read metrics.
        Operate = "operate",
        /// Manage the keys of every tenant.
        Admin = "admin",
    }
}

/// A key of the API, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Id of the key. It is no secret.
    #[serde(rename = "_id")]
    pub id: KeyId,
    /// SHA-256 of the key.
    pub digest: Digest,
    /// Name for people, 1 to 128 characters.
    pub name: String,
    /// Owner of everything that is done with the key.
    pub tenant: TenantId,
    /// Permissions.
    pub scopes: Vec<Scope>,
    /// When the key was made.
    pub created_at: Timestamp,
    /// The key is refused from then on; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When the key was revoked; `None`: it is not.
    pub revoked_at: Option<Timestamp>,
    /// A recent use, to a minute; `None`: never used.
    pub last_used_at: Option<Timestamp>,
    /// The first of the keys that replaced each other, whose plan and pace this one has; `None`: it replaced none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<KeyId>,
}

impl ApiKey {
    /// Position in a list.
    pub fn cursor(&self) -> Cursor {
        Cursor { created_at: self.created_at, id: self.id.to_string() }
    }

    /// Records a change.
    pub fn apply(&mut self, change: KeyChange) {
        match change {
            KeyChange::Used(at) => self.last_used_at = Some(at),
            KeyChange::Revoked(at) => self.revoked_at = self.revoked_at.or(Some(at)),
            KeyChange::Expires(at) => self.expires_at = Some(self.expires_at.map_or(at, |end| end.min(at))),
        }
    }

    /// Whether the key is accepted at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A change of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// The key was used.
    Used(Timestamp),
    /// The key is revoked. The first time stays.
    Revoked(Timestamp),
    /// The key expires at this time, unless it expires earlier.
    Expires(Timestamp),
}

/// Stores the keys of the API.
///
/// # Behaviour
/// - A write is durable when the call returns.
/// - Changes do not undo each other: a key that is used and revoked at the same time is revoked.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Adds a key. Repeating the call has no effect.
    async fn add(&self, key: &ApiKey) -> Result<(), CatalogError>;

    /// Returns the key with this digest, if any. Uses an index.
    async fn by_digest(&self, digest: &Digest) -> Result<Option<ApiKey>, CatalogError>;

    /// Returns the key with this id, if any.
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, CatalogError>;

    /// Changes a key. An unknown id has no effect.
    async fn change(&self, id: &KeyId, change: KeyChange) -> Result<(), CatalogError>;

    /// Returns a page of keys, newest first: by `created_at`, then id, both descending. `None`: of all tenants.
    async fn keys(&self, tenant: Option<&TenantId>, page: &Page) -> Result<Vec<ApiKey>, CatalogError>;
}
