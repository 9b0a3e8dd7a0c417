//! [`Account`]: a tenant, or one of its keys, that work counts for.

use std::fmt;

use super::id::KeyId;
use super::tenant::TenantId;

/// A tenant with all its callers, or one key of it alone. Limits hold for accounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    tenant: TenantId,
    key: Option<KeyId>,
}

impl Account {
    /// The account of a tenant: all its work.
    pub fn of_tenant(tenant: TenantId) -> Self {
        Self { tenant, key: None }
    }

    /// The account of a key: the work that it and the keys that replaced it ask for.
    pub fn of_key(tenant: TenantId, key: KeyId) -> Self {
        Self { tenant, key: Some(key) }
    }

    /// The tenant, also of a key.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The key; `None`: the account is that of the tenant.
    pub fn key(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }

    /// `tenant` or `key`.
    pub fn kind(&self) -> &'static str {
        if self.key.is_some() { "key" } else { "tenant" }
    }
}

/// The name of the tenant, or `key:ID`, which is the name of no tenant. There is no `/` in it.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => f.write_str(&key.caller()),
            None => write!(f, "{}", self.tenant),
        }
    }
}
